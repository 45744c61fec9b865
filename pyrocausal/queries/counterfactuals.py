"""What would have been in rows that were observed, had something been done in them.

The noise behind a row is found (`pyrocausal.abduct`), something is set, and the row is made again with the same noise.
Of categories and counts several noises explain a row, of which each draw takes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch

from pyrocausal.model.exogenous import Exogenous, abduct
from pyrocausal.model.handlers import intervene
from pyrocausal.queries.drawn_programs import DrawnPrograms

__all__ = ["counterfactual_rows"]


@torch.no_grad()
def counterfactual_rows(programs: DrawnPrograms, rows: torch.Tensor, do: Mapping[str, Any], seed: int) -> np.ndarray:
    """Encoded rows as they would have been, in every program: [n, d] -> [C, N, n, d].

    Torch's random state is left as it was.
    """

    def world(program: Any) -> torch.Tensor:
        noise = abduct(program, rows)
        with pyro.validation_enabled(False), intervene(do), Exogenous(noise):
            return program(len(rows))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return programs.each(world)

"""How much of an effect goes through which way: natural direct and indirect effects.

With X set from x to x', the total effect on Y is Y(x') - Y(x). The natural direct effect is Y(x', M(x)) - Y(x): X
moves for Y alone, and whatever lies between has the value that it had under x in the same row. The indirect effect is
what is left. Means over rows whose worlds share their noise (`pyrocausal.Exogenous`); where Y has states, changes of
their probabilities.

References
----------
J. Pearl, "Direct and indirect effects", 2001.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch
import xarray as xr

from pyrocausal.model.exogenous import Exogenous
from pyrocausal.model.handlers import intervene
from pyrocausal.model.intervened_values import Codes
from pyrocausal.model.program import Program
from pyrocausal.queries.asked import in_words, typical, with_values
from pyrocausal.queries.drawn_programs import DrawnPrograms
from pyrocausal.queries.even_noise import even_noise
from pyrocausal.queries.outcomes import Asked, expected, labelled

__all__ = ["WAYS", "ways_of_effect"]

WAYS = "total", "direct", "indirect"


def ways_of_effect(
    programs: DrawnPrograms, asked: Asked, do: Mapping[str, Any], versus: Mapping[str, Any]
) -> xr.DataArray:
    """The three effects along a first dimension "way", then as `pyrocausal.queries.outcomes.contrast`."""
    both = (("do", do), ("versus", versus))
    values = [with_values(name, each, asked.data, asked.rows, asked.seed) for name, each in both]
    answers = programs.each(lambda program: _of(program, asked, *values))  # [C, N, 3, q]
    told = {"do": in_words(do), "versus": in_words(versus)}
    each = [labelled(asked, answers[:, :, k], programs, told) for k in range(len(WAYS))]
    return xr.concat(each, xr.DataArray(np.array(WAYS), dims="way", name="way"))


@torch.no_grad()
def _of(program: Program, asked: Asked, do: Mapping[str, Any], versus: Mapping[str, Any]) -> torch.Tensor:
    noise = even_noise(program, asked.rows, asked.seed)

    def world(values: Mapping[str, Any]) -> torch.Tensor:
        with pyro.validation_enabled(False), intervene({**values, **typical(asked.data)}), Exogenous(noise):
            return program(asked.rows)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return expected(asked.kind, program, asked.place, values).mean(0)

    before, after = world(versus), world(do)
    between = set(program.ancestors(asked.outcome)) - set(do)
    held = {name: Codes(before[:, program.names.index(name)]) for name in between}
    split = world({**held, **do})
    total, direct = mean(after) - mean(before), mean(split) - mean(before)
    return torch.stack([total, direct, total - direct])

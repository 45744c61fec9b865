"""How many rows of a regime its intervention did not reach, such as cells that escape a guide.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.evidence.terms import parents_of
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.model.partly_hit import may_be_partly_hit
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["escaped_rows"]


@reproducible_torch()
@torch.no_grad()
def escaped_rows(data: InterventionalData, graph: torch.Tensor) -> NDArray | None:
    """Expected share of the rows of every regime that escaped it, had it acted on a variable.

    Parameters
    ----------
    data
        Rows of the regimes, and those without intervention.
    graph
        0/1 or boolean, shape [d, d] (effect, cause).

    Returns
    -------
    numpy.ndarray or None
        In [0, 1], shape [R, d]; NaN of variables whose interventions are taken to reach every row, None if all are
        (see `pyrocausal.model.partly_hit`).
    """
    some = [i for i, kind in enumerate(data.kinds) if may_be_partly_hit(kind)]
    if not some or not data.regimes:
        return None
    common, *regimes = data.parts
    new = NewMechanisms(data.kinds, [part.rows for part in regimes], [part.weights for part in regimes], common=common)
    found = np.full((len(regimes), data.d), np.nan)
    for i in some:
        told = new.partly(i, parents_of(graph[i]))
        assert told is not None
        found[:, i] = told.escaped.numpy()
    return found

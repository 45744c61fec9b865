"""The mechanisms of a settled graph, fitted one by one where variables are many.

A model's networks take all variables in, and a step that fits them under one graph a row costs as much as rows times
pairs of variables. Copies that know the settled parents alone cost no more than there are edges.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import torch

from pyrocausal.copies.fitted_families import batches
from pyrocausal.copies.refitting import Descent, Refitting, fit_copies
from pyrocausal.data.missing import present
from pyrocausal.evidence.terms import parents_of
from pyrocausal.sdi.state import State

__all__ = ["fit_one_by_one"]

TOGETHER = 100  # copies


def fit_one_by_one(state: State, dag: torch.Tensor, natural: torch.Tensor, descent: Descent) -> bool:
    """Fit the model's mechanisms to a graph, in place.

    Parameters
    ----------
    state
        The end of the three phases.
    dag
        The graph, boolean, shape [d, d] (effect, cause).
    natural
        Where a regime's rows come from a variable's natural mechanism, shape [R, d].
    descent
        How copies are fitted.

    Returns
    -------
    bool
        False where these mechanisms cannot be fitted one by one, and nothing was done.
    """
    mechanisms, kinds, rows = state.model.mechanisms, state.data.kinds, state.split.fitting.rows
    keep = torch.cat([natural, torch.ones_like(natural[:1])])  # [R + 1, d]
    how = Refitting(categorical=descent, continuous=descent, count=descent)
    for batch in batches([(i, parents_of(row)) for i, row in enumerate(dag)], kinds, TOGETHER):
        effects = [i for i, _ in batch]
        counts = keep[state.split.origin][:, effects] & present(rows[:, effects])
        copies = fit_copies(mechanisms, kinds, batch, state.split.fitting, counts.to(rows.dtype), how, 0.0)
        if copies is None or not mechanisms.adopt(batch, copies):
            return False
    return True

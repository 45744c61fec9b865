"""The mechanisms of a settled graph, fitted together, or one by one where variables are many.

A model's networks take all variables in, and a step that fits them under one graph a row costs as much as rows times
pairs of variables. Copies that know the settled parents alone cost no more than there are edges.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from pyrocausal.copies.fitted_families import batches
from pyrocausal.copies.refitting import Descent, Refitting, fit_copies
from pyrocausal.data.missing import present
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.telling_rows import telling_rows
from pyrocausal.evidence.terms import parents_of
from pyrocausal.runtime.journal import recorded
from pyrocausal.sdi.graph_fitting import fit_mechanisms, toggled
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.sdi.state import State
from pyrocausal.search.settings import BRIEF

__all__ = ["fit_one_by_one", "fit_settled"]

TOGETHER = 100  # copies


def fit_settled(state: State, dag: torch.Tensor, natural: torch.Tensor, steps: int) -> None:
    """Fit the model's mechanisms to a graph, in place, with one parent of a variable toggled at random.

    Parameters
    ----------
    state, dag, natural
        As for `fit_one_by_one`.
    steps
        Gradient steps; fewer where mechanisms are fitted one by one.
    """
    if are_many(state.data.kinds) and _fitted_one_by_one(state, dag, natural, steps):
        return
    mechanisms = state.model.mechanisms
    optimiser = torch.optim.Adam(mechanisms.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, max(1, steps))
    probability = toggled(dag.to(state.model.beliefs.certain), state.model.beliefs.free, 1.0)
    fitted = replace(state, mechanism_optimiser=optimiser)

    def fit() -> dict[str, torch.Tensor]:
        fit_mechanisms(fitted, GraphFitting(), steps, probability, schedule, natural)
        telling = telling_rows(state.data.kinds, state.data.parts, 1 - natural.double(), None)
        rows, weights = (each.to(state.data.observational) for each in telling)
        mechanisms.polish(rows, weights, dag)
        return {name: each.clone() for name, each in mechanisms.state_dict().items()}

    mechanisms.load_state_dict(recorded("the program's mechanisms", fit))


def _fitted_one_by_one(state: State, dag: torch.Tensor, natural: torch.Tensor, steps: int) -> bool:
    """The same where variables are many; whether these mechanisms can be fitted so."""
    descent, mechanisms = replace(BRIEF, steps=min(BRIEF.steps, steps)), state.model.mechanisms

    def fit() -> dict[str, torch.Tensor] | None:
        done = fit_one_by_one(state, dag, natural, descent)
        return {name: each.clone() for name, each in mechanisms.state_dict().items()} if done else None

    if (found := recorded("the program's mechanisms, one by one", fit)) is None:
        return False
    mechanisms.load_state_dict(found)
    return True


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

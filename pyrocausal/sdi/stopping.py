"""When the three phases end: every belief is near 0 or 1, and the graph has stopped changing."""

from __future__ import annotations

from dataclasses import replace

import torch

from pyrocausal.sdi.settings import Stopping
from pyrocausal.sdi.state import Info, State, confidence

__all__ = ["conclude"]


def conclude(state: State, stopping: Stopping, gradient_norm: float) -> tuple[State, Info]:
    """End a step: count it, and see whether the beliefs are at rest.

    Parameters
    ----------
    state
        After the three phases.
    stopping
        Settings.
    gradient_norm
        Norm of the gradient of the structural parameters.

    Returns
    -------
    tuple of State and Info
        Whose `settled` is True if every belief is near 0 or 1 and the graph of those above one half has stood still.
    """
    beliefs = state.model.beliefs
    probability = beliefs.edge_probability.detach().clone()
    graph = probability > 0.5
    unchanged = state.unchanged + 1 if torch.equal(graph, state.graph) else 0
    sure = torch.maximum(probability, 1 - probability)[beliefs.free]
    decided = bool((sure >= 1 - stopping.tolerance).all())
    state = replace(state, step=state.step + 1, graph=graph, unchanged=unchanged)
    info = Info(
        step=state.step,
        loss=state.loss,
        edge_probability=probability,
        target_probability=state.target_probability,
        gradient_norm=gradient_norm,
        confidence=confidence(probability, beliefs.free),
        edges=int(graph.sum()),
        settled=decided and unchanged >= stopping.patience,
    )
    return state, info

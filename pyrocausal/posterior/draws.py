"""Graphs that chains have drawn, as far back as all of them go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pyrocausal.posterior.chain import Chain

__all__ = ["EDGES", "TARGETS", "Draws", "draws_of", "last_of_all"]

EDGES, TARGETS = ("effect", "cause"), ("regime", "target_variable")


class Draws(NamedTuple):
    """Graphs that all chains have drawn, and their targets."""

    number: np.ndarray  # of each draw among those that all chains have, [N]
    graphs: torch.Tensor  # [C, N, d, d]
    evidence: torch.Tensor  # [C, N]
    hit: torch.Tensor  # [C, N, R, d]


def draws_of(chains: Sequence[Chain], thin: int) -> Draws | None:
    """Every `thin`-th draw; None where a chain has none."""
    graphs, evidence, hit = ([getattr(c, f) for c in chains] for f in ("graphs", "graph_evidence", "graph_targets"))
    if any(each is None for each in (*graphs, *evidence, *hit)):
        return None
    number = np.arange(min(map(len, graphs)))[::thin]
    return Draws(number, *(last_of_all(each)[:, ::thin] for each in (graphs, evidence, hit)))


def last_of_all(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """One tensor per chain, [n_c, ...], stacked as far back as all of them go: [C, min n_c, ...]."""
    common = min(map(len, tensors))
    return torch.stack([each[len(each) - common :].cpu() for each in tensors])

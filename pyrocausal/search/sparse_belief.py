"""Probabilities of edges around a graph of many variables, of pairs that were weighed alone.

Of the three states of a pair (no edge, either direction), each in proportion to its evidence while the rest of the
graph stands still, as in `pyrocausal.search.hill_climb`; an edge that was not worth a try has none.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import torch

from pyrocausal.search.sparse_climb import SparseClimb, with_parent, without_parent

__all__ = ["edge_probability"]

Edge: TypeAlias = tuple[int, int] | None  # (effect, cause), or none


def edge_probability(climb: SparseClimb[Any]) -> torch.Tensor:
    """Of the graph where a climb is, float, [d, d] (effect, cause)."""
    found = torch.zeros(climb.free.shape)
    below = climb.below()
    for i, j, gains in (*_edges(climb, below), *_absent(climb, below)):
        share = torch.tensor([*gains.values()], dtype=torch.double).softmax(0).tolist()
        shares = dict(zip(gains, share, strict=True))
        found[i, j], found[j, i] = shares.get((i, j), 0.0), shares.get((j, i), 0.0)
    return found


def _edges(climb: SparseClimb[Any], below: torch.Tensor) -> Iterator[tuple[int, int, dict[Edge, float]]]:
    """Pairs that have an edge, and what each of their states gains."""
    for i, parents in enumerate(climb.parents):
        for j in parents:
            gains: dict[Edge, float] = {(i, j): 0.0}
            if climb.free[i, j] and (less := climb.gain(i, without_parent(parents, j))) is not None:
                gains[None] = less
                more = climb.gain(j, with_parent(climb.parents[j], i)) if climb.free[j, i] else None
                if more is not None and not climb.around(i, j, below):
                    gains[j, i] = less + more
            yield i, j, gains


def _absent(climb: SparseClimb[Any], below: torch.Tensor) -> Iterator[tuple[int, int, dict[Edge, float]]]:
    """Pairs that have none, where one was weighed."""
    weighed: dict[tuple[int, int], float] = {}
    for i, parents in enumerate(climb.parents):
        for j in climb.tried(i, below):
            if (gain := climb.gain(i, with_parent(parents, j))) is not None and i not in climb.parents[j]:
                weighed[i, j] = gain
    for i, j in weighed:
        if i < j or (j, i) not in weighed:
            yield i, j, {None: 0.0} | {each: weighed[each] for each in ((i, j), (j, i)) if each in weighed}

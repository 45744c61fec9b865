"""Another attempt where neither observation nor a regime gives edges a direction.

A climb that has given such edges a wrong direction among themselves asks for further edges where colliders are, and
then no single move leaves: each of these would have to go together with directions that change. So each variable with
an edge of that kind is put before its neighbours, and the climb goes on from there.
"""

from __future__ import annotations

from typing import TypeVar

import torch

from pyrocausal.evidence.local_evidence import FamilyWorths
from pyrocausal.search.equivalence import Completed
from pyrocausal.search.sparse_climb import SparseClimb

__all__ = ["open_neighbours", "try_other_directions"]

SWEEPS = 4  # over variables at the most
BEGINNINGS = 200  # at the most: each asks a climb of all variables, and where hardly one is hit nearly all are open
LEAST_GAIN = 1e-6  # nats

L = TypeVar("L", bound=FamilyWorths)


def open_neighbours(parents: list[tuple[int, ...]], hit: torch.Tensor) -> list[set[int]]:
    """Of every variable those that it has an edge with to which nothing gives a direction.

    Parameters
    ----------
    parents
        Of every variable, length d.
    hit
        What regimes hit, boolean, shape [R, d]: one that hits an end of an edge alone tells its direction.
    """
    pairs = [(j, i) for i, some in enumerate(parents) for j in some]
    told = [(j, i) for j, i in pairs if bool((hit[:, i] != hit[:, j]).any())]
    return Completed(parents, told).neighbours


def try_other_directions(climb: SparseClimb[L], hit: torch.Tensor) -> tuple[SparseClimb[L], int]:
    """The climb, or a better one from another beginning, and how often that one has moved.

    Parameters
    ----------
    climb
        Which has come to its end.
    hit
        As for `open_neighbours`.
    """
    moves = begun = 0
    for _ in range(SWEEPS):
        before, near = climb, open_neighbours(climb.parents, hit)
        for i in range(len(climb.parents)):
            causes = set(climb.parents[i]) & near[i]
            if begun == BEGINNINGS or not causes or (tried := climb.lifted(i, causes)) is None:
                continue
            begun, done = begun + 1, tried.run()
            if tried.value > climb.value + LEAST_GAIN:
                climb, moves, near = tried, moves + done + 1, open_neighbours(tried.parents, hit)
        if climb is before:
            break
    return climb, moves

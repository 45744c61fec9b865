"""Another attempt where no regime gives edges a direction.

A climb that has given such edges a wrong direction among themselves asks for further edges where colliders are, and
with these observation seems to tell the wrong directions; no single move leaves. So each variable is put before all its
causes that no regime tells from it, and the climb goes on from there, at first near these variables alone.
"""

from __future__ import annotations

from typing import TypeVar

import torch

from pyrocausal.evidence.family_worths import FamilyWorths
from pyrocausal.search.sparse_climb import SparseClimb

__all__ = ["try_other_directions", "untold_causes"]

SWEEPS = 4  # over variables at the most
BEGINNINGS = 1000  # at the most
LEAST_GAIN = 1e-6  # nats

L = TypeVar("L", bound=FamilyWorths)


def untold_causes(parents: tuple[int, ...], effect: int, hit: torch.Tensor) -> set[int]:
    """Causes that no regime tells from their effect, as one does that hits either of them alone.

    Parameters
    ----------
    parents
        Of the effect.
    effect
        A variable.
    hit
        What regimes hit, boolean, shape [R, d].
    """
    return {j for j in parents if not bool((hit[:, effect] != hit[:, j]).any())}


def try_other_directions(climb: SparseClimb[L], hit: torch.Tensor) -> tuple[SparseClimb[L], int]:
    """The climb, or a better one from another beginning, and how often that one has moved.

    Parameters
    ----------
    climb
        Which has come to its end.
    hit
        As for `untold_causes`.
    """
    moves = begun = 0
    for _ in range(SWEEPS):
        before = climb
        for i in range(len(climb.parents)):
            causes = untold_causes(climb.parents[i], i, hit)
            if begun == BEGINNINGS or not causes or (tried := climb.lifted(i, causes)) is None:
                continue
            begun, done = begun + 1, tried.run()
            if tried.value > climb.value + LEAST_GAIN:
                climb = tried.widened()
                moves += done + 1 + climb.run()
        if climb is before:
            break
    return climb, moves

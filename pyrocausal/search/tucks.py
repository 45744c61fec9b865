"""Moves that put an effect before its cause, and let all variables concerned choose their parents anew.

To reverse an edge alone, or to add one from below, may lose where it asks for others to come or go, or closes a cycle.
Here the effect, and what lies between it and the cause, go before the cause in the causal order ([1]_). They choose
parents among what is not below the cause, one at a time, and the cause among all that and them; nobody else is
concerned.

Vocabulary: d variables.

References
----------
.. [1] W. Y. Lam, B. Andrews, J. Ramsey, "Greedy relaxations of the sparsest permutation algorithm", 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.family_worths import FamilyWorths
from pyrocausal.model.mechanisms import Family
from pyrocausal.search.parent_choice import Choice, choose

__all__ = ["tucks"]

MOVED = 8  # variables at the most that go before a cause


def tucks(
    local: FamilyWorths,
    screen: CauseScreen,
    parents: Sequence[tuple[int, ...]],
    edges: Sequence[tuple[int, int]],
    below: torch.Tensor,
    free: torch.Tensor,
    most: int,
    steps: int,
) -> list[tuple[Family, ...]]:
    """Families after each of some edges was tucked.

    Parameters
    ----------
    local, screen
        What parents are chosen by.
    parents
        Of every variable, length d.
    edges
        Those that are tucked, (effect, cause), or any variable that is below another, and that; edges that are given
        stay.
    below
        Whether the second of two variables is below the first, or the same, boolean, [d, d].
    free
        Edges that may change, boolean, shape [d, d] (effect, cause).
    most
        Parents that a variable may have.
    steps
        Parents that come or go at the most.

    Returns
    -------
    list
        Variables with the parents that they choose, for every edge that can be tucked.
    """
    made, choices = [], list[Choice]()
    for effect, cause in edges:
        between = (below[cause] & below[:, effect]).nonzero()[:, 0].tolist()
        moved = [i for i in between if i != cause]
        if len(moved) > MOVED or any(not free[i, j] for i in moved for j in parents[i] if j == cause):
            continue
        moved.sort(key=lambda i: int(below[:, i].sum()))  # causes before effects
        whole, some = ~below[cause], list[Choice]()
        for i in [*moved, cause]:
            given = frozenset(j for j in parents[i] if not free[i, j])
            if not all(bool(whole[j]) for j in given):
                break
            kept = tuple(j for j in parents[i] if bool(whole[j]))
            some.append(Choice(i, kept, given, whole & free[i]))
            whole = whole.clone()
            whole[i] = True
        else:
            made.append(some)
            choices += some
    choose(local, screen, choices, most, steps)
    return [tuple((each.effect, each.parents) for each in some) for some in made]

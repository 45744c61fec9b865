"""Parents that a variable chooses anew, one at a time, as part of a larger move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.family_worths import FamilyWorths
from pyrocausal.model.mechanisms import Family

__all__ = ["STEPS", "Choice", "choose"]

TRIED = 4  # further parents that are weighed at a time
REPLACING = 2  # of these, that may replace another where there is no room for them
STEPS = 12  # parents that come or go at the most
LEAST_GAIN = 1e-6  # nats


class Choice:
    """Parents of a variable that are chosen one at a time.

    Parameters
    ----------
    effect, parents
        Where the choice begins.
    given
        Parents that stay.
    may
        Variables that may be parents, boolean, shape [d].
    """

    def __init__(self, effect: int, parents: tuple[int, ...], given: frozenset[int], may: torch.Tensor) -> None:
        self.effect, self.parents, self.given, self.may = effect, parents, given, may
        self.open = True

    def around(self, gains: torch.Tensor, fits: Callable[[Family], bool]) -> list[tuple[int, ...]]:
        """Sets of parents one away that are worth a try; where there is no room for one more, it replaces another."""
        less = [tuple(k for k in self.parents if k != j) for j in self.parents if j not in self.given]
        value, place = torch.where(self.may, gains, -torch.inf).topk(min(TRIED, len(gains)))
        found = list(less)
        for rank, j in enumerate(place[value > -torch.inf].tolist()):
            more = tuple(sorted((*self.parents, j)))
            if fits((self.effect, more)):
                found.append(more)
            elif rank < REPLACING:
                found += [tuple(sorted((*some, j))) for some in less]
        return found


def choose(local: FamilyWorths, screen: CauseScreen, choices: Sequence[Choice], most: int, steps: int) -> None:
    """Let variables choose, all at once.

    Parameters
    ----------
    local, screen
        What they choose by.
    choices
        Whose parents become others.
    most
        Parents that a variable may have.
    steps
        Parents that come or go at the most.
    """
    kept: dict[Family, torch.Tensor] = {}

    def fits(family: Family) -> bool:
        return len(family[1]) <= most and local.fits(family)

    for _ in range(steps):
        open_ = [each for each in choices if each.open]
        if not open_:
            return
        asked = list(dict.fromkeys((each.effect, each.parents) for each in open_))
        asked = [family for family in asked if family not in kept]
        if asked:
            kept |= dict(zip(asked, screen.gains(asked), strict=True))
        tried = [each.around(kept[each.effect, each.parents], fits) for each in open_]
        local.prepare((each.effect, p) for each, some in zip(open_, tried, strict=True) for p in (each.parents, *some))
        for each, some in zip(open_, tried, strict=True):
            now = local.worth((each.effect, each.parents))
            best = max(some, key=lambda p: local.worth((each.effect, p)), default=each.parents)
            if local.worth((each.effect, best)) > now + LEAST_GAIN:
                each.parents = best
            else:
                each.open = False

"""What pooled evidence has found of families so far: at every level the best form, and which families promise more.

Vocabulary: M families, R regimes; with the observational one there are R + 1 tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.evidence.drift import Spared, spared_evidence
from pyrocausal.evidence.terms import FamilyEvidence
from pyrocausal.model.mechanisms import Family

__all__ = ["Both", "Kept", "KeptFamilies", "nothing"]

SPARE = 10.0  # nats


class Kept(NamedTuple):
    """Of one family, where mechanisms drift or not.

    Attributes
    ----------
    evidence
        Its terms, regime by regime.
    drift
        How far each table's mechanism is from the common one, [R + 1].
    value
        Nats, targets being summed out.
    whole
        What `evidence` says of a new mechanism, but for one in a part of the rows, [R].
    """

    evidence: FamilyEvidence
    drift: torch.Tensor
    value: float
    whole: torch.Tensor


class Both(NamedTuple):
    """Of one family."""

    drifting: Kept
    steady: Kept


class KeptFamilies(dict[Family, Both]):
    """Families that were weighed at a level, each with the form that has most evidence at this level or below."""

    def __init__(self) -> None:
        super().__init__()
        # Of the families of a variable, where mechanisms drift or not: the best one, and the most the level has gained.
        self._best: dict[tuple[int, bool], float] = {}
        self._gains: dict[tuple[int, bool], float] = {}

    def of(self, family: Family, drifting: bool) -> Kept:
        """What is known of a family, where mechanisms drift or not."""
        both = self[family]
        return both.drifting if drifting else both.steady

    def tried(self, effect: int, drifting: bool) -> bool:
        """Whether any family of a variable was weighed at this level."""
        return (effect, drifting) in self._gains

    def promise(self, family: Family, drifting: bool) -> float:
        """By how much a family might be better than the best one of its variable if richer regressors help as much.

        Nats; as they may help more than any other family so far, there is something to spare.
        """
        key, below = (family[0], drifting), self.of(family, drifting).value
        return below + 1.5 * self._gains.get(key, 0.0) + SPARE - self._best.get(key, -math.inf)

    def keep(
        self,
        families: Sequence[Family],
        spared: Sequence[Sequence[torch.Tensor]],
        new: torch.Tensor,
        whole: torch.Tensor,
        hit: torch.Tensor,
        choice: float,
    ) -> None:
        """Keep what a level says of families, where it has more evidence than the levels below.

        Parameters
        ----------
        families
            M of them.
        spared
            `Spared` where mechanisms drift, with a size chosen at the cost of a `choice` in nats, and where they do
            not, where the two differ.
        new, whole
            Nats of fresh mechanisms, and those but for mechanisms in a part of the rows, [M, R + 1].
        hit
            The first with the odds of being hit, [M, R + 1].
        """
        both = Spared(*spared[0]), Spared(*spared[-1])
        found = [_made(each, new, hit, cost, whole) for each, cost in zip(both, (choice, 0.0), strict=True)]
        for family, drifting, steady in zip(families, *found, strict=True):
            here = Both(drifting, steady)
            below = self.get(family, here)
            for which, (old, now) in enumerate(zip(below, here, strict=True)):
                key = family[0], which == 0
                self._gains[key] = max(self._gains.get(key, 0.0), now.value - old.value)
                self._best[key] = max(self._best.get(key, -math.inf), now.value)
            self[family] = Both(*(max(pair, key=lambda kept: kept.value) for pair in zip(below, here, strict=True)))


def nothing(regimes: int) -> Both:
    """Of a family that is not judged."""
    told = torch.zeros(regimes, dtype=torch.double)
    kept = Kept(FamilyEvidence(told, told, told.new_zeros(())), told.new_zeros(regimes + 1), 0.0, told)
    return Both(kept, kept)


def _made(spared: Spared, new: torch.Tensor, hit: torch.Tensor, cost: float, whole: torch.Tensor) -> list[Kept]:
    values = (spared_evidence(spared.log_prob, spared.common, hit) - cost).tolist()
    parts = zip(spared.log_prob, spared.common - cost, new, spared.drift, values, whole, strict=True)
    return [
        Kept(FamilyEvidence(old[:-1], fresh[:-1], old[-1] + common), drift, value, simple[:-1])
        for old, common, fresh, drift, value, simple in parts
    ]

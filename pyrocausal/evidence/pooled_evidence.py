"""Joint evidence from marginal likelihoods of all rows: a common mechanism with drift, or a fresh one, in closed form.

A family (a variable and its parents) takes all tables together. Where a regime let the variable alone, its mechanism
is the common one up to a drift whose size is learned with the family, zero being a size too; where it was hit, a fresh
one under a wide prior, half of it given the parents. So a regime's own rows help to fit the mechanism where it was let
alone and do not where it was hit, and no belief about targets decides that beforehand.

How a family is weighed depends on its form and on the level (`pyrocausal.evidence.pooled_terms`). Each level has all
mechanisms of those below and richer ones; a family is weighed at one where it promises to be worth that.

Vocabulary: d variables, R regimes; with the observational one there are R + 1 tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from functools import partial
from typing import Self

import torch

from pyrocausal.data.weights import total
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.kept_families import KeptFamilies
from pyrocausal.evidence.pooled_terms import PooledTerms
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, PAIRS, richest
from pyrocausal.evidence.terms import FamilyEvidence, Terms, parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.interruption import checkpoint

__all__ = ["PooledEvidence"]


class PooledEvidence(PooledTerms):
    """Joint evidence from all rows.

    Parameters
    ----------
    data, targets, price, drift
        As for `PooledTerms`.
    """

    def at_level(self, level: int) -> Self:
        """The same where mechanisms of numbers may be of this level too, which is above the present one."""
        made = copy(self)
        made.level, made._below, made._kept, made._waiting = level, self, KeptFamilies(), set()
        return made

    def plain(self) -> Self | None:
        """The same where tables lean on no smooth models, which is far cheaper.

        Families of numbers and counts are shared. None where there are no tables, where they are plain already, and at
        higher levels.
        """
        if not self.smooth or self._below is not None or all(kind.closed_form != "table" for kind in self.kinds):
            return None
        made = copy(self)
        made.smooth, made._kept, made._others = False, self._others, self._kept
        return made

    def steady(self) -> Self | None:
        """The same where categories do not drift between tables; terms are shared. None where that is nothing else.

        Numbers and counts always may: their regressions are never quite right, and drift allows for that as well.
        """
        if not self.drifting or all(kind.closed_form != "table" for kind in self.kinds):
            return None
        made = copy(self)
        made.drifting = False
        return made

    @property
    def levels(self) -> int:
        """The highest level at which anything differs."""
        if self._states_alone:
            return LINEAR
        return ADDITIVE if are_many(self.kinds) else PAIRS

    def family(self, effect: int, parents: tuple[int, ...]) -> FamilyEvidence:
        """See `JointEvidence.family`."""
        return self._kept.of((effect, parents), self.drifting).evidence

    def rough_terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """See `JointEvidence.rough_terms`: at the first level those of plain tables."""
        return (self.plain() or self).terms(effect, parents)

    @property
    def rows(self) -> torch.Tensor:
        """See `JointEvidence.rows`."""
        return torch.tensor([total(*part) for part in self._parts], dtype=torch.double)

    def drift(self, graph: torch.Tensor) -> torch.Tensor:
        """How far each regime's mechanisms are from the common ones, had they been let alone: [d, d] -> [R, d].

        Of a table that has more evidence without drift it is 0: among few rows some cells always look as if they did.
        """
        families = [(i, parents_of(row)) for i, row in enumerate(graph)]
        self.prepare(families)
        both = [self._kept[family] for family in families]
        drifts = [self.drifting and pair.drifting.value > pair.steady.value for pair in both]
        kept = [pair.drifting if here else pair.steady for pair, here in zip(both, drifts, strict=True)]
        return torch.stack([each.drift[:-1] for each in kept], 1)

    def prepare(self, families: Iterable[Family]) -> None:
        """See `JointEvidence.prepare`."""
        families = list(dict.fromkeys(families))
        missing = [family for family in families if family not in self._kept]
        if self._below is None:
            alike = [family for family in missing if family in self._others and not self._has_table(family)]
            self._kept |= {family: self._others[family] for family in alike}
            missing = [family for family in missing if family not in self._kept]
            if missing:
                checkpoint(len(missing))
                self._weigh(missing)
            return
        if missing:
            self._below.prepare(missing)
            self._kept |= {family: self._below._kept[family] for family in missing}
            self._waiting |= {family for family in missing if self._rises(*family)}
        waiting = [family for family in families if family in self._waiting]
        if not waiting:
            return
        checkpoint()
        self._weigh([family for family in waiting if self._at_once(family)])
        promise = partial(self._kept.promise, drifting=self.drifting)
        waiting = [family for family in waiting if family in self._waiting]
        first = {i: (i, pa) for i, pa in sorted(waiting, key=promise)}  # the best one of each variable
        self._weigh([family for i, family in first.items() if not self._kept.tried(i, self.drifting)])
        self._weigh([family for family in waiting if family in self._waiting and promise(family) > 0])

    def prepare_wholly(self, families: Iterable[Family]) -> None:
        """See `JointEvidence.prepare_wholly`: at all levels up to the present one, promising or not."""
        families = list(dict.fromkeys(families))
        if self._below is not None:
            self._below.prepare_wholly(families)
        self.prepare(families)
        waiting = [family for family in families if family in self._waiting]
        if self._below is not None:
            self._kept |= {family: self._below._kept[family] for family in waiting}
        self._weigh(waiting)

    def _at_once(self, family: Family) -> bool:
        """Whether the first logistic regression is due. What it gains over a table depends on the parents."""
        return self.level == LINEAR + 1 and self._has_table(family)

    def _rises(self, i: int, parents: tuple[int, ...]) -> bool:
        """Whether the present level has regressors for a family that those below do not have."""
        if i in self.aside:
            return False
        if self.kinds[i].closed_form == "table":
            numbers = any(not self.kinds[j].discrete for j in parents)
            return numbers and self.regressors.fits(self.kinds[i].cardinality, parents, self.level - 1)
        return richest(parents) == PAIRS if self.level == PAIRS else any(not self.kinds[j].discrete for j in parents)

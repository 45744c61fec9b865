"""Terms of families from marginal likelihoods of all rows: how a family of each form is weighed.

Tables for categories, regressions for numbers and counts. A number's mechanism is linear, additive or has products, as
`level` allows (`pyrocausal.evidence.regressors`). A category on which numbers act may have a logistic regression in
place of a table: a linear one at the second level, an additive one at the third.

Vocabulary: d variables, R regimes, M families; with the observational one there are R + 1 tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Self, TypeAlias

import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.weights import Part
from pyrocausal.evidence.block_regressors import BlockRegressors, are_many
from pyrocausal.evidence.cause_columns import width_of
from pyrocausal.evidence.drift import Spared
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.kept_families import KeptFamilies, nothing
from pyrocausal.evidence.outliers import moved_away, pulled_in
from pyrocausal.evidence.pooled_counts import PooledCounts, counts_alone, pooled_counts
from pyrocausal.evidence.pooled_logistic import PooledLogistic
from pyrocausal.evidence.pooled_regression import pooled_regression, regression_alone
from pyrocausal.evidence.pooled_tables import KAPPAS, PooledTables
from pyrocausal.evidence.regressors import LINEAR, Regressors
from pyrocausal.evidence.terms import IMPOSSIBLE, or_unseen
from pyrocausal.model.mechanisms import Family
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.journal import recorded

__all__ = ["PooledTerms"]

MEMORY = 2_000_000  # numbers in the inner products of families that are weighed at a time


# What is recorded of M families: `Spared` where mechanisms drift and, if that differs, where they do not; evidence of
# fresh mechanisms; and that but for mechanisms in a part of the rows.
_Weighed: TypeAlias = tuple[tuple[tuple[torch.Tensor, ...], ...], torch.Tensor, torch.Tensor]


class PooledTerms(JointEvidence):
    """Joint evidence from all rows, at a level.

    Parameters
    ----------
    data
        Tables without gaps in their kinds' sense: missing values are read as `pyrocausal.data.missing` says. Covariates
        and exposures are not judged themselves: how often they occur where is no mechanism's doing.
    targets
        What is known and believed of targets beforehand.
    price
        As for `JointEvidence`.
    drift
        Whether mechanisms may drift between tables.

    Attributes
    ----------
    level
        How numbers may enter as causes.
    smooth
        Whether tables may lean on smooth models.
    """

    level = LINEAR
    smooth = True

    def __init__(
        self, data: InterventionalData, targets: TargetKnowledge, price: float | torch.Tensor, *, drift: bool = True
    ) -> None:
        super().__init__(data.kinds, targets, price)
        self.drifting = self.may_drift = drift
        first, *regimes = [part.cpu() for part in data.parts]
        self._parts = [*regimes, first]
        self._made: dict[str, Any] = {}  # what is made once it is asked for, shared by all levels
        self.aside = frozenset(data.names.index(name) for name in data.aside)
        self.odds = self._shares(targets)
        self._alone: dict[int, torch.Tensor] = {}
        self._kept, self._others = KeptFamilies(), KeptFamilies()  # the others are those of plain tables
        self._below: Self | None = None
        self._waiting: set[Family] = set()  # families that have not been worth the present level

    @property
    def _states_alone(self) -> bool:
        return all(kind.closed_form == "table" for kind in self.kinds)

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @property
    def parts(self) -> list[Part]:
        """All rows of every table, the observational one last, without what is far out."""
        if self._states_alone:
            return self._parts
        return self._once("parts", lambda: pulled_in(self.kinds, self._parts))

    @property
    def regressors(self) -> Regressors:
        """Columns and sums of numbers and counts."""
        make = BlockRegressors if are_many(self.kinds) else Regressors
        return self._once("regressors", lambda: make(self.kinds, self.parts))

    @property
    def counts(self) -> PooledCounts:
        """Regressions of counts."""
        return self._once("counts", lambda: PooledCounts(self.kinds, self.parts, self.regressors))

    @property
    def logistic(self) -> PooledLogistic:
        """Logistic regressions of categories."""
        return self._once("logistic", lambda: PooledLogistic(self.kinds, self.regressors))

    @property
    def tables(self) -> PooledTables:
        """Tables of categories."""
        return self._once("tables", lambda: PooledTables(self.kinds, self._parts))

    @property
    def away(self) -> torch.Tensor:
        """Where a table has moved a variable away, see `moved_away`; boolean, [R + 1, d]."""
        return self._once("away", lambda: moved_away(self.kinds, self.parts))

    @property
    def new_mechanisms(self) -> NewMechanisms | None:
        """Evidence of fresh tables; None where there are no regimes."""
        *regimes, _ = self._parts
        return self._once("new", lambda: NewMechanisms(self.kinds, *zip(*regimes, strict=True)) if regimes else None)

    def _has_table(self, family: Family) -> bool:
        return self.kinds[family[0]].closed_form == "table"

    def _weigh(self, families: Iterable[Family]) -> None:
        """Weigh families at the present level."""
        families = list(families)
        by_form: dict[str, list[Family]] = {}
        for family in families:
            if family[0] in self.aside:
                self._kept[family] = nothing(len(self.known))
                continue
            form = self.kinds[family[0]].closed_form
            by_form.setdefault("logistic" if form == "table" and self.level > LINEAR else form, []).append(family)
        for form, weigh in (
            ("regression", self._regress), ("count regression", self._count), ("table", self._tabulate),
            ("logistic", self._regress_states),
        ):  # fmt: skip
            for batch in self._batches(by_form.get(form, [])):
                how = f"level {self.level}" if self.smooth else "plain"
                spared, new, whole = recorded(f"{how} of {batch}", partial(weigh, batch))
                if form == "table" or self.level > LINEAR:  # a straight line is taken to go on
                    away = torch.stack([self.away[:, list(parents)].any(1) for _, parents in batch])
                    spared = tuple((or_unseen(log_prob, whole, away), *others) for log_prob, *others in spared)
                cost = math.log(len(KAPPAS)) if form == "table" else 0.0
                self._kept.keep(batch, spared, new, whole, self._hit(batch, new), cost)
        self._waiting -= set(families)

    def _batches(self, families: Sequence[Family]) -> Iterator[list[Family]]:
        """Families with about as many regressors, as many as fit into memory."""
        widths = {family: self._width(family[1]) for family in families}
        batch: list[Family] = []
        for family in sorted(families, key=lambda family: widths[family]):
            if (len(batch) + 1) * (len(self.known) + 1) * widths[family] ** 2 > MEMORY and batch:
                yield batch
                batch = []
            batch.append(family)
        if batch:
            yield batch

    def _width(self, parents: tuple[int, ...]) -> int:
        if self._states_alone:  # which need no regressors
            return 1 + sum(width_of(self.kinds[j]) for j in parents)
        return self.regressors.width(parents, self.level)

    def _regress(self, families: Sequence[Family]) -> _Weighed:
        sums = self.regressors.of(families, self.level)
        alone = regression_alone(sums)
        new = self._fresh(families, alone.evidence)
        spared = tuple(pooled_regression(sums, alone.noise, self._hit(families, new), self.may_drift))
        return (spared,), new, new

    def _count(self, families: Sequence[Family]) -> _Weighed:
        modes = self.counts.modes(families, self.level)
        new = whole = self._fresh(families, counts_alone(modes))
        spared, usual = pooled_counts(modes, self._hit(families, new), self.may_drift)
        gain = self.counts.partly_gain(families, self.level, modes, usual)
        if bool((gain > -math.inf).any()):
            partly = torch.logaddexp(whole, spared.log_prob + gain) - math.log(2)
            new = torch.where(gain > -math.inf, partly, whole)
            spared, _ = pooled_counts(modes, self._hit(families, new), self.may_drift)
        return (tuple(spared),), new, whole

    def _tabulate(self, families: Sequence[Family]) -> _Weighed:
        new = torch.stack([self._with_observational(self._new_of(family)) for family in families])
        both = []
        for family, hit in zip(families, self._hit(families, new), strict=True):
            found = self.tables.spared(*family, hit, smooth=self.smooth)
            if found is None:  # there is no such table
                found = (Spared(torch.full_like(hit, IMPOSSIBLE), hit.new_zeros(()), torch.zeros_like(hit)),) * 2
            both.append(found)
        return tuple(tuple(map(torch.stack, zip(*each, strict=True))) for each in zip(*both, strict=True)), new, new

    def _regress_states(self, families: Sequence[Family]) -> _Weighed:
        """Categories by logistic regressions, whose regressors are those of the level below: tables come first."""
        new = torch.stack([self._with_observational(self._new_of(family)) for family in families])
        hits = self._hit(families, new)
        both = [self.logistic.spared(family, self.level - 1, hit) for family, hit in zip(families, hits, strict=True)]
        return tuple(tuple(map(torch.stack, zip(*each, strict=True))) for each in zip(*both, strict=True)), new, new

    def _new_of(self, family: Family) -> torch.Tensor:
        """Evidence of a fresh table, [R]."""
        told = self.new_mechanisms
        return told.of(*family) if told else torch.zeros(0, dtype=torch.double)

    def _hit(self, families: Sequence[Family], new: torch.Tensor) -> torch.Tensor:
        """Evidence of fresh mechanisms of families with the odds of being hit, [M, R + 1]."""
        return new + self.odds[:, [i for i, _ in families]].t()

    def _free(self, effects: Iterable[int]) -> None:
        """Find the evidence of fresh mechanisms that have no parents."""
        missing = [i for i in dict.fromkeys(effects) if i not in self._alone]
        for i in missing:
            if self.kinds[i].closed_form == "regression":
                self._alone[i] = regression_alone(self.regressors.of([(i, ())])).evidence[0]
            else:
                self._alone[i] = counts_alone(self.counts.modes([(i, ())]))[0]

    def _fresh(self, families: Sequence[Family], given: torch.Tensor) -> torch.Tensor:
        """Evidence of fresh mechanisms, half of this level and half as simple as those below: [M, R + 1]."""
        if self._below is None:
            self._free(i for i, _ in families)
            simpler = torch.stack([self._alone[i] for i, _ in families])
        else:
            below = [self._below._kept[family].drifting.whole for family in families]
            simpler = torch.stack([self._with_observational(each) for each in below])
        return torch.logaddexp(given, simpler) - math.log(2)

    def _shares(self, targets: TargetKnowledge) -> torch.Tensor:
        """Log odds of being hit by which tables count in what is common, [R + 1, d].

        They are the same whatever is believed of several targets, so that no family has to be weighed again.
        """
        odds = targets.prior.log_odds.double().cpu()
        odds = odds if targets.prior.several else odds - math.log(len(self.kinds))
        odds = torch.where(self.hit, torch.inf, torch.where(self.known[:, None], -torch.inf, odds))
        return torch.cat([odds, torch.full_like(odds[:1] if len(odds) else self.price[:1], -torch.inf)])

    @staticmethod
    def _with_observational(new: torch.Tensor) -> torch.Tensor:
        """Evidence of a fresh mechanism in every table, where it counts for nothing in the last: [R] -> [R + 1]."""
        return torch.nn.functional.pad(new, (0, 1))

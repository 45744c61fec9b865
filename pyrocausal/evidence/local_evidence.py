"""What a variable says of its parents where variables are many: a number a family, to search graphs by.

As pooled evidence where every variable is hit or not for itself, which is a sum over variables; but a regime that
leaves a variable as it was (`pyrocausal.evidence.changed_tables`) is one table with the observational rows. Whatever
is found is weighed by pooled evidence, of all regimes, in the end.

Vocabulary: d variables, R regimes, M families, T tables of a variable by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from copy import copy
from typing import NamedTuple

import torch

from pyrocausal.evidence.block_regressors import BlockRegressors
from pyrocausal.evidence.drift import Spared, spared_evidence
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.pooled_regression import pooled_regression, regression_alone
from pyrocausal.evidence.pooled_tables import KAPPAS
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR
from pyrocausal.evidence.terms import IMPOSSIBLE, or_unseen
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.interruption import checkpoint

__all__ = ["LocalEvidence", "odds_given_others"]

TOGETHER = 1_000_000  # numbers in the inner products of families that are weighed at a time
MOST_TABLES = 64  # of a variable by themselves: those that change it most


class LocalEvidence:
    """Evidence of families.

    Parameters
    ----------
    pooled
        What knows rows, targets and prices.
    changed
        Nats by which regimes change variables, shape [R, d]; those above 0 are tables by themselves.
    level
        How numbers may enter as causes.
    smooth
        Whether tables may lean on smooth models.
    """

    def __init__(
        self, pooled: PooledEvidence, changed: torch.Tensor, level: int = LINEAR, *, smooth: bool = False
    ) -> None:
        self.pooled, self.level, self.smooth = pooled, level, smooth
        self.d = len(pooled.kinds)
        self.tables = [_tables(changed[:, i], pooled.hit[:, i]) for i in range(self.d)]
        self._odds = pooled.odds  # of being hit given all others, [R + 1, d]
        self._told: dict[Family, tuple[_Told, _Told]] = {}  # where mechanisms drift, and where they do not
        self._worth: dict[Family, tuple[float, float]] = {}
        self._alone: dict[int, torch.Tensor] = {}

    def worth(self, family: Family) -> float:
        """Nats of a family that was prepared, its price paid."""
        i, parents = family
        if family not in self._worth:
            odds, (drifts, keeps) = self._odds[self.tables[i], i], self._told[family]
            if i in self.pooled.aside:
                odds = odds[:0]
            self._worth[family] = _value(drifts, odds), _value(keeps, odds)
        drifting, steady = self._worth[family]
        return (drifting if self.pooled.drifting else steady) - float(self.pooled.price[i, list(parents)].sum())

    def looking_at(self, changed: torch.Tensor) -> LocalEvidence:
        """The same with other tables by themselves; what is known of variables that keep theirs is kept."""
        made = LocalEvidence(self.pooled, changed, self.level, smooth=self.smooth)
        same = {i for i in range(self.d) if torch.equal(made.tables[i], self.tables[i])}
        made._told = {family: told for family, told in self._told.items() if family[0] in same}
        made._alone = {i: alone for i, alone in self._alone.items() if i in same}
        return made

    def at_level(self, level: int) -> LocalEvidence:
        """The same where numbers may enter otherwise as causes."""
        made = copy(self)
        made.level, made._told, made._worth = level, {}, {}
        return made

    def smoothed(self) -> LocalEvidence:
        """The same where tables may lean on smooth models."""
        made = copy(self)
        made.smooth, made._told, made._worth = True, {}, {}
        return made

    def given_others(self, one: JointEvidence, dag: torch.Tensor) -> LocalEvidence:
        """The same where regimes have one target at the most, the other variables of a graph [d, d] standing still.

        As likely as it is that somebody else was hit, so unlikely it is that a variable was.
        """
        made = copy(self)
        known = self.pooled.odds[:-1].isinf()
        odds = torch.where(known, self.pooled.odds[:-1], odds_given_others(one, dag))
        made._odds, made._worth = torch.cat([odds, self.pooled.odds[-1:]]), {}
        return made

    def believing(self, pooled: PooledEvidence) -> LocalEvidence:
        """The same with other beliefs of whether tables drift; terms are shared."""
        made = copy(self)
        made.pooled = pooled
        return made

    def weighed(self, family: Family) -> bool:
        """Whether a family is known."""
        return family in self._told

    def fits(self, family: Family) -> bool:
        """Whether a mechanism of a family can be weighed at all, not having too many parents for it."""
        (i, parents), kinds = family, self.pooled.kinds
        return kinds[i].closed_form != "table" or self.pooled.tables.fits(i, parents) or self._by_logits(i, parents)

    def prepare(self, families: Iterable[Family]) -> None:
        """Weigh families that were not yet."""
        missing = [family for family in dict.fromkeys(families) if family not in self._told]
        forms: dict[str, list[Family]] = {"regression": [], "table": [], "count regression": []}
        for family in missing:
            if family[0] in self.pooled.aside:
                self._told[family] = (_nothing(0.0),) * 2
            else:
                forms[self.pooled.kinds[family[0]].closed_form].append(family)
        for batch in self._batches(forms["regression"]):
            checkpoint(len(batch))
            for family, told in zip(batch, self._regress(batch), strict=True):
                self._told[family] = told, told
        for family in forms["table"]:
            checkpoint(1)
            self._told[family] = self._tabulate(*family)
        for batch in _chunks(forms["count regression"], 20):
            checkpoint(len(batch))
            self.pooled.prepare(batch)
            for i, parents in batch:
                old, new, rest = self.pooled.family(i, parents)
                some = self.tables[i]
                told = _Told(old[some], new[some], float(old.sum() - old[some].sum() + rest))
                self._told[i, parents] = told, told

    def _batches(self, families: Sequence[Family]) -> Iterable[list[Family]]:
        """Families with about as many regressors and tables, as many as fit into memory."""
        regressors = self._regressors

        def size(family: Family) -> int:
            return regressors.width(family[1], self.level) ** 2 * (len(self.tables[family[0]]) + 1)

        batch: list[Family] = []
        # those of a variable follow each other, for they read its rows together
        for family in sorted(families, key=lambda family: (size(family).bit_length(), family[0])):
            if batch and (len(batch) + 1) * max(size(batch[0]), size(family)) > TOGETHER:
                yield batch
                batch = []
            batch.append(family)
        if batch:
            yield batch

    @property
    def _regressors(self) -> BlockRegressors:
        found = self.pooled.regressors
        assert isinstance(found, BlockRegressors)
        return found

    def _regress(self, families: Sequence[Family]) -> list[_Told]:
        """What is told of families of numbers."""
        tables = [self.tables[i] for i, _ in families]
        self._free([i for i, _ in families])
        most = max(len(each) for each in tables)
        there = torch.tensor([[t < len(each) for t in range(most)] + [True] for each in tables])
        odds = torch.stack(
            [_padded(self.pooled.odds[each, i], most) for each, (i, _) in zip(tables, families, strict=True)]
        )
        simpler = torch.stack([_padded(self._alone[i][:-1], most) for i, _ in families])
        away = torch.zeros_like(there)
        best: list[_Told] = []
        for level in range(LINEAR, self.level + 1):
            sums = self._regressors.of_tables(families, tables, level)
            alone = regression_alone(sums)
            new = torch.logaddexp(alone.evidence, simpler) - math.log(2)
            hit = torch.where(there, new + odds, torch.inf)
            found = pooled_regression(sums, alone.noise, hit, self.pooled.may_drift)
            log_prob = found.log_prob
            if level == ADDITIVE:
                for m, (_, parents) in enumerate(families):
                    moved = self.pooled.away[tables[m]][:, list(parents)].any(1)
                    away[m, : len(moved)] = moved
                log_prob = or_unseen(log_prob, new, away)
            value = spared_evidence(log_prob, found.common, hit)
            here = [
                _Told(
                    log_prob[m, : len(each)],
                    new[m, : len(each)],
                    float(log_prob[m, -1] + found.common[m]),
                    float(value[m]),
                )
                for m, each in enumerate(tables)
            ]
            best = [max(pair, key=lambda told: told.value) for pair in zip(best or here, here, strict=True)]
            simpler = new
        return best

    def _free(self, effects: Iterable[int]) -> None:
        """Find the evidence of fresh mechanisms without parents in the tables of variables."""
        missing = [i for i in dict.fromkeys(effects) if i not in self._alone]
        for batch in _chunks(missing, 200):
            tables = [self.tables[i] for i in batch]
            found = regression_alone(self._regressors.of_tables([(i, ()) for i in batch], tables)).evidence
            for i, each, table in zip(batch, found, tables, strict=True):
                self._alone[i] = torch.cat([each[: len(table)], each[-1:]])

    def _by_logits(self, i: int, parents: tuple[int, ...]) -> bool:
        """Whether states have a logistic regression on some parents, numbers among them."""
        numbers = any(not self.pooled.kinds[j].discrete for j in parents)
        return numbers and self._regressors.fits(self.pooled.kinds[i].cardinality, parents, LINEAR)

    def _tabulate(self, i: int, parents: tuple[int, ...]) -> tuple[_Told, _Told]:
        """What is told of a table or a better logistic regression, where it may drift and where it does not."""
        tables, pooled = self.tables[i], self.pooled
        fresh = pooled.tables.fresh(i, parents, tables)
        new = torch.nn.functional.pad(fresh, (0, 1))
        odds = torch.cat([pooled.odds[tables, i], torch.tensor([-torch.inf])])
        hit = new + odds
        cost = math.log(len(KAPPAS))
        forms = [(pooled.tables.spared(i, parents, hit, tables, smooth=self.smooth, hasty=True), (cost, 0.0))]
        if self._by_logits(i, parents):
            forms.append((pooled.logistic.spared((i, parents), LINEAR, hit, tables), (0.0, 0.0)))
        told = [_both(found, fresh, costs) for found, costs in forms if found is not None]
        if not told:
            return (_Told(fresh.new_zeros(len(fresh)), fresh, IMPOSSIBLE),) * 2
        drifting, steady = (max(each, key=lambda one: _value(one, odds[:-1])) for each in zip(*told, strict=True))
        return drifting, steady


def _both(found: tuple[Spared, Spared], fresh: torch.Tensor, costs: tuple[float, float]) -> tuple[_Told, _Told]:
    """What is told where a mechanism may drift and where it does not, less what either costs."""
    drifting, steady = (
        _Told(each.log_prob[:-1], fresh, float(each.log_prob[-1] + each.common) - cost)
        for each, cost in zip(found, costs, strict=True)
    )
    return drifting, steady


def odds_given_others(evidence: JointEvidence, dag: torch.Tensor) -> torch.Tensor:
    """Log odds of every variable being hit in every regime but for its own rows, where only one is: [R, d].

    Parameters
    ----------
    evidence
        In which regimes have one target at the most.
    dag
        What the other variables are judged by, boolean, shape [d, d] (effect, cause).
    """
    terms = evidence.each(dag)
    gain = torch.nn.functional.pad(terms.new - terms.old, (0, 0, 0, 1)).t()  # [R, d + 1]
    whole = gain.logsumexp(1, keepdim=True)
    rest = whole + torch.log1p(-(gain - whole).exp().clamp(max=1 - 1e-12))
    most = gain.argmax(1, keepdim=True)
    others = gain.scatter(1, most, -torch.inf).logsumexp(1, keepdim=True)
    rest = rest.scatter(1, most, others)[:, :-1]  # of all but a variable, none among them
    return evidence.prior.log_odds.double().cpu() - rest


class _Told(NamedTuple):
    """Of a family, whatever is believed of targets: nats."""

    old: torch.Tensor  # of its rows in tables by themselves under the common mechanism, [T]
    new: torch.Tensor  # under fresh ones
    rest: float  # of all other rows, and what the common mechanism costs
    value: float = 0.0  # of all of this, at the odds of being hit that each variable has for itself


def _nothing(rest: float) -> _Told:
    none = torch.zeros(0, dtype=torch.double)
    return _Told(none, none, rest)


def _value(told: _Told, odds: torch.Tensor) -> float:
    """Nats at some log odds of being hit [T]."""
    either = torch.where(odds == torch.inf, told.new, torch.logaddexp(told.old, told.new + odds))
    return float(either.sum()) + told.rest


def _tables(changed: torch.Tensor, hit: torch.Tensor) -> torch.Tensor:
    """Regimes that a variable looks at by themselves: where it changes or is certainly hit, ascending."""
    order = torch.where(hit, torch.inf, changed).argsort(descending=True, stable=True)
    kept = order[: int(((changed > 0) | hit).sum())]
    return kept[: max(MOST_TABLES, int(hit.sum()))].sort().values


def _padded(values: torch.Tensor, most: int) -> torch.Tensor:
    """Of tables by themselves, of those that are not there, and of all others: [T] -> [most + 1]."""
    rest = torch.full((most + 1 - len(values),), 0.0, dtype=torch.double)
    rest[-1] = -torch.inf
    return torch.cat([values, rest])


def _chunks(items: Sequence, size: int) -> Iterable[list]:
    for first in range(0, len(items), size):
        yield list(items[first : first + size])

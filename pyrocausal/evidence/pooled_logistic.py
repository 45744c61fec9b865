"""Evidence of logistic regressions over all regimes: a common mechanism with drift, for categories that numbers act on.

A table has to cut a number into bins, and loses what happens inside of them; a multinomial logistic regression does
not. In table r the logits of the states are X b_r, with b_r ~ N(m, T). The common m is found by Newton's method, given
how far each table counts, and the other way round; without drift its evidence is Laplace's approximation. With drift a
quadratic function that is nowhere above the log-likelihood (Boehning 1992) stands for it, and what follows is as for
numbers (`pyrocausal.evidence.pooled_regression`): drift is told too low rather than too high.

Vocabulary: R tables (regimes, and last the observational one), N rows, k regressors, of which the first c may drift, s
states, whose s - 1 contrasts have coefficients (`pyrocausal.model.logistic_regression`), ordered by regressor first.

References
----------
D. Boehning, "Multinomial logistic regression algorithm", 1992.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.evidence.drift import Spared, best_sizes, common_mean, integrate_drift, log_size_prior, spared_evidence
from pyrocausal.evidence.regressors import Regressors
from pyrocausal.model.logistic_regression import SPREAD, log_probs_of, logistic_regression, seen_in_rows, slopes_of
from pyrocausal.model.mechanisms import Family

__all__ = ["PooledLogistic"]

ROUNDS = 3  # of the common mechanism and of who was let alone, each given the other


class _Rows(NamedTuple):
    """What one family is seen in."""

    design: torch.Tensor  # [N, k]
    states: torch.Tensor  # of the child, [N]
    weights: torch.Tensor  # [N]
    sizes: list[int]  # rows of every table

    def grouped(self, alone: torch.Tensor | None) -> _Rows:
        """The same where all tables but some, in ascending order, are one, the last; None: as it is."""
        if alone is None:
            return self
        chosen = torch.zeros(len(self.sizes), dtype=torch.bool)
        chosen[alone] = True
        order = (~chosen).repeat_interleave(torch.tensor(self.sizes)).to(torch.uint8).argsort(stable=True)
        sizes = [self.sizes[table] for table in alone.tolist()]
        sizes.append(len(order) - sum(sizes))
        return _Rows(self.design[order], self.states[order], self.weights[order], sizes)


class PooledLogistic:
    """Evidence of logistic regressions of categories on any parents.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    regressors
        Of all rows of every table, the observational one last.
    """

    def __init__(self, kinds: Sequence[Kind], regressors: Regressors) -> None:
        self.kinds, self.regressors = tuple(kinds), regressors

    def spared(
        self, family: Family, level: int, hit: torch.Tensor, alone: torch.Tensor | None = None
    ) -> tuple[Spared, Spared]:
        """Evidence where a variable was let alone, and the same where nothing drifts.

        Parameters
        ----------
        family
            A variable and its parents.
        level
            Of the regressors.
        hit
            Nats where it is hit, see `pyrocausal.evidence.drift.spared_evidence`; shape [R].
        alone
            Tables that are looked at by themselves, all others being the last one; R is one more than these. None: all.
        """
        i, parents = family
        values, s = self.regressors.child(i), self.kinds[i].cardinality
        seen = present(values)
        states = torch.where(seen, values, 0.0).long().clamp(max=s - 1)
        design = SPREAD * self.regressors.columns(parents, level)
        rows = _Rows(design, states, self.regressors.weights * seen, self.regressors.sizes).grouped(alone)
        sizes = torch.tensor(rows.sizes)
        c = self.regressors.drifting(parents, level)
        share, mean = (hit < torch.inf).double(), rows.design.new_zeros(rows.design.shape[1], s - 1)
        for _ in range(ROUNDS):
            states = seen_in_rows(rows.states, rows.weights * share.repeat_interleave(sizes), s)
            regression = logistic_regression(rows.design, states, start=mean)
            mean, before = regression.weights, share
            below = _Below.of(rows, mean)
            share = torch.sigmoid(below.values - hit)
        half_log_det = regression.root.diagonal().log().sum()
        still = Spared(below.values, -half_log_det - 0.5 * mean.square().sum(), torch.zeros_like(below.values))
        # what the bound takes from the common coefficients, it takes without drift too
        taken = still.common - _drifting(below, hit.new_zeros(1, 2), before, c).common[0]

        def evidence(sizes: torch.Tensor) -> torch.Tensor:
            found = _drifting(below, sizes, before, c)
            return spared_evidence(found.log_prob, found.common, hit[None])

        found = _drifting(below, best_sizes(1, evidence), before, c)
        return Spared(found.log_prob[0], found.common[0] + taken, found.drift[0]), still


class _Below(NamedTuple):
    """A quadratic function below the log-likelihood of every table, which it touches at the common coefficients.

    It is constant + product' b - b' information b / 2. Curvature is nowhere more than that information; the curvature
    at one place says nothing of another, for a table whose states are all but certain there has next to none.
    """

    information: torch.Tensor  # [1, R, k (s - 1), k (s - 1)]
    product: torch.Tensor  # [1, R, k (s - 1)]
    constant: torch.Tensor  # [1, R]
    values: torch.Tensor  # log-likelihood at the common coefficients, [R]
    rows: torch.Tensor  # [R]
    contrasts: int

    @classmethod
    def of(cls, rows: _Rows, mean: torch.Tensor) -> _Below:
        """That which touches at some coefficients [k, s - 1]."""
        log_probs = log_probs_of(rows.design, mean)
        each = log_probs.gather(1, rows.states[:, None])[:, 0] * rows.weights
        first = slopes_of(rows.states, log_probs)[0] * rows.weights[:, None]
        tables = list(zip(*(part.split(rows.sizes) for part in (rows.design, first, rows.weights)), strict=True))
        one = 0.5 * torch.eye(mean.shape[1], dtype=torch.double)  # of orthonormal contrasts
        information = torch.stack([torch.kron((x * here[:, None]).mT @ x, one) for x, _, here in tables])
        slope = torch.stack([(x.mT @ here).flatten() for x, here, _ in tables])
        bent = information @ mean.flatten()
        values = torch.stack([here.sum() for here in each.split(rows.sizes)])
        constant = values - (slope + 0.5 * bent) @ mean.flatten()
        counted = torch.stack([here.sum() for *_, here in tables]).clamp(min=1e-6)
        return cls(information[None], (slope + bent)[None], constant[None], values, counted, mean.shape[1])


def _drifting(below: _Below, sizes: torch.Tensor, share: torch.Tensor, c: int) -> Spared:
    """Tables that count by their share [R], with drift of constants and of other coefficients, sizes [..., 1, 2]."""
    of = [sizes[..., :1].expand(*sizes.shape[:-1], below.contrasts)]
    of.append(sizes[..., 1:].expand(*sizes.shape[:-1], (c - 1) * below.contrasts))
    drifted = integrate_drift(below.information, below.product, torch.cat(of, -1))
    mean, common = common_mean(drifted, share.expand(drifted.constant.shape))
    slope = below.product - (below.information @ mean[..., None, :, None])[..., 0]
    moved = drifted.moved(slope)
    squares = (moved * (below.information @ moved[..., None])[..., 0]).sum(-1).clamp(min=0.0)
    distance = 0.5 * (squares / below.rows).sqrt()  # in total variation, at the most
    return Spared(below.constant + drifted.at(mean), common + log_size_prior(sizes).sum(-1), distance)

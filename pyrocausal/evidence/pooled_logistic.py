"""Evidence of logistic regressions over all regimes: a common mechanism with drift, for categories that numbers act on.

A table has to cut a number into bins, and loses what happens inside of them; a multinomial logistic regression does
not. In table r the logits of the states are X b_r, with b_r ~ N(m, T): around the common m the log-likelihood of every
table is about a quadratic function of its coefficients, and what follows is as for numbers
(`pyrocausal.evidence.pooled_regression`), without a noise of its own. The common m is found by Newton's method, given
how far each table counts, and the other way round.

Vocabulary: R tables (regimes, and last the observational one), N rows, k regressors, of which the first c may drift, s
states, whose s - 1 contrasts have coefficients (`pyrocausal.model.logistic_regression`), ordered by regressor first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.evidence.drift import Spared, best_sizes, common_mean, integrate_drift, log_size_prior, spared_evidence
from pyrocausal.evidence.regressors import Regressors
from pyrocausal.model.logistic_regression import SPREAD, information_of, log_probs_of, logistic_regression, slopes_of
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
        nothing = hit.new_zeros(1, 2)
        share, mean = (hit < torch.inf).double(), rows.design.new_zeros(rows.design.shape[1], s - 1)
        for _ in range(ROUNDS):
            counted = rows.weights * share.repeat_interleave(sizes)
            mean = logistic_regression(rows.design, rows.states, counted, s, start=mean).weights
            around = _expanded(rows, mean)
            still = _pooled(around, nothing, share, c)
            share = torch.sigmoid(still.log_prob[0] - hit)

        def evidence(sizes: torch.Tensor) -> torch.Tensor:
            found = _pooled(around, sizes, share, c)
            return spared_evidence(found.log_prob, found.common, hit[None])

        found = _pooled(around, best_sizes(1, evidence), share, c)
        return _of_one(found), _of_one(still)


class _Around(NamedTuple):
    """Log-likelihood of every table near some coefficients b, constant + product' b - b' information b / 2."""

    information: torch.Tensor  # [1, R, k (s - 1), k (s - 1)]
    product: torch.Tensor  # [1, R, k (s - 1)]
    constant: torch.Tensor  # [1, R]
    rows: torch.Tensor  # [1, R]
    contrasts: int


def _pooled(around: _Around, sizes: torch.Tensor, share: torch.Tensor, c: int) -> Spared:
    """Tables that count by their share [R], with drift of the constants and of other coefficients, sizes [..., 1, 2].

    The common coefficients stay near those of the expansion, whose shares are the same but for what drift changes: far
    from there it says nothing.
    """
    contrasts = around.contrasts
    of = [sizes[..., :1].expand(*sizes.shape[:-1], contrasts)]
    of.append(sizes[..., 1:].expand(*sizes.shape[:-1], (c - 1) * contrasts))
    drifted = integrate_drift(around.information, around.product, torch.cat(of, -1))
    mean, common = common_mean(drifted, share.expand(drifted.constant.shape))
    slope = around.product - (around.information @ mean[..., None, :, None])[..., 0]
    moved = drifted.moved(slope)
    squares = (moved * (around.information @ moved[..., None])[..., 0]).sum(-1).clamp(min=0.0)
    distance = 0.5 * (squares / around.rows).sqrt()  # in total variation, at the most
    return Spared(around.constant + drifted.at(mean), common + log_size_prior(sizes).sum(-1), distance)


def _of_one(found: Spared) -> Spared:
    return Spared(found.log_prob[0], found.common[0], found.drift[0])


def _expanded(rows: _Rows, mean: torch.Tensor) -> _Around:
    """Every table around some coefficients [k, s - 1]."""
    log_probs = log_probs_of(rows.design, mean)
    each = log_probs.gather(1, rows.states[:, None])[:, 0] * rows.weights
    first, second = slopes_of(rows.states, log_probs)
    first, second = first * rows.weights[:, None], second * rows.weights[:, None, None]
    tables = list(zip(*(part.split(rows.sizes) for part in (rows.design, first, second)), strict=True))
    information = torch.stack([information_of(x, here) for x, _, here in tables])
    slope = torch.stack([(x.mT @ here).flatten() for x, here, _ in tables])
    bent = information @ mean.flatten()
    values, counted = (torch.stack([here.sum() for here in part.split(rows.sizes)]) for part in (each, rows.weights))
    constant = values - (slope + 0.5 * bent) @ mean.flatten()
    counted = counted.clamp(min=1e-6)
    return _Around(information[None], (slope + bent)[None], constant[None], counted[None], mean.shape[1])

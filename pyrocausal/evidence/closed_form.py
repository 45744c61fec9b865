"""Closed-form estimates of observational mechanisms: what rows that fitted say of rows that score, in one formula.

A network is fitted to many parent sets at once and to those it sees often best, so that between two rival parent sets
it favours the one it was trained around, and with few rows it overfits. A conjugate estimate knows no other parent set
than its own and integrates its parameters out, but it cannot represent every mechanism: tables grow too large, and
regressions are not the right shape. Joint evidence weighs the two (see `pyrocausal.evidence.joint_evidence`).

- A categorical variable: a table whose every cell has a Dirichlet prior, even or around the variable's own distribution
  (`pyrocausal.evidence.table_prior`). It leans on no smooth model, for the networks that it competes with are smooth:
  if it did, a table of few parents would be ahead of networks of one parent more, and a climb would end there. Whether
  networks are needed at all is asked of smooth tables, which were searched before. Numbers
  among its parents are cut into bins; of them it has logistic regressions too, at the most probable weights.
- A continuous variable: Bayesian linear regressions on its parents' values, and on smooth steps and products of them
  (`pyrocausal.evidence.regressors`), with a Student-t prediction.
- A count: negative binomial regressions on values and on smooth steps, at the most probable weights.

References
----------
.. [1] B. S. Clarke, A. R. Barron, "Information-theoretic asymptotics of Bayes methods", 1990.
.. [2] C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy

import torch

from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.weights import take_rows, total
from pyrocausal.evidence.pooled_tables import PooledTables
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, Regressors, richest
from pyrocausal.evidence.table_prior import best_prior
from pyrocausal.model.count_regression import count_regression
from pyrocausal.model.logistic_regression import SPREAD, log_probs_of, logistic_regression, seen_in_rows
from pyrocausal.sdi.row_split import Fold

__all__ = ["ClosedForm"]


class ClosedForm:
    """Posterior predictive log-density of rows, given rows that fitted, for any parents of a variable.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    fold
        Rows that fit and rows that score; what weighs the latter matters for what an estimate may lose, not for
        log-densities.
    """

    max_cells = PooledTables.max_cells
    bins = 4

    def __init__(self, kinds: Sequence[Kind], fold: Fold) -> None:
        self.kinds = tuple(kinds)
        self.counts = fold.counts
        self.rows, self.weights = (fold.fitting.rows, fold.scoring.rows), fold.fitting.weights
        self._judging = total(*fold.scoring)
        self._regressors = Regressors(kinds, [part.cpu() for part in (fold.fitting, fold.scoring)])
        self._entering = entering(kinds, self.rows[0]), entering(kinds, self.rows[1])
        self._states = [kind.levels(self.bins) for kind in kinds]  # as a parent
        self._codes = [self._coded(j) for j in range(len(kinds))]

    def counting(self, counts: torch.Tensor) -> ClosedForm:
        """The same rows where others of them count, shape [N, d]."""
        made = copy(self)
        made.counts = counts
        return made

    @torch.no_grad()
    def log_probs(self, i: int, parents: tuple[int, ...], *, smooth: bool = False) -> list[torch.Tensor]:
        """Log-density of every scoring row's value of variable `i` under each estimate: shape [n] each.

        A categorical variable has a table where that has no more than `max_cells` entries; it, where numbers are among
        the parents, a continuous one and a count have two regressions, on values and on more. It is 0 where the value
        is missing. Tables may lean on smooth models if that is said.
        """
        if self.kinds[i].closed_form == "table":
            estimates = self._of_states(i, parents, smooth)
        else:
            regression = self._regression if self.kinds[i].closed_form == "regression" else self._count
            levels = LINEAR, ADDITIVE if self.kinds[i].closed_form == "count regression" else richest(parents)
            estimates = [regression(i, parents, level) for level in levels]
        if self.kinds[i].missing:
            seen = present(self.rows[1][:, i])
            estimates = [torch.where(seen, each, torch.zeros_like(each)) for each in estimates]
        return estimates

    def regret(self, i: int, parents: tuple[int, ...]) -> float:
        """Nats that another estimate may gain over the table on the scoring rows, about; infinite for a regression.

        Every free parameter of a table costs half a nat per row that scores and row that fits (Clarke and Barron 1990).
        """
        if self.kinds[i].closed_form != "table":
            return math.inf
        keep = self.counts[:, i]
        fitted = float(keep.sum()) if self.weights is None else float(self.weights[keep].sum())
        cells = math.prod(self._states[j] for j in parents)
        if not fitted or any(not self.kinds[j].discrete for j in parents):
            return math.inf
        states = self.kinds[i].cardinality
        if cells * states > self.max_cells:  # there is no such table
            return math.inf
        return 0.5 * cells * (states - 1) * self._judging / fitted

    def _coded(self, j: int) -> tuple[torch.Tensor, torch.Tensor]:
        """States of a variable as a parent in rows that fit, [N], and in rows that score, [n]."""
        kind, (fitting, scoring) = self.kinds[j], (rows[:, j] for rows in self._entering)
        cuts = kind.cuts(fitting, self.bins, self.weights)
        return kind.codes(fitting, cuts), kind.codes(scoring, cuts)

    def _child(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """States of a categorical variable itself; any where it is missing, and then they do not count."""
        last = self.kinds[i].cardinality - 1
        fitting, scoring = (codes.clamp(max=last) for codes in self._codes[i])
        return fitting, scoring

    @torch.no_grad()
    def probabilities(self, i: int, parents: tuple[int, ...]) -> torch.Tensor | None:
        """Of every state of a categorical variable in every scoring row, shape [n, states]; None without a table."""
        found = self._table(i, parents)
        return None if found is None else found[0].exp()[found[1]].to(self.rows[1].dtype)

    def _table(
        self, i: int, parents: tuple[int, ...], smooth: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Log-probabilities [C, states] in the cells that occur, and the cell of every scoring row [n]."""
        states, size = self.kinds[i].cardinality, 1
        cells = [torch.zeros_like(codes) for codes in self._codes[i]]
        for j in parents:
            cells = [cell * self._states[j] + codes for cell, codes in zip(cells, self._codes[j], strict=True)]
            size *= self._states[j]
            if size * states > self.max_cells:
                return None
        keep = self.counts[:, i]
        occurring, cell = torch.cat([cells[0][keep], cells[1]]).unique(return_inverse=True)
        fitting, scoring = cell.split([len(cell) - len(cells[1]), len(cells[1])])
        keys, weights = fitting * states + self._child(i)[0][keep], take_rows(self.weights, keep)
        counts = torch.bincount(keys, weights, len(occurring) * states).view(-1, states).double().cpu()
        levels = tuple(self._states[j] for j in parents) if smooth else ()
        prior = best_prior(counts, levels, cells=occurring.cpu())
        table = (counts + prior.concentration) / (counts.sum(1, keepdim=True) + prior.strength)
        return table.log().to(scoring.device), scoring

    def _of_states(self, i: int, parents: tuple[int, ...], smooth: bool) -> list[torch.Tensor]:
        estimates = []
        if (found := self._table(i, parents, smooth)) is not None:
            table, cells = found
            estimates.append(table.flatten()[cells * table.shape[1] + self._child(i)[1]])
        if any(not self.kinds[j].discrete for j in parents):
            states = self.kinds[i].cardinality
            few = [level for level in (LINEAR, ADDITIVE) if self._regressors.fits(states, parents, level)]
            estimates += [self._logistic(i, parents, level) for level in few]
        return estimates

    def _logistic(self, i: int, parents: tuple[int, ...], level: int) -> torch.Tensor:
        """Log probabilities of states by the most probable regression."""
        keep = self.counts[:, i]
        x, new = self._design(keep, parents, level)
        (states, judged), weight = self._child(i), take_rows(self.weights, keep)
        rows = x.new_ones(len(x)) if weight is None else weight.double()
        found = logistic_regression(SPREAD * x, seen_in_rows(states[keep], rows, self.kinds[i].cardinality))
        return log_probs_of(SPREAD * new, found.weights).gather(1, judged[:, None])[:, 0]

    def _regression(
        self, i: int, parents: tuple[int, ...], level: int, shape: float = 1.0, rate: float = 0.01
    ) -> torch.Tensor:
        """Student-t predictions; the prior on a weight says as much as one row, that on the noise as 2 shape rows."""
        fitting, scoring = self.rows
        keep = self.counts[:, i]
        x, new = self._design(keep, parents, level)
        y = fitting[keep, i].double()
        weight = take_rows(self.weights, keep)
        counted = x if weight is None else x * weight[:, None]
        gram, n = counted.t() @ x, total(y, weight)
        prior = gram.diagonal() / max(n, 1) + 1e-6
        factor = torch.linalg.cholesky(gram + torch.diag(prior))
        weights = torch.cholesky_solve((counted.t() @ y)[:, None], factor)[:, 0]
        residual = y - x @ weights
        squares = residual @ (residual if weight is None else weight * residual)
        a = shape + n / 2
        b = rate + 0.5 * float(squares + (prior * weights) @ weights)
        leverage = torch.linalg.solve_triangular(factor, new.t(), upper=False).square().sum(0)
        scale = (b / a * (1 + leverage)).sqrt()
        predicted = torch.distributions.StudentT(2 * a, new @ weights, scale, validate_args=False)
        return predicted.log_prob(filled(scoring[:, i]).double())

    def _count(self, i: int, parents: tuple[int, ...], level: int) -> torch.Tensor:
        """Negative binomial predictions, by the most probable regression; the prior says as much as one row."""
        fitting, scoring = self.rows
        rows = fitting[self.counts[:, i]]
        x, new = self._design(self.counts[:, i], parents, level)
        offset, offset_new = (log_levels(self.kinds[i : i + 1], each)[:, 0].double() for each in (rows, scoring))
        y = filled(rows[:, i]).double()
        weight = take_rows(self.weights, self.counts[:, i])
        found = count_regression(x, y, offset, torch.ones_like(y) if weight is None else weight)
        log_mean = offset_new + new @ found.weights
        if len(y):  # an exponential of a polynomial runs away where no row has been
            log_mean = log_mean.clamp(max=float(y.max().log1p()) + 2.0)
        return negative_binomial(log_mean, found.log_size).log_prob(filled(scoring[:, i]))

    def _design(self, keep: torch.Tensor, parents: tuple[int, ...], level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Regressors of the rows that fit and count, [N, k], and of those that score, [n, k]."""
        every = self._regressors.columns(parents, level).to(keep.device)
        return every[: len(keep)][keep], every[len(keep) :]

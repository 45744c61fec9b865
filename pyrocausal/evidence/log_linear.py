"""Log-linear models of tables: what each cause adds to the logits of a variable's states, and what pairs of causes add.

A table of five causes with five states each has thousands of cells. If each cell had a distribution of its own, it
would cost more than the true causes tell. Most mechanisms are smoother: effects of single causes and of pairs say
nearly all. They are the coefficients of a multinomial logistic regression of the table's cells, with a normal prior
whose precision is learned for single causes and for pairs [1]_. Pairs take part whose margins are further from what
single causes say than chance would have them.

Vocabulary: C cells, which are configurations of the causes, s states, k columns.

References
----------
.. [1] D. J. C. MacKay, "Bayesian interpolation", 1992.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import torch
from scipy.stats import chi2

from pyrocausal.evidence.cell_columns import CellColumns, Pair
from pyrocausal.model.logistic_regression import LogisticRegression, log_probs_at, logistic_regression

__all__ = ["LogLinear"]

COEFFICIENTS = 800  # at the most: the time goes with their square, and memory too
CURVES = 20_000_000  # second derivatives of all cells, at the most
BEGINNING = 0.1, 10.0, 300.0  # precision of the constant, which stays, and of coefficients of singles and pairs
LOOSEST, TIGHTEST = 0.01, 1e6
ROUNDS, ROUNDS_OF_PAIRS = 3, 2  # of learning the precision, at the most
CHANCE = 0.01  # of a pair that takes part by chance
ENOUGH = 1.0  # nats that such a round has to gain for another one


class LogLinear(NamedTuple):
    """A model of one table.

    Attributes
    ----------
    columns
        At every cell.
    tightness
        Precision of the coefficients of each column, shape [k].
    found
        The most probable coefficients.
    """

    columns: CellColumns
    tightness: torch.Tensor
    found: LogisticRegression

    @classmethod
    def of(
        cls,
        common: torch.Tensor,
        levels: tuple[int, ...],
        enough: float = -math.inf,
        cells: torch.Tensor | None = None,
    ) -> LogLinear | None:
        """That with the most evidence; None with fewer than two causes, or too many coefficients, cells or states.

        Parameters
        ----------
        common
            Counts, shape [C, s], double.
        levels
            States of every cause; the last one's run fastest through the cells.
        enough
            Nats: where effects of pairs do not promise as much evidence, they are left out.
        cells
            Numbers of the cells, shape [C]; None: all there are.
        """
        contrasts = common.shape[1] - 1
        width = 1 + sum(each - 1 for each in levels)
        if len(levels) < 2 or width * contrasts > COEFFICIENTS or len(common) * contrasts**2 > CURVES:
            return None
        columns = CellColumns(levels, cells=cells)
        singles = cls._begun(common, columns)._settled(common, ROUNDS)
        pairs = singles._promising(common, COEFFICIENTS // contrasts - width)
        if not pairs or singles.found.evidence + 0.5 * sum(pairs.values()) < enough:
            return singles
        return cls._begun(common, columns.with_pairs(tuple(sorted(pairs))), singles)._settled(common, ROUNDS_OF_PAIRS)

    @classmethod
    def _begun(cls, common: torch.Tensor, columns: CellColumns, before: LogLinear | None = None) -> LogLinear:
        """From a model with fewer columns, or from nothing."""
        tightness, start = torch.tensor(BEGINNING, dtype=torch.double)[columns.order], None
        if before is not None:
            known = len(before.tightness)
            tightness[:known] = before.tightness
            start = torch.nn.functional.pad(before.found.weights, (0, 0, 0, len(tightness) - known))
        return cls(columns, tightness, _fitted(columns, common, tightness, start))

    def _promising(self, common: torch.Tensor, room: int) -> dict[Pair, float]:
        """Pairs of causes whose effects are more than chance, the surest as far as there is room for their columns.

        Each with twice the nats that it gains above chance, about, by the score test.
        """
        levels, states = self.columns.levels, common.shape[1]
        expected = common.sum(1, keepdim=True) * self.share
        apart, sure = common - expected, dict[Pair, float]()
        for pair in combinations(range(len(levels)), 2):
            off, due = (self.columns.margin(pair, each) for each in (apart, expected))
            freedom = CellColumns.width_of(levels, pair) * (states - 1)
            square = float((off.square() / due.clamp(min=1e-9)).sum())
            if square > chi2.isf(CHANCE, freedom):
                sure[pair] = square - freedom
        kept = dict[Pair, float]()
        for pair in sorted(sure, key=lambda each: -sure[each]):
            if (size := CellColumns.width_of(levels, pair)) <= room:
                kept[pair], room = sure[pair], room - size
        return kept

    def _settled(self, common: torch.Tensor, rounds: int) -> LogLinear:
        """The same with the precision that has the most evidence, or nearly so."""
        best = self
        for _ in range(rounds):
            learned = best._learned()
            other = learned._replace(found=learned._fitted(common, best.found.information))
            gain = other.found.evidence - best.found.evidence
            best = other if gain > 0 else best
            if gain < ENOUGH:
                break
        return best

    def again(self, common: torch.Tensor) -> LogLinear:
        """The same for other counts [C, s], with what is known of its precision."""
        return self._replace(found=self._fitted(common))

    def _fitted(self, common: torch.Tensor, information: torch.Tensor | None = None) -> LogisticRegression:
        """From the present coefficients; the information is that of the same counts there, None: to be found."""
        return _fitted(self.columns, common, self.tightness, self.found.weights, information)

    @property
    def share(self) -> torch.Tensor:
        """Probabilities of states in every cell, [C, s]."""
        return self._share(self.found.weights)

    def drawn(self, apart: torch.Tensor) -> torch.Tensor:
        """Probabilities of states in every cell, [C, s], with coefficients from their posterior.

        Parameters
        ----------
        apart
            Standard normal numbers, shape [k (s - 1)].
        """
        weights = self.found.weights
        by = torch.linalg.solve_triangular(self.found.root.mT, apart[:, None].to(weights), upper=True)
        return self._share(weights + by.view_as(weights))

    def _share(self, weights: torch.Tensor) -> torch.Tensor:
        return log_probs_at(self.columns.regressors(weights.shape[1]).applied(weights)).exp()

    def _learned(self) -> LogLinear:
        """The same where the precision is what the coefficients of an order say of it, so far as rows tell of them."""
        weights, tightness = self.found.weights, self.tightness.clone()
        spread = torch.cholesky_inverse(self.found.root).diagonal().view_as(weights)
        for each in range(1, int(self.columns.order[-1]) + 1):
            here = self.columns.order == each
            told = (1 - tightness[here, None] * spread[here]).sum().clamp(min=1e-3)
            tightness[here] = (told / weights[here].square().sum().clamp(min=1e-9)).clamp(LOOSEST, TIGHTEST)
        return self._replace(tightness=tightness)


def _fitted(
    columns: CellColumns,
    common: torch.Tensor,
    tightness: torch.Tensor,
    start: torch.Tensor | None,
    information: torch.Tensor | None = None,
) -> LogisticRegression:
    design = columns.regressors(common.shape[1] - 1)
    return logistic_regression(design, common, start=start, tightness=tightness, information=information)

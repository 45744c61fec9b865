"""Log-linear models of tables: what each cause adds to the logits of a variable's states, and what pairs of causes add.

A table of five causes with five states each has thousands of cells. If each cell had a distribution of its own, it
would cost more than the true causes tell. Most mechanisms are smoother: effects of single causes and of pairs say
nearly all. They are the coefficients of a multinomial logistic regression of the table's cells, with a normal prior
whose precision is learned for single causes and for pairs [1]_; where pairs say nothing it grows, and they cost next
to nothing.

Vocabulary: C cells, which are configurations of the causes, s states, k columns.

References
----------
.. [1] D. J. C. MacKay, "Bayesian interpolation", 1992.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import torch

from pyrocausal.model.logistic_regression import LogisticRegression, log_probs_of, logistic_regression

__all__ = ["LogLinear"]

COEFFICIENTS = 800  # at the most: the time goes with their square, and memory too
CELLS = 20_000  # at the most
CONSTANT, SINGLE, PAIR = 0, 1, 2  # orders of columns
BEGINNING = 0.1, 10.0, 300.0  # precision of their coefficients; that of the constant stays
LOOSEST, TIGHTEST = 0.01, 1e6
ROUNDS, ROUNDS_OF_PAIRS = 3, 2  # of learning the precision, at the most
ENOUGH = 1.0  # nats that such a round has to gain for another one


class LogLinear(NamedTuple):
    """A model of one table.

    Attributes
    ----------
    design
        Columns at every cell, shape [C, k].
    order
        How many causes each column is of, shape [k].
    tightness
        Precision of the coefficients of each column, shape [k].
    found
        The most probable coefficients.
    """

    design: torch.Tensor
    order: torch.Tensor
    tightness: torch.Tensor
    found: LogisticRegression

    @classmethod
    def of(cls, common: torch.Tensor, levels: tuple[int, ...]) -> LogLinear | None:
        """That with the most evidence; None where there are fewer than two causes, or too many coefficients.

        Parameters
        ----------
        common
            Counts, shape [C, s], double.
        levels
            States of every cause; the last one's run fastest through the cells.
        """
        contrasts, found = common.shape[1] - 1, None
        if len(levels) < 2 or len(common) > CELLS:
            return None
        for most, rounds in ((SINGLE, ROUNDS), (PAIR, ROUNDS_OF_PAIRS)):
            if _width(levels, most) * contrasts > COEFFICIENTS:
                return found
            found = cls._begun(common, levels, most, found)._settled(common, rounds)
        return found

    @classmethod
    def _begun(cls, common: torch.Tensor, levels: tuple[int, ...], most: int, before: LogLinear | None) -> LogLinear:
        """One with effects of pairs from one without, or that one."""
        design, order = _design(levels, most)
        tightness, start = torch.tensor(BEGINNING, dtype=torch.double)[order], None
        if before is not None:
            known = before.design.shape[1]
            tightness[:known] = before.tightness
            start = torch.nn.functional.pad(before.found.weights, (0, 0, 0, design.shape[1] - known))
        return cls(design, order, tightness, logistic_regression(design, common, start=start, tightness=tightness))

    def _settled(self, common: torch.Tensor, rounds: int) -> LogLinear:
        """The same with the precision that has the most evidence, or nearly so."""
        best = self
        for _ in range(rounds):
            other = best._learned().again(common)
            gain = other.found.evidence - best.found.evidence
            best = other if gain > 0 else best
            if gain < ENOUGH:
                break
        return best

    def again(self, common: torch.Tensor) -> LogLinear:
        """The same for other counts [C, s], with what is known of its precision."""
        found = self.found
        again = logistic_regression(
            self.design, common, start=found.weights, tightness=self.tightness, information=found.information
        )
        return self._replace(found=again)

    @property
    def share(self) -> torch.Tensor:
        """Probabilities of states in every cell, [C, s]."""
        return log_probs_of(self.design, self.found.weights).exp()

    def _learned(self) -> LogLinear:
        """The same where the precision is what the coefficients of an order say of it, so far as rows tell of them."""
        weights, tightness = self.found.weights, self.tightness.clone()
        spread = torch.cholesky_inverse(self.found.root).diagonal().view_as(weights)
        for each in range(SINGLE, int(self.order[-1]) + 1):
            here = self.order == each
            told = (1 - tightness[here, None] * spread[here]).sum().clamp(min=1e-3)
            tightness[here] = (told / weights[here].square().sum().clamp(min=1e-9)).clamp(LOOSEST, TIGHTEST)
        return self._replace(tightness=tightness)


def _width(levels: tuple[int, ...], most: int) -> int:
    """Columns of effects of single causes, and of pairs."""
    free = [each - 1 for each in levels]
    return 1 + sum(math.prod(some) for order in range(SINGLE, most + 1) for some in combinations(free, order))


@lru_cache(maxsize=32)
def _design(levels: tuple[int, ...], most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns [C, k], of mean square 1 over cells, and how many causes each is of [k]."""
    cells = torch.cartesian_prod(*(torch.arange(each) for each in levels)).view(-1, len(levels))
    one = [_contrasts(each)[cells[:, j]] for j, each in enumerate(levels)]
    columns = [torch.ones(len(cells), 1, dtype=torch.double), *one]
    order = [CONSTANT] + [SINGLE] * sum(each - 1 for each in levels)
    if most == PAIR:
        for a, b in combinations(one, 2):
            columns.append((a[:, :, None] * b[:, None]).flatten(1))
            order += [PAIR] * columns[-1].shape[1]
    return torch.cat(columns, 1), torch.tensor(order)


def _contrasts(levels: int) -> torch.Tensor:
    """Contrasts of a cause's states, which are uncorrelated and of mean square 1: [levels, levels - 1]."""
    every = torch.cat([torch.ones(levels, 1), torch.eye(levels)[:, : levels - 1]], 1).double()
    return torch.linalg.qr(every).Q[:, 1:] * math.sqrt(levels)

"""Regressions: of numbers with their conjugate posterior, of counts with Laplace's approximation around the mode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import Kind
from pyrocausal.data.negative_binomial import LOG_SIZE, negative_binomial
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, PAIRS
from pyrocausal.evidence.telling_rows import TellingRows
from pyrocausal.mechanism_posterior.basis import Basis
from pyrocausal.mechanism_posterior.family_posterior import Conditional, FamilyPosterior, evenly
from pyrocausal.model.conjugate import linear_regression
from pyrocausal.model.count_regression import count_regression

__all__ = ["CountPosterior", "RegressionPosterior", "forms_of"]

TIGHTNESS = 1.0, 30.0, 1000.0  # of steps and products: a curve that is hardly one costs hardly anything
BEYOND = 1.0  # of a logarithm of a mean beyond those of rows: an exponential runs away where no row has been
MOST = 30_000  # rows of counts, evenly spread over the tables; they then count for those between them


def forms_of(kinds: Sequence[Kind], parents: tuple[int, ...]) -> list[tuple[int, float]]:
    """Levels at which regressions on some parents differ, and how tight the prior of what bends them is."""
    levels = [LINEAR]
    if any(not kinds[j].discrete for j in parents):
        levels.append(ADDITIVE)
    if len(parents) > 1:
        levels.append(PAIRS)
    return [(level, tight) for level in levels for tight in (TIGHTNESS if level != LINEAR else TIGHTNESS[:1])]


class RegressionPosterior(FamilyPosterior):
    """Coefficients and the variance of the noise of a number.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    telling
        Rows.
    effect, parents
        The variable and its parents.
    level, tightness
        See `forms_of`.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        telling: TellingRows,
        effect: int,
        parents: tuple[int, ...],
        level: int,
        tightness: float = 1.0,
    ) -> None:
        weights = telling.weights[:, effect]
        self.basis = Basis(kinds, telling.rows, weights, parents, level)
        both = torch.cat([self.basis(telling.rows), telling.rows[:, effect, None].double()], 1)
        tight = torch.where(self.basis.further, tightness, 1.0).double()
        self.found = linear_regression(both.mT @ (both * weights[:, None]), weights.sum(), tightness=tight)
        self.evidence = float(self.found.evidence)

    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """See `FamilyPosterior.draw`."""
        found = self.found
        if rng is None:
            return partial(self._conditional, found.weights / found.size, float(found.rate / found.shape) ** 0.5)
        scale = (float(found.rate) / rng.standard_gamma(float(found.shape))) ** 0.5
        apart = torch.from_numpy(rng.standard_normal(len(found.weights)))
        turned = torch.linalg.solve_triangular(found.factor.mT, apart[:, None], upper=True)[:, 0]
        return partial(self._conditional, (found.weights + scale * turned) / found.size, scale)

    def _conditional(self, weights: torch.Tensor, scale: float, values: torch.Tensor) -> dist.TorchDistribution:
        return dist.Normal((self.basis(values) @ weights).to(values), torch.as_tensor(scale).to(values))


class CountPosterior(FamilyPosterior):
    """Coefficients and size of a negative binomial regression.

    Parameters
    ----------
    kinds, telling, effect, parents, level, tightness
        As for `RegressionPosterior`.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        telling: TellingRows,
        effect: int,
        parents: tuple[int, ...],
        level: int,
        tightness: float = 1.0,
    ) -> None:
        self.kind = kinds[effect]
        some = telling.weights[:, effect].nonzero()[:, 0]
        every = len(some)
        some = some[evenly(every, MOST)]
        share = every / max(1, len(some))
        rows, weights = telling.rows[some].double(), telling.weights[some, effect] * share
        self.basis = Basis(kinds, rows, weights, parents, level)
        tight = torch.where(self.basis.further, tightness, 1.0).double()
        offset = log_levels([self.kind], rows)[:, 0]
        columns = self.basis(rows)
        self.found = count_regression(columns, rows[:, effect], offset, weights, tightness=tight)
        told = columns @ self.found.weights
        self.bounds = float(told.min()) - BEYOND, float(told.max()) + BEYOND
        self.evidence = float(self.found.evidence)

    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """See `FamilyPosterior.draw`."""
        found = self.found
        if rng is None:
            return partial(self._conditional, found.weights, found.log_size)
        factor = torch.linalg.cholesky(found.precision)
        apart = torch.from_numpy(rng.standard_normal(len(found.weights)))
        weights = found.weights + torch.linalg.solve_triangular(factor.mT, apart[:, None], upper=True)[:, 0]
        log_size = found.log_size + float(rng.standard_normal()) / found.curvature.sqrt()
        return partial(self._conditional, weights, log_size)

    def _conditional(
        self, weights: torch.Tensor, log_size: torch.Tensor, values: torch.Tensor
    ) -> dist.TorchDistribution:
        log_mean = (self.basis(values) @ weights).clamp(*self.bounds).to(values) + log_levels([self.kind], values)[
            ..., 0
        ]
        return negative_binomial(log_mean, log_size.clamp(*LOG_SIZE).to(values))

"""Logistic regressions of states, with Laplace's approximation around the mode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.data.kind import Kind
from pyrocausal.evidence.cause_columns import width_of
from pyrocausal.evidence.regressors import ADDITIVE, COEFFICIENTS, LINEAR
from pyrocausal.evidence.telling_rows import TellingRows
from pyrocausal.mechanism_posterior.basis import Basis
from pyrocausal.mechanism_posterior.family_posterior import Conditional, FamilyPosterior
from pyrocausal.mechanism_posterior.regression_posterior import forms_of
from pyrocausal.model.logistic_regression import SPREAD, log_probs_of, logistic_regression, seen_in_rows

__all__ = ["LogisticPosterior"]


class LogisticPosterior(FamilyPosterior):
    """Coefficients of a multinomial logistic regression.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    telling
        Rows.
    effect, parents
        The variable, which has states, and its parents.
    level, tightness
        One of `forms`.
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
        some = telling.weights[:, effect].nonzero()[:, 0]
        rows, weights = telling.rows[some].double(), telling.weights[some, effect]
        self.basis = Basis(kinds, rows, weights, parents, level)
        tight = torch.where(self.basis.further, tightness, 1.0).double()
        seen = seen_in_rows(rows[:, effect].long(), weights.double(), kinds[effect].cardinality)
        self.found = logistic_regression(SPREAD * self.basis(rows), seen, tightness=tight)
        self.evidence = self.found.evidence

    @classmethod
    def forms(cls, kinds: Sequence[Kind], effect: int, parents: tuple[int, ...]) -> list[tuple[int, float]]:
        """Levels and tightness where a number is among the parents, and there are few enough coefficients."""
        if kinds[effect].closed_form != "table" or all(kinds[j].discrete for j in parents):
            return []
        width = 1 + sum(width_of(kinds[j]) for j in parents)
        most = ADDITIVE if (kinds[effect].cardinality - 1) * width <= COEFFICIENTS else LINEAR
        return [form for form in forms_of(kinds, parents) if form[0] <= most]

    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """See `FamilyPosterior.draw`."""
        weights = self.found.weights
        if rng is None:
            return partial(self._conditional, weights)
        apart = torch.from_numpy(rng.standard_normal((weights.numel(), 1)))
        by = torch.linalg.solve_triangular(self.found.root.mT, apart, upper=True).view_as(weights)
        return partial(self._conditional, weights + by)

    def _conditional(self, weights: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        return dist.Categorical(logits=log_probs_of(SPREAD * self.basis(values), weights).to(values))

"""What every posterior of a mechanism has: how well it predicts, and mechanisms drawn from it.

References
----------
S. Watanabe, "Asymptotic equivalence of Bayes cross validation and widely applicable information criterion in singular
learning theory", 2010.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.data.kind import Kind

__all__ = ["Conditional", "FamilyPosterior", "evenly"]

DRAWS = 24  # that rows are predicted by
JUDGED = 4_000  # rows at the most, evenly spread

Conditional: TypeAlias = Callable[[torch.Tensor], dist.TorchDistribution]  # values [*batch, d] -> batch shape [*batch]


def evenly(rows: int, most: int) -> torch.Tensor:
    """Places of all rows, or of so many of them, evenly spread: [min(rows, most)]."""
    return torch.linspace(0, rows - 1, min(rows, most), dtype=torch.double).round().long()


class FamilyPosterior(ABC):
    """Of one variable given its parents.

    Attributes
    ----------
    evidence
        Log probability of the rows that tell of it under all mechanisms of this form, nats; -inf of forms of which it
        is not known.
    """

    evidence: float = -math.inf

    def predictive(self, kind: Kind, effect: int, rows: torch.Tensor, weights: torch.Tensor) -> float:
        """How well it predicts other rows like those that tell of it, nats in all: Watanabe's criterion.

        Forms with closed evidence and fitted ones can both be judged by it.

        Parameters
        ----------
        kind, effect
            Of the variable, and its place.
        rows, weights
            That tell of it, encoded, shape [N, d], and how much, [N].
        """
        some = evenly(len(rows), JUDGED)
        every = len(rows) / max(1, len(some))
        rows, weights, values = rows[some], weights[some] * every, kind.typed(rows[some, effect])
        rng = np.random.default_rng(0)
        drawn = [self.draw(rng) for _ in range(DRAWS)]
        with torch.no_grad():
            log_prob = torch.stack([conditional(rows).log_prob(values).double() for conditional in drawn])
        each = log_prob.logsumexp(0) - math.log(DRAWS) - log_prob.var(0)
        return float((each * weights).sum())

    @abstractmethod
    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """Draw a mechanism; None: the one that is expected, or most probable."""

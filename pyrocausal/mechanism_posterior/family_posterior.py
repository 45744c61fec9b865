"""What every posterior of a mechanism has: how probable the rows are under it, and mechanisms drawn from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyro.distributions as dist
import torch

__all__ = ["Conditional", "FamilyPosterior"]

Conditional: TypeAlias = Callable[[torch.Tensor], dist.TorchDistribution]  # values [*batch, d] -> batch shape [*batch]


class FamilyPosterior(ABC):
    """Of one variable given its parents.

    Attributes
    ----------
    evidence
        Log probability of the rows that tell of it, nats: of all mechanisms of this form, or of one that was fitted,
        less what its parameters cost.
    """

    evidence: float

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Conditional:
        """Draw a mechanism."""

"""What joins a distribution to noise that no cause acts on (`pyrocausal.model.couplings`)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch

__all__ = ["Coupling", "tensor_of"]


class Coupling(ABC):
    """What joins a distribution of batch shape [...] to its noise.

    Parameters
    ----------
    fn
        The distribution.
    """

    def __init__(self, fn: dist.TorchDistribution) -> None:
        self.fn = fn

    @property
    def noise(self) -> dist.TorchDistribution:
        """Distribution of the noise of a row, empty batch shape; double, so that nothing is lost on the way back."""
        zero = torch.zeros((), dtype=torch.double, device=tensor_of(self.fn).device)
        return dist.Normal(zero, zero + 1)

    @abstractmethod
    def push(self, noise: torch.Tensor) -> torch.Tensor:
        """Values of noise [...], which broadcasts against the distribution."""

    @abstractmethod
    def pull(self, value: torch.Tensor) -> torch.Tensor:
        """Noise that values [...] came from, drawn at random where several could have been."""


def tensor_of(fn: torch.distributions.Distribution) -> torch.Tensor:
    """One of the tensors that a distribution is made of."""
    if isinstance(fn, dist.MixtureSameFamily):
        return tensor_of(fn.component_distribution)
    if isinstance(fn, torch.distributions.TransformedDistribution):
        return tensor_of(fn.base_dist)
    return next(each for each in vars(fn).values() if isinstance(each, torch.Tensor))

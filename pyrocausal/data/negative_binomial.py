"""The negative binomial distribution, as counts have it, and mixtures of several.

y ~ NB(mean m, size s):  variance = m + m^2 / s

A component whose mean is next to nothing is all at 0, so that mixtures have as many zeros as there are.
"""

from __future__ import annotations

import pyro.distributions as dist
import torch

__all__ = ["LOG_MEAN", "LOG_SIZE", "NegativeBinomial", "NegativeBinomials", "negative_binomial", "negative_binomials"]

LOG_MEAN, LOG_SIZE = (-15.0, 16.0), (-5.0, 9.0)  # bounds


class NegativeBinomial(dist.NegativeBinomial):
    """Torch's negative binomial, whose log-density is computed in double precision.

    In single precision the gamma functions of large counts and sizes cancel to nothing but rounding.
    """

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Nats of values, in the precision of the parameters."""
        size, logits, count = self.total_count.double(), self.logits.double(), value.double()
        found = size * torch.nn.functional.logsigmoid(-logits) + count * torch.nn.functional.logsigmoid(logits)
        found = found + torch.lgamma(size + count) - torch.lgamma(size) - torch.lgamma(1.0 + count)
        return found.to(self.logits.dtype)

    def scores(self, value: torch.Tensor) -> torch.Tensor:
        """How log-density grows with the logarithms of mean and size, over its own standard deviation for the mean.

        Parameters
        ----------
        value
            Shape [...].

        Returns
        -------
        torch.Tensor
            Shape [2, ...]; each has mean zero where the distribution is right.
        """
        size, mean, count = self.total_count.double(), self.mean.double(), value.double()
        pearson = (count - mean) / (mean + mean.square() / size).sqrt()
        spread = torch.digamma(size + count) - torch.digamma(size) - torch.log1p(mean / size)
        spread = size * (spread + (mean - count) / (size + mean))
        return torch.stack([pearson, spread]).to(self.logits.dtype)


def negative_binomial(log_mean: torch.Tensor, log_size: torch.Tensor) -> NegativeBinomial:
    """Make the distribution from the logarithms of its mean and size, which are kept within bounds."""
    log_mean, log_size = torch.broadcast_tensors(log_mean.clamp(*LOG_MEAN), log_size.clamp(*LOG_SIZE))
    return NegativeBinomial(log_size.exp(), logits=log_mean - log_size, validate_args=False)


class NegativeBinomials(dist.MixtureSameFamily):
    """A mixture of negative binomials."""

    def scores(self, value: torch.Tensor) -> torch.Tensor:
        """As `NegativeBinomial.scores`, where means and sizes of all components move together.

        The first is in units of the standard deviation it had if components were told, which is no less than its own.
        """
        parts = self.component_distribution
        given = value[..., None]
        shares = (self.mixture_distribution.logits + parts.log_prob(given)).softmax(-1)  # of a value, [..., K]
        pearson, spread = parts.scores(given)
        told = (parts.mean / (1 + parts.mean / parts.total_count)).sqrt()  # what it is over its own deviation
        whole = (self.mixture_distribution.probs * told.square()).sum(-1).sqrt()
        return torch.stack([(shares * told * pearson).sum(-1) / whole, (shares * spread).sum(-1)])


def negative_binomials(logits: torch.Tensor, log_mean: torch.Tensor, log_size: torch.Tensor) -> NegativeBinomials:
    """Make a mixture from logits, and logarithms of mean and size, of every component, along the last dimension."""
    parts = negative_binomial(log_mean, log_size)
    shares = dist.Categorical(logits=logits.expand(parts.batch_shape), validate_args=False)
    return NegativeBinomials(shares, parts, validate_args=False)

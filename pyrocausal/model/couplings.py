"""How a value comes from noise: x = f(distribution, u), with u standard noise that no cause acts on.

A distribution of x given its parents does not say which value a row would have had under other parents. A *coupling*
does: the noise stays, the distribution changes. Here

- a normal variable is its mean plus its standard deviation times u;
- a categorical one is the state whose log probability plus a Gumbel number of its own is largest (the Gumbel-max
  coupling, under which a state that became more probable, others less, is not left);
- anything else, mixtures and counts among it, is the quantile that u is of a standard normal distribution.

No data can tell one coupling from another; they are assumptions, and counterfactuals depend on them. What is said of a
population under an intervention does not.

References
----------
.. [1] M. Oberst, D. Sontag, "Counterfactual Off-Policy Evaluation with Gumbel-Max Structural Causal Models", 2019.
.. [2] J. Pearl, "Causality", 2nd edition, 2009, chapter 7.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from scipy import special

__all__ = ["Coupling", "coupling_of"]

APART = 1e-12  # Gumbel numbers of the state that was seen and of the others, so that rounding changes no row
STEPS = 100  # of a bisection, more than double precision has bits
Floats: TypeAlias = NDArray[np.float64]
LOWER, UPPER = torch.tensor(False), torch.tensor(True)  # tails


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
        zero = torch.zeros((), dtype=torch.double, device=_tensor_of(self.fn).device)
        return dist.Normal(zero, zero + 1)

    @abstractmethod
    def push(self, noise: torch.Tensor) -> torch.Tensor:
        """Values of noise [...], which broadcasts against the distribution."""

    @abstractmethod
    def pull(self, value: torch.Tensor) -> torch.Tensor:
        """Noise that values [...] came from, drawn at random where several could have been."""


class _Affine(Coupling):
    """x = mean + sd u."""

    fn: dist.Normal

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        return (self.fn.loc.double() + self.fn.scale.double() * noise).to(self.fn.loc.dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        return (value.double() - self.fn.loc.double()) / self.fn.scale.double()


class _GumbelMax(Coupling):
    """x = argmax of log p + u."""

    fn: dist.Categorical

    @property
    def noise(self) -> dist.TorchDistribution:
        zeros = torch.zeros(self.fn.logits.shape[-1], dtype=torch.double, device=self.fn.logits.device)
        return dist.Gumbel(zeros, zeros + 1).to_event(1)

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        return (self._logits() + noise).argmax(-1)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        logits = self._logits()
        logits, code = torch.broadcast_tensors(logits, value.long()[..., None])
        top = _gumbel(logits[..., :1])
        below = -torch.log(torch.exp(-top) + torch.exp(-(_gumbel(logits) + logits)))
        below = torch.minimum(below, top - APART * (1 + top.abs()))
        states = torch.arange(logits.shape[-1], device=logits.device)
        return torch.where(states == code, top, below) - logits

    def _logits(self) -> torch.Tensor:
        """Log probabilities, none of them so low that noise could not be told from it."""
        return self.fn.logits.double().log_softmax(-1).clamp(min=-700.0)


class _Quantile(Coupling):
    """F(x) = Phi(u), from whichever tail is nearer, so that far values keep their digits."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        low, high = (each.clone() for each in torch.broadcast_tensors(*self._bounds(noise)))
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            if not bool(((middle != low) & (middle != high)).any()):
                break
            short = self._short(middle, noise)
            low, high = torch.where(short, middle, low), torch.where(short, high, middle)
        return high.to(_tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        below, above = (self._log_tail(value.double(), each) for each in (LOWER, UPPER))
        score = _score(torch.minimum(below, above))
        return torch.where(below < above, score, -score)

    def _short(self, value: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Whether values are below the quantile that noise is, told by the tail in which that is."""
        upper = noise >= 0
        found, wanted = self._log_tail(value, upper), torch.special.log_ndtr(-noise.double().abs())
        return torch.where(upper, found > wanted, found < wanted)

    def _bounds(self, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parts = self.fn.component_distribution
        reach = noise.double().abs()[..., None] + 1.0
        low = (parts.loc.double() - parts.scale.double() * reach).amin(-1)
        return low, (parts.loc.double() + parts.scale.double() * reach).amax(-1)

    def _log_tail(self, value: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
        """Logarithm of P(X <= value), or of P(X > value) for the upper tail."""
        parts, shares = self.fn.component_distribution, self.fn.mixture_distribution.logits.double().log_softmax(-1)
        score = (value[..., None] - parts.loc.double()) / parts.scale.double()
        return (shares + torch.special.log_ndtr(torch.where(upper[..., None], -score, score))).logsumexp(-1)


class _CountQuantile(_Quantile):
    """The same of negative binomials, where a value takes up a piece of the noise, in which it is drawn at random."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        """From where quantiles are about, in steps that grow until each lies between two counts, which are halved."""
        about = self._about(noise.double())
        u = noise.double().expand(about.shape).numpy(force=True).ravel()
        parts = [each.expand(*about.shape, -1).numpy(force=True).reshape(len(u), -1) for each in self._parts()]
        at, low, high = about.numpy(force=True).ravel(), np.full(len(u), -1.0), np.full(len(u), np.inf)
        upper, wanted = u >= 0, special.log_ndtr(-np.abs(u))
        todo, step = np.arange(len(u)), 1.0
        while len(todo):
            here, up = at[todo], upper[todo]
            tail = _log_count_tail([part[todo] for part in parts], here, up)
            short = np.where(up, tail > wanted[todo], tail < wanted[todo])
            low[todo], high[todo] = np.where(short, here, low[todo]), np.where(short, high[todo], here)
            todo = todo[high[todo] - low[todo] > 1]
            some, most = low[todo], high[todo]
            middle = np.floor(0.5 * (some + np.where(np.isinf(most), 0.0, most)))
            at[todo] = np.where(np.isinf(most), some + step, np.maximum(middle, most - step))
            step *= 4.0
        return torch.as_tensor(high.reshape(about.shape)).to(_tensor_of(self.fn))

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        value = value.double()
        below, above = (self._log_tail(value, each) for each in (LOWER, UPPER))
        before, after = (self._log_tail(value - 1, each) for each in (LOWER, UPPER))
        share = torch.rand_like(below)
        # P(X < x) + share P(X = x), or the same from above
        low = torch.logaddexp(share.log() + below, (1 - share).log() + before)
        high = torch.logaddexp(share.log() + above, (1 - share).log() + after)
        score = _score(torch.minimum(low, high))
        return torch.where(low < high, score, -score)

    def _about(self, noise: torch.Tensor) -> torch.Tensor:
        """Whole numbers that a quantile may be, by mean, variance and skewness, this of one component."""
        mean, size, shares = self._parts()
        whole = (shares * mean).sum(-1)
        spread = (shares * (mean + mean.square() / size + (mean - whole[..., None]).square())).sum(-1).sqrt()
        skewness = (2 * spread / whole - 1 / spread).clamp(max=2.0)
        return (whole + spread * (noise + skewness * (noise.square() - 1) / 6)).clamp(min=0.0).floor()

    def _log_tail(self, value: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
        parts = [each.numpy(force=True) for each in self._parts()]
        return torch.as_tensor(_log_count_tail(parts, value.numpy(force=True), upper.numpy(force=True))).to(value)

    def _parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Means, sizes and shares of components [..., K]."""
        if isinstance(self.fn, dist.MixtureSameFamily):
            parts, shares = self.fn.component_distribution, self.fn.mixture_distribution.probs.double()
            return parts.mean.double(), parts.total_count.double(), shares
        mean, size = self.fn.mean.double()[..., None], self.fn.total_count.double()[..., None]
        return mean, size, torch.ones_like(mean)


def _log_count_tail(parts: Sequence[Floats], value: Floats, upper: NDArray[np.bool_]) -> Floats:
    """Logarithm of P(X <= value), or of P(X > value) for the upper tail, of means, sizes and shares [..., K]."""
    mean, size, shares = parts
    count, above = np.floor(value)[..., None], upper[..., None]
    at, stays = np.maximum(count, 0.0) + 1, size / (size + mean)
    first, second, share = (np.where(above, *each) for each in ((at, size), (size, at), (mean / (size + mean), stays)))
    found = np.where(count < 0, above, special.betainc(first, second, share))
    with np.errstate(divide="ignore"):
        return np.log((shares * found).sum(-1))


class _Inverse(Coupling):
    """F(x) = Phi(u) of a distribution that has `cdf` and `icdf`."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        return self.fn.icdf(torch.special.ndtr(noise.double())).to(_tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        return torch.special.ndtri(self.fn.cdf(value).double())


def coupling_of(fn: dist.TorchDistribution) -> Coupling:
    """The coupling of a distribution.

    Parameters
    ----------
    fn
        As a mechanism gives it, empty event shape.

    Raises
    ------
    NotImplementedError
        If there is none: a distribution of yours needs `cdf` and `icdf`.

    Examples
    --------
    >>> found = coupling_of(dist.Normal(torch.tensor(1.0), torch.tensor(2.0)))
    >>> float(found.push(found.pull(torch.tensor(4.0))))
    4.0
    """
    while isinstance(fn, dist.MaskedDistribution | dist.ExpandedDistribution):
        fn = fn.base_dist
    if isinstance(fn, dist.Normal):
        return _Affine(fn)
    if isinstance(fn, dist.Categorical):
        return _GumbelMax(fn)
    of = fn.component_distribution if isinstance(fn, dist.MixtureSameFamily) else fn
    if isinstance(of, dist.NegativeBinomial):
        return _CountQuantile(fn)
    if isinstance(of, dist.Normal):
        return _Quantile(fn)
    try:
        fn.icdf(torch.tensor(0.5))
        fn.cdf(fn.icdf(torch.tensor(0.5)))
    except NotImplementedError:
        raise NotImplementedError(
            f"a {type(fn).__name__} has no inverse distribution function, so that no noise can be found behind its "
            "values; give it cdf and icdf, or use another distribution"
        ) from None
    return _Inverse(fn)


def _tensor_of(fn: torch.distributions.Distribution) -> torch.Tensor:
    """One of the tensors that a distribution is made of."""
    if isinstance(fn, dist.MixtureSameFamily):
        return _tensor_of(fn.component_distribution)
    if isinstance(fn, torch.distributions.TransformedDistribution):
        return _tensor_of(fn.base_dist)
    return next(each for each in vars(fn).values() if isinstance(each, torch.Tensor))


def _score(log_tail: torch.Tensor) -> torch.Tensor:
    """Quantiles of the standard normal distribution that leave so much below, as a logarithm."""
    return torch.as_tensor(special.ndtri_exp(log_tail.numpy(force=True))).to(log_tail)


def _gumbel(like: torch.Tensor) -> torch.Tensor:
    """Gumbel numbers [...]."""
    return -torch.log(torch.empty_like(like).exponential_().clamp(min=math.exp(-700)))

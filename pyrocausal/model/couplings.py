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
from contextlib import suppress

import numpy as np
import pyro.distributions as dist
import torch
from scipy import special
from torch.distributions import transform_to

__all__ = ["Coupling", "coupling_of"]

APART = 1e-12  # Gumbel numbers of the state that was seen and of the others, so that rounding changes no row
STEPS = 100  # of a bisection, more than double precision has bits
DOUBLINGS = 60  # of a number, until no more than the noise leaves is beyond it


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
        upper = torch.as_tensor(noise >= 0).expand_as(low)
        wanted = torch.special.log_ndtr(-noise.double().abs()).expand_as(low)
        for _ in range(STEPS):
            middle = self._between(low, high)
            if not bool(((middle != low) & (middle != high)).any()):
                break
            below, above = self._tails(middle)
            short = torch.where(upper, above > wanted, below < wanted)
            low, high = torch.where(short, middle, low), torch.where(short, high, middle)
        return high.to(_tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        below, above = self._tails(value.double())
        score = _score(torch.minimum(below, above))
        return torch.where(below < above, score, -score)

    def _bounds(self, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parts = self.fn.component_distribution
        reach = noise.double().abs()[..., None] + 1.0
        low = (parts.loc.double() - parts.scale.double() * reach).amin(-1)
        return low, (parts.loc.double() + parts.scale.double() * reach).amax(-1)

    def _between(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return 0.5 * (low + high)

    def _tails(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logarithms of P(X <= value) and P(X > value)."""
        parts, shares = self.fn.component_distribution, self.fn.mixture_distribution.logits.double().log_softmax(-1)
        score = (value[..., None] - parts.loc.double()) / parts.scale.double()
        log_ndtr = torch.special.log_ndtr
        return tuple((shares + log_ndtr(sign * score)).logsumexp(-1) for sign in (1, -1))


class _CountQuantile(_Quantile):
    """The same of negative binomials, where a value takes up a piece of the noise, in which it is drawn at random."""

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        value = value.double()
        (below, above), (before, after) = self._tails(value), self._tails(value - 1)
        share = torch.rand_like(below)
        # P(X < x) + share P(X = x), or the same from above
        low = torch.logaddexp(share.log() + below, (1 - share).log() + before)
        high = torch.logaddexp(share.log() + above, (1 - share).log() + after)
        score = _score(torch.minimum(low, high))
        return torch.where(low < high, score, -score)

    def _bounds(self, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        high = self._parts()[0].amax(-1) + 1.0
        high, wanted = (
            each.clone() for each in torch.broadcast_tensors(high, torch.special.log_ndtr(-noise.double().abs()))
        )
        for _ in range(60):  # upwards until no more than the noise leaves is above
            if not bool((more := self._tails(high)[1] > wanted).any()):
                break
            high = torch.where(more, 2 * high, high)
        return -torch.ones_like(high), high.ceil()

    def _between(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return ((low + high) / 2).floor()

    def _tails(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, size, shares = (each.numpy(force=True) for each in self._parts())
        count = np.floor(value.numpy(force=True))[..., None]
        stays = size / (size + mean)
        with np.errstate(divide="ignore"):
            at = np.maximum(count, 0.0)
            below = np.where(count < 0, 0.0, special.betainc(size, at + 1, stays))
            above = np.where(count < 0, 1.0, special.betainc(at + 1, size, 1 - stays))
            found = [np.log((shares * each).sum(-1)) for each in (below, above)]
        return torch.as_tensor(found[0]).to(value), torch.as_tensor(found[1]).to(value)

    def _parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Means, sizes and shares of components [..., K]."""
        if isinstance(self.fn, dist.MixtureSameFamily):
            parts, shares = self.fn.component_distribution, self.fn.mixture_distribution.probs.double()
            return parts.mean.double(), parts.total_count.double(), shares
        mean, size = self.fn.mean.double()[..., None], self.fn.total_count.double()[..., None]
        return mean, size, torch.ones_like(mean)


class _Inverse(Coupling):
    """F(x) = Phi(u) of a distribution that has `cdf` and `icdf`."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        return self.fn.icdf(torch.special.ndtr(noise.double())).to(_tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        return torch.special.ndtri(self.fn.cdf(value).double())


class _Searched(_Quantile):
    """The same of a distribution of numbers that has `cdf` alone, or is Student's, for which SciPy has one."""

    def _bounds(self, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = torch.special.log_ndtr(-noise.double().abs())
        zero = torch.zeros(torch.broadcast_shapes(wanted.shape, self.fn.batch_shape)).to(wanted)
        bounds = [getattr(self.fn.support, bound, None) for bound in ("lower_bound", "upper_bound")]
        start, ends = next((bound for bound in bounds if bound is not None), 0.0), []
        for tail, (bound, step) in enumerate(zip(bounds, (-1.0, 1.0), strict=True)):
            reach = zero + step
            for _ in range(DOUBLINGS if bound is None else 0):
                if not bool((more := self._tails(start + reach)[tail] > wanted).any()):
                    break
                reach = torch.where(more, 2 * reach, reach)
            ends.append(start + reach if bound is None else zero + bound)
        return ends[0], ends[1]

    def _tails(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not isinstance(self.fn, dist.StudentT):
            below = self.fn.cdf(value).double()
            return below.log(), (-below).log1p()
        score = ((value - self.fn.loc.double()) / self.fn.scale.double()).numpy(force=True)
        found = [np.log(special.stdtr(self.fn.df.numpy(force=True), sign * score)) for sign in (1, -1)]
        return torch.as_tensor(found[0]).to(value), torch.as_tensor(found[1]).to(value)


def coupling_of(fn: dist.TorchDistribution, variable: str = "a variable") -> Coupling:
    """The coupling of a distribution.

    Parameters
    ----------
    fn
        As a mechanism gives it, empty event shape.
    variable
        Whose it is, for messages.

    Raises
    ------
    ValueError
        If there is none: a distribution of yours needs `cdf`.

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
    with suppress(NotImplementedError):
        fn.cdf(fn.icdf(torch.tensor(0.5)))
        return _Inverse(fn)
    if isinstance(fn, dist.StudentT):
        return _Searched(fn)
    with suppress(NotImplementedError):
        if (support := fn.support) is not None and not support.is_discrete:
            fn.cdf(transform_to(support)(torch.zeros(())))
            return _Searched(fn)
    raise ValueError(
        f"{variable!r} has a {type(fn).__name__}, whose distribution function is not known, so that no noise can be "
        "found behind its values, and none be shared between worlds; give the distribution a method cdf, or use "
        "another one in its mechanism, such as Normal, StudentT or Gamma"
    )


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

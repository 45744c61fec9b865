"""Couplings of all that is the quantile of its noise: mixtures of normals, counts, and distributions with a `cdf`.

Tails are told by their logarithms, and a value from whichever tail is nearer, so that far values keep their digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from scipy import special

from pyrocausal.model.coupling import Coupling, tensor_of

__all__ = ["CountQuantile", "Inverse", "Quantile", "Searched"]

Floats: TypeAlias = NDArray[np.float64]
LOWER, UPPER = torch.tensor(False), torch.tensor(True)  # tails
STEPS = 100  # of a bisection, more than double precision has bits
DOUBLINGS = 60  # of a number, until no more than the noise leaves is beyond it


class Quantile(Coupling):
    """F(x) = Phi(u), from whichever tail is nearer, so that far values keep their digits."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        """See `Coupling.push`."""
        low, high = (each.clone() for each in torch.broadcast_tensors(*self._bounds(noise)))
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            if not bool(((middle != low) & (middle != high)).any()):
                break
            short = self._short(middle, noise)
            low, high = torch.where(short, middle, low), torch.where(short, high, middle)
        return high.to(tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        """See `Coupling.pull`."""
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


class CountQuantile(Quantile):
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
        return torch.as_tensor(high.reshape(about.shape)).to(tensor_of(self.fn))

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        """See `Coupling.pull`."""
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


class Inverse(Coupling):
    """F(x) = Phi(u) of a distribution that has `cdf` and `icdf`."""

    def push(self, noise: torch.Tensor) -> torch.Tensor:
        """See `Coupling.push`."""
        return self.fn.icdf(torch.special.ndtr(noise.double())).to(tensor_of(self.fn).dtype)

    def pull(self, value: torch.Tensor) -> torch.Tensor:
        """See `Coupling.pull`."""
        return torch.special.ndtri(self.fn.cdf(value).double())


class Searched(Quantile):
    """The same of a distribution of numbers that has `cdf` alone, or is Student's, for which SciPy has one."""

    def _bounds(self, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = torch.special.log_ndtr(-noise.double().abs())
        zero = torch.zeros(torch.broadcast_shapes(wanted.shape, self.fn.batch_shape)).to(wanted)
        bounds = [getattr(self.fn.support, bound, None) for bound in ("lower_bound", "upper_bound")]
        start, ends = next((bound for bound in bounds if bound is not None), 0.0), []
        for tail, bound, step in zip((LOWER, UPPER), bounds, (-1.0, 1.0), strict=True):
            reach = zero + step
            for _ in range(DOUBLINGS if bound is None else 0):
                if not bool((more := self._log_tail(start + reach, tail) > wanted).any()):
                    break
                reach = torch.where(more, 2 * reach, reach)
            ends.append(start + reach if bound is None else zero + bound)
        return ends[0], ends[1]

    def _log_tail(self, value: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
        if not isinstance(self.fn, dist.StudentT):
            below = self.fn.cdf(value).double()
            return torch.where(upper, (-below).log1p(), below.log())
        score = (value - self.fn.loc.double()) / self.fn.scale.double()
        turned = torch.where(upper, -score, score).numpy(force=True)
        return torch.as_tensor(np.log(special.stdtr(self.fn.df.numpy(force=True), turned))).to(value)


def _score(log_tail: torch.Tensor) -> torch.Tensor:
    """Quantiles of the standard normal distribution that leave so much below, as a logarithm."""
    return torch.as_tensor(special.ndtri_exp(log_tail.numpy(force=True))).to(log_tail)

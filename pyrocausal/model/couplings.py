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
from contextlib import suppress

import pyro.distributions as dist
import torch
from torch.distributions import transform_to

from pyrocausal.model.coupling import Coupling
from pyrocausal.model.quantile_couplings import CountQuantile, Inverse, Quantile, Searched

__all__ = ["coupling_of"]

APART = 1e-12  # Gumbel numbers of the state that was seen and of the others, so that rounding changes no row


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
        return CountQuantile(fn)
    if isinstance(of, dist.Normal):
        return Quantile(fn)
    with suppress(NotImplementedError):
        fn.cdf(fn.icdf(torch.tensor(0.5)))
        return Inverse(fn)
    if isinstance(fn, dist.StudentT):
        return Searched(fn)
    with suppress(NotImplementedError):
        if (support := fn.support) is not None and not support.is_discrete:
            fn.cdf(transform_to(support)(torch.zeros(())))
            return Searched(fn)
    raise ValueError(
        f"{variable!r} has a {type(fn).__name__}, whose distribution function is not known, so that no noise can be "
        "found behind its values, and none be shared between worlds; give the distribution a method cdf, or use "
        "another one in its mechanism, such as Normal, StudentT or Gamma"
    )


def _gumbel(like: torch.Tensor) -> torch.Tensor:
    """Gumbel numbers [...]."""
    return -torch.log(torch.empty_like(like).exponential_().clamp(min=math.exp(-700)))

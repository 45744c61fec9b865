"""Structural parameters: how much each edge is believed, as Pyro parameters behind a Bernoulli `"edges"` site.

Row = effect, column = cause: entry (i, j) is the belief that X_j is a direct cause of X_i (gamma_ij of Ke et al.).

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
.. [2] P. Lippe et al., "Efficient Neural Causal Discovery without Acyclicity Constraints", arXiv:2107.10483 (ENCO).
"""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroParam

from pyrocausal.model.local_module import LocalModule

__all__ = ["EdgeBeliefs", "IndependentBeliefs", "OrientedBeliefs"]

CERTAIN = 1e-6  # probability that is as good as none


class EdgeBeliefs(LocalModule):
    """Bernoulli beliefs over the edges of a graph; subclasses say how parameters make a probability.

    Parameters
    ----------
    fixed
        Shape [d, d]: 1 where an edge is certain, 0 where it is impossible, NaN where it is learned (see
        `fixed_edges`). Fixed beliefs never move.
    bound
        Largest absolute value of a structural parameter. Beliefs stay off 0 and 1 by about exp(-bound), so that a
        belief can still come back.

    Examples
    --------
    Going on from the example of `discover`:

    >>> beliefs = result.model.beliefs
    >>> beliefs.edge_probability.shape  # (effect, cause)
    torch.Size([3, 3])
    """

    def __init__(self, fixed: torch.Tensor, bound: float = 6.0) -> None:
        super().__init__()
        if fixed.dim() != 2 or fixed.shape[0] != fixed.shape[1]:
            raise ValueError(f"fixed must have shape [d, d], got {list(fixed.shape)}")
        if not bound > 0:
            raise ValueError(f"bound must be positive, got {bound}")
        self.bound = bound
        self.register_buffer("free", fixed.isnan())
        self.register_buffer("certain", fixed.nan_to_num(0.0))

    @property
    def fixed(self) -> torch.Tensor:
        """What these beliefs were made with, shape [d, d]."""
        return self.certain.masked_fill(self.free, torch.nan)

    def logits(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """Log odds of every edge as if none were fixed, shape [d, d].

        Parameters
        ----------
        existence, orientation
            Which parameters the result may be differentiated by, where a parametrisation tells them apart.
        """
        raise NotImplementedError

    def assign_credit(self, gradient: torch.Tensor, targets: torch.Tensor) -> None:
        """Accumulate `.grad` (of a loss) on the parameters from credit for the edge logits.

        Parameters
        ----------
        gradient
            Credit per regime: d score_r / d logit of edge (i, j), shape [R, d, d]. A regime says nothing of an effect
            that it targets.
        targets
            True where a variable is a target of a regime, shape [R, d].
        """
        raise NotImplementedError

    def believe(self, probability: torch.Tensor) -> None:
        """Set the parameters so that edges have some probabilities, however near to 0 or 1.

        Parameters
        ----------
        probability
            Of every edge, shape [d, d] (effect, cause); those of two directions add up to one at the most. Fixed ones
            are left as they are.
        """
        raise NotImplementedError

    @property
    def edge_probability(self) -> torch.Tensor:
        """Probability of every edge, shape [d, d] (effect, cause); exactly 0 or 1 where fixed."""
        return self.probability()

    def probability(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """`edge_probability`, differentiable only by the parameters asked for (see `logits`)."""
        return torch.where(self.free, self.logits(existence, orientation).sigmoid(), self.certain)

    @torch.no_grad()
    def confine(self) -> None:
        """Clamp the parameters to [-bound, bound], after a step of an optimiser."""
        for parameter in self.parameters():
            parameter.clamp_(-self.bound, self.bound)

    def forward(self) -> torch.Tensor:
        """Sample graphs at the site `"edges"`: shape ``[*plates, d, d]``, entries 0 or 1, zero diagonal.

        A graph that the site is conditioned on may be boolean.
        """
        return pyro.sample("edges", _Edges(self.edge_probability).to_event(2)).to(self.certain.dtype)

    def _mean_over_regimes(self, gradient: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean credit of each effect over the regimes that do not target it: [R, d, d] -> [d, d]."""
        keep = (~targets).to(gradient.dtype)  # [R, d]
        return torch.einsum("rij,ri->ij", gradient, keep) / keep.sum(0).clamp(min=1.0)[:, None]

    def _backward(self, logits: torch.Tensor, gradient: torch.Tensor) -> None:
        logits.backward(-torch.where(self.free, gradient, torch.zeros_like(gradient)))


class _Edges(dist.Bernoulli):
    """Bernoulli edges whose values may be boolean."""

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        return super().log_prob(value.to(self.probs.dtype))


class IndependentBeliefs(EdgeBeliefs):
    """The paper's beliefs: P(X_j causes X_i) = sigmoid(gamma_ij), every edge for itself.

    Examples
    --------
    >>> import torch
    >>> import pyrocausal as pc
    >>> pc.IndependentBeliefs(torch.tensor([[0.0, 0.0], [torch.nan, 0.0]])).edge_probability.tolist()
    [[0.0, 0.0], [0.5, 0.0]]
    """

    def __init__(self, fixed: torch.Tensor, bound: float = 6.0) -> None:
        super().__init__(fixed, bound)
        self.gamma: torch.Tensor = PyroParam(torch.zeros_like(self.certain))  # type: ignore[assignment]

    def logits(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """See `EdgeBeliefs.logits`; gamma stands for existence and orientation alike."""
        return self.gamma if existence or orientation else self.gamma.detach()

    @torch.no_grad()
    def believe(self, probability: torch.Tensor) -> None:
        """See `EdgeBeliefs.believe`."""
        self.gamma.copy_(_log_odds(probability.to(self.certain)))

    def assign_credit(self, gradient: torch.Tensor, targets: torch.Tensor) -> None:
        """See `EdgeBeliefs.assign_credit`: the mean over the regimes that do not target the effect."""
        self._backward(self.logits(), self._mean_over_regimes(gradient, targets))


class OrientedBeliefs(EdgeBeliefs):
    """Existence times orientation: P(X_j causes X_i) = sigmoid(gamma_ij) sigmoid(theta_ij), theta_ij = -theta_ji.

    Existence learns from every regime that does not target the effect; orientation only from regimes whose target is
    the cause, the ones that tell the two directions apart (ENCO, but with inferred targets).

    Examples
    --------
    >>> import torch
    >>> import pyrocausal as pc
    >>> free = torch.full((2, 2), torch.nan).fill_diagonal_(0.0)
    >>> beliefs = pc.OrientedBeliefs(free).edge_probability
    >>> bool(beliefs[0, 1] + beliefs[1, 0] <= 1)  # at most one of the two directions
    True
    """

    def __init__(self, fixed: torch.Tensor, bound: float = 6.0) -> None:
        super().__init__(fixed, bound)
        self.gamma: torch.Tensor = PyroParam(torch.zeros_like(self.certain))  # type: ignore[assignment]
        self.rho: torch.Tensor = PyroParam(torch.zeros_like(self.certain))  # type: ignore[assignment]

    @property
    def theta(self) -> torch.Tensor:
        """Orientation log odds, antisymmetric, shape [d, d]; made of the free matrix `rho`."""
        upper = self.rho.triu(1)
        return upper - upper.t()

    def logits(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """See `EdgeBeliefs.logits`."""
        gamma = self.gamma if existence else self.gamma.detach()
        theta = self.theta if orientation else self.theta.detach()
        # logit(sigmoid(a) sigmoid(b)) = -log(e^-a + e^-b + e^-(a+b))
        return -torch.stack([-gamma, -theta, -gamma - theta]).logsumexp(0)

    @torch.no_grad()
    def believe(self, probability: torch.Tensor) -> None:
        """See `EdgeBeliefs.believe`."""
        probability = probability.to(self.certain)
        either = probability + probability.t()
        self.gamma.copy_(_log_odds(either))
        self.rho.copy_(_log_odds(torch.where(either > 0, probability / either, 0.5)))

    def assign_credit(self, gradient: torch.Tensor, targets: torch.Tensor) -> None:
        """See `EdgeBeliefs.assign_credit`."""
        self._backward(self.logits(orientation=False), self._mean_over_regimes(gradient, targets))
        hit = targets.to(gradient.dtype)  # [R, d]
        informative = torch.einsum("rij,rj,ri->ij", gradient, hit, 1.0 - hit)
        self._backward(self.logits(existence=False), informative)


def _log_odds(probability: torch.Tensor) -> torch.Tensor:
    return probability.logit(CERTAIN)

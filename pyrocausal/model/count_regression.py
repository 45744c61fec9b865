"""Regression of counts on a logarithmic scale, with the negative binomial distribution.

    y ~ NB(mean m, size s):  variance = m + m^2 / s,  log m = offset + x w

A regression has no conjugate prior, so its evidence is Laplace's approximation at the posterior mode, which Fisher
scoring finds for the weights and Newton's method for the size, in turn (the two are orthogonal).

References
----------
.. [1] J. F. Lawless, "Negative binomial and mixed Poisson regression", 1987.
.. [2] L. Tierney, J. B. Kadane, "Accurate approximations for posterior moments and marginal densities", 1986.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch

from pyrocausal.data.negative_binomial import LOG_MEAN, LOG_SIZE

__all__ = ["CountRegression", "count_regression"]


class CountRegression(NamedTuple):
    """The most probable regression, and how probable the counts are under all of them.

    Attributes
    ----------
    weights
        Shape [..., p].
    log_size
        Shape [...].
    evidence
        Laplace's approximation of the log probability of all counts, nats; shape [...].
    log_likelihood
        Of all counts at the mode, nats; shape [...].
    slope, information
        Its slope there in the weights, and minus its second derivative; shapes [..., p] and [..., p, p].
    precision
        The same with what the prior adds: around the mode weights are N(weights, precision^-1); shape [..., p, p].
    curvature
        Minus the second derivative of the log density of the size's logarithm; shape [...].
    """

    weights: torch.Tensor
    log_size: torch.Tensor
    evidence: torch.Tensor
    log_likelihood: torch.Tensor
    slope: torch.Tensor
    information: torch.Tensor
    precision: torch.Tensor
    curvature: torch.Tensor


def count_regression(
    design: torch.Tensor,
    counts: torch.Tensor,
    offset: torch.Tensor,
    keep: torch.Tensor,
    information: float = 0.25,
    size: tuple[float, float] = (1.0, 2.0),
    steps: int = 25,
    tolerance: float = 1e-3,
    tightness: torch.Tensor | None = None,
) -> CountRegression:
    """Negative binomial regression with a unit-information prior: weights are N(0, (information X'X / n)^-1).

    Parameters
    ----------
    design
        Regressors X, shape [..., n, p], double.
    counts
        Shape [..., n].
    offset
        What is added to the logarithm of the mean, such as a typical one; shape [..., n].
    keep
        Whether a row counts, or how many rows it counts as; shape [..., n].
    information
        What a row tells of the logarithm of its mean: as much as a negative binomial of this size at a large mean.
    size
        Mean and standard deviation of the size's logarithm, which is normal beforehand.
    steps, tolerance
        Of the search for the mode, which ends where a regression gains no more nats in a step.
    tightness
        As how many rows the prior of each column tells that it is of no use, shape [p]; None: 1 of all.

    Returns
    -------
    CountRegression
        Double.

    References
    ----------
    D. Sabanes Bove, L. Held, "Hyper-g priors for generalized linear models", 2011.
    """
    x, kept, there = design, keep.double(), (keep > 0).double()
    y = counts.double() * there
    n = kept.sum(-1).clamp(min=1.0)[..., None, None]  # of no rows nothing is said
    masked = x * kept[..., None]
    gram = masked.mT @ x
    # A constant or repeated column has no precision of its own; a trace of one keeps the determinant.
    trace = torch.diag_embed(1e-6 * gram.diagonal(dim1=-2, dim2=-1) + 1e-8)
    prior = information * (gram + trace) / n
    if tightness is not None:
        prior = prior * torch.outer(tightness, tightness).sqrt()

    log_joint = partial(_log_joint, y, kept, prior, size)

    def predicted(weights: torch.Tensor) -> torch.Tensor:
        return (offset + (x @ weights[..., None])[..., 0]).clamp(*LOG_MEAN)

    h = 0.05  # of the logarithm of the size, to tell slope and curvature
    around = torch.tensor([-h, 0.0, h], dtype=x.dtype, device=x.device).view(3, *[1] * (y.dim() - 1))
    weights = _solve(prior + gram, masked.mT @ (((y + 0.5).log() - offset) * there)[..., None])
    eta = predicted(weights)
    excess = ((y - eta.exp()).square() - eta.exp()) * kept
    log_size = -(excess.sum(-1) / ((2 * eta).exp() * kept).sum(-1).clamp(min=1e-9)).clamp(0.1, 10.0).log()
    found = log_joint(eta, log_size + around, weights)  # [3, ...]
    damping = torch.ones_like(log_size)
    searching = torch.ones_like(log_size, dtype=torch.bool)  # each for itself, so that none depends on the others
    for _ in range(steps):
        s, mean = log_size.exp()[..., None], eta.exp()
        slope = masked.mT @ ((y - mean) * s / (s + mean))[..., None] - prior @ weights[..., None]
        step = _solve(prior + (masked * (s * mean / (s + mean))[..., None]).mT @ x, slope)
        far = torch.nn.functional.pad((x @ step[..., None])[..., 0].abs() * there, (0, 1)).amax(-1)  # 0 of no rows
        step = step * (damping / (far / 4.0).clamp(min=1.0))[..., None]
        turn = 0.5 * (found[2] - found[0]) / h / _curvature(found, h, size[1])
        weights_there = weights + step
        log_size_there = (log_size + damping * turn.clamp(-1.5, 1.5)).clamp(*LOG_SIZE)
        eta_there = predicted(weights_there)
        reached = log_joint(eta_there, log_size_there + around, weights_there)
        gain = reached[1] - found[1]
        better = (gain >= 0) & searching
        weights = torch.where(better[..., None], weights_there, weights)
        eta = torch.where(better[..., None], eta_there, eta)
        log_size = torch.where(better, log_size_there, log_size)
        found = torch.where(better, reached, found)
        damping = torch.where(better, (2 * damping).clamp(max=1.0), 0.25 * damping)
        searching = searching & (gain.abs() >= tolerance)
        if not bool(searching.any()):
            break
    s, mean = log_size.exp()[..., None], eta.exp()
    observed = s * mean * (s + y) / (s + mean).square()
    told = (masked * observed[..., None]).mT @ x
    curvature = _curvature(found, h, size[1])
    counted = (torch.lgamma(1.0 + y) * kept).sum(-1)
    around = 0.5 * curvature.log() - _half_log_det(prior) + _half_log_det(prior + told)
    evidence = found[1] - counted - math.log(size[1]) - around
    slope = (masked.mT @ ((y - mean) * s / (s + mean))[..., None])[..., 0]
    penalty = 0.5 * (weights * (prior @ weights[..., None])[..., 0]).sum(-1)
    likely = found[1] + penalty + 0.5 * ((log_size - size[0]) / size[1]).square() - counted
    return CountRegression(weights, log_size, evidence, likely, slope, told, prior + told, curvature)


def _log_joint(
    y: torch.Tensor,
    keep: torch.Tensor,
    prior: torch.Tensor,
    size: tuple[float, float],
    eta: torch.Tensor,
    log_size: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Without what neither depends on: counts y [..., n], eta [..., n], log_size [S, ...] -> [S, ...]."""
    s = log_size.exp()[..., None]
    terms = torch.lgamma(s + y) - torch.lgamma(s) - (s + y) * torch.log1p((eta - log_size[..., None]).exp())
    terms = terms + y * (eta - log_size[..., None])
    penalty = 0.5 * (weights * (prior @ weights[..., None])[..., 0]).sum(-1)
    return (terms * keep).sum(-1) - penalty - 0.5 * ((log_size - size[0]) / size[1]).square()


def _curvature(found: torch.Tensor, h: float, deviation: float) -> torch.Tensor:
    """Of the log joint density [3, ...] in the logarithm of the size, not much less than its prior has."""
    return ((2 * found[1] - found[0] - found[2]) / h**2).clamp(min=0.5 / deviation**2)


def _solve(precision: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
    return torch.cholesky_solve(product, torch.linalg.cholesky(precision))[..., 0]


def _half_log_det(precision: torch.Tensor) -> torch.Tensor:
    return torch.linalg.cholesky(precision).diagonal(dim1=-2, dim2=-1).log().sum(-1)

"""Evidence of regressions over all regimes: a common mechanism with drift, for continuous variables.

In table r a variable is y = X b_r + e, e ~ N(0, s_r^2), with b_r ~ N(m, T) and log s_r ~ N(l, v). The coefficients m
and their drift are integrated out (`pyrocausal.evidence.drift`), the sizes in T are maximised over a few under a
half-Cauchy prior, and the noise of every table is integrated out by Laplace's method. Where the variable was hit, b_r
and s_r are its own, under a wide prior.

Vocabulary: R tables (regimes, and last the observational one), M families, k regressors.

References
----------
A. Gelman, J. Hill, "Data Analysis Using Regression and Multilevel/Hierarchical Models", 2007, chapter 12.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.evidence.drift import (
    Drifted,
    Pooled,
    Spared,
    best_sizes,
    coefficients,
    integrate_drift,
    integrate_own,
    pool,
    spared_evidence,
)
from pyrocausal.evidence.regressors import Sums

__all__ = ["Alone", "Coefficients", "pooled_coefficients", "pooled_regression", "regression_alone"]

NOISE = 0.03, 0.5  # least and greatest drift of the logarithm of the noise
LITTLE = 0.1  # of the same, so that a table whose noise is another is not taken for a drift of all
WIDE = -0.5, 1.0  # mean and standard deviation of the logarithm of the noise of a table by itself
LEAST = 1e-6  # of a variance on a standardised scale


class Alone(NamedTuple):
    """What every table says by itself, coefficients being N(0, 1).

    Attributes
    ----------
    noise
        Logarithm of its standard deviation, shape [M, R].
    evidence
        Nats, shape [M, R].
    coefficients
        Their means, shape [M, R, k].
    """

    noise: torch.Tensor
    evidence: torch.Tensor
    coefficients: torch.Tensor


def regression_alone(sums: Sums) -> Alone:
    """Fit every table by itself."""
    n = sums.rows
    noise = 0.5 * (sums.square / n).clamp(min=LEAST).log()
    level, spread = (torch.full_like(noise[:, 0], value) for value in WIDE)
    for _ in range(3):
        precision = (-2 * noise).exp()
        found = integrate_own(*_information(sums, precision))
        residual = (sums.residual(found.mean) + found.freedom / precision).clamp(min=LEAST)
        noise = _likely_noise(noise, residual, level, spread, n)
    found = integrate_own(*_information(sums, (-2 * noise).exp()))
    return Alone(noise, _given_noise(sums, noise, level, spread) + found.constant, found.mean)


def pooled_regression(sums: Sums, noise: torch.Tensor, hit: torch.Tensor, drift: bool = True) -> Spared:
    """Evidence where the variable was let alone.

    Parameters
    ----------
    sums
        Of M families.
    noise
        Where the search for the noise begins, see `Alone`.
    hit
        Nats where it is hit, see `spared_evidence`; shape [M, R].
    drift
        Whether mechanisms may drift between tables.
    """
    found = _best_end(sums, noise, hit, drift)
    return Spared(found.spared, found.common, found.drift)


class Coefficients(NamedTuple):
    """The regression of every table, as all tables together have it.

    Attributes
    ----------
    mean
        Of its coefficients, shape [M, R, k].
    noise
        Standard deviation of its noise, shape [M, R].
    """

    mean: torch.Tensor
    noise: torch.Tensor


def pooled_coefficients(sums: Sums, odds: torch.Tensor) -> Coefficients:
    """The common mechanism up to drift where that is more probable, and one of its own else.

    Parameters
    ----------
    sums
        Of M families.
    odds
        Prior log odds of one of its own, shape [R].
    """
    alone = regression_alone(sums)
    hit = alone.evidence + odds
    found = _best_end(sums, alone.noise, hit)
    own = hit > found.spared
    mean = torch.where(own[..., None], alone.coefficients, found.coefficients)
    return Coefficients(mean, torch.where(own, alone.noise, found.noise).exp())


class _End(NamedTuple):
    """Where the search for the sizes of drift and the noise ends."""

    evidence: torch.Tensor  # nats, [M]
    spared: torch.Tensor  # [M, R]
    common: torch.Tensor  # [M]
    coefficients: torch.Tensor  # of every table, [M, R, k]
    noise: torch.Tensor  # logarithm of its standard deviation, [M, R]
    drift: torch.Tensor  # [M, R]


def _best_end(sums: Sums, noise: torch.Tensor, hit: torch.Tensor, drift: bool = True) -> _End:
    """Of the ends where the noise of tables may differ much and little, the one with more evidence, for each family."""

    def at(sizes: torch.Tensor, noise: torch.Tensor, most: float) -> tuple[Drifted, Pooled]:
        drifted = integrate_drift(*_information(sums, (-2 * noise).exp()), coefficients(sizes, sums.drifting))
        found = pool(
            drifted, sizes, hit, lambda share: _given_noise(sums, noise, *_noise_prior(noise, share, sums.rows, most))
        )
        return drifted, found

    def evidence(sizes: torch.Tensor) -> torch.Tensor:
        _, found = at(sizes, noise, NOISE[1])
        return spared_evidence(found.spared, found.common, hit)

    def finish(most: float) -> _End:
        drifted, found = at(sizes, noise, most)
        moved = _moved(sums, noise, drifted, found.mean)
        likely = _likely_noise(noise, moved.residual, *_noise_prior(noise, found.share, sums.rows, most), sums.rows)
        drifted, found = at(sizes, likely, most)
        moved = _moved(sums, likely, drifted, found.mean)
        value = spared_evidence(found.spared, found.common, hit)
        return _End(value, found.spared, found.common, found.mean[:, None] + moved.by, likely, moved.distance)

    if not drift:
        sizes = noise.new_zeros(len(noise), 2)
        return finish(NOISE[0])
    sizes = best_sizes(len(noise), evidence)
    much, little = finish(NOISE[1]), finish(LITTLE)
    better = little.evidence > much.evidence
    each = zip(little, much, strict=True)
    return _End(*(torch.where(better.view(-1, *[1] * (one.dim() - 1)), one, other) for one, other in each))


def _information(sums: Sums, precision: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The quadratic log-likelihood of coefficients given the precision of the noise [M, R]."""
    return sums.gram * precision[..., None, None], sums.product * precision[..., None]


class _Moved(NamedTuple):
    """Of every table."""

    by: torch.Tensor  # its coefficients, from the common ones, [M, R, k]
    residual: torch.Tensor  # expected sum of squared residuals, [M, R]
    distance: torch.Tensor  # of its mean from the common one, [M, R]


def _moved(sums: Sums, noise: torch.Tensor, drifted: Drifted, mean: torch.Tensor) -> _Moved:
    """How far tables have drifted from the common coefficients [M, k]."""
    precision = (-2 * noise).exp()
    bent = (sums.gram @ mean[:, None, :, None])[..., 0]
    by = drifted.moved((sums.product - bent) * precision[..., None])
    residual = sums.residual(mean[:, None] + by) + drifted.freedom / precision
    squares = (by * (sums.gram @ by[..., None])[..., 0]).sum(-1).clamp(min=0.0)
    return _Moved(by, residual.clamp(min=LEAST), (squares / sums.rows).sqrt())


def _noise_prior(
    noise: torch.Tensor, share: torch.Tensor, n: torch.Tensor, most: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Typical logarithm of the noise, and how far that of a table is from it, at the most so far: [..., M] each."""
    weight = share * n / (n + 50.0) + 1e-9  # with few rows it is hardly known
    whole = weight.sum(-1)
    level = (weight * noise).sum(-1) / whole
    spread = ((weight * (noise - level[..., None]).square()).sum(-1) / whole).sqrt()
    return level, spread.clamp(NOISE[0], most)


def _likely_noise(
    noise: torch.Tensor, residual: torch.Tensor, level: torch.Tensor, spread: torch.Tensor, n: torch.Tensor
) -> torch.Tensor:
    """The most probable logarithm of every table's noise, from where it is by Newton's method: [M, R]."""
    tight = spread[..., None].square().reciprocal()
    for _ in range(4):
        seen = residual * (-2 * noise).exp()
        noise = noise + ((seen - n - (noise - level[..., None]) * tight) / (2 * seen + tight)).clamp(-1.0, 1.0)
    return noise


def _given_noise(sums: Sums, noise: torch.Tensor, level: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """What does not depend on coefficients, with the logarithm of the noise integrated out: nats, [M, R]."""
    fit = -sums.rows * (noise + 0.5 * math.log(2 * math.pi)) - 0.5 * sums.square * (-2 * noise).exp()
    curvature = 2 * sums.rows + spread[..., None].square().reciprocal()
    away = (noise - level[..., None]) / spread[..., None]
    return fit - 0.5 * away.square() - spread[..., None].log() - 0.5 * curvature.log()

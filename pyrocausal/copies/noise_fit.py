"""Noise that depends on the parents: small networks for both moments, fitted in turns.

Whether it does is asked first, by a regression of squared residuals on what the mean is linear in. Where a mean misfits
they are not the same everywhere either, and the second network widens what is predicted there.

Vocabulary: n rows, q inputs with the constant.

References
----------
T. S. Breusch, A. R. Pagan, "A simple test for heteroscedasticity and random coefficient variation", 1979.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.copies.levenberg_marquardt import LogScale, Squares, minimise
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["Noise", "drawn_scale", "noise_of"]

NOISE_UNITS, NOISE_STEPS = 8, 8  # of the log scale; steps of a turn
LEAST_GAIN = 5.0  # nats beyond chance, for the noise to depend on parents


class Noise(NamedTuple):
    """Networks of both moments.

    Attributes
    ----------
    mean
        In the same units as without.
    log_scale
        Of the noise in these units.
    seen
        Least and greatest log scale in the rows that fitted.
    """

    mean: SmallNetwork
    log_scale: SmallNetwork
    seen: tuple[float, float]


def noise_of(mean: SmallNetwork, inputs: torch.Tensor, loss: Squares, log_scale: SmallNetwork) -> Noise | None:
    """Both moments, where squared residuals are not the same everywhere; None where they are.

    Parameters
    ----------
    mean
        Fitted as if they were.
    inputs
        Shape [q, n].
    loss
        Of the mean.
    log_scale
        Where to begin, but for its level.
    """
    squares, even = (loss.values - mean(inputs)).square(), 0.5 * math.log(loss.variance(mean(inputs)))
    if not _uneven(mean.columns(inputs), squares * math.exp(-2 * even), loss):
        return None
    log_scale = log_scale._replace(linear=log_scale.linear.clone())
    log_scale.linear[0] += even - float(loss.weights @ log_scale(inputs)) / loss.rows
    for last in (False, False, True):
        log_scale = minimise(log_scale, inputs, LogScale(squares, loss.weights), NOISE_STEPS).network
        if not last:
            precision = loss.weights * (-2 * log_scale(inputs)).exp()
            mean = minimise(mean, inputs, loss._replace(weights=precision), NOISE_STEPS).network
            squares = (loss.values - mean(inputs)).square()
    scales = log_scale(inputs)
    return Noise(mean, log_scale, (float(scales.min()), float(scales.max())))


def drawn_scale(inputs: int, seed: int) -> SmallNetwork:
    """A log scale of units at random, for so many inputs."""
    return SmallNetwork.drawn(inputs, None, torch.Generator().manual_seed(seed), NOISE_UNITS)


def _uneven(columns: torch.Tensor, squares: torch.Tensor, loss: Squares) -> bool:
    """Whether a linear map of columns [k, n] tells something of relative squared residuals [n] (Breusch and Pagan)."""
    counted = columns * loss.weights
    square = counted @ columns.t()
    square.diagonal().mul_(1 + 1e-9).add_(1e-6)
    product = counted @ (squares - 1)
    told = float(product @ torch.cholesky_solve(product[:, None], torch.linalg.cholesky(square))[:, 0])
    whole = float(loss.weights @ (squares - 1).square())
    gain = -0.5 * loss.rows * math.log1p(-min(told / max(whole, 1e-12), 1 - 1e-9))
    return gain > 0.5 * len(columns) + LEAST_GAIN

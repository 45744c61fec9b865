"""Residuals of a variable in single rows, and when they are no noise.

A variable that is all but a function of its causes leaves rounding and misfit of the network, which two effects of one
cause have in common: tests would take it for a common cause that was not measured.
"""

from __future__ import annotations

from typing import NamedTuple

import pyro.distributions as dist
import torch

from pyrocausal.data.missing import filled
from pyrocausal.evidence.screening import Residuals

__all__ = ["Left", "least_noise", "left_over"]

# Residuals that are no noise: smaller than this share of a variable's deviation, or than this share of the step to
# which its values are rounded.
EXACT, ROUNDED = 0.05, 0.5
SHARED = 3  # rows per distinct value, from which values count as rounded


class Left(NamedTuple):
    """Of a variable in every row, given some parents.

    Attributes
    ----------
    residual
        Shape [n, S].
    location
        Probabilities of states, or the mean; shape [n, P], P <= S.
    scale
        Of what the first P residuals are in units of; shape [n, 1].
    """

    residual: torch.Tensor
    location: torch.Tensor
    scale: torch.Tensor


def left_over(conditional: dist.TorchDistribution, column: torch.Tensor, sets: int) -> list[Left | None]:
    """Residuals of a variable under some graphs; None without a cdf.

    Parameters
    ----------
    conditional
        Its distribution under K graphs in some rows, batch shape [K, m].
    column
        Its values, shape [m].
    sets
        How many of the graphs count, the first ones.
    """
    residuals = Residuals.of(conditional, filled(column).expand(conditional.batch_shape)) if sets else None
    if residuals is None:
        return [None] * sets
    if isinstance(conditional, dist.Categorical):
        location, scale = conditional.probs, torch.ones_like(conditional.probs[..., :1])
    else:
        location, scale = conditional.mean[..., None], conditional.stddev[..., None]
    parts = residuals.values.transpose(1, 2), location, scale
    return [Left(*(part[k].double().cpu() for part in parts)) for k in range(sets)]


def least_noise(column: torch.Tensor) -> float:
    """The least deviation that counts as noise of a number.

    Parameters
    ----------
    column
        Its observational values, shape [n].
    """
    if len(column) < 2:
        return 0.0
    values = column.double().unique()
    rounded = len(values) > 1 and len(values) * SHARED <= len(column)
    step = float(values.diff().median()) if rounded else 0.0
    return max(EXACT * float(column.double().std()), ROUNDED * step)

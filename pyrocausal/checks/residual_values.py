"""Residuals of a variable in single rows, and when they are no noise.

A variable that is all but a function of its causes leaves rounding and misfit of the network, which two effects of one
cause have in common: tests would take it for a common cause that was not measured.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pyro.distributions as dist
import torch

from pyrocausal.copies.screening import Residuals
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import filled
from pyrocausal.evidence.drift import SIZES

__all__ = [
    "FAR_DRIFT",
    "FAR_DRIFT_STATES",
    "Left",
    "at_least_usual",
    "drift_nats",
    "least_noise",
    "left_over",
    "misfit",
]

# Residuals that are no noise: smaller than this share of a variable's deviation, or than this share of the step to
# which its values are rounded.
EXACT, ROUNDED = 0.05, 0.5
# Drift that is more than a fit expects: in standard deviations, or logarithms of a mean; and for states in total
# variation, that of two normal distributions so far apart.
FAR_DRIFT, FAR_DRIFT_STATES = SIZES[-1], 0.12
BINS = 10  # of a continuous residual, whose distribution is looked at
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


def least_noise(kind: Kind, column: torch.Tensor) -> float:
    """The least deviation that counts as noise of a variable; 0 of all but numbers, for whole ones are not rounded.

    Parameters
    ----------
    kind
        Of the variable.
    column
        Its observational values, shape [n].
    """
    if kind.closed_form != "regression" or len(column) < 2:
        return 0.0
    values = column.double().unique()
    rounded = len(values) > 1 and len(values) * SHARED <= len(column)
    step = float(values.diff().median()) if rounded else 0.0
    return max(EXACT * float(column.double().std()), ROUNDED * step)


def drift_nats(kind: Kind, left: Left, drift: float) -> float:
    """Nats per row by which a variable may differ in a regime, for its mechanism has drifted there.

    Twice what a drift of that size comes to, for it is not known exactly, and no more than a drift that a fit expects.

    Parameters
    ----------
    kind
        Of the variable.
    left
        What its causes leave of it.
    drift
        In one regime, as `CausalPosterior.drift` has it; NaN where it is not known.
    """
    if math.isnan(drift):
        return 0.0
    if kind.discrete:
        return 4 * min(drift, FAR_DRIFT_STATES) ** 2  # the least that a total variation of so much comes to, twice
    moved = min(drift, FAR_DRIFT) / left.scale
    if kind.closed_form == "count regression":
        moved = moved * left.location
    return float(moved.square().median())


def at_least_usual(drift: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Drift of mechanisms, and at least what is usual, for each by itself is known but roughly.

    Parameters
    ----------
    drift
        Shape [R, d], NaN where it is not known.
    there
        Where mechanisms were let alone, boolean, shape [R, d].
    """
    usual = drift[there & ~drift.isnan()]
    return drift.clamp(min=float(usual.median())) if len(usual) else drift


def misfit(
    kind: Kind, values: torch.Tensor, residual: torch.Tensor, strata: torch.Tensor, count: torch.Tensor
) -> float:
    """Nats per row by which values differ from what a mechanism says, beyond what chance makes of it.

    Parameters
    ----------
    kind
        Of the variable.
    values
        Shape [n].
    residual
        What its causes leave of it, shape [n, S].
    strata
        By its causes, integers from 0, shape [n].
    count
        How many rows each row counts as, shape [n].

    Returns
    -------
    float
        Less two standard deviations of chance.
    """
    if kind.closed_form == "count regression":  # scores, whose mean is 0
        mean = (count @ residual) / count.sum()
        return float(0.5 * (mean.square() / residual.var(0).clamp(min=1e-6)).sum())
    if kind.discrete:
        seen = torch.nn.functional.one_hot(values.long(), kind.cardinality).double()
        expected = seen - residual
    else:
        below = torch.special.ndtr(residual[:, 0])
        seen = torch.nn.functional.one_hot((below * BINS).long().clamp(max=BINS - 1), BINS).double()
        expected = torch.full_like(seen, 1 / BINS)
    cells = torch.zeros(int(strata.max()) + 1, seen.shape[1], dtype=torch.double)
    seen, expected = (cells.index_add(0, strata, count[:, None] * each) for each in (seen, expected))
    gain = torch.special.xlogy(seen, seen / expected.clamp(min=1e-12)).sum()
    chance = 0.5 * len(cells) * (cells.shape[1] - 1)  # twice a gain is chi-square
    return float((gain - chance - 2 * math.sqrt(chance)) / count.sum())

"""What a solution predicts of rows that it has not seen, and which further parents it promises something of.

The predictive variance is that of the noise, in as many degrees of freedom as are left, and of what the rows do not
tell of the weights. A score test takes one step of the weights that a further parent would have, those of the linear
map and of every unit, from the one fit that there is, for the mean and for the log scale of the noise. It misses a
parent that changes the scale alone, and only together with others, where no units of a log scale are there yet.

Vocabulary: N rows that fit, n that score, q inputs with the constant, H hidden units, P weights.

References
----------
C. R. Rao, "Large sample tests of statistical hypotheses concerning several parameters", 1948.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch

from pyrocausal.copies.exact_fit import LEAST_SCALE, FamilyRows, Solution, revived, squares_of
from pyrocausal.copies.small_network import ROWS, SmallNetwork

__all__ = ["Curvature", "predicted", "promised"]

SPARE = 8  # units at the most that may come to be of use; each makes chance gains of what tells nothing larger


class Curvature(NamedTuple):
    """How well the rows that fitted tell the weights of a mean.

    Attributes
    ----------
    network
        The mean.
    root
        The weights' covariance is root @ root', shape [P, P].
    precision
        Weight of every row over its variance, shape [N].
    left
        Residuals, shape [N].
    freedom
        What variances were multiplied by for the weights that were fitted.
    """

    network: SmallNetwork
    root: torch.Tensor
    precision: torch.Tensor
    left: torch.Tensor
    freedom: float

    @classmethod
    def of(cls, solution: Solution, rows: FamilyRows, *, noise: bool) -> Curvature:
        """At a solution, from the rows that fitted it; with `noise` where that depends on parents."""
        inputs, total = solution.inputs(rows.columns), max(rows.total, 1.0)
        network, scales = solution.network, None
        if noise and solution.noise:
            network, scales = solution.noise.mean, solution.noise.log_scale(inputs)
        left = (rows.values - solution.shift) / solution.scale - network(inputs)
        if scales is None:
            precision = rows.weights / max(float(rows.weights @ left.square()) / total, 1e-14)
        else:
            precision = rows.weights * (-2 * scales).exp()
        root, freedom = _root(network, inputs, precision, left, total)
        return cls(network, root, precision / freedom, left, freedom)


def predicted(
    solution: Solution, curvature: Curvature, rows: FamilyRows, columns: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation in rows that score, from columns [n, ...] of all variables: shapes [n]."""
    inputs = solution.inputs(columns)
    doubt = (curvature.root.t() @ curvature.network.jacobian(inputs)).square().sum(0)
    if solution.noise and curvature.network is solution.noise.mean:
        variance = (2 * solution.noise.log_scale(inputs).clamp(*solution.noise.seen)).exp() * curvature.freedom
    else:
        variance = inputs.new_full((), rows.total / max(float(curvature.precision.sum()), 1e-9))
    deviation = (solution.scale * (variance + doubt).sqrt()).clamp(min=LEAST_SCALE)
    return solution.shift + solution.scale * curvature.network(inputs), deviation


def promised(solution: Solution, rows: FamilyRows, places: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Nats that further parents promise by one step from a solution, less what chance does on average.

    `places` are those of the columns of every variable that might be added.
    """
    inputs, share = solution.inputs(rows.columns), rows.weights / max(rows.total, 1.0)
    solution = _with_units_to_spare(solution, inputs, rows)
    columns = rows.columns - share @ rows.columns
    columns = columns / (share @ columns.square()).sqrt().clamp(min=1e-9)
    curvature = Curvature.of(solution, rows, noise=True)
    scale = solution.noise.log_scale if solution.noise else SmallNetwork.constant(len(inputs))
    surplus = curvature.left.square() * curvature.precision * curvature.freedom / rows.weights - 1
    spread = rows.weights / (share @ surplus.square()).clamp(min=1e-9)
    of_scale, _ = _root(scale, inputs, spread, surplus, max(rows.total, 1.0))
    tests = (curvature.network, curvature.root, curvature.left, curvature.precision), (scale, of_scale, surplus, spread)
    found = [_gains(*each, inputs, columns, places, rows.total) for each in tests]
    return {j: max(each[j] for each in found) for j in places}


def _with_units_to_spare(solution: Solution, inputs: torch.Tensor, rows: FamilyRows) -> Solution:
    """The same, where units that are of no use may come to be of some: what vanishes feels no further parent."""
    generator, loss = torch.Generator().manual_seed(0), squares_of(solution, rows)
    other = partial(revived, inputs=inputs, loss=loss, generator=generator, most=SPARE)
    noise = solution.noise and solution.noise._replace(mean=other(solution.noise.mean))
    return solution._replace(network=other(solution.network), noise=noise)


def _root(
    network: SmallNetwork, inputs: torch.Tensor, precision: torch.Tensor, left: torch.Tensor, total: float
) -> tuple[torch.Tensor, float]:
    """Root of the weights' covariance, and what variances are to be multiplied by for the weights that were fitted."""
    square, _ = network.normal_equations(inputs, precision, left)
    size, direction = torch.linalg.eigh(square)
    size = size.clamp(min=0.0)
    freedom = total / max(total - float((size / (size + 1)).sum()), 0.3 * total)
    return direction / (size / freedom + max(1.0, 1e-13 * float(size[-1]))).sqrt(), freedom


def _gains(
    network: SmallNetwork,
    root: torch.Tensor,
    left: torch.Tensor,
    precision: torch.Tensor,
    inputs: torch.Tensor,
    columns: torch.Tensor,
    places: Mapping[int, Sequence[int]],
    total: float,
) -> dict[int, float]:
    """Nats of regressing what is left on every variable's columns, given those of the network's weights."""
    slopes = network.moved_by(inputs)  # [1 + H, N]
    sums: dict[int, list[torch.Tensor]] = {j: [inputs.new_zeros(())] * 3 for j in places}
    gradient = inputs.new_zeros(())
    for at in range(0, inputs.shape[1], ROWS):
        part = slice(at, at + ROWS)
        jacobian, mine = root.t() @ network.jacobian(inputs[:, part]), left[part]
        gradient = gradient + jacobian @ (precision[part] * mine)
        for j, some in places.items():
            new = (columns[part, list(some)].t()[:, None] * slopes[:, part]).flatten(0, 1)
            counted = new * precision[part]
            added = counted @ new.t(), counted @ jacobian.t(), counted @ mine
            sums[j] = [one + two for one, two in zip(sums[j], added, strict=True)]
    gains = {}
    for j, (square, within, product) in sums.items():
        apart = square - within @ within.t()
        apart.diagonal().add_(1.0 + 1e-9 * square.diagonal().max())
        product = product - within @ gradient
        told = float(product @ torch.linalg.solve(apart, product))
        gains[j] = -0.5 * total * math.log1p(-min(max(told, 0.0) / max(total, 1.0), 1 - 1e-9)) - 0.5 * len(product)
    return gains

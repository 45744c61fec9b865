"""Levenberg and Marquardt's method for small networks: the mean of a normal distribution, and its log scale.

    minimise  sum_n w_n loss_n(f(z_n)) + |weights|^2 / 2

With y the values and s the log scale, the mean's loss is (y - f)^2 exp(-2 s) / 2, which Gauss-Newton steps minimise;
the log scale's is f + (y - mean)^2 exp(-2 f) / 2, which Fisher scoring does. Its information is 2 a row whatever the
mean, and there is none between the two, so that they take turns.

A mean is linear in its units, so that every step is judged with the best linear map and outputs for the units it comes
to (variable projection): most of what a step breaks they make good, and far longer ones are taken.

The loss is in double precision. Where there is noise to speak of, the steps are in single precision, which is more than
twice as fast and moves no minimum.

References
----------
D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate", 1973.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.copies.small_network import SmallNetwork
from pyrocausal.runtime.interruption import checkpoint

__all__ = ["LogScale", "Loss", "Minimum", "Squares", "minimise", "solve_outputs"]

TOLERANCE = 1.0  # nats that a step gains at the least, or two in a row
SHARE = 0.1  # of the distance from a rival that it has to gain
DAMPING, LEAST_DAMPING = 1e-2, 1e-9
ROUGHLY = 1e-3  # of values with a variance of 1, that noise has to have for steps in single precision
LEAST_VARIANCE = 1e-14  # of values with a variance of 1: single precision ends there


class _Reached(NamedTuple):
    network: SmallNetwork
    output: torch.Tensor  # [n]


class Squares(NamedTuple):
    """Loss of a mean where the noise has one scale, or is known but for a factor, at the best of it.

    Attributes
    ----------
    values
        Shape [n].
    weights
        Of rows, over the variance that is known; shape [n].
    rows
        How many there are.
    """

    values: torch.Tensor
    weights: torch.Tensor
    rows: float

    def variance(self, output: torch.Tensor) -> float:
        """Mean square of what outputs [n] leave."""
        return max(float(self.weights @ (self.values - output).square()) / self.rows, LEAST_VARIANCE)

    def value(self, output: torch.Tensor) -> float:
        """Nats but for a constant, of outputs [n]."""
        return 0.5 * self.rows * math.log(self.variance(output))

    def expand(self, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Information of every row, and the step that it would take: [n] each."""
        return self.weights / self.variance(output), self.values - output

    def roughly(self, output: torch.Tensor) -> bool:
        """Whether a step from outputs [n] may be in single precision."""
        return self.variance(output) > ROUGHLY

    def reached(
        self, network: SmallNetwork, inputs: torch.Tensor, before: torch.Tensor | None = None
    ) -> _Reached | None:
        """With the best linear map and outputs for the units; None where there are none.

        The penalty weighs as much as the noise, which an output before [n] tells, or else a first solution.
        """
        columns = network.columns(inputs)
        counted, q = columns * self.weights, len(inputs)
        square, product = counted @ columns.t(), (counted @ self.values)[:, None]
        square.diagonal().mul_(1 + 1e-9)
        found, variance = None, 1.0 if before is None else self.variance(before)
        for _ in range(2 if before is None else 1):
            matrix = square.clone()
            matrix.diagonal().add_(variance)
            factor, failed = torch.linalg.cholesky_ex(matrix)
            if int(failed):
                return None
            best = torch.cholesky_solve(product, factor)[:, 0]
            found = _Reached(network._replace(linear=best[:q], outputs=best[q:]), best @ columns)
            variance = self.variance(found.output)
        return found


class LogScale(NamedTuple):
    """Loss of a log scale.

    Attributes
    ----------
    squares
        Squared residuals, shape [n].
    weights
        Of rows, shape [n].
    """

    squares: torch.Tensor
    weights: torch.Tensor

    def value(self, output: torch.Tensor) -> float:
        """Nats but for a constant, of outputs [n]."""
        return float(self.weights @ (output + 0.5 * self.squares * (-2 * output).exp()))

    def expand(self, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Information of every row, and the step that it would take: [n] each."""
        return 2 * self.weights, 0.5 * (self.squares * (-2 * output).exp() - 1)

    def roughly(self, output: torch.Tensor) -> bool:
        """Whether a step may be in single precision: always, for a row's information is at the most 2."""
        return True

    def reached(self, network: SmallNetwork, inputs: torch.Tensor, before: torch.Tensor | None = None) -> _Reached:
        """The network as it is: its outputs have no closed form, whatever was before."""
        return _Reached(network, network(inputs))


Loss = Squares | LogScale


class Minimum(NamedTuple):
    """Where a search has ended.

    Attributes
    ----------
    network
        Weights.
    value
        Loss and penalty, nats.
    steps
        How many were taken.
    """

    network: SmallNetwork
    value: float
    steps: int


def minimise(
    network: SmallNetwork,
    inputs: torch.Tensor,
    loss: Loss,
    most: int,
    rival: float = -math.inf,
) -> Minimum:
    """Go downhill from a network.

    Parameters
    ----------
    network
        Where to begin.
    inputs
        Shape [q, n].
    loss
        Of its output.
    most
        Steps at the most.
    rival
        A value that is to be beaten: the farther it is, the more a step has to gain for the search to go on.
    """
    weights, rough = network.flat, inputs.float()
    output = network(inputs)
    value, damping, idle, steps = loss.value(output) + _penalty(weights), DAMPING, 0, 0
    for _ in range(most):
        checkpoint()
        # Units that still bend only lead to where kinks are to be found.
        columns = rough if network.bend or loss.roughly(output) else inputs
        square, product = network.normal_equations(columns, *loss.expand(output))
        product, scale = product - weights, square.diagonal() + 1.0
        scale = scale + 1e-6 * scale.max()
        while damping < 1e8:
            matrix = square.clone()
            matrix.diagonal().add_(1.0 + damping * scale)
            factor, failed = torch.linalg.cholesky_ex(matrix)
            if not int(failed):
                further = network.with_weights(weights + torch.cholesky_solve(product[:, None], factor)[:, 0])
                reached = loss.reached(further, inputs, output)
                if reached and (now := loss.value(reached.output) + _penalty(reached.network.flat)) < value:
                    break
            damping *= 8
        else:
            break
        gain, value, steps = value - now, now, steps + 1
        (network, output), damping = reached, max(damping / 4, LEAST_DAMPING)
        weights = network.flat
        behind = value - rival if rival > -math.inf else 0.0
        idle = idle + 1 if gain < max(TOLERANCE, SHARE * behind) else 0
        if idle == 2:
            break
    return Minimum(network, value, steps)


def solve_outputs(network: SmallNetwork, inputs: torch.Tensor, loss: Squares) -> SmallNetwork:
    """The best linear map and outputs for hidden units that stay."""
    reached = loss.reached(network, inputs)
    assert reached is not None  # with the penalty the equations have a solution
    return reached.network


def _penalty(weights: torch.Tensor) -> float:
    return 0.5 * float(weights @ weights)

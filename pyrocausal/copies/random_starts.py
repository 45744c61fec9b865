"""Fits that begin with units at random, and bends of leaky units that narrow to kinks.

A kink that has no row near it does not feel where to go. So leaky units begin with wide bends, which narrow in stages.
With few of them, or few steps at each, fits of many parents end in minima far behind, in which another variable that
depends on the same parents seems to be one more. Fits of several starts are combined (`pyrocausal.copies.combination`).

Vocabulary: N rows that fit, p columns of parents, q inputs with the constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pyrocausal.copies.combination import combined
from pyrocausal.copies.levenberg_marquardt import Squares, minimise, solve_outputs
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["FURTHER", "bent_anew", "fitted_anew", "fitted_at_random"]

BENDS = 2.0, 1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.007, 0.0  # widths; the last is a kink
AGAIN = BENDS[3:]  # of units that have been fitted before
WIDE = 2  # of these, after which a fit that is hopelessly behind is given up
AT_EACH = 20  # steps
SATURATED = 120  # steps with units that saturate
STARTS = 2  # of leaky units
TOGETHER = 1.4  # times as many units are fitted where these are combined
FURTHER = 60  # steps from where other fits have ended


def bent(network: SmallNetwork, inputs: torch.Tensor, loss: Squares, bends: Sequence[float]) -> SmallNetwork:
    """Leaky units that are fitted with bends of some widths, one after the other."""
    for width in bends:
        network = minimise(solve_outputs(network._replace(bend=width), inputs, loss), inputs, loss, AT_EACH).network
    return network


def bent_anew(network: SmallNetwork, inputs: torch.Tensor, loss: Squares, rival: float) -> SmallNetwork | None:
    """Leaky units that have been fitted before; None where wide bends end behind a rival's value.

    What narrow ones gain still is little beside that.
    """
    wide = bent(network, inputs, loss, AGAIN[:WIDE])
    return None if loss.value(wide(inputs)) > rival else bent(wide, inputs, loss, AGAIN[WIDE:])


def fitted_at_random(
    turn: torch.Tensor,
    inputs: torch.Tensor,
    loss: Squares,
    bend: float | None,
    generator: torch.Generator,
    rival: float = -math.inf,
) -> SmallNetwork:
    """A network from units at random.

    Parameters
    ----------
    turn
        Inputs but for the constant are columns times this, shape [p, q - 1]. Units point anywhere among the parents in
        their own units, in which a mechanism is more likely to be simple than in their principal components.
    inputs
        Shape [q, N].
    loss
        Of its output.
    bend
        None for units that saturate, and any width for leaky ones, which end with a kink.
    generator
        Draws the units.
    rival
        A value that saturating units have to beat, as `minimise` has it.
    """
    among = torch.linalg.pinv(turn)
    if bend is not None:
        return bent(SmallNetwork.drawn(len(inputs), BENDS[0], generator, among=among), inputs, loss, BENDS)
    drawn = SmallNetwork.drawn(len(inputs), None, generator, among=among)
    return minimise(solve_outputs(drawn, inputs, loss), inputs, loss, SATURATED, rival).network


def fitted_anew(turn: torch.Tensor, inputs: torch.Tensor, loss: Squares, seed: int) -> SmallNetwork:
    """The better one of a network of leaky units, from several starts, and one of units that saturate."""
    generator = torch.Generator().manual_seed(seed)
    begun = [fitted_at_random(turn, inputs, loss, 0.0, generator) for _ in range(STARTS)]
    begun.sort(key=lambda network: loss.value(network(inputs)))
    leaky = combined(begun, inputs, loss, TOGETHER, FURTHER).network
    saturating = fitted_at_random(turn, inputs, loss, None, generator, loss.value(leaky(inputs)))
    return min(leaky, saturating, key=lambda network: loss.value(network(inputs)))

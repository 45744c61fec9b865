"""One network out of the units of several that were fitted to the same rows.

Where minima are many, nearly every fit has found some of the units that the truth has, and hardly one has all of them.
The units of some fits taken together say nearly everything; those of the least use are left out again, a few at a time,
while the others are fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.copies.levenberg_marquardt import Minimum, Squares, minimise, solve_outputs
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["combined"]

KEPT = 0.9  # of the units that are left out before any is fitted again
FIRST, STEPS = 15, 6  # of all units that are fitted together, and after each time that some were left out
DROPPED = 2  # at a time


def combined(
    networks: Sequence[SmallNetwork], inputs: torch.Tensor, loss: Squares, together: float, steps: int
) -> Minimum:
    """Units of several networks in one that has as many as the first.

    Parameters
    ----------
    networks
        Of one form (`SmallNetwork.bend`).
    inputs
        Shape [q, N].
    loss
        Of their output.
    together
        How many times as many units are fitted together at the most.
    steps
        At the end.
    """
    units = len(networks[0].outputs)
    hidden, outputs = (torch.cat([getattr(each, name) for each in networks]) for name in ("hidden", "outputs"))
    network = solve_outputs(networks[0]._replace(hidden=hidden, outputs=outputs), inputs, loss)
    most = round(together * units)
    while len(network.outputs) > most:
        left = max(most, int(KEPT * len(network.outputs)))
        network = solve_outputs(_with_the_best(network, inputs, loss, left), inputs, loss)
    if len(network.outputs) > units:
        network = minimise(network, inputs, loss, FIRST).network
    while len(network.outputs) > units:
        network = _with_the_best(network, inputs, loss, max(units, len(network.outputs) - DROPPED))
        network = minimise(solve_outputs(network, inputs, loss), inputs, loss, STEPS).network
    return minimise(network, inputs, loss, steps)


def _with_the_best(network: SmallNetwork, inputs: torch.Tensor, loss: Squares, units: int) -> SmallNetwork:
    """With so many of the units, those that are of most use given all others."""
    columns = network.columns(inputs)
    counted = columns * loss.weights
    square = counted @ columns.t()
    square.diagonal().mul_(1 + 1e-9).add_(1e-6)
    inverse = torch.linalg.inv(square)
    use = ((inverse @ (counted @ loss.values)).square() / inverse.diagonal())[len(inputs) :]
    kept = use.argsort(descending=True)[:units].sort().values
    return network._replace(hidden=network.hidden[kept], outputs=network.outputs[kept])

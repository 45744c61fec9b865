"""Whether a straight line with even noise is all there is to a mechanism: a test that takes no fit.

Hidden units at random, with the best outputs for them, predict something of a variable where its mechanism is bent,
and something of the squares of what they leave where its noise depends on the parents. Where they predict nothing, a
network that is fitted to the end has nothing to gain either.

References
----------
H. White, "An additional hidden unit test for neglected nonlinearity in multilayer feedforward networks", 1989. R.
Koenker, "A note on studentizing a test for heteroscedasticity", 1981.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pyrocausal.copies.exact_fit import FamilyRows, prepared, squares_of
from pyrocausal.copies.levenberg_marquardt import solve_outputs
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["neglected_nonlinearity"]

UNITS = 64
SURE = 3.0  # standard deviations of what chance gains


def neglected_nonlinearity(rows: FamilyRows, parents: tuple[int, ...], places: Sequence[int], seed: int) -> float:
    """Nats a row that units at random gain over a straight line with even noise, chance allowed for, at the most.

    Parameters
    ----------
    rows, parents, places, seed
        As for `pyrocausal.copies.exact_fit.solved`.
    """
    begun = prepared(rows, parents, places)
    if not begun.turn.shape[1]:
        return 0.0
    inputs, loss = begun.inputs(rows.columns), squares_of(begun, rows)
    line = solve_outputs(begun.network, inputs, loss)
    generator = torch.Generator().manual_seed(seed)
    units = SmallNetwork.drawn(len(inputs), None, generator, UNITS, torch.linalg.pinv(begun.turn))
    bent = solve_outputs(units, inputs, loss)(inputs)
    columns = units.columns(inputs)
    gain = loss.value(line(inputs)) - loss.value(bent) + _uneven((loss.values - bent).square(), columns, rows.weights)
    freedom = 2 * UNITS + len(inputs)
    return (gain - freedom / 2 + SURE * math.sqrt(freedom / 2)) / max(rows.total, 1.0)


def _uneven(squares: torch.Tensor, columns: torch.Tensor, weights: torch.Tensor) -> float:
    """Nats that columns [P, n], one of them constant, gain where they predict squares [n] of rows with weights."""
    share = weights / weights.sum().clamp(min=1e-9)
    apart = squares - share @ squares
    within = (columns * weights) @ columns.t()
    within.diagonal().add_(1e-9 * within.diagonal().max())
    explained = (columns * weights) @ apart
    variance = float(share @ apart.square())
    return float(explained @ torch.linalg.solve(within, explained)) / (2 * variance) if variance > 0 else 0.0

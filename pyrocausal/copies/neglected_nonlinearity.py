"""Whether a straight line with even noise is all there is to a mechanism: a test that takes no fit.

Hidden units at random, with the best outputs for them, predict something of a variable where its mechanism is bent,
and something of the squares of what they leave where its noise depends on the parents. Where they predict nothing, a
network that is fitted to the end has nothing to gain either. A weak product of two among some twenty parents escapes
units at random; closed forms find that.

References
----------
H. White, "An additional hidden unit test for neglected nonlinearity in multilayer feedforward networks", 1989. R.
Koenker, "A note on studentizing a test for heteroscedasticity", 1981.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pyrocausal.copies.exact_fit import FamilyRows, prepared
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["neglected_nonlinearity"]

UNITS = 64
LEAST_SHARE = 1e-9  # of the largest variance among combinations of units; one that is smaller is none
LEAST_VARIANCE = 1e-12  # of a variable whose variance is 1


def neglected_nonlinearity(rows: FamilyRows, parents: tuple[int, ...], places: Sequence[int], seed: int) -> float:
    """Nats a row that units at random gain over a straight line with even noise.

    Beside what chance gains, and with a standard deviation of that, so that few rows leave it open.

    Parameters
    ----------
    rows, parents, places, seed
        As for `pyrocausal.copies.exact_fit.solved`.
    """
    begun = prepared(rows, parents, places)
    if not begun.turn.shape[1]:
        return 0.0
    inputs, total = begun.inputs(rows.columns), max(rows.total, 1.0)
    values = (rows.values - begun.shift) / begun.scale
    generator = torch.Generator().manual_seed(seed)
    units = SmallNetwork.drawn(len(inputs), None, generator, UNITS, torch.linalg.pinv(begun.turn))
    columns = units.columns(inputs)
    weighted = columns * rows.weights
    size, turn = torch.linalg.eigh(weighted @ columns.t())
    some = size > LEAST_SHARE * size.max()
    turn = turn[:, some] / size[some].sqrt()  # of columns times this the sum of squares is 1
    line = inputs.t() @ ((inputs * rows.weights) @ values) / total  # inputs are uncorrelated
    bent = columns.t() @ (turn @ (turn.t() @ (weighted @ values)))
    straight, left = ((values - each).square() for each in (line, bent))
    variances = [max(float(rows.weights @ each) / total, LEAST_VARIANCE) for each in (straight, left)]
    apart = left - variances[1]
    explained = (turn.t() @ (weighted @ apart)).square().sum()
    uneven = explained / (rows.weights @ apart.square() / total).clamp(min=LEAST_VARIANCE**2)
    gain = total / 2 * math.log(variances[0] / variances[1]) + float(uneven) / 2
    freedom = max(2 * turn.shape[1] - len(inputs) - 1, 0)  # a constant and the inputs gain nothing
    return (gain - freedom / 2 + math.sqrt(freedom / 2)) / total

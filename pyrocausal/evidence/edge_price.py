"""What an edge costs in joint evidence: so many nats that chance alone seldom buys it, less what speaks for it.

A price of 1 in these units is the Bayesian information criterion's for one parameter, half the logarithm of the rows.

References
----------
G. Schwarz, "Estimating the dimension of a model", 1978.
"""

from __future__ import annotations

import math

import torch

from pyrocausal.data.weights import total
from pyrocausal.sdi.state import State

__all__ = ["edge_price", "edge_prices"]


def edge_price(units: float, rows: float) -> float:
    """What an edge costs in nats, in units of half the logarithm of the rows that score, or of their total weight."""
    return units * 0.5 * math.log(rows)


def edge_prices(state: State, units: float) -> torch.Tensor:
    """Price of every edge in nats, less the log odds that it has beforehand.

    Parameters
    ----------
    state
        The end of the three phases.
    units
        In units of half the logarithm of the number of rows that score, or of their total weight.

    Returns
    -------
    torch.Tensor
        Double, shape [d, d] (effect, cause).
    """
    rows = sum(total(*part) for part in state.data.parts[1:])
    rows += total(*state.split.held_out)
    return edge_price(units, rows) - state.constraints.log_odds.double()

"""What an edge costs in joint evidence: so many nats that chance alone seldom buys it, less what speaks for it.

A price of 1 in these units is the Bayesian information criterion's for one parameter, half the logarithm of the rows.

Among many variables there are many edges that chance may buy. Where every edge is to be there as often as it is
believed (`drawn_edge_prices`), a variable expects as many parents beforehand whatever the number of variables: the odds
of an edge fall as one over that of others.

References
----------
G. Schwarz, "Estimating the dimension of a model", 1978.
"""

from __future__ import annotations

import math

import torch

from pyrocausal.data.weights import total
from pyrocausal.sdi.state import State

__all__ = ["drawn_edge_prices", "edge_price", "edge_prices"]

OTHERS = 4  # variables beside one, for which `Sampling.price` alone is right: the problems of `benchmarks calibrate`


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


def drawn_edge_prices(state: State, units: float) -> torch.Tensor:
    """The same where graphs are drawn: edges of which nothing is said are dearer by log((d - 1) / 4) nats, if d > 5."""
    others = len(state.data.names) - len(state.data.aside) - 1
    open_ = (state.constraints.log_odds == 0).double()
    return edge_prices(state, units) + open_ * math.log(max(1.0, others / OTHERS))

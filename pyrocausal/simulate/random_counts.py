"""Ground truths whose variables are all counts, drawn at random; for mechanisms see `count_truths` beside."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from numpy.random import Generator

from pyrocausal.simulate.count_truths import Counting, LogNormal
from pyrocausal.simulate.ground_truth import GroundTruth, draw_along
from pyrocausal.simulate.truth_mechanisms import Floats

__all__ = ["count_truth"]

MEDIAN_EXPOSURE, SPREAD = 1_000.0, 0.6


def count_truth(
    graph: nx.DiGraph,
    rng: Generator,
    *,
    activation: Callable[[Floats], Floats] = np.tanh,
    exposure: str | None = None,
    spread: float | None = None,
) -> GroundTruth:
    """Draw counts: negative binomial, the logarithm of the mean a function of log(1 + parents).

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of randomness.
    activation
        Of the hidden layers; `numpy.positive` makes all mechanisms log-linear.
    exposure
        Name of another variable, without edges, that all counts are in proportion to; None for none.
    spread
        Standard deviation of the exposure's logarithm; None for 0.6.

    Raises
    ------
    ValueError
        If the exposure is a variable of the graph already, or spread is negative or given without an exposure.
    """
    if spread is not None and (spread < 0 or exposure is None):
        raise ValueError(f"spread must not be negative, and is that of an exposure; got {spread} and {exposure!r}")
    if exposure in graph:
        raise ValueError(f"exposure must be a new name, {exposure!r} is in the graph")
    mechanisms = draw_along(graph, rng, lambda _, rows: Counting.draw(np.log1p(rows), rng, activation))
    counts = frozenset(graph)
    if exposure is not None:
        graph = graph.copy()
        graph.add_node(exposure)
        mechanisms[exposure] = LogNormal(MEDIAN_EXPOSURE, SPREAD if spread is None else spread)
    return GroundTruth(graph, mechanisms, dict.fromkeys(graph), counts, exposure)

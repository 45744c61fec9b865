"""Ground truths whose variables are all counts, drawn at random; see `pyrocausal.count_truths` for their mechanisms."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.count_truths import Counting, LogNormal
from pyrocausal.ground_truth import GroundTruth
from pyrocausal.truth_mechanisms import Floats, Mechanism

__all__ = ["count_truth"]

REFERENCE_ROWS = 1_000  # rows that mechanisms are normalised on
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
    mechanisms, values = dict[str, Mechanism](), dict[str, NDArray]()
    for name in nx.topological_sort(graph):
        causes = [np.log1p(values[parent]) for parent in graph if graph.has_edge(parent, name)]
        reference = np.stack(causes, -1) if causes else np.empty((REFERENCE_ROWS, 0))  # [m, p]
        mechanism = mechanisms[name] = Counting.draw(reference, rng, activation)
        values[name] = mechanism.sample(np.expm1(reference), rng)
    counts = frozenset(graph)
    if exposure is not None:
        graph = graph.copy()
        graph.add_node(exposure)
        mechanisms[exposure] = LogNormal(MEDIAN_EXPOSURE, SPREAD if spread is None else spread)
    return GroundTruth(graph, mechanisms, dict.fromkeys(graph), counts, exposure)

"""What a method is to the benchmarks: how to ask whether it can run, and how to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np

from benchmarks.problems import Given
from pyrocausal import InterventionalData

__all__ = ["Answer", "Fit", "Method", "Watch", "acyclic"]

Watch = Callable[[np.ndarray, np.ndarray], None]
"""Called during a fit with the edge probabilities [d, d] (effect, cause) and the DAG [d, d] of the moment."""


class Answer(NamedTuple):
    """What a method found.

    Attributes
    ----------
    edge_probability
        Belief in every edge, [d, d] (effect, cause); 0 and 1 where a method has no probabilities.
    dag
        The graph it settles on, boolean [d, d] (effect, cause).
    targets
        Targets per regime, in the order of the regimes; None if the method was told them or does not look for them.
    steps
        Steps or epochs, None if unknown.
    target_probability
        Belief in every target, [R, d]; None if the method has none.
    edge_strength, target_strength
        Nats a row of the edges of the graph [d, d] (effect, cause), and of every target, [R, d]; None if the method
        tells none.
    """

    edge_probability: np.ndarray
    dag: np.ndarray
    targets: list[set[str]] | None
    steps: int | None
    target_probability: np.ndarray | None = None
    edge_strength: np.ndarray | None = None
    target_strength: np.ndarray | None = None


Fit = Callable[[InterventionalData, dict[str, tuple[str, ...]], int, Watch, Path | None], Answer]
"""Of data whose targets are unknown, targets that are told by regime, seed, watch, path of a checkout or None."""


@dataclass(frozen=True)
class Method:
    """A way to find graphs.

    Attributes
    ----------
    name
        As the command line knows it.
    told_targets
        Whether it is told the targets of every regime.
    missing
        Says why it cannot run, given the path of a checkout or None; None if it can.
    fit
        Runs it. It is told the targets of all regimes if `told_targets`, else those of regimes that the problem labels.
    handles
        Whether it is made for such data.
    informed
        From what a problem tells of graph and targets to a `fit` that heeds it; None: it is not made for problems that
        tell something.
    """

    name: str
    told_targets: bool
    missing: Callable[[Path | None], str | None]
    fit: Fit
    handles: Callable[[InterventionalData], bool]
    informed: Callable[[Given], Fit] | None = None


def acyclic(probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Edges believed with more than `threshold`, less the weakest edge of every cycle: boolean [d, d]."""
    graph = nx.from_numpy_array(np.where(probability > threshold, probability, 0.0).T, create_using=nx.DiGraph)
    while not nx.is_directed_acyclic_graph(graph):
        cycle = nx.find_cycle(graph)
        graph.remove_edge(*min(cycle, key=lambda edge: graph.edges[edge]["weight"]))
    return nx.to_numpy_array(graph, weight=None).T.astype(bool)

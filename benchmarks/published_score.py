"""Which graph the published score likes best where nothing else can go wrong: true targets, every graph, no noise.

The score of a graph is that of phase 2: for each variable the mean log-likelihood per row, given its parents, over the
regimes that do not hit it, less the price of its edges. Mechanisms are frequencies in the observational rows. Soft
interventions may make it like a wrong graph better, and then no setting of the three phases finds the right one but by
luck.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import networkx as nx
import numpy as np

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.simulate.experiments import Simulation

__all__ = ["best_by_score", "dags"]


def dags(names: Iterable[str]) -> list[nx.DiGraph]:
    """Every graph without cycles on a few variables."""
    names = list(names)
    edges = [(a, b) for a in names for b in names if a != b]
    found = []
    for count in range(len(names) * (len(names) - 1) // 2 + 1):
        for chosen in combinations(edges, count):
            graph = nx.DiGraph(chosen)
            graph.add_nodes_from(names)
            if nx.is_directed_acyclic_graph(graph):
                found.append(graph)
    return found


def best_by_score(made: Simulation, price: float) -> nx.DiGraph:
    """The graph that the published score likes best.

    Parameters
    ----------
    made
        An experiment with few categorical variables.
    price
        Of an edge, in nats per row.
    """
    data, names = made.data, made.data.names
    gains: dict[tuple[str, frozenset[str]], float] = {}
    for i, name in enumerate(names):
        regimes = [regime for regime in data.regimes if name not in made.targets[regime.name]]
        tables = [regime.rows.long().numpy() for regime in regimes]
        for count in range(len(names)):
            for parents in combinations([j for j in range(len(names)) if j != i], count):
                means = _log_likelihoods(data, i, parents, tables)
                gains[name, frozenset(names[j] for j in parents)] = float(np.mean(means)) - price * count
    return max(dags(names), key=lambda graph: sum(gains[name, frozenset(graph.predecessors(name))] for name in names))


def _log_likelihoods(
    data: InterventionalData, i: int, parents: tuple[int, ...], tables: list[np.ndarray]
) -> list[float]:
    """Mean log-likelihood per row of a variable in each table, by frequencies in the observational rows."""
    counts = np.full([data.cardinalities[j] for j in (*parents, i)], 0.5)
    observational = data.observational.long().numpy()
    np.add.at(counts, tuple(observational[:, j] for j in (*parents, i)), 1)
    logs = np.log(counts / counts.sum(-1, keepdims=True))
    return [float(logs[tuple(rows[:, j] for j in (*parents, i))].mean()) for rows in tables]

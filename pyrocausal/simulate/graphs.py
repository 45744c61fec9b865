"""Named and random graphs over X0, X1, ..., X(d-1), cause -> effect.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: the named graphs.

Examples
--------
>>> import pyrocausal as pc
>>> sorted(pc.graphs.chain(3).edges)
[('X0', 'X1'), ('X1', 'X2')]
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx
from numpy.random import Generator

__all__ = ["bidiag", "chain", "collider", "confounder3", "fork", "full", "jungle", "random_dag", "tree"]


def _graph(d: int, edges: Iterable[tuple[int, int]]) -> nx.DiGraph:
    if d < 1:
        raise ValueError(f"d must be at least 1; got {d}")
    graph = nx.DiGraph()
    graph.add_nodes_from(f"X{i}" for i in range(d))
    graph.add_edges_from((f"X{cause}", f"X{effect}") for cause, effect in edges)
    return graph


def chain(d: int) -> nx.DiGraph:
    """X0 -> X1 -> ... -> X(d-1)."""
    return _graph(d, ((i - 1, i) for i in range(1, d)))


def fork(d: int) -> nx.DiGraph:
    """X0 causes all others."""
    return _graph(d, ((0, i) for i in range(1, d)))


def collider(d: int) -> nx.DiGraph:
    """All others cause the last variable."""
    return _graph(d, ((i, d - 1) for i in range(d - 1)))


def confounder3() -> nx.DiGraph:
    """X0 causes X1 and X2, and X1 causes X2."""
    return full(3)


def full(d: int) -> nx.DiGraph:
    """Every variable causes all that come after it."""
    return _graph(d, ((i, j) for j in range(d) for i in range(j)))


def tree(d: int) -> nx.DiGraph:
    """Binary tree: Xi has the children X(2i+1) and X(2i+2)."""
    return _graph(d, (((i - 1) // 2, i) for i in range(1, d)))


def jungle(d: int) -> nx.DiGraph:
    """Binary tree in which grandparents are parents too."""
    graph = tree(d)
    graph.add_edges_from([(f"X{(i - 3) // 4}", f"X{i}") for i in range(3, d)])
    return graph


def bidiag(d: int) -> nx.DiGraph:
    """X(i-1) and X(i-2) cause Xi."""
    return _graph(d, ((i - step, i) for i in range(1, d) for step in (1, 2) if i >= step))


def random_dag(d: int, edges_per_node: float, rng: Generator) -> nx.DiGraph:
    """Each pair of variables is an edge with the same probability, along a random causal order.

    Parameters
    ----------
    d
        Number of variables.
    edges_per_node
        Expected number of edges divided by d, at most (d - 1) / 2.
    rng
        Source of randomness.

    Raises
    ------
    ValueError
        When d < 1 or edges_per_node does not fit d.
    """
    if not 0 <= edges_per_node <= (d - 1) / 2:
        raise ValueError(f"edges_per_node must lie between 0 and (d - 1) / 2 = {(d - 1) / 2}; got {edges_per_node}")
    order, p = rng.permutation(d), 2 * edges_per_node / max(d - 1, 1)
    return _graph(d, ((order[i], order[j]) for j in range(d) for i in range(j) if rng.random() < p))

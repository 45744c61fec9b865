"""Orders of acyclic graphs, and graphs with cycles made acyclic."""

from __future__ import annotations

import networkx as nx
import torch

__all__ = ["break_cycles", "topological_order"]


def topological_order(edges: torch.Tensor) -> list[int] | None:
    """Variables with causes before effects, or None where the graph [d, d] has a cycle."""
    graph = nx.from_numpy_array(edges.detach().cpu().numpy().T, create_using=nx.DiGraph)
    try:
        return list(nx.topological_sort(graph))
    except nx.NetworkXUnfeasible:
        return None


def break_cycles(edges: torch.Tensor, probability: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Remove the least believed edge of a cycle until none is left.

    Parameters
    ----------
    edges
        0/1 graph, shape [d, d] (effect, cause).
    probability
        Edge beliefs, shape [d, d].

    Returns
    -------
    tuple
        The acyclic graph [d, d] and the number of edges removed.
    """
    dag, removed = edges.clone(), 0
    graph = nx.from_numpy_array(dag.cpu().numpy().T, create_using=nx.DiGraph)
    while not nx.is_directed_acyclic_graph(graph):
        cause, effect = min(nx.find_cycle(graph)[:], key=lambda edge: float(probability[edge[1], edge[0]]))
        graph.remove_edge(cause, effect)
        dag[effect, cause] = 0.0
        removed += 1
    return dag, removed

"""What is known of the graph before any data: edges that must be there and edges that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx
import torch

__all__ = ["fixed_edges"]

Edge = tuple[str, str]


def fixed_edges(names: Sequence[str], required: Iterable[Edge] = (), forbidden: Iterable[Edge] = ()) -> torch.Tensor:
    """Turn required and forbidden edges into beliefs that never move.

    Parameters
    ----------
    names
        The variables, length d.
    required, forbidden
        Edges as (cause, effect). A required edge excludes its reverse.

    Returns
    -------
    torch.Tensor
        Shape [d, d] (effect, cause): 1 where an edge is certain, 0 where it is impossible (the diagonal too),
        NaN where the data shall decide.

    Raises
    ------
    TypeError
        If an edge is not a pair of names.
    ValueError
        If an edge names an unknown variable or itself, is both required and forbidden, or if the required edges
        hold a cycle.
    """
    index = {name: i for i, name in enumerate(names)}
    asked = {"required": _pairs("required", required, index), "forbidden": _pairs("forbidden", forbidden, index)}
    for cause, effect in asked["required"]:
        if (cause, effect) in asked["forbidden"]:
            raise ValueError(f"the edge {cause} -> {effect} is both required and forbidden; drop it from one of them")
    demanded: nx.DiGraph = nx.DiGraph(asked["required"])
    if not nx.is_directed_acyclic_graph(demanded):
        found = nx.find_cycle(demanded)
        cycle = " -> ".join([cause for cause, _ in found] + [found[0][0]])
        raise ValueError(f"required edges form the cycle {cycle}; a causal graph has none, so drop one of them")
    fixed = torch.full((len(names), len(names)), float("nan")).fill_diagonal_(0.0)
    for cause, effect in asked["forbidden"]:
        fixed[index[effect], index[cause]] = 0.0
    for cause, effect in asked["required"]:
        fixed[index[effect], index[cause]] = 1.0
        fixed[index[cause], index[effect]] = 0.0
    return fixed


def _pairs(argument: str, edges: Iterable[Edge], index: dict[str, int]) -> list[Edge]:
    if isinstance(edges, str):
        raise TypeError(f"{argument} must be an iterable of (cause, effect) pairs, got the string {edges!r}")
    pairs = []
    for edge in edges:
        if isinstance(edge, str) or not isinstance(edge, Sequence) or len(edge) != 2:
            raise TypeError(f"{argument} must hold (cause, effect) pairs of names, got {edge!r}")
        cause, effect = edge
        for name in (cause, effect):
            if name not in index:
                raise ValueError(f"{argument} names {name!r}, which is not a variable; variables: {', '.join(index)}")
        if cause == effect:
            raise ValueError(f"{argument} holds the edge {cause} -> {effect}; a variable cannot cause itself")
        pairs.append((cause, effect))
    return pairs

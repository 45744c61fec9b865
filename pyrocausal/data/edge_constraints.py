"""What an algorithm takes of knowledge beforehand: edges that are fixed, prior log odds, and a limit on parents.

`pyrocausal.data.knowledge` compiles what is known by names into `Constraints` on variables in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import networkx as nx
import torch

__all__ = ["Constraints", "Edge", "arrow", "check_variables", "edge_pairs", "fixed_edges"]

Edge: TypeAlias = tuple[str, str]


class Constraints(NamedTuple):
    """Knowledge on d variables in their order.

    Attributes
    ----------
    fixed
        Shape [d, d] (effect, cause): 1 where an edge is certain, 0 where it is impossible, NaN where it is learned.
    log_odds
        Prior log odds of every edge, shape [d, d]; 0 where nothing is known or all is.
    max_parents
        Direct causes a variable may have, None for any number.
    """

    fixed: torch.Tensor
    log_odds: torch.Tensor
    max_parents: int | None


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
    asked = {"required": edge_pairs("required", required), "forbidden": edge_pairs("forbidden", forbidden)}
    for argument, edges in asked.items():
        check_variables(argument, (name for edge in edges for name in edge), names)
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


def edge_pairs(argument: str, edges: Iterable[Edge]) -> list[Edge]:
    """Edges as pairs; raise, naming the argument that they came as, where one is no pair of two names."""
    if isinstance(edges, str):
        raise TypeError(f"{argument} must be an iterable of (cause, effect) pairs, got the string {edges!r}")
    if not isinstance(edges, Iterable):
        raise TypeError(f"{argument} must be an iterable of (cause, effect) pairs, got {edges!r}")
    pairs = []
    for edge in edges:
        if isinstance(edge, str) or not isinstance(edge, Sequence) or len(edge) != 2:
            raise TypeError(f"{argument} must hold (cause, effect) pairs of names, got {edge!r}")
        cause, effect = edge
        if cause == effect:
            raise ValueError(f"{argument} holds the edge {cause} -> {effect}; a variable cannot cause itself")
        pairs.append((cause, effect))
    return pairs


def check_variables(argument: str, found: Iterable[str], names: Sequence[str]) -> None:
    """Raise unless all names found in an argument are those of variables."""
    for name in found:
        if name not in names:
            raise ValueError(f"{argument} names {name!r}, which is not a variable; variables: {', '.join(names)}")


def arrow(edge: Edge) -> str:
    """An edge as messages show it."""
    return f"{edge[0]} -> {edge[1]}"

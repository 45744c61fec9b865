"""How far a found graph and found targets are from the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx

__all__ = ["shd", "target_accuracy"]


def shd(found: nx.DiGraph, truth: nx.DiGraph) -> int:
    """Structural Hamming distance: pairs of variables whose edge is missing, extra or reversed.

    A reversed edge counts once, and so does a pair that `found` joins in both directions where `truth` has one.

    Parameters
    ----------
    found, truth
        Graphs over the same variables, edges cause -> effect.

    Raises
    ------
    ValueError
        When the graphs have different variables.

    Examples
    --------
    >>> shd(nx.DiGraph([("a", "b"), ("b", "c")]), nx.DiGraph([("b", "a"), ("b", "c")]))
    1
    """
    if set(found) != set(truth):
        odd = sorted(map(str, set(found) ^ set(truth)))
        raise ValueError(f"found and truth must have the same variables; these are in one only: {odd}")
    different = set(found.edges) ^ set(truth.edges)
    return len({frozenset(edge) for edge in different})


def target_accuracy(found: Mapping[str, Iterable[str]], truth: Mapping[str, Iterable[str]]) -> float:
    """Share of regimes whose set of targets is found exactly, between 0 and 1.

    Parameters
    ----------
    found, truth
        Targets per regime, in any order.

    Raises
    ------
    ValueError
        When the regimes differ or there are none.

    Examples
    --------
    >>> target_accuracy({"drug": ("PKA",), "heat": ()}, {"drug": ("PKA",), "heat": ("Erk",)})
    0.5
    """
    if set(found) != set(truth) or not truth:
        raise ValueError(f"found and truth must name the same regimes, at least one; got {list(found)}, {list(truth)}")
    return sum(set(found[regime]) == set(truth[regime]) for regime in truth) / len(truth)

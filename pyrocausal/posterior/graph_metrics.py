"""How far a found graph, edge probabilities and found targets are from the true graph and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import networkx as nx
import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = [
    "auroc",
    "average_precision",
    "false_edges",
    "ordered_pairs",
    "shd",
    "target_accuracy",
]

EdgeProbabilities: TypeAlias = xr.DataArray | NDArray


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
    _check_variables(found, truth)
    different = set(found.edges) ^ set(truth.edges)
    return len({frozenset(edge) for edge in different})


def false_edges(found: nx.DiGraph, truth: nx.DiGraph) -> tuple[int, int]:
    """False positives and false negatives among directed edges; a reversed edge is one of each.

    Parameters
    ----------
    found, truth
        Graphs over the same variables, edges cause -> effect.

    Returns
    -------
    tuple of int
        How many edges of `found` are not in `truth`, and how many of `truth` are not in `found`.

    Raises
    ------
    ValueError
        When the graphs have different variables.

    Examples
    --------
    >>> false_edges(nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")]), nx.DiGraph([("b", "a"), ("b", "c")]))
    (2, 1)
    """
    _check_variables(found, truth)
    extra, missing = set(found.edges) - set(truth.edges), set(truth.edges) - set(found.edges)
    return len(extra), len(missing)


def ordered_pairs(probability: EdgeProbabilities, truth: nx.DiGraph) -> tuple[NDArray, NDArray]:
    """Belief and truth of every ordered pair of variables.

    Parameters
    ----------
    probability, truth
        As in `auroc`.

    Returns
    -------
    belief : numpy.ndarray
        Shape [d * (d - 1)].
    edge : numpy.ndarray
        Whether `truth` has the edge, boolean, shape [d * (d - 1)].

    Raises
    ------
    ValueError
        As `auroc`.
    """
    names = list(truth)
    if isinstance(probability, xr.DataArray):
        _check_variables(probability.indexes["effect"], truth)
        _check_variables(probability.indexes["cause"], truth)
        probability = probability.sel(effect=names, cause=names).transpose("effect", "cause").values
    belief = np.asarray(probability, dtype=np.float64)
    if belief.shape != (len(names), len(names)):
        raise ValueError(f"probability must have shape [d, d] for the {len(names)} nodes of truth; got {belief.shape}")
    pairs = ~np.eye(len(names), dtype=bool)
    if np.isnan(belief[pairs]).any():
        raise ValueError("probability must hold no NaN beside its diagonal")
    return belief[pairs], nx.to_numpy_array(truth, names, weight=None).T[pairs] > 0


def auroc(probability: EdgeProbabilities, truth: nx.DiGraph) -> float:
    """Area under the ROC curve: how often a true edge is believed more than a pair that is none; ties count half.

    Parameters
    ----------
    probability
        Belief in every edge, [d, d] (effect, cause): labelled like `CausalPosterior.edge_probabilities`, or an array
        in the order of the nodes of `truth`. The diagonal is ignored.
    truth
        The true graph, edges cause -> effect.

    Returns
    -------
    float
        Over all ordered pairs of variables; NaN where they are all edges or none is.

    Raises
    ------
    ValueError
        When the variables differ, the array is not square, or a belief is NaN.

    Examples
    --------
    >>> auroc(np.array([[0.0, 0.5], [0.9, 0.0]]), nx.DiGraph([("a", "b")]))
    1.0
    """
    belief, edge = ordered_pairs(probability, truth)
    _, place, counts = np.unique(belief, return_inverse=True, return_counts=True)
    rank = (counts.cumsum() - (counts - 1) / 2)[place]  # of each pair from below, ties share their mean
    edges, others = int(edge.sum()), int((~edge).sum())
    if not edges or not others:
        return float("nan")
    return float((rank[edge].sum() - edges * (edges + 1) / 2) / (edges * others))


def average_precision(probability: EdgeProbabilities, truth: nx.DiGraph) -> float:
    """Precision averaged over the true edges, from the most to the least believed pair; ties are taken together.

    The sum over thresholds of the gain in recall times the precision there, without interpolation.

    Parameters
    ----------
    probability, truth
        As in `auroc`.

    Returns
    -------
    float
        Over all ordered pairs of variables; NaN where `truth` has no edge.

    Raises
    ------
    ValueError
        As `auroc`.

    Examples
    --------
    >>> average_precision(np.array([[0.0, 0.9], [0.5, 0.0]]), nx.DiGraph([("a", "b")]))
    0.5
    """
    belief, edge = ordered_pairs(probability, truth)
    if not edge.any():
        return float("nan")
    levels, place = np.unique(-belief, return_inverse=True)
    hits = np.bincount(place, weights=edge, minlength=len(levels))
    found = np.bincount(place, minlength=len(levels)).cumsum()
    return float((hits * hits.cumsum() / found).sum() / edge.sum())


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


def _check_variables(found: Iterable, truth: nx.DiGraph) -> None:
    if set(found) != set(truth):
        odd = sorted(map(str, set(found) ^ set(truth)))
        raise ValueError(f"found and truth must have the same variables; these are in one only: {odd}")

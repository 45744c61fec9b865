"""What the adaptors of other people's methods share: importing a checkout, converting tables, classes of graphs.

References
----------
Dor and Tarsi (1992), A simple algorithm to construct a consistent extension of a partially oriented graph.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyrocausal import InterventionalData
from pyrocausal.data.missing import any_missing

__all__ = [
    "absent", "all_categorical", "all_continuous", "consistent_extension", "edge_probability", "environments", "peer",
    "target_indices",
]  # fmt: skip


@contextmanager
def peer(checkout: Path | None, *modules: str) -> Iterator[list[Any]]:
    """Import `modules`, from `checkout` if given, and keep their warnings quiet while they work."""
    before = sys.path[:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if checkout is not None:
                sys.path.insert(0, str(checkout))
            yield [importlib.import_module(module) for module in modules]
        finally:
            sys.path[:] = before


def absent(checkout: Path | None, remedy: str, *modules: str) -> str | None:
    """Say why `modules` cannot be imported and what would help; None if they can, and then they are."""
    try:
        with peer(checkout, *modules):
            return None
    except Exception as error:  # whatever an old package raises under new ones
        return f"{error}; {remedy}"


def all_continuous(data: InterventionalData) -> bool:
    """Whether no variable is categorical and no value missing."""
    return not any(data.cardinalities) and not any_missing(data.kinds)


def all_categorical(data: InterventionalData) -> bool:
    """Whether every variable is categorical and no value missing."""
    return all(data.cardinalities) and not any_missing(data.kinds)


def environments(data: InterventionalData) -> list[np.ndarray]:
    """Encoded rows as float64: the observational table [n, d], then each regime's [n_r, d].

    Raises
    ------
    ValueError
        If rows have weights, which no peer takes.
    """
    if data.weighted:
        raise ValueError("peers take no weights of rows; give them a problem without")
    tables = [data.observational, *(regime.rows for regime in data.regimes)]
    return [table.detach().cpu().double().numpy() for table in tables]


def target_indices(data: InterventionalData, targets: Mapping[str, Sequence[str]]) -> list[list[int]]:
    """Columns that each regime intervenes on, in the order of `data.regimes`."""
    return [sorted(data.names.index(name) for name in targets[regime]) for regime in data.regime_names]


def consistent_extension(graph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Orient the undirected edges without a cycle or a new collider.

    Again and again a sink is taken away whose undirected neighbours are joined to all that are joined to it; of several
    such sinks, a random one.

    Parameters
    ----------
    graph
        [d, d], nonzero at [i, j] for i -> j, both ways for an undirected edge.
    rng
        Chooses among sinks.

    Returns
    -------
    array [d, d], bool
        A DAG, True at [i, j] for i -> j.

    Raises
    ------
    ValueError
        When there is no such DAG.
    """
    rest, dag = graph != 0, (graph != 0) & (graph.T == 0)
    left = list(range(len(rest)))
    while left:
        for sink in rng.permutation(left):
            undirected = np.flatnonzero(rest[sink] & rest[:, sink])
            joined = rest[sink] | rest[:, sink]
            beyond = rest | rest.T | np.eye(len(rest), dtype=bool)
            if (rest[sink] & ~rest[:, sink]).any() or not beyond[np.ix_(undirected, np.flatnonzero(joined))].all():
                continue
            dag[undirected, sink] = True
            rest[sink] = rest[:, sink] = False
            left.remove(sink)
            break
        else:
            raise ValueError(f"the partially directed graph has no consistent extension: {graph.tolist()}")
    return dag


def edge_probability(graph: np.ndarray) -> np.ndarray:
    """Probabilities [d, d], row = effect, column = cause: 1 for a directed edge, 0.5 each way for an undirected one."""
    present = graph != 0
    return np.where(present & present.T, 0.5, present.astype(float)).T

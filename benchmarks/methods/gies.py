"""GIES: greedy search over interventional equivalence classes of linear Gaussian graphs, told the targets.

Also what the adaptors of other methods share: importing from a checkout, and turning a class of graphs into an answer.

A class is given by one matrix, ``graph[i, j]`` for ``i -> j`` and both ways for an undirected edge. Its answer is one
DAG of the class, drawn at random by the seed (not in the order of the variables, which may be the causal one), and
probability 1 for a directed edge, 0.5 each way for an undirected one.

Install: ``pip install gies`` (numpy only), or pass a checkout.

References
----------
Hauser and Bühlmann (2012), Characterization and greedy learning of interventional Markov equivalence classes of
directed acyclic graphs, JMLR 13. Code: https://github.com/juangamella/gies (Kolotuhina and Gamella).
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
from unittest import mock

import numpy as np

from benchmarks.methods.base import Answer, Method, Watch
from pyrocausal import InterventionalData

__all__ = [
    "GIES", "absent", "all_continuous", "consistent_extension", "edge_probability", "environments", "peer",
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
    """Whether no variable is categorical."""
    return not any(data.cardinalities)


def environments(data: InterventionalData) -> list[np.ndarray]:
    """Encoded rows as float64: the observational table [n, d], then each regime's [n_r, d]."""
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


def _fit(
    data: InterventionalData,
    targets: dict[str, tuple[str, ...]],
    seed: int,
    watch: Watch,
    checkout: Path | None,
) -> Answer:
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def look(graph: np.ndarray) -> None:
        seen.append((edge_probability(graph), consistent_extension(graph, np.random.default_rng(seed)).T))
        watch(*seen[-1])

    with peer(checkout, "gies", "gies.utils") as (gies, utils):
        complete = utils.replace_unprotected  # called on every accepted step

        def complete_and_look(*arguments: Any) -> np.ndarray:
            graph = complete(*arguments)
            look(graph)
            return graph

        with mock.patch.object(utils, "replace_unprotected", complete_and_look):
            graph, _ = gies.fit_bic(environments(data), [[], *target_indices(data, targets)])
    steps = len(seen)
    look(graph)
    return Answer(*seen[-1], targets=None, steps=steps)


GIES = Method(
    name="gies",
    told_targets=True,
    missing=lambda checkout: absent(checkout, "pip install gies", "gies"),
    fit=_fit,
    handles=all_continuous,
)

"""GIES: greedy search over interventional equivalence classes of linear Gaussian graphs, told the targets.

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

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.methods.base import Answer, Method, Watch
from benchmarks.methods.peers import (
    absent,
    all_continuous,
    consistent_extension,
    edge_probability,
    environments,
    peer,
    target_indices,
)
from pyrocausal import InterventionalData

__all__ = ["GIES"]


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

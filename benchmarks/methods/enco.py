"""ENCO: edges and orientations by gradient, on regimes with one target each that it is told.

`ENCO` has the default settings of the repository, 30 epochs of 1,000 steps for the networks and 100 for the graph;
`ENCO_SMALL` follows its advice for CPUs (32 hidden units, 20 graphs). All rows are given to it: regimes of the same
target are put together, regimes known to have none join the observational rows, and a regime of several targets is
refused. Rows go in as tables of a graph object, because the repository's own reader of arrays takes the number of
categories from the first rows only. Data are all categorical or all continuous.

The probability of an edge is the one that ENCO samples it with, that it exists times its orientation. An edge is
predicted, as in the repository, if both exceed a half; of a predicted cycle the weakest edge goes. `watch` is called
after every epoch, and epochs are the steps.

Install: pass a checkout; it needs nothing but torch, numpy, matplotlib and tqdm.

References
----------
Lippe, Cohen and Gavves (2022), Efficient neural causal discovery without acyclicity constraints, ICLR,
arXiv:2107.10483. Code: https://github.com/phlippe/ENCO.
"""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.methods.base import Answer, Method, Watch, acyclic
from benchmarks.methods.peers import absent, all_categorical, all_continuous, environments, peer, target_indices
from pyrocausal import InterventionalData

__all__ = ["ENCO", "ENCO_SMALL", "method", "rows_by_target"]

MODULES = "causal_discovery.enco", "causal_discovery.utils", "causal_graphs.graph_definition"
DISTRIBUTIONS = "causal_graphs.variable_distributions"


class _Tables(list):
    """Tables [n_i, d], one per variable, that tell their longest length as an array [d, n, d] would."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self), max(len(table) for table in self), self[0].shape[1]


def rows_by_target(
    data: InterventionalData, targets: Mapping[str, Sequence[str]]
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Sort the rows by the variable that was intervened on.

    Returns
    -------
    tuple of array and list
        Observational rows [n, d], and for each variable its rows [n_i, d] or None; int32 codes or float32.

    Raises
    ------
    ValueError
        When a regime has several targets.
    """
    observational, *regimes = environments(data)
    gathered: list[list[np.ndarray]] = [[] for _ in data.names]
    none = [observational]
    for name, hit, rows in zip(data.regime_names, target_indices(data, targets), regimes, strict=True):
        if len(hit) > 1:
            raise ValueError(f"ENCO knows regimes of one target only; regime {name!r} has {len(hit)}")
        (gathered[hit[0]] if hit else none).append(rows)
    dtype = np.float32 if all_continuous(data) else np.int32
    by_target = [np.concatenate(tables).astype(dtype) if tables else None for tables in gathered]
    return np.concatenate(none).astype(dtype), by_target


def _graph(definition: Any, distributions: Any, data: InterventionalData, targets: Mapping[str, Sequence[str]]) -> Any:
    """Give the tables the form in which ENCO takes them, with no edges as "truth" (it only prints metrics of it)."""
    kinds = [
        distributions.CategoricalDist(states, None) if states else distributions.ContinuousProbDist()
        for states in data.cardinalities
    ]
    variables = [definition.CausalVariable(name, kind) for name, kind in zip(data.names, kinds, strict=True)]
    observational, by_target = rows_by_target(data, targets)
    never = [i for i, rows in enumerate(by_target) if rows is None]
    graph = definition.CausalDAG(variables, adj_matrix=np.zeros((data.d, data.d), dtype=bool), exclude_inters=never)
    graph.data_obs = observational
    graph.data_int = _Tables(observational[:2] if rows is None else rows for rows in by_target)  # [:2] is never drawn
    return graph


def _read(exists: torch.Tensor, oriented: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and DAG, [d, d] with row = effect, from ENCO's logits [d, d] with row = cause."""
    exists, oriented = exists.detach().cpu().double().T, oriented.detach().cpu().double().T
    probability = (exists.sigmoid() * oriented.sigmoid()).numpy()
    predicted = ((exists > 0) & (oriented > 0)).numpy()
    return probability, acyclic(np.where(predicted, probability, 0.0), threshold=0.0)


def _fit(
    data: InterventionalData,
    targets: dict[str, tuple[str, ...]],
    seed: int,
    watch: Watch,
    checkout: Path | None,
    *,
    epochs: int,
    settings: Mapping[str, Any],
) -> Answer:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the peer draws from the global generator)
    torch.manual_seed(seed)
    with peer(checkout, *MODULES, DISTRIBUTIONS) as (enco, utils, definition, distributions):
        original: Any = enco.ENCO

        class Watched(original):
            def print_graph_statistics(self, *_: Any, **__: Any) -> None:
                watch(*_read(self.gamma, self.theta))

        utils.CLUSTER = True  # no progress bars
        graph = _graph(definition, distributions, data, targets)
        sizes = {"sample_size_obs": len(graph.data_obs), "sample_size_inters": graph.data_int.shape[1]}
        with contextlib.redirect_stdout(io.StringIO()):
            algorithm = Watched(graph, **sizes, **settings)
        algorithm.discover_graph(num_epochs=epochs)
    return Answer(*_read(algorithm.gamma, algorithm.theta), targets=None, steps=epochs)


def method(name: str, epochs: int = 30, **settings: Any) -> Method:
    """ENCO with other settings, by the names of the arguments of the repository's class."""
    return Method(
        name=name,
        told_targets=True,
        missing=lambda checkout: absent(checkout, "pass a checkout of github.com/phlippe/ENCO", *MODULES),
        fit=partial(_fit, epochs=epochs, settings=settings),
        handles=lambda data: all_continuous(data) or all_categorical(data),
    )


ENCO = method("enco")
ENCO_SMALL = method("enco-cpu", hidden_dims=[32], GF_num_graphs=20)

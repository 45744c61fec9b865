"""UT-IGSP: greedy search over orders of the variables by tests of independence and invariance, targets unknown.

Continuous data use the package's Gaussian tests. It has no test for categories, but takes any: categorical data use
the chi-squared test below, of a variable against another or against "observational or this regime", within the strata
of the conditioning set. Data of both kinds are refused. Significance levels (0.001 both), depth and number of runs are
those of the package's example; `watch` sees the best graph after every run, and runs are the steps.

The answer's `dag` is the DAG that the search ends with; an edge that its interventional equivalence class leaves
undirected, given the targets that the search found, has probability 0.5 each way.

Install: ``pip install causaldag``.

References
----------
Squires, Wang and Uhler (2020), Permutation-based causal structure learning with unknown intervention targets, UAI,
arXiv:1910.09007. Code: https://github.com/uhlerlab/causaldag.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.methods.base import Answer, Method, Watch
from benchmarks.methods.peers import absent, all_categorical, all_continuous, edge_probability, environments, peer
from pyrocausal import InterventionalData

__all__ = ["UT_IGSP", "dependent"]

ALPHA, RUNS = 1e-3, 5


def dependent(first: np.ndarray, second: np.ndarray, given: np.ndarray, alpha: float) -> bool:
    """Whether Pearson's chi-squared test finds two columns dependent within the strata of a third.

    Each stratum of m rows contributes its statistic times (m - 1) / m, whose mean under independence is its degrees of
    freedom however small m is: large conditioning sets have mostly small strata, where a G-test would see dependence
    everywhere. This one rather overlooks it there.

    Parameters
    ----------
    first, second, given
        [n] codes 0, 1, ... of the two columns and of the strata.
    alpha
        Significance level.
    """
    shape = (int(given.max()) + 1, int(first.max()) + 1, int(second.max()) + 1)
    cells = np.ravel_multi_index((given, first, second), shape)
    counts = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(float)
    rows, columns, size = counts.sum(2, keepdims=True), counts.sum(1, keepdims=True), counts.sum((1, 2), keepdims=True)
    expected = rows * columns / np.maximum(size, 1)
    terms = (counts - expected) ** 2 / np.where(expected > 0, expected, 1) * (size - 1) / np.maximum(size, 1)
    freedom = (((rows > 0).sum(1) - 1).clip(0) * ((columns > 0).sum(2) - 1).clip(0)).sum()
    if freedom == 0:
        return False
    tail = torch.special.gammaincc(*torch.tensor([freedom / 2, terms.sum() / 2], dtype=torch.float64))
    return float(tail) < alpha


def _strata(codes: np.ndarray, columns: Iterable[int]) -> np.ndarray:
    """Number the combinations of values [n] that occur in some columns of `codes` [n, d]."""
    label = np.zeros(len(codes), dtype=np.int64)
    for column in columns:
        label = np.unique(label * (codes[:, column].max() + 1) + codes[:, column], return_inverse=True)[1]
    return label


def _independence(tables: Sequence[np.ndarray], i: int, j: int, cond_set: Iterable[int], alpha: float) -> dict:
    rows = tables[0]
    return {"reject": dependent(rows[:, i], rows[:, j], _strata(rows, cond_set), alpha)}


def _invariance(tables: Sequence[np.ndarray], context: int, i: int, cond_set: Iterable[int], alpha: float) -> dict:
    rows = np.concatenate([tables[0], tables[1 + context]])
    regime = (np.arange(len(rows)) >= len(tables[0])).astype(np.int64)
    return {"reject": dependent(rows[:, i], regime, _strata(rows, cond_set), alpha)}


def _testers(peer_module: Any, data: InterventionalData) -> tuple[Any, Any]:
    """Memoised tests of independence (observational rows) and of invariance (these against each regime)."""
    observational, *regimes = tables = environments(data)
    if all_continuous(data):
        independence = peer_module.partial_correlation_test, peer_module.partial_correlation_suffstat(observational)
        statistics = peer_module.gauss_invariance_suffstat(observational, regimes)
        invariance = peer_module.gauss_invariance_test, statistics
    else:
        codes = [table.astype(np.int64) for table in tables]
        independence, invariance = (_independence, codes), (_invariance, codes)
    return (
        peer_module.MemoizedCI_Tester(*independence, alpha=ALPHA),
        peer_module.MemoizedInvarianceTester(*invariance, alpha=ALPHA),
    )


def _read(dag: Any, targets: Sequence[set[int]], d: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and DAG, both [d, d] with row = effect, of the package's DAG and targets."""
    order = list(range(d))
    graph, _ = dag.interventional_cpdag([set(hit) for hit in targets], dag.cpdag()).to_amat(order)
    found = np.zeros((d, d), dtype=bool)
    for cause, effect in dag.arcs:
        found[effect, cause] = True
    return edge_probability(np.asarray(graph)), found


def _fit(
    data: InterventionalData,
    targets: dict[str, tuple[str, ...]],
    seed: int,
    watch: Watch,
    checkout: Path | None,
    *,
    runs: int,
) -> Answer:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the package draws from the global generator)
    settings: list[dict[str, list[int]]] = [{"known_interventions": []} for _ in data.regimes]
    least: tuple[float, float] = (np.inf, np.inf)
    with peer(checkout, "causaldag") as (causaldag,):
        testers = _testers(causaldag, data)
        for _ in range(runs):
            dag, hits = causaldag.unknown_target_igsp(settings, set(range(data.d)), *testers, nruns=1)
            score = (len(dag.arcs), sum(len(hit) for hit in hits))  # what the package compares runs by
            if score < least:
                found = [{data.names[i] for i in hit} for hit in hits]
                least, best = score, Answer(*_read(dag, hits, data.d), targets=found, steps=runs)
            watch(best.edge_probability, best.dag)
    return best


UT_IGSP = Method(
    name="ut-igsp",
    told_targets=False,
    missing=lambda checkout: absent(checkout, "pip install causaldag", "causaldag"),
    fit=partial(_fit, runs=RUNS),
    handles=lambda data: all_continuous(data) or all_categorical(data),
)

"""Few rows, many variables, several soft targets: what draws agree on, and whether their probabilities are right.

100 linear variables with two parents expected, 400 rows in all, 5, 10 or 20 of them in each of ten regimes. A regime
shifts 1 + Poisson(1) variables by two standard deviations, and nobody is told which. Closed forms settle the graph, and
1,000 graphs are drawn. Edges of more than half of the draws make up a graph (the least sure of a cycle is left out),
and it and the true one are completed by what the true targets tell apart: with soft interventions the direction of an
edge is told by a regime that hits one of its ends. `shd` counts pairs that differ then; `ece` is the mean distance
between the probability of an edge and how often it is there, over ten bins of probabilities, weighed by their size.

References
----------
The setting is that of "The interventional Bayesian Gaussian equivalent score for Bayesian causal inference with unknown
soft interventions" (CLeaR 2025), as far as its text says; weights and noise are those of `simulate.linear_truth`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.rows import add_missing
from pyrocausal import CausalPosterior, Sampling, Settling, discover, graphs, simulate
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.search.equivalence import Completed
from pyrocausal.simulate.experiments import Simulation

__all__ = ["calibration_error", "completed", "differing_pairs", "measure_consensus", "of_consensus", "problem"]

VARIABLES, PARENTS, ROWS, REGIMES, DRAWS, BINS = 100, 2.0, 400, 10, 1000, 10
ROWS_PER_REGIME = 5, 10, 20
PairsOfEdges = set[tuple[int, int]]


def problem(rows_per_regime: int, seed: int) -> Simulation:
    """Simulate one."""
    rng = np.random.default_rng(seed)
    truth = simulate.linear_truth(graphs.random_dag(VARIABLES, PARENTS, rng), rng)
    hit = [tuple(rng.choice(truth.names, 1 + rng.poisson(1.0), replace=False).tolist()) for _ in range(REGIMES)]
    return simulate.simulate(
        truth,
        intervention=simulate.shift(2.0),
        rows=ROWS - REGIMES * rows_per_regime,
        rows_per_regime=rows_per_regime,
        targets=hit,
        seed=seed,
    )


def completed(parents: np.ndarray, hit: np.ndarray) -> tuple[PairsOfEdges, PairsOfEdges]:
    """Edges that have a direction in all graphs that are not told apart, and pairs (both ways) that have none.

    Parameters
    ----------
    parents
        A DAG, boolean, shape [d, d] (effect, cause).
    hit
        What each regime hits, boolean, shape [R, d].
    """
    told = [(int(j), int(i)) for i, j in np.argwhere(parents) if (hit[:, i] != hit[:, j]).any()]
    graph = Completed([np.flatnonzero(row).tolist() for row in parents], told)
    directed = {(j, i) for i, causes in enumerate(graph.parents) for j in causes}
    return directed, {(i, j) for i, near in enumerate(graph.neighbours) for j in near}


def differing_pairs(one: tuple[PairsOfEdges, PairsOfEdges], other: tuple[PairsOfEdges, PairsOfEdges]) -> int:
    """Pairs of variables between which two completed graphs differ."""
    apart = (one[0] ^ other[0]) | (one[1] ^ other[1])
    return len({frozenset(pair) for pair in apart})


def calibration_error(probability: np.ndarray, happened: np.ndarray) -> float:
    """Mean distance between probabilities and how often it happened, in bins of equal width; shapes [n]."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    size = np.bincount(place, minlength=BINS)
    apart = np.bincount(place, probability - happened, BINS)
    return float(np.abs(apart).sum() / max(size.sum(), 1))


def _agreed(edge_probability: np.ndarray) -> np.ndarray:
    """Edges [d, d] of more than half of the draws, without the least probable one of every cycle."""
    graph = nx.DiGraph()
    for effect, cause in np.argwhere(edge_probability > 0.5).tolist():
        graph.add_edge(cause, effect, p=edge_probability[effect, cause])
    while not nx.is_directed_acyclic_graph(graph):
        graph.remove_edge(*min(nx.find_cycle(graph), key=lambda edge: graph.edges[edge]["p"]))
    found = np.zeros_like(edge_probability, dtype=bool)
    for cause, effect in graph.edges:
        found[effect, cause] = True
    return found


def measure_consensus(seeds: Sequence[int], out: Path, *, rows: Sequence[int], jobs: int = 1) -> pd.DataFrame:
    """Fit and draw; a row per number of rows in a regime and seed in `consensus.csv`.

    Parameters
    ----------
    seeds
        Of problems and fits.
    out
        Folder of the results; problems that are there already are not repeated.
    rows
        In a regime, of `ROWS_PER_REGIME`.
    jobs
        Problems at a time.

    Returns
    -------
    pandas.DataFrame
        All rows of the file.
    """
    return add_missing(out / "consensus.csv", {"rows": rows, "seed": seeds}, _one, jobs=jobs)


def _one(rows: int, seed: int) -> dict[str, object]:
    made = problem(rows, seed)
    names = made.data.names
    start = time.process_time()
    result = _fit(made, seed)
    seconds = time.process_time() - start
    graph = made.truth.graph
    true = np.array([[graph.has_edge(cause, effect) for cause in names] for effect in names])
    hit = np.array([[name in made.targets[regime] for name in names] for regime in made.data.regime_names])
    probability = result.edge_probabilities.transpose("effect", "cause").to_numpy()
    found, off = _agreed(probability), ~np.eye(len(names), dtype=bool)
    told = result.targets()
    targets = np.array([[name in told[regime] for name in names] for regime in made.data.regime_names])
    return {
        "rows": rows,
        "seed": seed,
        "edges": int(true.sum()),
        "shd": differing_pairs(completed(found, hit), completed(true, hit)),
        "ece": calibration_error(probability[off], true[off]),
        "ece_edges": calibration_error(probability[off & (probability > 0.01)], true[off & (probability > 0.01)]),
        "targets": int(hit.sum()),
        "right_targets": int((hit & targets).sum()),
        "false_targets": int((targets & ~hit).sum()),
        "cpu_seconds": seconds,
    }


def _fit(made: Simulation, seed: int) -> CausalPosterior:
    with reproducible_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return discover(
            made.data, chains=1, cores=1, seed=seed, progress=False, sampling=Sampling(draws=DRAWS),
            settling=Settling(refitting=None, final_steps=0),
        )  # fmt: skip


def of_consensus(table: pd.DataFrame) -> str:
    """Markdown: a row for every number of rows in a regime."""
    lines = [["rows a regime", "SHD of completed graphs, mean (each seed)", "calibration error", "of edges above 0.01",
              "targets right, of", "false targets a fit", "CPU s"], ["---"] * 7]  # fmt: skip
    for rows, here in table.groupby("rows", sort=True):
        each = " ".join(f"{int(shd)}" for shd in here.sort_values("seed").shd)
        lines.append([
            f"{rows}", f"{here.shd.mean():.1f} ({each})", f"{here.ece.mean():.4f}", f"{here.ece_edges.mean():.3f}",
            f"{here.right_targets.sum()}/{here.targets.sum()}", f"{here.false_targets.mean():.1f}",
            f"{here.cpu_seconds.median():.0f}",
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""Do the checks without a truth tell right graphs from wrong ones? Asked where the truth is known.

Every problem is a random graph of six variables with a regime per variable, whose target is hidden: neural tables of
three states, or additive noise. A fifth of the rows of every table is held out, or half of the regimes (two folds).
Then the true graph is held against the others of `held_out_rows` and `held_out_regimes` and every graph without cycles
that is one edge away from it, and the settled graph against 20 copies with the variables interchanged. Three chains are
fitted to all rows and compared.
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
from pyrocausal.checks.comparison import HeldOut
from pyrocausal.checks.held_out import held_out_regimes, held_out_rows
from pyrocausal.checks.negative_control import random_graph_control
from pyrocausal.checks.stability import stability
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.simulate.experiments import Simulation, additive_noise_truth, neural_network_truth, simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.interventions import hard_normal, hard_random

__all__ = ["KINDS", "check_checks", "neighbours", "problem", "read_checks", "told"]

KINDS = ("categorical", "continuous")
VARIABLES, EDGES, STATES, ROWS, ROWS_PER_REGIME = 6, 1.5, 3, 4_000, 400
SHARE, FOLDS, CHAINS, COPIES = 0.2, 2, 3, 20
OTHERS = ("independent", "complete", "reversed")
CHANGES = {"without": "without one of its edges", "reversed": "with an edge reversed", "with": "with another edge"}


def problem(seed: int, kind: str = "categorical") -> Simulation:
    """Data of a seed, and what is true of them.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    rng = np.random.default_rng(seed)
    graph = random_dag(VARIABLES, EDGES, rng)
    if kind == "categorical":
        truth, _ = neural_network_truth(graph, rng, states=STATES)
        done = hard_random
    elif kind == "continuous":
        truth, done = additive_noise_truth(graph, rng), hard_normal(2.0)
    else:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    return simulate(truth, intervention=done, rows=ROWS, rows_per_regime=ROWS_PER_REGIME, seed=seed)


def neighbours(graph: nx.DiGraph) -> dict[str, nx.DiGraph]:
    """Every DAG one edge away, by what was done: "without a b", "reversed a b", "with a b"."""
    found = {}
    for cause, effect in ((a, b) for a in graph for b in graph if a != b):
        made = graph.copy()
        if graph.has_edge(cause, effect):
            made.remove_edge(cause, effect)
            found[f"without {cause} {effect}"] = made
            made = made.copy()
            made.add_edge(effect, cause)
            name = f"reversed {cause} {effect}"
        elif not graph.has_edge(effect, cause):
            made.add_edge(cause, effect)
            name = f"with {cause} {effect}"
        else:
            continue
        if nx.is_directed_acyclic_graph(made):
            found[name] = made
    return found


def check_checks(seeds: Sequence[int], out: Path, *, kinds: Sequence[str] = KINDS[:1], jobs: int = 1) -> pd.DataFrame:
    """Run the checks on problems with a known truth, and write a row per problem to `checks.csv`.

    Parameters
    ----------
    seeds
        Of the problems and the fits.
    out
        Folder of the results. Problems that are in its `checks.csv` already are not repeated.
    kinds
        Of `KINDS`; default: categorical, since a continuous problem takes ten times as long.
    jobs
        Problems at a time, one thread each.

    Returns
    -------
    pandas.DataFrame
        All rows of the file, one per kind and seed. With "rows" or "regimes" before them, by what was held out: `shd`
        of the fits to the truth, by fold; `rank` of the settled graph in `random_graph_control`; nats per row by which
        the truth predicts better than each other graph (by its name); and for each way to change an edge how many of
        those graphs it beats, and `of` how many. Of three chains on all rows: `chains_apart`, the largest SHD between
        two, and `best_chain`, the SHD of the best one to the truth.
    """
    return add_missing(out / "checks.csv", {"kind": kinds, "seed": seeds}, _one, jobs=jobs, read=read_checks)


def read_checks(file: Path) -> pd.DataFrame:
    """Read what `check_checks` has written."""
    return pd.read_csv(file, dtype={"rows shd": str, "regimes shd": str})


def _one(kind: str, seed: int) -> dict[str, object]:
    made = problem(seed, kind)
    truth, start = made.truth.graph, time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        checks = {
            "rows": held_out_rows(made.data, SHARE, seed=seed, cores=1),
            "regimes": held_out_regimes(made.data, FOLDS, seed=seed, cores=1),
        }
        result = discover(made.data, chains=CHAINS, cores=1, seed=seed, progress=False)
    if result.stopped:  # a fit that Ctrl-C has cut short does not
        raise KeyboardInterrupt
    row: dict[str, object] = {"kind": kind, "seed": seed, "edges": truth.number_of_edges()}
    for what, check in checks.items():
        row |= {f"{what} {name}": value for name, value in _judged(check, truth, seed).items()}
    row["chains_apart"] = int(stability(result).shd.to_numpy().max())
    row["best_chain"] = shd(result.dag(), truth)
    return row | {"cpu_seconds": time.process_time() - start}


def _judged(check: HeldOut, truth: nx.DiGraph, seed: int) -> dict[str, object]:
    near = neighbours(truth)
    table = check.against({"truth": truth, **near}).table().loc["all"]
    row: dict[str, object] = {
        "shd": "+".join(str(shd(result.dag(), truth)) for result in check.results),
        "rank": random_graph_control(check, COPIES, seed=seed).rank,
    }
    row |= {name: table["truth"] - table[name] for name in OTHERS}
    for change in CHANGES:
        gains = [table["truth"] - table[name] for name in near if name.startswith(f"{change} ")]
        row |= {f"{change} edge": sum(gain > 0 for gain in gains), f"{change} edge, of": len(gains)}
    return row


def told(table: pd.DataFrame) -> list[str]:
    """What `check_checks` has found, in sentences: one for each kind and what was held out, and one for chains."""
    lines = []
    for kind, runs in table.groupby("kind", sort=False):
        for what in ("rows", "regimes"):
            of = runs[[f"{what} {name}" for name in ("shd", "rank", *OTHERS)]]
            of.columns = ["shd", "rank", *OTHERS]
            better = ", ".join(
                f"{name} in {(of[name] > 0).sum()} (by {of[name].median():.3f} nats a row in the median, "
                f"{of[name].min():.4f} at least)"
                for name in OTHERS
            )
            edges = ", ".join(
                f"itself {how} in {runs[f'{what} {change} edge'].sum()} of {runs[f'{what} {change} edge, of'].sum()}"
                for change, how in CHANGES.items()
            )
            lines.append(
                f"{kind}, held-out {what}, {len(runs)} problem(s), SHD of the fits {' '.join(of['shd'])}: the "
                f"settled graph beats all its permuted copies in {(of['rank'] == 1).sum()}. The truth beats {better}; "
                f"{edges}."
            )
        apart, best = (" ".join(map(str, runs[name])) for name in ("chains_apart", "best_chain"))
        lines.append(
            f"{kind}, chains fitted to all rows: SHD between two at most {apart}, of the best to the truth {best}."
        )
    return lines

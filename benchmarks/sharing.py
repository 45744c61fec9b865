"""Does a second cell line help the first? Two tables whose graphs are nearly the same, fitted apart and together.

Eight variables, 1.5 edges a variable expected; the second graph has every edge of the first but one in ten, which is
left out or turned round. Mechanisms of the second are drawn anew. 200 observational rows and 50 of a hard intervention
on every variable each: tables of three states, or counts in proportion to a depth. *apart*: each by itself; *shared*:
each with `pyrocausal.shared_knowledge` of the other, fitted apart. Closed forms settle the graphs.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.rows import add_missing
from benchmarks.suites_drift import DATA
from pyrocausal import (
    SDI,
    CausalPosterior,
    GraphFitting,
    InterventionalData,
    Knowledge,
    Settling,
    discover,
    graphs,
    shared_knowledge,
    simulate,
)
from pyrocausal.posterior.graph_metrics import average_precision
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["KINDS", "compare_sharing", "of_sharing", "two_lines"]

KINDS = {"tables": "categories", "counts": "counts"}  # and what the suite drift calls them
VARIABLES, EDGES_PER_NODE, CHANGED, ROWS, ROWS_PER_REGIME = 8, 1.5, 0.1, 200, 50


def two_lines(kind: str, seed: int) -> list[tuple[InterventionalData, nx.DiGraph]]:
    """Two tables and their true graphs."""
    rng = np.random.default_rng(seed)
    first = graphs.random_dag(VARIABLES, EDGES_PER_NODE, rng)
    second = first.copy()
    for cause, effect in [edge for edge in first.edges if rng.random() < CHANGED]:
        second.remove_edge(cause, effect)
        if not nx.has_path(second, cause, effect) and rng.random() < 0.5:
            second.add_edge(effect, cause)
    made = []
    for number, graph in enumerate((first, second)):
        truth, _ = DATA[KINDS[kind]].truth(graph, 1000 * seed + number)
        how = {"intervention": DATA[KINDS[kind]].intervention, "seed": 1000 * seed + number}
        data = simulate.simulate(truth, rows=ROWS, rows_per_regime=ROWS_PER_REGIME, **how).data
        made.append((data, graph))
    return made


def compare_sharing(seeds: Sequence[int], out: Path, *, kinds: Sequence[str], jobs: int = 1) -> pd.DataFrame:
    """Fit both lines apart and together; a row per seed in `sharing.csv`.

    Parameters
    ----------
    seeds
        Of problems and fits.
    out
        Folder of the results; problems that are there already are not repeated.
    kinds
        Of `KINDS`.
    jobs
        Problems at a time.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: `apart` and `shared`, mean average precision of edges in both lines.
    """
    return add_missing(out / "sharing.csv", {"kind": kinds, "seed": seeds}, _one, jobs=jobs)


def _one(kind: str, seed: int) -> dict[str, object]:
    lines = two_lines(kind, seed)
    apart = [_fit(data, seed, Knowledge()) for data, _ in lines]
    shared = [_fit(data, seed, shared_knowledge(other)) for (data, _), other in zip(lines, apart[::-1], strict=True)]
    row: dict[str, object] = {"kind": kind, "seed": seed}
    for name, fits in (("apart", apart), ("shared", shared)):
        row[name] = float(np.mean([_precision(fit, graph) for fit, (_, graph) in zip(fits, lines, strict=True)]))
    return row


def _fit(data: InterventionalData, seed: int, knowledge: Knowledge) -> CausalPosterior:
    with reproducible_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return discover(
            data, chains=1, cores=1, seed=seed, progress=False, knowledge=knowledge,
            algorithm=SDI(fitting=GraphFitting(warm_up=200)), settling=Settling(refitting=None, final_steps=0),
        )  # fmt: skip


def _precision(fit: CausalPosterior, graph: nx.DiGraph) -> float:
    return average_precision(fit.edge_probabilities, graph)


def of_sharing(table: pd.DataFrame) -> str:
    """Markdown: a row for every kind of data."""
    lines = [["data", "apart", "shared", "seeds on which shared is better", "seeds"], ["---"] * 5]
    for kind, here in table.groupby("kind", sort=False):
        better, means = (here.shared > here.apart).sum(), f"{here.apart.mean():.3f}"
        lines.append([str(kind), means, f"**{here.shared.mean():.3f}**", f"{better}", f"{len(here)}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

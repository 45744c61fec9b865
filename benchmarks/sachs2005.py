"""Measured data: proteins of single cells under nine conditions whose targets are not told (Sachs et al. 2005).

Nobody knows the true graph. What is found is held against two consensus graphs of the literature, and targets against
what each reagent is said to act on.

References
----------
K. Sachs, O. Perez, D. Pe'er, D. A. Lauffenburger, G. P. Nolan, "Causal protein-signaling networks derived from
multiparameter single-cell data", 2005.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
from joblib import Parallel, delayed

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.sdi.targets import TargetPrior
from pyrocausal.search.settings import Settling

__all__ = ["REAGENTS", "fit_sachs2005", "load", "tell"]

OBSERVATIONAL = "cd3_cd28"
REAGENTS = {
    "cd3_cd28+aktinhib": "akt",
    "cd3_cd28+g0076": "pkc",
    "cd3_cd28+psitect": "pip2",
    "cd3_cd28+u0126": "mek",
    "cd3_cd28+ly": "pip3",  # by way of PI3K, which is not measured
    "cd3_cd28+icam2": "general",
    "pma": "pkc",
    "b2camp": "pka",
}
GRAPHS = {"bnlearn_17": "17 edges", "tetrad_20": "20 edges"}


def load(folder: Path) -> tuple[InterventionalData, dict[str, nx.DiGraph]]:
    """Read the tables and the consensus graphs.

    Parameters
    ----------
    folder
        Holds sachs_2005.csv (a column condition, logarithms of eleven proteins) and sachs_2005_edges.json (lists of
        [cause, effect] by graph).

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    """
    data = InterventionalData.from_csv(folder / "sachs_2005.csv", "condition", OBSERVATIONAL)
    edges, graphs = json.loads((folder / "sachs_2005_edges.json").read_text(encoding="utf-8")), dict[str, nx.DiGraph]()
    for name, label in GRAPHS.items():
        graphs[label] = nx.DiGraph()
        graphs[label].add_nodes_from(data.names)
        graphs[label].add_edges_from(map(tuple, edges[name]))
    return data, graphs


def fit_sachs2005(
    folder: Path,
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    several: bool = False,
    components: int = 1,
    closed_form: bool = False,
) -> pd.DataFrame:
    """Fit the data as they are, a chain per seed.

    Parameters
    ----------
    folder
        See `load`.
    seeds
        Of the fits.
    jobs
        Fits at a time, one thread each.
    several
        Whether a condition may have several targets.
    components
        Normal distributions that a mechanism mixes, see `Continuous`.
    closed_form
        Whether closed forms alone settle the graph, which takes a fraction of the time.

    Returns
    -------
    pandas.DataFrame
        A row per seed: SHD against each graph, edges found, how many of their pairs each graph joins too, in either
        direction, CPU seconds, and the targets found in each condition.
    """
    data, graphs = load(folder)
    data = replace(data, kinds=tuple(replace(kind, components=components) for kind in data.kinds))
    how = {"target_prior": TargetPrior(several=several), "settling": Settling(refitting=None) if closed_form else None}
    return pd.DataFrame(Parallel(n_jobs=jobs)(delayed(_one)(data, graphs, how, seed) for seed in seeds))


def tell(runs: pd.DataFrame) -> str:
    """Markdown of what `fit_sachs2005` has found."""
    parts = [
        f"SHD against the graph with {label}: {runs[label].mean():.1f} ({' '.join(map(str, runs[label]))}); "
        f"pairs joined in both: {' '.join(map(str, runs[f'joined, {label}']))}"
        for label in GRAPHS.values()
    ]
    parts.append(f"edges: {' '.join(map(str, runs.edges))}; CPU seconds: {' '.join(f'{s:.0f}' for s in runs.cpu)}")
    lines = ["| condition | said to act on | found, by seed |", "| --- | --- | --- |"]
    lines += [f"| {name} | {REAGENTS[name]} | {'; '.join(runs[name])} |" for name in runs if name in REAGENTS]
    return "\n".join([*parts, "", *lines])


def _one(data: InterventionalData, graphs: dict[str, nx.DiGraph], how: dict[str, Any], seed: int) -> dict[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        result = discover(data, chains=1, cores=1, seed=seed, progress=False, **how)
    if result.stopped:  # a fit that Ctrl-C has cut short does not
        raise KeyboardInterrupt
    dag = result.dag()
    found: dict[str, object] = {"seed": seed} | {label: shd(dag, graph) for label, graph in graphs.items()}
    joined = nx.Graph(dag)
    for label, graph in graphs.items():
        found[f"joined, {label}"] = sum(joined.has_edge(*edge) for edge in graph.edges)
    found |= {"edges": dag.number_of_edges(), "cpu": result.chains[0].cpu_seconds}
    return found | {regime: ", ".join(hit) or "none" for regime, hit in result.targets().items()}

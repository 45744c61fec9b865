"""Latency of the services of a running web shop, in normal hours and in 14 issues of five rows each.

Latencies are positive and skewed, so their logarithms are fitted, with the gaps there are. Normal rows are the
observational ones, and every issue is a regime, whose root cause is to be named. The call graph, turned so that the
service that is called acts on its caller, is told (`-graph`) or not, and then found edges are held against it.

References
----------
The PetShop root-cause data set (CC BY 4.0).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.measured.tables import Measured, Table, vary
from pyrocausal import Continuous, InterventionalData, Knowledge

__all__ = ["TABLES", "latency"]

FOLDER, TRUTH = "petshop", "petshop/truth.json"
ISSUE, NORMAL = "issue", "normal"


def latency(folder: Path, *, traffic: str = "low", told: bool = False) -> Measured:
    """Read a table.

    Parameters
    ----------
    folder
        Holds petshop/low_latency.csv.gz or high_latency.csv.gz (a column for every service, and issue), and
        petshop/truth.json (root causes and edges of the call graph).
    traffic
        "low" or "high".
    told
        Whether a fit is told the call graph.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    """
    table = pd.read_csv(folder / FOLDER / f"{traffic}_latency.csv.gz")
    truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))[f"{traffic}_latency"]
    services = table.columns.drop(ISSUE)
    logarithms = np.log(table[services])
    groups = {str(name): rows for name, rows in logarithms.groupby(table[ISSUE], sort=False)}
    observational, regimes, note = vary(groups.pop(NORMAL), groups)
    data = InterventionalData.from_frames(observational, regimes, kinds=dict.fromkeys(observational, Continuous))
    calls: nx.DiGraph = nx.DiGraph()
    calls.add_nodes_from(data.names)
    calls.add_edges_from(edge for edge in map(tuple, truth["edges"]) if set(edge) <= set(data.names))
    causes = {issue: known["root_cause"] for issue, known in truth["targets"].items()}
    if told:
        return Measured(data, causes, knowledge=Knowledge.from_graph(calls, complete=True), note=note)
    return Measured(data, causes, {"call graph": calls}, note=note)


TABLES = tuple(
    Table(
        f"petshop-{traffic}{'-graph' * told}",
        (f"{FOLDER}/{traffic}_latency.csv.gz", TRUTH),
        partial(latency, traffic=traffic, told=told),
    )
    for traffic in ("low", "high")
    for told in (True, False)
)

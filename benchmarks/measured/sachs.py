"""Proteins of single cells under nine conditions whose targets are not told, as numbers and in three levels.

Nobody knows the true graph. What is found is held against two consensus graphs of the literature, and targets against
what each reagent is said to act on.

References
----------
K. Sachs, O. Perez, D. Pe'er, D. A. Lauffenburger, G. P. Nolan, "Causal protein-signaling networks derived from
multiparameter single-cell data", 2005.
"""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pandas as pd

from benchmarks.measured.tables import Measured, Table
from pyrocausal import Categorical, InterventionalData

__all__ = ["REAGENTS", "TABLES", "levels", "numbers"]

CONDITION, OBSERVATIONAL = "condition", "cd3_cd28"
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
FILES = "sachs_2005.csv", "sachs_2005_edges.json"
LEVELS = "low", "middle", "high"


def numbers(folder: Path) -> Measured:
    """Logarithms as they are.

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
    return _known(folder, InterventionalData.from_csv(folder / FILES[0], CONDITION, OBSERVATIONAL))


def levels(folder: Path) -> Measured:
    """Every protein in three levels, as many rows in each; see `numbers`."""
    table = pd.read_csv(folder / FILES[0])
    proteins = [name for name in table if name != CONDITION]
    cut = table.assign(**{name: pd.qcut(table[name], len(LEVELS), labels=list(LEVELS)) for name in proteins})
    cut[proteins] = cut[proteins].astype(str)
    kinds = dict.fromkeys(proteins, Categorical(LEVELS))
    return _known(folder, InterventionalData.from_frame(cut, CONDITION, OBSERVATIONAL, kinds=kinds))


def _known(folder: Path, data: InterventionalData) -> Measured:
    edges, graphs = json.loads((folder / FILES[1]).read_text(encoding="utf-8")), dict[str, nx.DiGraph]()
    for name, label in GRAPHS.items():
        graphs[label] = nx.DiGraph()
        graphs[label].add_nodes_from(data.names)
        graphs[label].add_edges_from(map(tuple, edges[name]))
    return Measured(data, {regime: name for regime, name in REAGENTS.items() if name in data.names}, graphs)


TABLES = Table("sachs-numbers", FILES, numbers), Table("sachs-levels", FILES, levels)

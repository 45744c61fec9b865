"""What a measured table is to the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import networkx as nx
import pandas as pd

from pyrocausal import InterventionalData, Knowledge

__all__ = ["Measured", "Table", "vary"]


@dataclass(frozen=True)
class Measured:
    """A table as it is fitted, and what is known of it.

    Attributes
    ----------
    data
        Rows and regimes, targets unknown.
    acts_on
        The variable that a regime is said to act on; regimes of which nothing is said are left out.
    graphs
        Published graphs, by a name; the first is the one that edges are held against. None where none is published.
    knowledge
        What a fit is told of the graph.
    note
        What was done to the table.
    """

    data: InterventionalData
    acts_on: Mapping[str, str]
    graphs: Mapping[str, nx.DiGraph] = field(default_factory=dict)
    knowledge: Knowledge | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A measured table.

    Attributes
    ----------
    name
        As the command line knows it.
    files
        In the folder of the data.
    read
        From that folder to what is fitted.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[Path], Measured]

    def missing(self, folder: Path) -> list[str]:
        """Which of its files are not in the folder."""
        return [name for name in self.files if not (folder / name).exists()]


def vary(observational: pd.DataFrame, regimes: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict, str]:
    """Leave out columns that do not vary in the observational rows, which the library refuses.

    Returns
    -------
    tuple of DataFrame, dict and str
        The observational rows, the regimes, and a note on what was left out.
    """
    constant = [name for name in observational if observational[name].nunique() < 2]
    note = f"constant in the observational rows and left out: {', '.join(constant)}" if constant else ""
    return (
        observational.drop(columns=constant),
        {name: rows.drop(columns=constant) for name, rows in regimes.items()},
        note,
    )

"""Counts of twelve genes in single cells, in each of which one gene, or an enhancer, was repressed.

Cells whose guide has no target are the observational rows, and the cells of all guides on one gene are a regime. Counts
are in proportion to `umi`, all molecules of the cell that were counted, as it stands. The cells were run in two
batches: `tap-seq` leaves that column out, `tap-seq-batch` takes it as one more variable, which nothing causes.

References
----------
Schraivogel et al. (2020), "Targeted Perturb-seq enables genome-scale genetic screens in single cells".
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.measured.tables import Measured, Table, vary
from pyrocausal import Categorical, Count, InterventionalData, Knowledge
from pyrocausal.data.kind import Kind

__all__ = ["TABLES", "cells"]

FILE = "tap_seq_2020.csv.gz"
NO_TARGET, DEPTH, BATCH, LABELS = "NTC", "umi", "batch", ["guide", "guide_target"]
ENHANCERS = {"HS2": "HBE1"}  # what is no gene of the table, and the gene that it should act on


def cells(folder: Path, *, batch: bool = False) -> Measured:
    """Read the cells.

    Parameters
    ----------
    folder
        Holds the file: a column for every gene, umi, batch, guide and guide_target (NTC: none).
    batch
        Whether the batch is a variable.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    table = pd.read_csv(folder / FILE)
    groups = {str(name): rows.drop(columns=LABELS) for name, rows in table.groupby("guide_target")}
    if not batch:
        groups = {name: rows.drop(columns=BATCH) for name, rows in groups.items()}
    observational, regimes, note = vary(groups.pop(NO_TARGET), groups)
    genes = [str(name) for name in observational if name not in (DEPTH, BATCH)]
    kinds: dict[str, Kind] = dict.fromkeys(genes, Count(DEPTH))
    if batch:
        kinds[BATCH] = Categorical()
    data = InterventionalData.from_frames(observational, regimes, kinds=kinds)
    known = Knowledge(tiers=[[BATCH], genes]) if batch else None
    return Measured(data, {name: ENHANCERS.get(name, name) for name in regimes}, knowledge=known, note=note)


TABLES = Table("tap-seq", (FILE,), cells), Table("tap-seq-batch", (FILE,), partial(cells, batch=True))

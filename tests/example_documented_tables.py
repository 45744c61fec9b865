"""Small tables of every sort that docs/tables.md lists, written to the working folder, and what each is."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

__all__ = ["WRITERS", "Expected"]


class Expected(NamedTuple):
    """What is to come of a table.

    Attributes
    ----------
    kinds
        Variables and the class of their kinds, in order, as "A: Continuous, B: Count".
    rows
        Of every table by its name, the observational ones as "".
    known
        Python names that the line uses.
    targets, covariates, exposures, finding
        Those that are told; and the name of what a check must find.
    """

    kinds: str = "A: Continuous, B: Continuous, C: Continuous"
    rows: dict[str, int] = {"": 40, "drug": 20}  # noqa: RUF012 (a default of a tuple is never changed)
    known: dict[str, Any] = {}  # noqa: RUF012
    targets: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    covariates: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()
    finding: str = ""


COUNTS = "A: Count, B: Count, C: Count"
WRITERS: dict[str, Callable[[], Expected]] = {}


def writes(sort: str) -> Callable[[Callable[[], Expected]], Callable[[], Expected]]:
    """Say what docs/tables.md calls the table that a function writes."""

    def keep(writer: Callable[[], Expected]) -> Callable[[], Expected]:
        WRITERS[sort] = writer
        return writer

    return keep


def cells(labels: dict[Any, int] | None = None, column: str = "arm", **columns: Any) -> pd.DataFrame:
    """A -> B -> C as numbers, 40 rows of "control" and 20 of "drug" unless told otherwise."""
    rng = np.random.default_rng(0)
    labels = labels or {"control": 40, "drug": 20}
    n = sum(labels.values())
    a = rng.normal(size=n)
    b = a + rng.normal(size=n)
    table = pd.DataFrame(
        {"A": a, "B": b, "C": b - rng.normal(size=n), column: np.repeat([*labels], [*labels.values()])}
    )
    return table.assign(**columns)


def molecules(**columns: Any) -> pd.DataFrame:
    counts = np.random.default_rng(1).poisson([3.0, 8.0, 20.0], (60, 3))
    return cells(**dict(zip("ABC", counts.T, strict=True))).assign(**columns)


# ---------------------------------------------------------------- how rows are laid out
@writes("a row for each sample, a column for each variable, one of conditions")
def plain() -> Expected:
    return Expected(known={"table": cells()})


@writes("the same as a text file")
def text() -> Expected:
    cells().to_csv("cells.csv", index=False)
    return Expected()


@writes("a row for each measurement")
def molten() -> Expected:
    table = cells(cell=range(60)).melt(["cell", "arm"], var_name="gene", value_name="level")
    return Expected(known={"table": table.sample(frac=1, random_state=0)})


@writes("genes in rows, samples in columns, conditions in another file")
def turned() -> Expected:
    table = cells().rename(lambda k: f"cell {k}")
    table.drop(columns="arm").T.to_csv("genes.csv")
    table[["arm"]][::-1].to_csv("arms.csv")
    return Expected()


@writes("a folder, a file for each regime")
def folder() -> Expected:
    Path("runs").mkdir()
    table = cells({"control": 40, "drug": 20, "heat": 15})
    for arm, rows in table.groupby("arm"):
        rows.drop(columns="arm").to_csv(f"runs/{arm}.csv", index=False)
    Path("runs/.DS_Store").touch()
    return Expected(rows={"": 40, "drug": 20, "heat": 15})


@writes("a DataFrame for each regime")
def frames() -> Expected:
    parts = {arm: rows.drop(columns="arm") for arm, rows in cells().groupby("arm")}
    return Expected(known=parts)


@writes("arrays or tensors")
def arrays() -> Expected:
    table = cells().drop(columns="arm").to_numpy()
    return Expected(known={"control": table[:40], "drug": torch.tensor(table[40:])})


@writes("sparse matrices")
def sparse() -> Expected:
    from scipy.sparse import csr_matrix

    table = molecules().drop(columns="arm").to_numpy()
    return Expected(COUNTS, known={"control": csr_matrix(table[:40]), "drug": csr_matrix(table[40:])})


@writes("masked arrays")
def masked() -> Expected:
    table = np.ma.masked_greater(cells().drop(columns="arm").to_numpy(), 1.5)
    return Expected(known={"control": table[:40], "drug": table[40:]})


@writes("an archive of NumPy")
def archive() -> Expected:
    table = cells({"control": 40, "one": 10, "two": 10}).drop(columns="arm").to_numpy()
    np.savez("cells.npz", data_obs=table[:40], data_int=table[40:].reshape(2, 10, 3))
    return Expected("X0: Continuous, X1: Continuous, X2: Continuous", {"": 40, "regime 0": 10, "regime 1": 10})


# ---------------------------------------------------------------- which rows are the controls, and what was hit
@writes("doses, 0 without")
def doses() -> Expected:
    cells({0: 40, 5: 20, 10: 15}, "dose").to_csv("doses.csv", index=False)
    return Expected(rows={"": 40, "5": 20, "10": 15})


@writes("several labels of controls")
def several() -> Expected:
    cells({"control": 30, "vehicle": 15, "drug": 20}).to_csv("cells.csv", index=False)
    return Expected(rows={"": 45, "drug": 20})


@writes("controls without a label (an empty cell, None, NaN)")
def unlabelled() -> Expected:
    cells({"": 40, "drug": 20}).to_csv("cells.csv", index=False)
    return Expected()


@writes("controls with a label and without")
def both() -> Expected:
    cells({"": 25, "control": 15, "drug": 20}).to_csv("cells.csv", index=False)
    return Expected()


@writes("a column that names what was hit")
def hits() -> Expected:
    cells({"": 40, "A": 20, "B+A": 15}, "hit").to_csv("screen.csv", index=False)
    return Expected(rows={"": 40, "A": 20, "B+A": 15}, targets={"A": ("A",), "B+A": ("B", "A")})


@writes("the same beside one of conditions")
def hits_of_arms() -> Expected:
    table = cells({"control": 40, "drug": 20, "siRNA": 20})
    table.assign(hit=table.arm.map({"drug": "C", "siRNA": "A"})).to_csv("screen.csv", index=False)
    return Expected(rows={"": 40, "drug": 20, "siRNA": 20}, targets={"drug": ("C",), "siRNA": ("A",)})


# ---------------------------------------------------------------- how files are written
@writes("tabs")
def tabs() -> Expected:
    cells().to_csv("cells.tsv", sep="\t", index=False)
    return Expected()


@writes("`;` and decimal commas")
def commas() -> Expected:
    cells().to_csv("cells.csv", sep=";", decimal=",", index=False)
    return Expected()


@writes("columns lined up by spaces")
def spaces() -> Expected:
    Path("cells.txt").write_text(cells().to_string(index=False), encoding="utf-8")
    return Expected()


@writes("packed (.gz, .bz2, .xz, .zip)")
def packed() -> Expected:
    with gzip.open("cells.csv.gz", "wt", encoding="utf-8") as stream:
        cells().to_csv(stream, index=False)
    return Expected()


@writes('a spreadsheet\'s "Unicode text", UTF-16')
def utf_16() -> Expected:
    cells().rename(columns={"A": "Ätiologie"}).to_csv("cells.txt", sep="\t", encoding="utf-16", index=False)
    return Expected("Ätiologie: Continuous, B: Continuous, C: Continuous")


@writes("another encoding")
def latin() -> Expected:
    cells().rename(columns={"A": "Größe"}).to_csv("cells.csv", encoding="latin-1", index=False)
    return Expected("Größe: Continuous, B: Continuous, C: Continuous")


@writes("Parquet (extra `parquet`)")
def parquet() -> Expected:
    cells().to_parquet("cells.parquet", index=False)
    return Expected()


# ---------------------------------------------------------------- what columns hold
@writes("gaps")
def gaps() -> Expected:
    table = cells(word=np.tile(["low", "high", "mid"], 20))
    table.loc[::7, "B"] = np.nan
    table.loc[table.arm == "drug", "C"] = np.nan  # which nobody measured there
    table.loc[3, "word"] = None
    table.to_csv("gaps.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, word: Categorical", finding="missing-in-regime")


@writes("whole numbers with gaps")
def whole() -> Expected:
    stage = np.tile([1.0, 2.0, 3.0], 20)
    stage[5] = np.nan
    cells(stage=stage).to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, stage: Categorical")


@writes("codes for missing values")
def coded() -> Expected:
    table = cells().astype({"B": object})
    table.loc[[4, 50], "A"] = -999.0
    table.loc[8, "B"] = "n.d."
    table.to_csv("cells.csv", index=False)
    return Expected()


@writes("booleans")
def booleans() -> Expected:
    cells(on=np.tile([True, False], 30)).to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, on: Categorical")


@writes("text, odd names, commas within quotes")
def odd() -> Expected:
    table = cells(kind=np.tile(["T cell, naïve", "B cell", 'so-called "NK"'], 20))
    table.rename(columns={"A": "p-Erk (Thr202/Tyr204), log₁₀", "B": "β 7", "arm": "which arm?"}).to_csv(
        "cells.csv", index=False
    )
    return Expected("p-Erk (Thr202/Tyr204), log₁₀: Continuous, β 7: Continuous, C: Continuous, kind: Categorical")


@writes("pandas categories")
def categories() -> Expected:
    table = cells(type=pd.Categorical(np.tile(["T", "B"], 30), ["B", "T", "NK"])).astype({"arm": "category"})
    return Expected("A: Continuous, B: Continuous, C: Continuous, type: Categorical", known={"table": table})


@writes("numbers of doses or scores that are measured")
def scores() -> Expected:
    cells(score=np.random.default_rng(2).integers(0, 60, 60)).to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, score: Continuous")


@writes("units that are mixed (read as they are; the check says so)")
def units() -> Expected:
    grams = np.random.default_rng(3).normal(70, 8, 60)
    cells(weight=np.where(np.arange(60) % 6, grams, 1000 * grams)).to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, weight: Continuous", finding="mixed-units")


@writes("counts")
def counts() -> Expected:
    molecules().to_csv("counts.csv", index=False)
    return Expected(COUNTS)


@writes("counts with codes")
def counts_with_codes() -> Expected:
    made = molecules()
    made.loc[[3, 50], "B"] = -999
    made.to_csv("counts.csv", index=False)
    return Expected(COUNTS)


@writes("a dose that the experimenter sets, and that is to be a node")
def doses_within_regimes() -> Expected:
    dose = np.resize(["none", "low", "high"], 60)
    made = cells(dose=dose)
    made.to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, dose: Categorical")


@writes("counts of cells, and all molecules of each")
def counts_and_depth() -> Expected:
    molecules(umi=np.random.default_rng(4).integers(500, 2000, 60)).to_csv("counts.csv", index=False)
    return Expected(f"{COUNTS}, umi: Exposure", exposures=("umi",))


# ---------------------------------------------------------------- columns that are no variables
@writes("a column of row numbers without a heading")
def numbered() -> Expected:
    cells().to_csv("cells.csv")
    return Expected()


@writes("notes, names")
def notes() -> Expected:
    cells(note="?", cell=[f"cell {k}" for k in range(60)]).to_csv("cells.csv", index=False)
    return Expected()


@writes("weights of rows")
def weighted() -> Expected:
    cells(w=np.tile([1.0, 2.5], 30)).to_csv("cells.csv", index=False)
    return Expected()


@writes("batch or plate")
def batches() -> Expected:
    cells(batch=np.tile(["May", "June"], 30)).to_csv("cells.csv", index=False)
    return Expected("A: Continuous, B: Continuous, C: Continuous, batch: Categorical", covariates=("batch",))


@writes("several rows of a patient")
def patients() -> Expected:
    cells(patient=[f"p{k // 5}" for k in range(60)]).to_csv("cells.csv", index=False)
    return Expected()


# ---------------------------------------------------------------- cells as scanpy keeps them
def annotated() -> Any:
    import anndata

    rng = np.random.default_rng(5)
    table = rng.poisson([4.0, 6.0, 80.0, 90.0], (60, 4))
    obs = cells(batch=np.tile(["May", "June"], 30)).rename(columns={"arm": "guide"})[["guide", "batch"]]
    obs = obs.rename(lambda k: f"cell {k}").astype("category")
    made = anndata.AnnData(np.log1p(table), obs=obs, var=pd.DataFrame(index=["KRAS", "MYC", "ACTB", "GAPDH"]))
    made.layers["counts"] = table.astype(np.float32)
    return made


@writes("AnnData (extra `anndata`): its numbers")
def adata() -> Expected:
    return Expected("KRAS: Continuous, MYC: Continuous", known={"adata": annotated()})


@writes("an .h5ad file: some genes of a layer of counts, and batch")
def h5ad() -> Expected:
    import anndata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with anndata.settings.override(allow_write_nullable_strings=True):  # as the texts of pandas 3 are
            annotated().write_h5ad("cells.h5ad")
    return Expected(
        "KRAS: Count, MYC: Count, batch: Categorical, total: Exposure", covariates=("batch",), exposures=("total",)
    )

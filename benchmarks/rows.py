"""Results as rows of CSV files: one per run of a suite, or per case of another benchmark."""

from __future__ import annotations

import csv
import fcntl
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from benchmarks import strengths

__all__ = ["COLUMNS", "Key", "add_missing", "add_row", "keys", "read_rows", "read_table"]

Key = tuple[str, str, int]  # problem, method, seed

COLUMNS = (
    "suite", "problem", "method", "seed", "variables", "edges_true", "shd_dag", "shd_edges", "false_positives",
    "false_negatives", "auroc", "average_precision", "target_accuracy", "target_accuracy_visible", "n_regimes",
    "n_visible", "cpu_to_keep", "cpu_total", "peak_memory_mb", "peak_memory_total_mb", "steps", "status", "note",
    "wrong", "expected_shd", "target_auprc", "placebo_none", "n_placebo", "hidden_found", "n_hidden",
    "false_targets", "missed_targets", *strengths.COLUMNS, "precision", "recall", "wall_total",
)  # fmt: skip


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows of a file, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_table(path: Path) -> pd.DataFrame:
    """All rows of a file, with NaN in columns that were not there when it was written."""
    table = pd.read_csv(path, dtype={"status": str, "note": str})
    return table.reindex(columns=[*COLUMNS, *(name for name in table if name not in COLUMNS)])


def keys(path: Path) -> set[Key]:
    """The runs that a file has."""
    return {_key(row) for row in read_rows(path)}


def add_row(path: Path, row: Mapping[str, object]) -> None:
    """Append a run, in place of an earlier one of the same problem, method and seed.

    Several processes may do so at once.

    Parameters
    ----------
    path
        The file, made if it does not exist.
    row
        Values by column; those left out, None and NaN are empty cells.
    """
    cells = {name: _cell(row.get(name)) for name in COLUMNS}
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        rows = [each for each in read_rows(path) if _key(each) != _key(cells)]
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows([*rows, cells])
        part.replace(path)


def _key(row: Mapping[str, str]) -> Key:
    return row["problem"], row["method"], int(row["seed"])


def _cell(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def add_missing(
    path: Path,
    cases: Mapping[str, Sequence[Hashable]],
    run: Callable[..., Mapping[str, object]],
    *,
    jobs: int = 1,
    read: Callable[[Path], pd.DataFrame] = pd.read_csv,
) -> pd.DataFrame:
    """Run the cases that a table lacks, and write each as soon as it is known.

    Parameters
    ----------
    path
        The table, made if it does not exist.
    cases
        Values by column; a case is a combination of them.
    run
        From such a combination to a row, with these columns in it.
    jobs
        Cases at a time, in processes.
    read
        Reads the table.

    Returns
    -------
    pandas.DataFrame
        All rows of the table, sorted by the columns of `cases`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(cases)
    there = set(read(path)[columns].itertuples(index=False, name=None)) if path.exists() else set()
    missing = [case for case in product(*cases.values()) if case not in there]
    for row in Parallel(n_jobs=jobs, return_as="generator")(delayed(run)(*case) for case in missing):
        table = pd.concat([*([read(path)] if path.exists() else []), pd.DataFrame([row])])
        part = path.with_suffix(f".{os.getpid()}.part")
        table.sort_values(columns).to_csv(part, index=False, float_format="%.5g")
        part.replace(path)
    return read(path)

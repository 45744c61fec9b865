"""Table files other than text, which optional packages read; folders of tables; how a file's name tells its kind."""

from __future__ import annotations

from collections.abc import Iterable
from os import fspath
from pathlib import Path
from typing import Any

import pandas as pd

from pyrocausal.data.columns import listing
from pyrocausal.data.text_files import read_text_table
from pyrocausal.data.text_form import FilePath

__all__ = ["format_of", "read_folder", "read_parquet"]

PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
FORMATS = {
    ".csv": "text", ".tsv": "text", ".tab": "text", ".txt": "text", "": "text", ".data": "text", ".dat": "text",
    ".parquet": "parquet", ".pq": "parquet", ".h5ad": "h5ad",
}  # fmt: skip


def format_of(path: FilePath) -> str:
    """What a file holds, by its suffix: "text", "parquet" or "h5ad".

    Raises
    ------
    ValueError
        If the suffix is of something else.

    Examples
    --------
    >>> format_of("cells.csv.gz"), format_of("cells.parquet")
    ('text', 'parquet')
    """
    name = Path(fspath(path))
    suffix = (Path(name.stem) if name.suffix.lower() in PACKED else name).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(each for each in FORMATS if each)
        raise ValueError(
            f"{path} has the suffix {suffix}, which is none of {known}, nor these packed, as in .csv.gz; store the "
            "table as one of them, such as comma-separated text"
        )
    return FORMATS[suffix]


def read_parquet(path: FilePath) -> pd.DataFrame:
    """Read a Parquet file; an index that pandas stored beside its columns and that has a name is a column too.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the extra `parquet` is not installed, or the file is no Parquet.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"path: there is no file {path}")
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"path: to read {path} the optional package pyarrow is needed: pip install 'pyrocausal[parquet]'"
        ) from error
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:  # pyarrow's own errors are both
        raise ValueError(f"path: {path} is no readable Parquet file: {error}") from error
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(named) if named else frame


def read_folder(folder: FilePath, texts: Iterable[str] = (), **form: Any) -> tuple[pd.DataFrame, str]:
    """Read a folder of tables, delimited text or Parquet, as one long table with a column of the files' names.

    Names are without suffixes, "drug" of drug.csv.gz. Hidden files, whose names begin with a dot, are no tables.

    Parameters
    ----------
    folder : path
        Holds one file for each regime, all with the same columns, in any order.
    texts, **form
        As in `read_text_table`.

    Returns
    -------
    table : DataFrame
        All rows.
    column : str
        That of the names.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no files, something that is no table, a table without rows, two files of one name, or tables with
        different columns.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("drug", "control"):
    ...         _ = (Path(folder) / f"{name}.csv").write_text("A,B\\n0.5,1.5\\n")
    ...     read_folder(folder)[0].file.tolist()
    ['control', 'drug']
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"folder: there is no folder {folder}")
    tables: dict[str, pd.DataFrame] = {}
    for path in sorted(each for each in Path(folder).iterdir() if not each.name.startswith(".")):
        if path.is_dir() or format_of(path) == "h5ad":
            raise ValueError(f"folder: {path} is no table of one regime, delimited text or Parquet; move it elsewhere")
        name = path.name.removesuffix(path.suffix) if path.suffix.lower() in PACKED else path.name
        name = Path(name).stem
        if name in tables:
            raise ValueError(f"folder: {folder} holds two files called {name!r}; a regime has one, rename or move one")
        tables[name] = read_parquet(path) if format_of(path) == "parquet" else read_text_table(path, texts, **form)
        if tables[name].empty:
            raise ValueError(f"folder: {path} has no rows; remove it, or add the rows of {name!r}")
    if not tables:
        raise ValueError(f"folder: {folder} holds no files; expected a table for each regime, such as control.csv")
    (first, known), *others = tables.items()
    for name, table in others:
        if odd := [each for each in dict.fromkeys([*known, *table]) if (each in known) != (each in table)]:
            raise ValueError(
                f"folder: tables must have the same columns, but of those of {first!r} and {name!r} only one has "
                f"{listing(odd)}; ignore= leaves out only what all of them have"
            )
    column = "file"
    while column in known:
        column += "_"
    return pd.concat([table.assign(**{column: name}) for name, table in tables.items()], ignore_index=True), column

"""Table files other than text, which optional packages read; and how the kind of a file is told from its name."""

from __future__ import annotations

from os import fspath
from pathlib import Path

import pandas as pd

from pyrocausal.data.text_files import FilePath

__all__ = ["format_of", "read_parquet"]

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

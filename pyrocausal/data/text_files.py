"""Delimited text files as tables, what is missing in them, and what speaks against their header and their last rows.

What is not said of their form is found out (`text_form`), and what cannot be found out is asked for.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing, number_of
from pyrocausal.data.text_form import DAMAGE, FilePath, first_bytes, not_unpacked, sniff

__all__ = ["read_text_table"]

MISSING_IN_TEXT = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null"]  # "None" is often a state


def read_text_table(
    path: FilePath,
    texts: Iterable[str] = (),
    sep: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    missing: Iterable[str] = (),
) -> pd.DataFrame:
    """Read a table with a header from delimited text, compressed or not.

    Parameters
    ----------
    path : path
        The file.
    texts : iterable of str
        Columns that are kept as text, as written.
    sep, encoding, decimal : str, optional
        What separates fields, how the text is encoded, and the decimal mark; found out if None.
    missing : iterable of str
        What stands for a missing value, beside empty cells, NA, NaN and null.

    Returns
    -------
    DataFrame
        Empty cells, NA, NaN and null are missing; a column without a heading is called "Unnamed: 0" and so on.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `missing` is one string, or holds something else.
    ValueError
        If the file is empty or no table, has one column alone or bytes that are no text of its encoding, two columns
        have the same name, or rows have more fields than the header.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cells.csv"
    ...     _ = path.write_text("arm;dose\\nold;0,5\\nnew;1,5\\n")
    ...     read_text_table(path).dose.tolist()
    [0.5, 1.5]
    """
    if isinstance(path, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        raise ValueError(
            f"path: {path} is an address, which is not fetched; save it as a file, or read it yourself, as in "
            "from_frame(pandas.read_csv(...))"
        )
    texts, missing = [*texts], _codes(missing)
    head = first_bytes(path)
    if head is None:
        form: dict[str, Any] = {"sep": sep or ",", "encoding": encoding or "utf-8", "decimal": decimal or "."}
    else:
        form = sniff(head, str(path), texts, sep, encoding, decimal)
    options: dict[str, Any] = {
        "dtype": dict.fromkeys(texts, str), "keep_default_na": False, "na_values": missing, "low_memory": False,
        "index_col": False, **form,
    }  # fmt: skip
    names: list[str] = []
    try:
        header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **form)
        names = header.iloc[0].tolist()
        if len(names) > 2 and names.count("") > 1:
            raise ValueError(
                f"path: the first line of {path} has {names.count('')} columns without a heading beside "
                f"{listing(filter(None, names))}; if it is a title, remove it, so that the header comes first"
            )
        if twice := [name for k, name in enumerate(names) if name in names[:k]]:
            raise ValueError(f"the columns of {path}: {listing(twice)} occurs more than once; names must be unique")
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Length of header", pd.errors.ParserWarning)
            frame = pd.read_csv(path, **options)
    except pd.errors.ParserWarning as error:
        raise ValueError(
            f"path: the rows of {path} have more fields than its header {listing(names)}; name every column, or remove "
            "what stands before the header"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"path: {path} is empty; expected a header and rows") from error
    except UnicodeError as error:
        raise _undecoded(path, form["encoding"], error) from error
    except LookupError as error:
        raise ValueError(f"encoding: {encoding!r} is none that Python knows, such as utf-8 or latin-1") from error
    except DAMAGE as error:
        raise not_unpacked(path, error) from error
    except pd.errors.ParserError as error:
        raise ValueError(
            f"path: {path} is no readable table of delimited text: {error}; its header was taken to be {listing(names)}"
        ) from error
    if len(frame.columns) == 1:
        raise ValueError(
            f"path: {path} was read as one column, {frame.columns[0]!r}; say what separates its fields, as in sep=' ' "
            "(--sep in the shell)"
        )
    return _without_empty_rows(frame, path, partial(pd.read_csv, path, **options))


def _without_empty_rows(frame: pd.DataFrame, path: FilePath, read: Callable[..., Any]) -> pd.DataFrame:
    """The table without rows of nothing but empty cells at its end, as spreadsheets leave them; they are told."""
    full = np.flatnonzero(frame.notna().any(axis=1))
    end = int(full[-1]) + 1 if len(full) else 0
    if within := end - len(full):
        first = int(np.flatnonzero(frame.isna().all(axis=1))[0])
        raise ValueError(
            f"path: {number_of(within, 'row')} of {path} with rows below hold nothing but empty cells, the first of "
            f"them row {first}, counted from 0; remove them"
        )
    if end == len(frame):
        return frame
    warnings.warn(
        f"the last {number_of(len(frame) - end, 'row')} of {path} hold nothing but empty cells: they are left out",
        RuntimeWarning,
        stacklevel=4,
    )
    return read(nrows=end)  # anew, for a gap makes floats of whole numbers


def _codes(missing: Iterable[str]) -> list[str]:
    """All that stands for a missing value."""
    codes = [*missing] if isinstance(missing, Iterable) and not isinstance(missing, str) else missing
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise TypeError(f"missing: expected texts as they stand in the file, as in missing=['-999'], got {missing!r}")
    return [*MISSING_IN_TEXT, *codes]


def _undecoded(path: FilePath, encoding: str, error: UnicodeError) -> ValueError:
    if encoding.startswith("utf-8"):
        return ValueError(
            f'path: {path} is no UTF-8 text ({error}); it looks like latin-1, so say encoding="latin-1" '
            "(--encoding latin-1 in the shell), or store it as UTF-8"
        )
    return ValueError(f"path: {path} is no text in the encoding {encoding} ({error}); say another encoding")

"""Columns of a user's table that are no variables and are left out: what is to be ignored, and numbers of rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing, number_of
from pyrocausal.data.tables import check_frame

__all__ = ["drop_columns"]

UNNAMED = re.compile(r"(Unnamed: \d+(_level_\d+)?)?")  # what pandas calls a column without a heading, or nothing
RESTARTS = 0.1  # share of rows at which the row numbers of stacked tables may begin anew


def drop_columns(
    frame: pd.DataFrame, ignore: Iterable[str] = (), index_column: str | None = None, where: str = "frame"
) -> pd.DataFrame:
    """The table without what is to be ignored, and without a column that only numbers or names its rows.

    Parameters
    ----------
    frame : DataFrame
        The table.
    ignore : iterable of str
        Columns to drop.
    index_column : str, optional
        The column that numbers or names rows. If None, a column without a heading that does is recognised and left
        out, with a warning; so are columns without a heading and without a value.
    where : str
        What the table is called in messages.

    Raises
    ------
    TypeError
        If `frame` is no DataFrame, or `ignore` is one string or a dict.
    ValueError
        If there is no such column, or a column without a heading is none of row numbers or names.

    Examples
    --------
    >>> drop_columns(pd.DataFrame({"A": [1], "note": ["?"]}), ignore=["note"]).columns.tolist()
    ['A']
    """
    check_frame(frame, where)
    if isinstance(ignore, str):
        raise TypeError(f"ignore: expected names of columns, as in ignore=[{ignore!r}], got the string {ignore!r}")
    if isinstance(ignore, Mapping):
        raise TypeError(f"ignore: expected names of columns, as in ignore={[*ignore]!r}, got the dict {ignore!r}")
    ignore = [*ignore]
    if strange := [name for name in ignore if name not in frame.columns]:
        raise ValueError(f"ignore: {strange[0]!r} is no column of {where}; the columns are {listing(frame.columns)}")
    frame = frame.drop(columns=ignore)
    unnamed = [name for name in frame.columns if isinstance(name, str) and UNNAMED.fullmatch(name)]
    if index_column is not None:
        if index_column == "" and unnamed and "" not in frame.columns:
            index_column = unnamed[0]
        if index_column not in frame.columns:
            raise ValueError(f"index_column: {index_column!r} is no column; the columns are {listing(frame.columns)}")
        frame = frame.drop(columns=index_column)
        unnamed = [name for name in unnamed if name != index_column]
    empty = [name for name in unnamed if list(frame.columns).count(name) == 1 and bool(frame[name].isna().all())]
    if empty:
        warnings.warn(
            f"{where} has {number_of(len(empty), 'column')} without a heading and without a value, which are left out",
            RuntimeWarning,
            stacklevel=3,
        )
        frame, unnamed = frame.drop(columns=empty), [name for name in unnamed if name not in empty]
    for name in unnamed:
        if list(frame.columns).count(name) == 1 and not _numbers_rows(frame[name]):
            raise ValueError(
                f"index_column: the column {name!r} has no heading, and does not number the rows; name it if it is a "
                f"variable, or leave it out by index_column={name!r} (--index-column in the shell)"
            )
    if unnamed:
        warnings.warn(
            f"the column {unnamed[0]!r} of {where} has no heading and only numbers or names the rows: it is left out, "
            f"and is no variable (say so by index_column={unnamed[0]!r}, or give it a heading if it is one)",
            RuntimeWarning,
            stacklevel=3,
        )
    return frame.drop(columns=unnamed)


def _numbers_rows(column: pd.Series) -> bool:
    """Whether values [n] are unique whole numbers or texts, or count up by one, several tables one after another."""
    if column.isna().any():
        return False
    if not pd.api.types.is_numeric_dtype(column):
        return bool(column.is_unique)
    values = column.to_numpy(dtype=np.float64)
    if (values != values.round()).any() or (values < 0).any():
        return False
    return bool(column.is_unique) or float((np.diff(values) != 1).mean()) <= RESTARTS

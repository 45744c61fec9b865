"""Values that tell nothing: slips of the keyboard and codes far from all others of their table.

One wrong number among thousands, such as 999999 for a gap, would decide every sum of squares: the units of its
variable, the noise of its regime, the slopes of its effects. So numbers and counts further than FAR times the usual
range from the median of their table are set to the median, where they tell nothing, if few values of the table are such
and none lie between them and the usual ones. A long tail is no slip, nor is a part of a table that was moved, nor a
table, however far. This is done in the user's units, before anything else, and `InterventionalData.slips` keeps what
was there.

The usual range is that from the 1st to the 99th percentile of all rows, but for those that lie beyond ten times the
range of the middle ones and apart from all others: a code in several of a hundred rows is not usual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import quantiles

__all__ = ["FAR", "Slip", "find_slips", "middle", "usual_range", "without_slips"]

FAR = 3.0  # usual ranges
USUAL = 0.01, 0.99  # percentiles that it is between
MIDDLE, BEYOND = (0.05, 0.95), 10.0  # percentiles of the middle rows, and how many times their range is never usual
FEW = 0.05  # share of a table's values at the most that are taken for slips


class Slip(NamedTuple):
    """A value that was taken for a slip or a code.

    Attributes
    ----------
    table
        The regime, or "" of the observational rows.
    row
        In that table, counted from 0.
    variable
        Whose value it was.
    value
        What was there, in the user's units.
    """

    table: str
    row: int
    variable: str
    value: float


def usual_range(values: torch.Tensor, weights: torch.Tensor) -> float:
    """The usual range of values [n] of all tables, none missing, by the weights of their rows; 0 of no values."""
    if not len(values):
        return 0.0
    low, high = quantiles(values, torch.tensor(MIDDLE, dtype=torch.double), weights).tolist()
    beyond = BEYOND * (high - low)
    near = (values >= low - beyond) & (values <= high + beyond)
    if beyond > 0 and not bool(near.all()):
        usual = _between(values[near], weights[near])
        least, most = values[near].min() - FAR * usual, values[near].max() + FAR * usual
        if not bool(((values >= least) & (values <= most))[~near].any()):
            return usual
    return _between(values, weights)


def middle(values: torch.Tensor, weights: torch.Tensor) -> float:
    """Median of values [n] by the weights of their rows."""
    return quantiles(values, torch.tensor([0.5], dtype=torch.double), weights).item()


def _between(values: torch.Tensor, weights: torch.Tensor) -> float:
    low, high = quantiles(values, torch.tensor(USUAL, dtype=torch.double), weights).tolist()
    return high - low


def find_slips(columns: Sequence[np.ndarray], weights: Sequence[np.ndarray | None]) -> list[tuple[np.ndarray, float]]:
    """Where slips are in a variable's column of every table [n_t], NaN where missing, and that column's median.

    Where no value is far from all others the median is not sought, but NaN.

    Examples
    --------
    >>> (rows, median), = find_slips([np.array([*range(50), 1e9])], [None])
    >>> rows.tolist(), median
    ([50], 25.0)
    """
    both = [_some(*each) for each in zip(columns, weights, strict=True)]
    usual = usual_range(torch.cat([values for values, _ in both]), torch.cat([counted for _, counted in both]))
    found = []
    for column, (values, counted) in zip(columns, both, strict=True):
        if not len(values) or float(values.max() - values.min()) <= FAR * usual:  # at once, of nearly all tables
            found.append((np.empty(0, dtype=int), math.nan))
            continue
        median = middle(values, counted)
        distance = (values - median).abs()
        share = float(counted[distance > FAR * usual].sum() / counted.sum())
        apart = not bool(((distance > usual) & (distance <= FAR * usual)).any())
        some = usual > 0 and apart and 0 < share <= FEW
        far = np.flatnonzero(np.abs(column - median) > FAR * usual) if some else np.empty(0, dtype=int)
        found.append((far, median))
    return found


def _some(column: np.ndarray, weights: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Values that are not missing, double, and their weights."""
    seen = ~np.isnan(column)
    values = torch.tensor(column[seen])
    return values, torch.ones_like(values) if weights is None else torch.tensor(weights, dtype=torch.double)[seen]


def without_slips(
    name: str, kind: Kind, columns: Mapping[str, pd.Series], weights: Sequence[np.ndarray | None]
) -> tuple[dict[str, pd.Series], list[Slip]]:
    """A variable's columns [n_t] by their tables' names, with slips set to their table's median; and what they were.

    Columns of states, and such as hold anything but finite numbers, are given back as they are.
    """
    same = dict(columns)
    if kind.closed_form not in ("regression", "count regression"):
        return same, []
    plain = [_numbers(column) for column in columns.values()]
    known = [each for each in plain if each is not None and not np.isinf(each).any()]
    if len(known) < len(plain):
        return same, []
    slips = []
    for (table, column), values, (rows, median) in zip(columns.items(), known, find_slips(known, weights), strict=True):
        if len(rows):
            slips += [Slip(table, int(row), name, float(values[row])) for row in rows]
            moved = values.copy()
            moved[rows] = round(median) if kind.whole else median
            same[table] = pd.Series(moved, index=column.index)
    return same, slips


def _numbers(column: pd.Series) -> np.ndarray | None:
    """A column as double, None if it holds anything else."""
    if not pd.api.types.is_numeric_dtype(column) and not all(
        isinstance(value, Real) for value in column if not pd.isna(value)
    ):
        return None
    return column.to_numpy(dtype=np.float64, na_value=np.nan)

"""Columns of the user's tables: what their values are, checked before anything is made of them.

`where` says in messages what is being checked; ``n`` counts rows.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "check_finite", "check_gaps", "check_some", "factorize", "family", "has_gaps", "listing", "moments", "native",
    "number_of", "numbers",
]  # fmt: skip


def native(label: Any) -> Any:
    """`label` as a plain Python object."""
    return label.item() if isinstance(label, np.generic) else label


def family(label: Hashable) -> type:
    """Labels of one family can be states of one variable: text, numbers and booleans, or anything else."""
    return next((each for each in (str, Real) if isinstance(label, each)), object)


def listing(items: Iterable[Any], most: int = 20) -> str:
    """`items` for an error message, cut where there are many."""
    texts = [repr(native(item)) for item in items]
    return (", ".join(texts[:most]) or "none") + (f" and {len(texts) - most} more" if len(texts) > most else "")


def spelled_alike(texts: Iterable[str]) -> list[list[str]]:
    """Groups of texts that differ in spaces around them or in capitals alone, in their order.

    Examples
    --------
    >>> spelled_alike(["drug", "control", "Control", "control "])
    [['control', 'Control', 'control ']]
    """
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        groups.setdefault(text.strip().casefold(), []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def number_of(number: int, what: str) -> str:
    """How many there are of something, such as "2 edges"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def has_gaps(column: pd.Series) -> bool:
    """Whether values are missing."""
    plain = _plain(column)
    return bool(column.isna().any() if plain is None else plain.dtype.kind == "f" and np.isnan(plain).any())


def check_finite(column: pd.Series, where: str) -> None:
    """Raise if `column` has an infinite value."""
    plain = _plain(column)
    if plain is not None and plain.dtype.kind != "f":
        return
    infinite = column.isin([math.inf, -math.inf]) if plain is None else np.isinf(plain)
    if count := int(infinite.sum()):
        raise ValueError(f"{where} has {count} infinite values; correct them, or leave them empty if they are missing")


def _plain(column: pd.Series) -> np.ndarray | None:
    """Values of a column of plain numbers or booleans, None of any other.

    What is asked of a variable is asked of its column in every table, and of arrays that takes a tenth of the time.
    """
    return column.to_numpy() if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iubf" else None


def check_some(columns: Mapping[str, pd.Series]) -> None:
    """Raise if the first of the columns has nothing but missing values."""
    where, column = next(iter(columns.items()))
    if bool(column.isna().all()):
        raise ValueError(f"{where} has no value at all; remove the variable")


def check_gaps(kind: str, missing: bool, gaps: np.ndarray, where: str) -> None:
    """Raise if there are missing values [n] where a kind, by its name, has none."""
    if gaps.any() and not missing:
        raise ValueError(
            f"{where} has {int(gaps.sum())} missing values, but its kind was settled on complete rows; impute them, or "
            f"say missing=True in {kind}"
        )


def factorize(column: pd.Series, where: str) -> tuple[np.ndarray, list[Any]]:
    """For each row the index of its label [n], -1 where missing, and the labels of `column` [n] as they appear."""
    try:
        check_finite(column, where)
        plain = _plain(column)
        codes, labels = pd.factorize(column if plain is None else plain)
    except TypeError as error:
        raise TypeError(f"{where} holds values that cannot be categories ({error}); convert them to text") from error
    return codes, [native(label) for label in labels]


def numbers(
    column: pd.Series, where: str, called: str = "continuous", else_say: str | None = "Categorical"
) -> np.ndarray:
    """`column` [n] as float64, NaN where missing; raise at anything else that is no number."""
    types = pd.api.types
    numeric = types.is_float_dtype(column) or types.is_integer_dtype(column) or types.is_bool_dtype(column)
    if not numeric and (text := [value for value in column[column.notna()] if not isinstance(value, Real)]):
        wrong = next((value for value in text if pd.isna(pd.to_numeric(value, errors="coerce"))), text[0])
        row = next(native(row) for row, value in column.items() if type(value) is type(wrong) and value == wrong)
        advice = f" or say {else_say}" if else_say else ""
        raise ValueError(
            f"{where} is {called} but holds {wrong!r} in row {row!r}; leave it empty (NaN) if it means missing, or "
            f"correct the value{advice}"
        )
    check_finite(column, where)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def moments(values: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Mean and population standard deviation of values [n], each counted as often as its weight says."""
    if weights is None:
        return float(values.mean()), float(values.std())
    mean = np.average(values, weights=weights)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))

"""Kinds of variables: what values a column may hold, and how it is encoded as numbers and decoded again.

A category is encoded as the index of its state, a number as ``(value - shift) / scale``, a count as itself. What a kind
is asked is said in `pyrocausal.data.kind`; each has a file of its own, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

import pandas as pd

from pyrocausal.data.categorical import Categorical
from pyrocausal.data.columns import has_gaps
from pyrocausal.data.continuous import Continuous
from pyrocausal.data.count import Count
from pyrocausal.data.exposure import Exposure
from pyrocausal.data.kind import Kind
from pyrocausal.data.stray_text import check_text

__all__ = ["Categorical", "Continuous", "Count", "Exposure", "infer_kind", "why_guessed"]


def infer_kind(columns: Mapping[str, pd.Series]) -> Kind:
    """The kind that the dtype of the observational column, the first, suggests."""
    types = pd.api.types
    columns = {where: _as_numbers(column) for where, column in columns.items()}
    (where, first), *others = columns.items()
    if types.is_float_dtype(first):
        whole = _whole(first)
        if (
            whole
            and any(has_gaps(column) for column in columns.values())
            and all(_whole(column) for _, column in others if types.is_float_dtype(column))
        ):
            raise ValueError(
                f"{where} and the regimes hold whole numbers and missing values, which may be categories or numbers; "
                "say Categorical, Continuous or Count in kinds"
            )
        for other, column in others:
            if whole and types.is_integer_dtype(column):
                raise ValueError(
                    f"{other} holds integers but {where} floats; say Categorical, Continuous or Count in kinds"
                )
        return Continuous()
    tests = (types.is_integer_dtype, types.is_bool_dtype, types.is_object_dtype, types.is_string_dtype)
    if types.is_object_dtype(first) or types.is_string_dtype(first):
        check_text(columns)
    if isinstance(first.dtype, pd.CategoricalDtype) or any(test(first) for test in tests):
        return Categorical()
    raise TypeError(f"{where} has dtype {first.dtype}; convert it to numbers or text")


def why_guessed(column: pd.Series) -> str:
    """What `infer_kind` went by in the observational column."""
    types, column = pd.api.types, _as_numbers(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "a pandas category"
    if types.is_bool_dtype(column):
        return "true or false"
    if types.is_integer_dtype(column):
        return "whole numbers"
    return "numbers with a point" if types.is_float_dtype(column) else "text"


def _whole(column: pd.Series) -> bool:
    """Whether all floats that are known are whole numbers."""
    known = column.dropna()
    return bool((known == known.round()).all())


def _as_numbers(column: pd.Series) -> pd.Series:
    """A column of objects that are numbers, some of them with a fraction, as floats; any other one as it is."""
    if column.dtype != object:
        return column
    known = column.dropna()
    if not len(known) or not all(isinstance(value, Real) and not isinstance(value, bool) for value in known):
        return column
    found = pd.to_numeric(column, errors="coerce").astype(float)
    return found if bool((found.dropna() % 1 != 0).any()) else column

"""One kind for all variables left open, as in ``kinds=Count`` or ``kinds={"dose": Continuous, ...: Count}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import isabstract
from typing import Any

import numpy as np
import pandas as pd

from pyrocausal.data.columns import native
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure

__all__ = ["spread_kinds"]


def spread_kinds(kinds: Any, tables: Iterable[pd.DataFrame]) -> Any:
    """Kinds of variables by name, where one kind is said for all that are left open.

    A `Count` is taken by columns that hold whole numbers of at least 0 in every table, a `Continuous` by columns of
    numbers, any other kind by every column. The column that a count names as its exposure is left out. Columns that do
    not take it are inferred, as always.

    Parameters
    ----------
    kinds
        A kind, as an object or a class; or a mapping in which one stands under `...`; anything else is given back.
    tables
        The observational one first; all have the same columns.

    Raises
    ------
    TypeError
        If what stands under `...` is no kind, or an `Exposure`.
    ValueError
        If no column can take the kind.

    Examples
    --------
    >>> table = pd.DataFrame({"A": [0, 3], "B": ["x", "y"], "C": [1, 2]})
    >>> spread_kinds({"C": Continuous, ...: Count}, [table])["A"]
    Count(exposure=None, shift=None, scale=None, components=1)
    """
    if _is_kind(kinds):
        kinds = {...: kinds}
    if not isinstance(kinds, Mapping) or ... not in kinds:
        return kinds
    kind = kinds[...]
    if not _is_kind(kind) or _sort(kind) is Exposure:
        raise TypeError(f"kinds: expected Categorical, Continuous or Count for all that is left open, got {kind!r}")
    kind = kind() if isinstance(kind, type) else kind
    told = {name: given for name, given in kinds.items() if name is not ...}
    exposures = {given.exposure for given in (kind, *told.values()) if isinstance(given, Count)}
    first, *others = [*tables]
    taken = {}
    for name in first.columns:
        if name not in told and name not in exposures:
            columns = [table[name] for table in (first, *others) if list(table.columns).count(name) == 1]
            if all(_takes(column, kind) for column in columns):
                taken[name] = kind
    if not taken:
        what = "whole numbers of at least 0" if isinstance(kind, Count) else "numbers"
        raise ValueError(f"kinds: {kind!r} is said for all variables left open, but none of them holds {what}")
    return {**told, **taken}


def _is_kind(kind: Any) -> bool:
    return isinstance(kind, Kind) or (isinstance(kind, type) and issubclass(kind, Kind) and not isabstract(kind))


def _sort(kind: Any) -> type:
    return kind if isinstance(kind, type) else type(kind)


def _takes(column: pd.Series, kind: Kind) -> bool:
    """Whether a column [n] holds values of the kind, as far as its type tells."""
    if not isinstance(kind, (Count, Continuous)):
        fractions = pd.api.types.is_float_dtype(column) and bool((column.dropna() % 1 != 0).any())
        return not (fractions and kind == Categorical())
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        known = [native(value) for value in column.dropna()] if column.dtype == object else []
        if not known or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known):
            return False
    if isinstance(kind, Continuous):
        return True
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[~np.isnan(values)]
    return bool(len(values)) and bool(((values >= 0) & (values == values.round())).all())

"""Kinds of variables: what values a column may hold, and how it is encoded as numbers and decoded again.

A category is encoded as the index of its state, a number as ``(value - shift) / scale``. `resolve` settles what a user
left open from the columns of one variable in every table, given as a mapping of description (for error messages) to
column, the observational one first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

__all__ = ["Categorical", "Continuous", "Kind", "infer_kind", "listing", "native"]


@dataclass(frozen=True)
class Categorical:
    """A variable with finitely many states; the code of a value is its index in `states`.

    Parameters
    ----------
    states : sequence of hashable
        All labels in order. Empty (the default): the labels that occur in any table, sorted.
    missing : bool
        Whether values may be missing; found out from the tables.

    Raises
    ------
    TypeError
        If `states` is a string, a set or no iterable.
    ValueError
        If a state is missing (None, NaN) or listed twice.

    Examples
    --------
    >>> Categorical(("low", "high")).cardinality
    2
    """

    states: tuple[Hashable, ...] = ()
    missing: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.states, (str, set, frozenset)) or not isinstance(self.states, Iterable):
            raise TypeError(f"states: expected labels in order, such as ('no', 'yes'), got {self.states!r}")
        states = tuple(native(state) for state in self.states)
        if repeated := [state for state, times in Counter(states).items() if times > 1]:
            raise ValueError(f"states: {repeated[0]!r} is listed more than once in {states}")
        if any(state is None or state != state for state in states):
            raise ValueError(f"states: None and NaN cannot be states, got {states}; name such a state, say 'missing'")
        object.__setattr__(self, "states", states)

    @property
    def cardinality(self) -> int:
        """Number of states, 0 while they are to be inferred."""
        return len(self.states)

    def resolve(self, columns: Mapping[str, pd.Series]) -> Categorical:
        """Settle the states of one variable from its column [n] in every table.

        Raises
        ------
        ValueError
            If the column is constant, mixes text with numbers, or holds fractions and no states are given, or if all
            of the observational rows lack the value.
        """
        gaps = self.missing or any(bool(column.isna().any()) for column in columns.values())
        _check_some(columns)
        found: dict[Any, str] = {}  # label -> where it occurs first
        for where, column in columns.items():
            for label in _factorize(column, where)[1]:
                found.setdefault(label, where)
        if len(found) < 2:
            raise ValueError(f"{next(iter(columns))} and in all regimes has one state, {[*found]}; remove the variable")
        if self.states:
            return Categorical(self.states, missing=gaps)
        first = next(iter(found))
        for label, where in found.items():
            if _family(label) != _family(first):
                raise ValueError(f"{where} holds {label!r} beside {first!r}; convert the column to text or to numbers")
            if isinstance(label, float) and not label.is_integer():
                raise ValueError(f"{where} holds {label!r}, no category code; pass Continuous or all states in kinds")
        for column in columns.values():
            if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
                order = [native(label) for label in column.dtype.categories]
                if found.keys() <= set(order):
                    return Categorical(tuple(label for label in order if label in found), missing=gaps)
        states = [int(label) if isinstance(label, float) else label for label in found]
        return Categorical(tuple(sorted(states, key=str if _family(first) is object else None)), missing=gaps)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Codes [n] of the labels in `column` [n], NaN where missing; ValueError for a label that is no state."""
        codes, labels = _factorize(column, where)
        _check_gaps(self, codes < 0, where)
        code_of = {state: code for code, state in enumerate(self.states)}
        if unseen := [label for label in labels if label not in code_of]:
            raise ValueError(
                f"{where} holds {unseen[0]!r}, which is none of the states {listing(self.states)}; correct the value "
                "or add it to the states of Categorical"
            )
        return np.array([*(code_of[label] for label in labels), np.nan], dtype=np.float64)[codes]

    def decode(self, codes: np.ndarray) -> pd.Series:
        """Labels [n] of `codes` [n], NaN where missing."""
        gaps = np.isnan(codes)
        labels = pd.Index(list(self.states), tupleize_cols=False).take(np.where(gaps, 0, codes).astype(np.int64))
        found = pd.Series(labels)
        return found.mask(gaps) if gaps.any() else found


@dataclass(frozen=True)
class Continuous:
    """A real-valued variable, ``value = shift + scale * encoded``.

    Parameters
    ----------
    shift, scale : float, optional
        In the user's units. None (the default): the mean and the population standard deviation of the observational
        rows.
    missing : bool
        Whether values may be missing; found out from the tables.

    Raises
    ------
    TypeError
        If `shift` or `scale` is no number.
    ValueError
        If `shift` is not finite, or `scale` not positive and finite.

    Examples
    --------
    >>> Continuous(shift=20.0, scale=5.0)
    Continuous(shift=20.0, scale=5.0)
    """

    shift: float | None = None
    scale: float | None = None
    missing: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        for name, value in (("shift", self.shift), ("scale", self.scale)):
            if value is not None and not isinstance(value, Real):
                raise TypeError(f"{name}: expected a number, got {value!r}")
        if self.shift is not None and not math.isfinite(self.shift):
            raise ValueError(f"shift: expected a finite number, got {self.shift}")
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale: expected a positive finite number, got {self.scale}")

    @property
    def cardinality(self) -> int:
        """0: no states."""
        return 0

    @property
    def units(self) -> tuple[float, float]:
        """`shift` and `scale`; ValueError while they are to be inferred."""
        if self.shift is None or self.scale is None:
            raise ValueError(f"{self} has no shift and scale yet; give both, as in Continuous(shift=0.0, scale=1.0)")
        return self.shift, self.scale

    def resolve(self, columns: Mapping[str, pd.Series]) -> Continuous:
        """Settle shift and scale of one variable from its observational column [n], the first of `columns`.

        Raises
        ------
        ValueError
            If the observational column is constant, empty, or no number.
        """
        gaps = self.missing or any(bool(column.isna().any()) for column in columns.values())
        _check_some(columns)
        where, column = next(iter(columns.items()))
        values = _numbers(column, where)
        values = values[~np.isnan(values)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = float(values.mean()), float(values.std())
        if values.min() == values.max() or not 0 < deviation < math.inf:
            raise ValueError(
                f"{where} has no usable variance (from {values.min()} to {values.max()}); remove or rescale it"
            )
        shift, scale = mean if self.shift is None else self.shift, deviation if self.scale is None else self.scale
        return Continuous(shift, scale, missing=gaps)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Standardised values [n] of `column` [n], NaN where missing; ValueError for anything but numbers."""
        shift, scale = self.units
        values = _numbers(column, where)
        _check_gaps(self, np.isnan(values), where)
        return (values - shift) / scale

    def decode(self, values: np.ndarray) -> pd.Series:
        """Standardised `values` [n] in the user's units."""
        shift, scale = self.units
        return pd.Series(shift + scale * values)


Kind: TypeAlias = Categorical | Continuous


def infer_kind(columns: Mapping[str, pd.Series]) -> Kind:
    """The kind that the dtype of the observational column, the first, suggests."""
    types = pd.api.types
    (where, first), *others = columns.items()
    if types.is_float_dtype(first):
        known = [column.dropna() for column in columns.values() if types.is_float_dtype(column)]
        whole = bool((known[0] == known[0].round()).all())
        gaps = any(column.isna().any() for column in columns.values())
        if gaps and all(bool((column == column.round()).all()) for column in known):
            raise ValueError(
                f"{where} and the regimes hold whole numbers and missing values, which may be categories or numbers; "
                "say Categorical or Continuous in kinds"
            )
        for other, column in others:
            if whole and types.is_integer_dtype(column):
                raise ValueError(f"{other} holds integers but {where} floats; say Categorical or Continuous in kinds")
        return Continuous()
    tests = (types.is_integer_dtype, types.is_bool_dtype, types.is_object_dtype, types.is_string_dtype)
    if isinstance(first.dtype, pd.CategoricalDtype) or any(test(first) for test in tests):
        return Categorical()
    raise TypeError(f"{where} has dtype {first.dtype}; convert it to numbers or text")


def native(label: Any) -> Any:
    """`label` as a plain Python object."""
    return label.item() if isinstance(label, np.generic) else label


def _family(label: Hashable) -> type:
    """Labels of one family can be states of one variable: text, numbers and booleans, or anything else."""
    return next((family for family in (str, Real) if isinstance(label, family)), object)


def listing(items: Iterable[Any], most: int = 20) -> str:
    """`items` for an error message, cut where there are many."""
    texts = [repr(native(item)) for item in items]
    return (", ".join(texts[:most]) or "none") + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _check_finite(column: pd.Series, where: str) -> None:
    """Raise if `column` has an infinite value."""
    if count := int(column.isin([math.inf, -math.inf]).sum()):
        raise ValueError(f"{where} has {count} infinite values; correct them, or leave them empty if they are missing")


def _check_some(columns: Mapping[str, pd.Series]) -> None:
    """Raise if the first of the columns has nothing but missing values."""
    where, column = next(iter(columns.items()))
    if bool(column.isna().all()):
        raise ValueError(f"{where} has no value at all; remove the variable")


def _check_gaps(kind: Kind, gaps: np.ndarray, where: str) -> None:
    """Raise if there are missing values [n] where a kind has none."""
    if gaps.any() and not kind.missing:
        raise ValueError(
            f"{where} has {int(gaps.sum())} missing values, but its kind was settled on complete rows; impute them, or "
            f"say missing=True in {type(kind).__name__}"
        )


def _factorize(column: pd.Series, where: str) -> tuple[np.ndarray, list[Any]]:
    """For each row the index of its label [n], -1 where missing, and the labels of `column` [n] as they appear."""
    try:
        _check_finite(column, where)
        codes, labels = pd.factorize(column)
    except TypeError as error:
        raise TypeError(f"{where} holds values that cannot be categories ({error}); convert them to text") from error
    return codes, [native(label) for label in labels]


def _numbers(column: pd.Series, where: str) -> np.ndarray:
    """`column` [n] as float64, NaN where missing; raise at anything else that is no number."""
    types = pd.api.types
    numeric = types.is_float_dtype(column) or types.is_integer_dtype(column) or types.is_bool_dtype(column)
    if not numeric and (text := [value for value in column[column.notna()] if not isinstance(value, Real)]):
        wrong = next((value for value in text if pd.isna(pd.to_numeric(value, errors="coerce"))), text[0])
        raise ValueError(f"{where} is continuous but holds {wrong!r}; correct the value or say Categorical")
    _check_finite(column, where)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)

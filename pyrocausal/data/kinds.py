"""Kinds of variables: what values a column may hold, and how it is encoded as numbers and decoded again.

A category is encoded as the index of its state, a number as ``(value - shift) / scale``, a count as itself. `resolve`
settles what a user left open from the columns of one variable in every table, given as a mapping of description (for
error messages) to column, the observational one first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pyrocausal.data.columns import check_gaps, check_some, factorize, family, listing, moments, native, numbers
from pyrocausal.data.count_kinds import Count, Exposure

__all__ = ["Categorical", "Continuous", "Count", "Exposure", "Kind", "infer_kind"]


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

    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Categorical:
        """Settle the states of one variable from its column [n] in every table, whatever the weights of rows.

        Raises
        ------
        ValueError
            If the column is constant, mixes text with numbers, or holds fractions and no states are given, or if all
            of the observational rows lack the value.
        """
        gaps = self.missing or any(bool(column.isna().any()) for column in columns.values())
        check_some(columns)
        found: dict[Any, str] = {}  # label -> where it occurs first
        for where, column in columns.items():
            for label in factorize(column, where)[1]:
                found.setdefault(label, where)
        if len(found) < 2:
            raise ValueError(f"{next(iter(columns))} and in all regimes has one state, {[*found]}; remove the variable")
        if self.states:
            return Categorical(self.states, missing=gaps)
        first = next(iter(found))
        for label, where in found.items():
            if family(label) != family(first):
                raise ValueError(f"{where} holds {label!r} beside {first!r}; convert the column to text or to numbers")
            if isinstance(label, float) and not label.is_integer():
                raise ValueError(f"{where} holds {label!r}, no category code; pass Continuous or all states in kinds")
        for column in columns.values():
            if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
                order = [native(label) for label in column.dtype.categories]
                if found.keys() <= set(order):
                    return Categorical(tuple(label for label in order if label in found), missing=gaps)
        states = [int(label) if isinstance(label, float) else label for label in found]
        return Categorical(tuple(sorted(states, key=str if family(first) is object else None)), missing=gaps)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Codes [n] of the labels in `column` [n], NaN where missing; ValueError for a label that is no state."""
        codes, labels = factorize(column, where)
        check_gaps("Categorical", self.missing, codes < 0, where)
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
    components : int
        Normal distributions that a mechanism mixes. One (the default) gives a normal distribution around a mean, both
        its moments functions of the causes; two or more also heavy tails and several modes, at more
        cost. Three serve for most.
    missing : bool
        Whether values may be missing; found out from the tables.

    Raises
    ------
    TypeError
        If `shift` or `scale` is no number, or `components` no whole number.
    ValueError
        If `shift` is not finite, `scale` not positive and finite, or `components` not at least 1.

    Examples
    --------
    >>> Continuous(shift=20.0, scale=5.0)
    Continuous(shift=20.0, scale=5.0, components=1)
    """

    shift: float | None = None
    scale: float | None = None
    components: int = field(default=1, kw_only=True)
    missing: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.components, bool) or not isinstance(self.components, Integral):
            raise TypeError(f"components: expected a whole number, got {self.components!r}")
        if self.components < 1:
            raise ValueError(f"components: expected at least 1, got {self.components}")
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

    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Continuous:
        """Settle shift and scale of one variable from its observational column [n], the first of `columns`.

        Its rows may have weights [n].

        Raises
        ------
        ValueError
            If the observational column is constant, empty, or no number.
        """
        gaps = self.missing or any(bool(column.isna().any()) for column in columns.values())
        check_some(columns)
        where, column = next(iter(columns.items()))
        values = numbers(column, where)
        seen = ~np.isnan(values)
        values = values[seen]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = moments(values, None if weights is None else weights[seen])
        if values.min() == values.max() or not 0 < deviation < math.inf:
            raise ValueError(
                f"{where} has no usable variance (from {values.min()} to {values.max()}); remove or rescale it"
            )
        shift, scale = mean if self.shift is None else self.shift, deviation if self.scale is None else self.scale
        return replace(self, shift=shift, scale=scale, missing=gaps)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Standardised values [n] of `column` [n], NaN where missing; ValueError for anything but numbers."""
        shift, scale = self.units
        values = numbers(column, where)
        check_gaps("Continuous", self.missing, np.isnan(values), where)
        return (values - shift) / scale

    def decode(self, values: np.ndarray) -> pd.Series:
        """Standardised `values` [n] in the user's units."""
        shift, scale = self.units
        return pd.Series(shift + scale * values)


Kind: TypeAlias = Categorical | Continuous | Count | Exposure


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
                "say Categorical, Continuous or Count in kinds"
            )
        for other, column in others:
            if whole and types.is_integer_dtype(column):
                raise ValueError(
                    f"{other} holds integers but {where} floats; say Categorical, Continuous or Count in kinds"
                )
        return Continuous()
    tests = (types.is_integer_dtype, types.is_bool_dtype, types.is_object_dtype, types.is_string_dtype)
    if isinstance(first.dtype, pd.CategoricalDtype) or any(test(first) for test in tests):
        return Categorical()
    raise TypeError(f"{where} has dtype {first.dtype}; convert it to numbers or text")

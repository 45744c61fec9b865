"""Kinds of variables that count something, and of what counts are in proportion to; see `pyrocausal.data.kinds`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
import pandas as pd

from pyrocausal.data.columns import check_gaps, check_some, moments, numbers

__all__ = ["Count", "Exposure"]

LARGEST_COUNT = 2**24  # above it, single precision leaves out whole numbers
LEAST_SCALE = 1e-12  # of logarithms; below it there is nothing but rounding


@dataclass(frozen=True)
class Count:
    """A number of things, such as molecules in a cell; its code is the number itself.

    Its distribution is a negative binomial. As a cause it enters as a standardised logarithm,
    ``(log(1 + value / exposure) - shift) / scale``.

    Parameters
    ----------
    exposure : str, optional
        Another column that a count is in proportion to, all else being equal, such as all molecules of the cell. Its
        logarithm, less the mean of that, is added to the logarithm of the mean, whatever the graph.
    shift, scale : float, optional
        None (the default): mean and population standard deviation of ``log(1 + value / exposure)`` in the observational
        rows, exposure being 1 at its geometric mean.
    missing : bool
        Whether values may be missing; found out from the tables.

    Raises
    ------
    TypeError
        If `exposure` is no string, or `shift` or `scale` no number.
    ValueError
        If `shift` is not positive and finite, or `scale` not.

    Examples
    --------
    >>> Count(exposure="depth")
    Count(exposure='depth', shift=None, scale=None)
    """

    exposure: str | None = None
    shift: float | None = None
    scale: float | None = None
    missing: bool = field(default=False, kw_only=True, repr=False)
    place: int | None = field(default=None, kw_only=True, repr=False)  # of the exposure among the variables

    def __post_init__(self) -> None:
        if not isinstance(self.exposure, str | None):
            raise TypeError(f"exposure: expected the name of a column, got {self.exposure!r}")
        for name, value in (("shift", self.shift), ("scale", self.scale)):
            if value is not None and not isinstance(value, Real):
                raise TypeError(f"{name}: expected a number, got {value!r}")
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: expected a positive finite number, got {value}")

    @property
    def cardinality(self) -> int:
        """0: no states."""
        return 0

    @property
    def units(self) -> tuple[float, float]:
        """`shift` and `scale`; ValueError while they are to be inferred."""
        if self.shift is None or self.scale is None:
            raise ValueError(f"{self} has no shift and scale yet; give both, as in Count(shift=2.0, scale=1.0)")
        return self.shift, self.scale

    @property
    def level(self) -> float:
        """Logarithm of a typical count."""
        return math.log(math.expm1(self.units[0]))

    @property
    def offset(self) -> int | None:
        """The variable whose value is added to the logarithm of the mean, None without exposure."""
        if self.exposure is not None and self.place is None:
            raise ValueError(f"{self} does not know where its exposure is; take the kinds of an InterventionalData")
        return self.place

    def resolve(
        self,
        columns: Mapping[str, pd.Series],
        weights: np.ndarray | None = None,
        exposure: np.ndarray | None = None,
    ) -> Count:
        """Settle shift and scale of one variable from its observational column [n], the first of `columns`.

        Parameters
        ----------
        columns
            Of the variable, in every table.
        weights
            Of the observational rows, shape [n]; None where all are 1.
        exposure
            Of the observational rows, 1 at its geometric mean, shape [n]; None where there is none.

        Raises
        ------
        ValueError
            If a value is negative or no whole number, or the observational column is constant, empty or the same share
            of its exposure in every row.
        """
        gaps = self.missing or any(bool(column.isna().any()) for column in columns.values())
        check_some(columns)
        values, *_ = (self._checked(column, where) for where, column in columns.items())
        seen = ~np.isnan(values)
        where = next(iter(columns))
        if values[seen].min() == values[seen].max():
            raise ValueError(f"{where} is always {values[seen].min():g}; remove the variable")
        logs = np.log1p(values if exposure is None else values / exposure)[seen]
        mean, deviation = moments(logs, None if weights is None else weights[seen])
        shift = mean if self.shift is None else self.shift
        scale = deviation if self.scale is None else self.scale
        if self.scale is None and scale < LEAST_SCALE:
            raise ValueError(
                f"{where} is in every row the same share of its exposure, {self.exposure!r}; remove the variable"
            )
        return replace(self, shift=shift, scale=scale, missing=gaps)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Counts [n], NaN where missing; ValueError for anything but whole numbers of at least 0."""
        values = self._checked(column, where)
        check_gaps("Count", self.missing, np.isnan(values), where)
        return values

    def decode(self, values: np.ndarray) -> pd.Series:
        """Counts [n] as integers; as floats, NaN where missing, if some are."""
        return pd.Series(values if np.isnan(values).any() else values.round().astype(np.int64))

    @staticmethod
    def _checked(column: pd.Series, where: str) -> np.ndarray:
        values = numbers(column, where, "a count")
        seen = values[~np.isnan(values)]
        if len(wrong := seen[(seen < 0) | (seen != seen.round())]):
            raise ValueError(
                f"{where} holds {wrong[0]:g}, which is no count: counts are whole numbers of at least 0; correct the "
                "value or say Continuous"
            )
        if len(seen) and seen.max() > LARGEST_COUNT:
            raise ValueError(f"{where} holds {seen.max():g}; counts above {LARGEST_COUNT:,} are not told apart")
        return values


@dataclass(frozen=True)
class Exposure:
    """What counts are in proportion to, such as all molecules of a cell; ``value = exp(shift + encoded)``.

    It is neither cause nor effect of anything, and no intervention acts on it. A column becomes one where a `Count`
    names it.

    Parameters
    ----------
    shift : float, optional
        None (the default): mean of the logarithms in the observational rows.
    missing : bool
        Whether values may be missing; a table where some are is refused.

    Raises
    ------
    TypeError
        If `shift` is no number.
    ValueError
        If `shift` is not finite.

    Examples
    --------
    >>> Exposure(shift=8.0).cardinality
    0
    """

    shift: float | None = None
    missing: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if self.shift is not None and not isinstance(self.shift, Real):
            raise TypeError(f"shift: expected a number, got {self.shift!r}")
        if self.shift is not None and not math.isfinite(self.shift):
            raise ValueError(f"shift: expected a finite number, got {self.shift}")

    @property
    def cardinality(self) -> int:
        """0: no states."""
        return 0

    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Exposure:
        """Settle shift from the observational column [n], the first of `columns`, whose rows may have weights [n].

        Raises
        ------
        ValueError
            If a value is missing or not positive.
        """
        logs, *_ = (self._logs(column, where) for where, column in columns.items())
        return self if self.shift is not None else replace(self, shift=moments(logs, weights)[0])

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Logarithms [n] of a column [n], less `shift`; ValueError for what is not positive."""
        if self.shift is None:
            raise ValueError(f"{self} has no shift yet; give it, as in Exposure(shift=8.0)")
        return self._logs(column, where) - self.shift

    def decode(self, values: np.ndarray) -> pd.Series:
        """Encoded `values` [n] in the user's units."""
        if self.shift is None:
            raise ValueError(f"{self} has no shift yet; give it, as in Exposure(shift=8.0)")
        return pd.Series(np.exp(self.shift + values))

    @staticmethod
    def _logs(column: pd.Series, where: str) -> np.ndarray:
        values = numbers(column, where, "an exposure", else_say=None)
        if not (values > 0).all():  # nor missing
            wrong = "missing values" if np.isnan(values).any() else f"{values.min():g}"
            raise ValueError(
                f"{where} holds {wrong}, but an exposure is a positive number in every row; correct it or drop the rows"
            )
        return np.log(values)

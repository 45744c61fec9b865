"""What counts are in proportion to; see `pyrocausal.data.kind` and `pyrocausal.data.count`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from pyrocausal.data.columns import moments, numbers
from pyrocausal.data.continuous import normal
from pyrocausal.data.kind import Kind
from pyrocausal.runtime.checked_settings import check_settings, number, truth

__all__ = ["Exposure"]


@dataclass(frozen=True)
class Exposure(Kind):
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

    # What an exposure tells is the same under every graph.
    descent: ClassVar[Literal["categorical", "continuous", "count"]] = "categorical"

    def __post_init__(self) -> None:
        check_settings(self, shift=number(optional=True), missing=truth())

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

    @property
    def settled(self) -> bool:
        """Whether there is a shift."""
        return self.shift is not None

    @property
    def form(self) -> tuple[int, str, int]:
        """That of a number with one component."""
        return 1, "normal", 1

    def distribution(self, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Normal, from mean and log scale [outputs, ...]."""
        return normal(out)

    @staticmethod
    def _logs(column: pd.Series, where: str) -> np.ndarray:
        values = numbers(column, where, "an exposure", else_say=None)
        if not (values > 0).all():  # nor missing
            wrong = "missing values" if np.isnan(values).any() else f"{values.min():g}"
            raise ValueError(
                f"{where} holds {wrong}, but an exposure is a positive number in every row; correct it or drop the rows"
            )
        return np.log(values)

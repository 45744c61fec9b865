"""Variables that are real numbers; see `pyrocausal.data.kind`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from pyrocausal.data.columns import check_gaps, check_some, has_gaps, moments, native, numbers
from pyrocausal.data.kind import Kind
from pyrocausal.data.mixtures import outputs_of, parts_of, spread_locations
from pyrocausal.runtime.checked_settings import check_settings, number, truth, whole

__all__ = ["Continuous", "normal"]

MOST = 1e12  # standard deviations; the square of more is soon beyond single precision
MANY, RESOLVED = 20, 1e-6  # values, and standard deviations between their quartiles, that single precision must resolve
LOG_SCALE = (-10.0, 5.0)  # bounds
LOG_SCALE_OF_COMPONENT = (-4.0, 5.0)  # higher from below, or a component would sit on any value that repeats


@dataclass(frozen=True)
class Continuous(Kind):
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

    def __post_init__(self) -> None:
        check_settings(
            self,
            shift=number(optional=True),
            scale=number(above=0, optional=True),
            components=whole(1),
            missing=truth(),
        )

    @property
    def units(self) -> tuple[float, float]:
        """`shift` and `scale`; ValueError while they are to be inferred."""
        if self.shift is None or self.scale is None:
            raise ValueError(f"{self} has no shift and scale yet; give both, as in Continuous(shift=0.0, scale=1.0)")
        return self.shift, self.scale

    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Continuous:
        """Settle shift and scale of one variable from its observational column [n], the first of `columns`.

        Its rows may have weights [n]. If it is constant there, all tables count.

        Raises
        ------
        ValueError
            If the column is constant in all tables, empty or no number, or a few values are so far out that the others
            could not be told from each other.
        """
        gaps = self.missing or any(has_gaps(column) for column in columns.values())
        check_some(columns)
        where = next(iter(columns))
        values, weights = self._settling(columns, weights)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = moments(values, weights)
        if values.min() == values.max() or not 0 < deviation < math.inf:
            raise ValueError(
                f"{where} has no usable variance (from {values.min()} to {values.max()}); remove or rescale it"
            )
        low, high = np.quantile(values, (0.25, 0.75))
        if self.scale is None and len(values) >= MANY and 0 < high - low < RESOLVED * deviation:
            raise ValueError(
                f"{where} has values too far apart to be told from each other in single precision: half of them lie "
                f"within {high - low:.3g}, all of them from {values.min():g} to {values.max():g}; correct the far "
                "ones, mark them as missing, or take logarithms"
            )
        shift, scale = mean if self.shift is None else self.shift, deviation if self.scale is None else self.scale
        return replace(self, shift=shift, scale=scale, missing=gaps)

    @staticmethod
    def _settling(columns: Mapping[str, pd.Series], weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Values [m] that units are settled by, and their weights: the observational ones, or, where these are all the
        same as of a switch that regimes turn, those of all tables."""
        where, column = next(iter(columns.items()))
        values = numbers(column, where)
        seen = ~np.isnan(values)
        if len(columns) == 1 or values[seen].min() < values[seen].max():
            return values[seen], None if weights is None else weights[seen]
        everything = np.concatenate([numbers(each, where) for where, each in columns.items()])
        return everything[~np.isnan(everything)], None

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Standardised values [n] of `column` [n], NaN where missing; ValueError for no numbers, or too far out."""
        shift, scale = self.units
        values = numbers(column, where)
        check_gaps("Continuous", self.missing, np.isnan(values), where)
        found = (values - shift) / scale
        far = np.flatnonzero(np.abs(found) > MOST)
        if len(far):
            raise ValueError(
                f"{where} holds {values[far[0]]:g} in row {native(column.index[far[0]])!r}, one of {len(far)} values "
                f"more than {MOST:g} standard deviations from the mean of the observational rows; correct them, or "
                "leave them empty if they mean missing"
            )
        return found

    def decode(self, values: np.ndarray) -> pd.Series:
        """Standardised `values` [n] in the user's units."""
        shift, scale = self.units
        return pd.Series(shift + scale * values)

    def in_units(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes [...] in the user's units; gradients pass."""
        shift, scale = self.units
        return shift + scale * codes

    def in_codes(self, values: torch.Tensor) -> torch.Tensor:
        """The inverse of `in_units`; gradients pass."""
        shift, scale = self.units
        return (values - shift) / scale

    @property
    def settled(self) -> bool:
        """Whether there are shift and scale."""
        return self.shift is not None and self.scale is not None

    @property
    def outputs(self) -> int:
        """Mean and log scale, or logits, means and log scales of components."""
        return outputs_of(self.components)

    @property
    def form(self) -> tuple[int, str, int]:
        """After states, those with the same number of components together."""
        return 1, "normal", self.components

    def distribution(self, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Normal or a mixture of normal distributions, from [outputs, ...]."""
        if self.components == 1:
            return normal(out)
        logits, mean, log_scale = parts_of(out, self.components)
        scale = log_scale.clamp(*LOG_SCALE_OF_COMPONENT).exp()
        return dist.MixtureSameFamily(dist.Categorical(logits=logits), dist.Normal(mean, scale))

    def spread_out(self, bias: torch.Tensor) -> torch.Tensor:
        """Biases [outputs] with the means of components apart."""
        return spread_locations(bias, self.components)


def normal(out: torch.Tensor) -> dist.TorchDistribution:
    """Normal distribution from mean and log scale: [2 or more, ...] -> batch shape [...]."""
    return dist.Normal(out[0], out[1].clamp(*LOG_SCALE).exp())

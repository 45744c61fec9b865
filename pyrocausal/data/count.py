"""Variables that count something; see `pyrocausal.data.kind`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from pyrocausal.data.columns import check_gaps, check_some, has_gaps, moments, numbers
from pyrocausal.data.count_levels import Layout, layout
from pyrocausal.data.kind import Kind
from pyrocausal.data.mixtures import outputs_of, parts_of, spread_locations
from pyrocausal.data.negative_binomial import negative_binomial, negative_binomials
from pyrocausal.runtime.checked_settings import check_settings, number, truth, whole

__all__ = ["Count", "log_levels"]

LARGEST_COUNT = 2**24  # above it, single precision leaves out whole numbers
LEAST_SCALE = 1e-12  # of logarithms; below it there is nothing but rounding


@dataclass(frozen=True)
class Count(Kind):
    """A number of things, such as molecules in a cell; its code is the number itself.

    Its distribution is a negative binomial, or a mixture of several. As a cause it enters as a standardised logarithm,
    ``(log(1 + value / exposure) - shift) / scale``.

    Parameters
    ----------
    exposure : str, optional
        Another column that a count is in proportion to, all else being equal, such as all molecules of the cell. Its
        logarithm, less the mean of that, is added to the logarithm of the mean, whatever the graph.
    shift, scale : float, optional
        None (the default): mean and population standard deviation of ``log(1 + value / exposure)`` in the observational
        rows, exposure being 1 at its geometric mean.
    components : int
        Negative binomials that a mechanism mixes. One (the default) gives a negative binomial around a mean; two or
        more also populations of cells that differ and more zeros than one allows, at more cost. With two or more, an
        intervention may also reach a part of the rows alone, such as cells that a guide has silenced beside cells that
        escaped it (`pyrocausal.model.partly_hit`).
    missing : bool
        Whether values may be missing; found out from the tables.

    Raises
    ------
    TypeError
        If `exposure` is no string, `shift` or `scale` no number, or `components` no whole number.
    ValueError
        If `shift` is not positive and finite, or `scale` not, or `components` not at least 1.

    Examples
    --------
    >>> Count(exposure="depth")
    Count(exposure='depth', shift=None, scale=None, components=1)
    """

    exposure: str | None = None
    shift: float | None = None
    scale: float | None = None
    components: int = field(default=1, kw_only=True)
    place: int | None = field(default=None, kw_only=True, repr=False)  # of the exposure among the variables

    whole: ClassVar[bool] = True
    closed_form: ClassVar[Literal["table", "regression", "count regression"]] = "count regression"
    descent: ClassVar[Literal["categorical", "continuous", "count"]] = "count"

    def __post_init__(self) -> None:
        if not isinstance(self.exposure, str | None):
            raise TypeError(f"exposure: expected the name of a column, got {self.exposure!r}")
        positive = number(above=0, optional=True)
        check_settings(
            self, shift=positive, scale=positive, components=whole(1), missing=truth(), place=whole(optional=True)
        )

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

    @property
    def settled(self) -> bool:
        """Whether there are shift and scale."""
        return self.shift is not None and self.scale is not None

    @property
    def bounds(self) -> tuple[float, float]:
        """From 0."""
        return 0, math.inf

    @property
    def expected(self) -> str:
        """See `Kind.expected`."""
        return "counts, whole numbers of at least 0, got others; correct them, or say Continuous"

    @property
    def required(self) -> str:
        """See `Kind.required`."""
        return "counts, whole numbers of at least 0; round them"

    def resolve(
        self,
        columns: Mapping[str, pd.Series],
        weights: np.ndarray | None = None,
        exposure: np.ndarray | None = None,
    ) -> Count:
        """Settle shift and scale of one variable from its observational column [n], the first of `columns`.

        If that is constant, from all tables, as they are.

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
            If a value is negative or no whole number, or the column is constant in all tables, empty or the same share
            of its exposure in every observational row.
        """
        gaps = self.missing or any(has_gaps(column) for column in columns.values())
        check_some(columns)
        values, *rest = (self._checked(column, where) for where, column in columns.items())
        seen = ~np.isnan(values)
        where = next(iter(columns))
        if values[seen].min() == values[seen].max():  # a switch that regimes turn, or nothing at all
            values, weights, exposure = np.concatenate([values, *rest]), None, None
            seen = ~np.isnan(values)
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

    def in_units(self, codes: torch.Tensor) -> torch.Tensor:
        """Counts [...], as they are."""
        return codes

    def in_codes(self, values: torch.Tensor) -> torch.Tensor:
        """Counts [...], as they are."""
        return values

    @classmethod
    def entering(cls, kinds: Sequence[Kind], values: torch.Tensor) -> torch.Tensor:
        """Codes [..., d] with counts as standardised logarithms, relative to their exposure."""
        found = _layout(kinds, values)
        relative = values.index_select(-1, found.places)
        if found.exposures is not None:
            relative = relative * (-found.log_exposures(values)).exp()
        return values.index_copy(-1, found.places, (relative.log1p() - found.shift) / found.scale)

    @property
    def outputs(self) -> int:
        """Logarithms of mean and size, or logits of components, and those of theirs."""
        return outputs_of(self.components)

    @property
    def form(self) -> tuple[int, str, int]:
        """After numbers, those with the same number of components together."""
        return 2, "count", self.components

    def distribution(self, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Negative binomial, from logarithms [outputs, ...] of mean, less a typical count, and of size; or several."""
        return self._around(out, log_levels([self], values)[..., 0], 0)

    def together(self, kinds: Sequence[Kind], out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """As `distribution`, from [m, outputs, n]; each count has its own typical one."""
        return self._around(out, log_levels(kinds, values).t(), 1)  # levels [m, n]

    def _around(self, out: torch.Tensor, levels: torch.Tensor, dim: int) -> dist.TorchDistribution:
        """With outputs along a dimension, and logarithms of typical counts [...] without it."""
        if self.components == 1:
            return negative_binomial(out.select(dim, 0) + levels, out.select(dim, 1))
        logits, log_mean, log_size = parts_of(out, self.components, dim)
        return negative_binomials(logits, log_mean + levels[..., None], log_size)

    def spread_out(self, bias: torch.Tensor) -> torch.Tensor:
        """Biases [outputs] with the means of components apart."""
        return spread_locations(bias, self.components)

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


def log_levels(kinds: Sequence[Kind], values: torch.Tensor) -> torch.Tensor:
    """Logarithms of typical values of m counts: kinds of length m, values of all variables [..., d] -> [..., m].

    What they are in proportion to is taken from the values.
    """
    found = _layout(kinds, values)
    if found.exposures is None:
        return found.level.expand(*values.shape[:-1], len(found.level))
    return found.level + found.log_exposures(values)


def _layout(kinds: Sequence[Kind], values: torch.Tensor) -> Layout:
    """Of the counts among some kinds."""
    counts = tuple((j, kind) for j, kind in enumerate(kinds) if isinstance(kind, Count))
    return layout(counts, values.dtype, values.device)

"""Weights of rows: a row of weight w counts as w rows.

They are positive numbers beside the rows and no variable; None stands for rows that count once each. Every sum over
rows is a weighted one, and the total weight is the number of rows that decides how sure one is. `where` says in
messages what is being checked; ``n`` counts rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from pyrocausal.data.columns import native

__all__ = [
    "Part", "check_total", "check_weights", "drawing", "join", "of_total", "quantiles", "ranks", "read_weights",
    "take_rows", "total",
]  # fmt: skip

LEAST, MOST = 2.0, 1e9  # total weight of a table: as many rows as it needs without, and more than anybody records
ADVICE = (
    "a row of weight w counts as w rows, so scale importance weights to add up to the effective sample size, "
    "sum(w)^2 / sum(w^2)"
)


def read_weights(column: Any, where: str) -> np.ndarray:
    """A user's column or array as float64 [n].

    Raises
    ------
    ValueError
        If a weight is no number, missing, infinite, negative or 0. The message names the first such row.
    """
    series = column if isinstance(column, pd.Series) else pd.Series(np.asarray(column))
    types = pd.api.types
    if types.is_bool_dtype(series):
        raise ValueError(f"weights: {where} holds True and False; a weight is a number: keep the rows that are True")
    if not (types.is_float_dtype(series) or types.is_integer_dtype(series)):
        text = [(k, v) for k, v in enumerate(series) if not pd.isna(v) and not _is_number(v)]
        if text:
            parsed = pd.to_numeric(pd.Series([str(v) for _, v in text]), errors="coerce")
            k, value = next((each for each, p in zip(text, parsed, strict=True) if pd.isna(p)), text[0])
            raise ValueError(
                f"weights: row {native(series.index[k])!r} of {where} holds {native(value)!r}, which is no number; "
                "correct it, or convert the column to numbers"
            )
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    _check_positive(values, where, series.index)
    return values


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _check_positive(values: np.ndarray, where: str, labels: Sequence[Any] | pd.Index) -> None:
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        value = values[wrong[0]]
        advice = "drop rows that are not to count" if value == 0 else "correct it or drop the row"
        raise ValueError(
            f"weights: row {native(labels[wrong[0]])!r} of {where} has {native(value)}, one of {len(wrong)} that are "
            f"not positive and finite; {advice}"
        )


def check_weights(weights: Any, rows: int, where: str) -> torch.Tensor | None:
    """Weights of some rows, double, shape [n]; None where all are 1.

    Raises
    ------
    TypeError
        If they are no tensor of numbers.
    ValueError
        If there is not one for every row, or one is not positive and finite.
    """
    if weights is None:
        return None
    if not isinstance(weights, torch.Tensor) or weights.dtype == torch.bool or weights.is_complex():
        came = weights.dtype if isinstance(weights, torch.Tensor) else type(weights).__name__
        raise TypeError(f"weights: expected a tensor of numbers for {where}, got {came}")
    if weights.shape != (rows,):
        raise ValueError(
            f"weights: expected one for each of the {rows} rows of {where}, got shape {list(weights.shape)}"
        )
    weights = weights.detach().double()
    _check_positive(weights.cpu().numpy(), where, range(rows))
    return None if bool((weights == 1).all()) else weights


def check_total(weights: torch.Tensor | None, where: str) -> None:
    """Raise if the weights [n] of a table add up to less than two rows, or to more than there can be."""
    if weights is None or LEAST <= (together := float(weights.sum())) <= MOST:
        return
    beyond = "less than two rows" if together < LEAST else f"more than {MOST:,.0f} rows"
    raise ValueError(f"weights: those of {where} add up to {together:g}, {beyond}; {ADVICE}")


def total(rows: torch.Tensor, weights: torch.Tensor | None) -> float:
    """What rows [n, ...] count together; their number where they count once each."""
    return len(rows) if weights is None else float(weights.sum())


def of_total(weights: torch.Tensor | None) -> str:
    """How rows that count more or less than once are spoken of."""
    return "" if weights is None else f" of total weight {float(weights.sum()):,.3f}".rstrip("0").rstrip(".")


def take_rows(weights: torch.Tensor | None, index: torch.Tensor | slice) -> torch.Tensor | None:
    """Weights of some of the rows."""
    return None if weights is None else weights[index]


def join(tables: Sequence[torch.Tensor], weights: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """Weights of tables of rows that are put together; None where all of them count once."""
    if all(each is None for each in weights):
        return None
    both = zip(tables, weights, strict=True)
    return torch.cat([rows.new_ones(len(rows), dtype=torch.double) if w is None else w for rows, w in both])


class Part(NamedTuple):
    """Some rows of a table, with their weights.

    Attributes
    ----------
    rows
        Shape [n, d].
    weights
        What each counts, shape [n]; None where all count once.
    """

    rows: torch.Tensor
    weights: torch.Tensor | None = None

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Part:
        """All rows of some parts, one after the other."""
        tables = [part.rows for part in parts]
        return cls(torch.cat(tables), join(tables, [part.weights for part in parts]))

    def cpu(self) -> Part:
        """The same on the CPU."""
        return Part(self.rows.cpu(), None if self.weights is None else self.weights.cpu())

    @staticmethod
    def numbers(parts: Sequence[Part]) -> torch.Tensor:
        """Which part every one of these rows is of, counted from 0: [n] of all parts, on the device of the rows."""
        device = parts[0].rows.device
        sizes = torch.tensor([len(part.rows) for part in parts], device=device)
        return torch.arange(len(parts), device=device).repeat_interleave(sizes)


def drawing(
    rows: int,
    weights: torch.Tensor | None,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> Callable[[int], torch.Tensor]:
    """Draws rows with replacement in proportion to their weights: from how many to their places.

    A mean over such rows is a weighted mean over all. Scaling the terms of rows drawn evenly would be right too, but
    one heavy row would throw the gradient of its step about, and rows of little weight would take most of the work.
    """
    if weights is None:
        return lambda size: torch.randint(rows, (size,), device=device, generator=generator)
    upto = weights.to(device).cumsum(0)

    def draw(size: int) -> torch.Tensor:
        at = torch.rand(size, dtype=upto.dtype, device=device, generator=generator) * upto[-1]
        return torch.searchsorted(upto, at, right=True).clamp(max=rows - 1)

    return draw


def ranks(weights: torch.Tensor) -> torch.Tensor:
    """Place of each row in the order of weights [n], rows of one weight as they come.

    Every k-th row in that order, unlike every k-th of the table, has its share of heavy and of light rows.
    """
    return weights.argsort(stable=True).argsort()


def quantiles(values: torch.Tensor, at: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Quantiles of values [n], interpolated as torch does where each value is repeated as often as its weight says."""
    ordered, order = values.sort()
    upto = weights[order].cumsum(0)
    place = (at * (upto[-1].to(at.dtype) - 1)).clamp(min=0.0)

    def value(where: torch.Tensor) -> torch.Tensor:
        return ordered[torch.searchsorted(upto, where.to(upto.dtype), right=True).clamp(max=len(values) - 1)]

    return torch.lerp(value(place.floor()), value(place.ceil()), (place - place.floor()).to(values.dtype))

"""A variable as a cause: the columns of a regression that its values become, of a number smooth steps among them.

What columns are made with, means and places of steps, is read from some rows once; any values can then be made columns
in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import quantiles

__all__ = ["STEPS", "CauseColumns", "Moments", "columns_of", "width_of"]

STEPS = 8  # smooth ones of a number, beside its value


class Moments(NamedTuple):
    """Mean and standard deviation of columns, shape [p] each; called with columns [..., p] it standardises them."""

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, columns: torch.Tensor, weights: torch.Tensor) -> Moments:
        """Of columns [N, p] in rows of some weights [N]."""
        share = (weights / weights.sum())[:, None]
        mean = (share * columns).sum(0)
        return cls(mean, (share * (columns - mean).square()).sum(0).sqrt().clamp(min=1e-9))

    def __call__(self, columns: torch.Tensor) -> torch.Tensor:
        """Columns in these units."""
        return (columns - self.mean) / self.deviation


@dataclass(frozen=True)
class CauseColumns:
    """How values of a variable become columns.

    Attributes
    ----------
    kind
        Of the variable.
    value, steps
        What values, and values with steps, are standardised with; None of a variable with states.
    cuts
        Where the steps are, among standardised values.
    factor
        What makes value and steps uncorrelated, one after the other.
    """

    kind: Kind
    value: Moments | None = None
    cuts: torch.Tensor | None = None
    steps: Moments | None = None
    factor: torch.Tensor | None = None

    @classmethod
    def of(cls, kind: Kind, column: torch.Tensor, weights: torch.Tensor) -> CauseColumns:
        """From the values of all rows as they enter (`pyrocausal.data.kind.entering`), [N], and weights of rows [N]."""
        if kind.discrete:
            return cls(kind)
        plain = kind.regressors(column, False)[:, :1]
        moments = Moments.of(plain, weights)
        value = moments(plain)
        at = torch.arange(1, STEPS + 1, dtype=torch.double, device=column.device) / (STEPS + 1)
        cuts = quantiles(value[:, 0], at, weights)
        stepped = cls._stepped(value, cuts)
        further = Moments.of(stepped, weights)
        steps = further(stepped)
        share = (weights / weights.sum())[:, None]
        gram = (share * steps).mT @ steps
        factor = torch.linalg.cholesky(gram + 1e-9 * torch.eye(len(gram), dtype=gram.dtype, device=gram.device))
        return cls(kind, moments, cuts, further, factor)

    def __call__(self, column: torch.Tensor, *, steps: bool = True) -> torch.Tensor:
        """Columns of values [n]: of a number its value, smooth steps if wanted and, last, gaps; double, [n, p]."""
        found = self.kind.regressors(column, False)
        if self.value is None or self.cuts is None or self.steps is None or self.factor is None:
            return found
        value = self.value(found[:, :1])
        if not steps:
            alone = (value - self.steps.mean[0]) / self.steps.deviation[0] / self.factor[0, 0]
            return torch.cat([alone, found[:, 1:]], 1)
        made = self.steps(self._stepped(value, self.cuts))
        even = torch.linalg.solve_triangular(self.factor, made.mT, upper=False).mT
        return torch.cat([even, found[:, 1:]], 1)

    @staticmethod
    def _stepped(value: torch.Tensor, cuts: torch.Tensor) -> torch.Tensor:
        return torch.cat([value, torch.tanh(1.5 * (value - cuts))], 1)


def columns_of(kind: Kind, column: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Columns of the rows that they are made with: values [N] as they enter, weights of rows [N] -> [N, p], double."""
    return CauseColumns.of(kind, column, weights)(column)


def width_of(kind: Kind) -> int:
    """Number of columns of a variable as a cause."""
    return kind.regressors(torch.zeros(1), False).shape[1] + (0 if kind.discrete else STEPS)

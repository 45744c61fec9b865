"""A variable as a cause: the columns of a regression that its values become, of a number smooth steps among them."""

from __future__ import annotations

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import quantiles

__all__ = ["STEPS", "columns_of", "standardised", "width_of"]

STEPS = 8  # smooth ones of a number, beside its value


def columns_of(kind: Kind, column: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Columns of a variable as a cause; of a number its value, smooth steps and, last, its gaps.

    Parameters
    ----------
    kind
        Of the variable.
    column
        Its values in all rows as they enter (`pyrocausal.data.kind.entering`), shape [N].
    weights
        Of the rows, shape [N].

    Returns
    -------
    torch.Tensor
        Double, shape [N, p].
    """
    found = kind.regressors(column, False)
    if kind.discrete:
        return found
    value = standardised(found[:, :1], weights)
    at = torch.arange(1, STEPS + 1, dtype=torch.double) / (STEPS + 1)
    cuts = quantiles(value[:, 0], at, weights)
    steps = standardised(torch.cat([value, torch.tanh(1.5 * (value - cuts))], 1), weights)
    share = (weights / weights.sum())[:, None]
    gram = (share * steps).mT @ steps
    factor = torch.linalg.cholesky(gram + 1e-9 * torch.eye(len(gram), dtype=gram.dtype))
    return torch.cat([torch.linalg.solve_triangular(factor, steps.mT, upper=False).mT, found[:, 1:]], 1)


def standardised(columns: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Columns [N, p] with mean 0 and standard deviation 1 over rows of some weights [N]."""
    share = (weights / weights.sum())[:, None]
    columns = columns - (share * columns).sum(0)
    return columns / (share * columns.square()).sum(0).sqrt().clamp(min=1e-9)


def width_of(kind: Kind) -> int:
    """Number of columns of a variable as a cause."""
    return kind.regressors(torch.zeros(1), False).shape[1] + (0 if kind.discrete else STEPS)

"""What a *new* mechanism would say: closed-form evidence of a variable's rows in one regime.

An intervention puts another mechanism in place of its target's own. Nobody knows which, so it is integrated out under
a conjugate prior: a Dirichlet-multinomial table for a categorical variable, a Bayesian linear regression for a
continuous one. The new mechanism may ignore its parents (a hard intervention) or keep them (a soft one); the two count
half each.

References
----------
.. [1] D. Heckerman, D. Geiger, D. M. Chickering, "Learning Bayesian Networks", 1995 (BDeu).
.. [2] C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from pyrocausal.kinds import Categorical, Kind

__all__ = ["NewMechanisms", "dirichlet_multinomial", "linear_regression"]


def dirichlet_multinomial(
    codes: torch.Tensor, cells: torch.Tensor, states: int, n_cells: int, concentration: float = 1.0
) -> float:
    """Log evidence of categorical values whose distribution in each cell has a Dirichlet prior.

    Parameters
    ----------
    codes
        Values, shape [n], integers in [0, states).
    cells
        Parent configuration of each row, shape [n], integers in [0, n_cells).
    states, n_cells
        Sizes of the table.
    concentration
        Equivalent sample size, spread evenly over the table (BDeu).

    Returns
    -------
    float
        Nats.
    """
    counts = torch.bincount(cells * states + codes, minlength=states * n_cells).view(n_cells, states).double()
    entry, cell = concentration / (states * n_cells), concentration / n_cells
    per_cell = math.lgamma(cell) - torch.lgamma(cell + counts.sum(1))
    per_entry = torch.lgamma(entry + counts) - math.lgamma(entry)
    return float(per_cell.sum() + per_entry.sum())


def linear_regression(y: torch.Tensor, design: torch.Tensor, shape: float = 1.0, rate: float = 0.1) -> float:
    """Log evidence of y = design @ w + noise with conjugate priors on a standardised scale.

    Weights are N(0, s^2 I) given the noise variance s^2, which is inverse-gamma(shape, rate).

    Parameters
    ----------
    y
        Values, shape [n].
    design
        Regressors, shape [n, p].
    shape, rate
        Prior of the noise variance.

    Returns
    -------
    float
        Nats.
    """
    y, design = y.double(), design.double()
    n, p = design.shape
    precision = design.t() @ design + torch.eye(p, dtype=torch.double, device=y.device)
    weights = torch.linalg.solve(precision, design.t() @ y)
    a = shape + n / 2
    b = rate + 0.5 * float((y @ y - weights @ precision @ weights).clamp(min=0.0))
    log_det = float(torch.linalg.slogdet(precision)[1])
    gammas = math.lgamma(a) - math.lgamma(shape)
    return gammas - 0.5 * n * math.log(2 * math.pi) - 0.5 * log_det + shape * math.log(rate) - a * math.log(b)


class NewMechanisms:
    """Evidence of a new mechanism for every regime and variable, kept per (variable, parent set).

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    regimes
        Encoded rows of each regime, shapes [n_r, d].
    """

    max_cells = 20_000
    bins = 3

    def __init__(self, kinds: Sequence[Kind], regimes: Sequence[torch.Tensor]) -> None:
        self.kinds = tuple(kinds)
        self.regimes = tuple(regimes)
        self._kept: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}

    def evidence(self, graph: torch.Tensor) -> torch.Tensor:
        """Log evidence of a new mechanism, half of it free of parents and half given the parents in `graph`.

        Parameters
        ----------
        graph
            0/1 or boolean, shape [d, d] (effect, cause).

        Returns
        -------
        torch.Tensor
            Nats over all rows of a regime, shape [R, d].
        """
        columns = []
        for i, row in enumerate(graph.tolist()):
            key = i, tuple(j for j, on in enumerate(row) if on)
            if key not in self._kept:
                self._kept[key] = torch.tensor([self._evidence(rows, *key) for rows in self.regimes])
            columns.append(self._kept[key])
        return torch.stack(columns, 1).to(graph.device)

    def _evidence(self, rows: torch.Tensor, i: int, parents: tuple[int, ...]) -> float:
        free, given = self._given(rows, i, ()), self._given(rows, i, parents)
        return float(np.logaddexp(free, given)) - math.log(2.0)

    def _given(self, rows: torch.Tensor, i: int, parents: tuple[int, ...]) -> float:
        """Log evidence given parents; a table too large to mean anything says nothing."""
        kind = self.kinds[i]
        if not isinstance(kind, Categorical):
            return linear_regression(rows[:, i], self._design(rows, parents))
        cells, n_cells = torch.zeros(len(rows), dtype=torch.long, device=rows.device), 1
        for j in parents:
            codes, states = self._codes(rows, j)
            cells, n_cells = cells * states + codes, n_cells * states
            if n_cells * kind.cardinality > self.max_cells:
                return -math.inf
        return dirichlet_multinomial(rows[:, i].long(), cells, kind.cardinality, n_cells)

    def _codes(self, rows: torch.Tensor, j: int) -> tuple[torch.Tensor, int]:
        """States of a parent of a categorical variable; a continuous parent is cut into bins of equal counts."""
        kind = self.kinds[j]
        if isinstance(kind, Categorical):
            return rows[:, j].long(), kind.cardinality
        cuts = rows[:, j].quantile(torch.arange(1, self.bins, device=rows.device) / self.bins)
        return torch.bucketize(rows[:, j].contiguous(), cuts), self.bins

    def _design(self, rows: torch.Tensor, parents: tuple[int, ...]) -> torch.Tensor:
        """Regressors of a continuous variable: a constant; one-hot states; values and their squares."""
        blocks = [torch.ones_like(rows[:, :1])]
        for j in parents:
            kind = self.kinds[j]
            if isinstance(kind, Categorical):
                blocks.append(torch.nn.functional.one_hot(rows[:, j].long(), kind.cardinality).to(rows.dtype))
            else:
                blocks += [rows[:, j, None], rows[:, j, None] ** 2]
        return torch.cat(blocks, 1)

"""Missing numbers drawn from regressions on the rest of their row, a regression for every table.

What a variable depends on differs between regimes: one that hits it changes its mechanism, and others may let it drift.
So its regression is what joint evidence has of a mechanism, on the columns that tell most of it: common to all tables
up to a drift, or one of a table's own (`pyrocausal.evidence.pooled_regression`). It is found in closed form, in a
fraction of a network's time.

Vocabulary: d variables, N rows of all tables, the observational one first, as in `pyrocausal.data.weights.Part`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.evidence.cause_columns import columns_of
from pyrocausal.evidence.pooled_regression import pooled_coefficients
from pyrocausal.evidence.regressors import sums_of

__all__ = ["Regressions"]

MOST = 40  # columns that tell of a variable
OWN = 0.1  # prior probability of a mechanism of a table's own


class Regressions:
    """Draws numbers, as complete as rows have become.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    rows
        Encoded, with gaps, [N, d]; all draws are fitted to what is there.
    weights
        Of the rows, [N].
    sizes
        Rows of every table.
    """

    def __init__(self, kinds: Sequence[Kind], rows: torch.Tensor, weights: torch.Tensor, sizes: Sequence[int]) -> None:
        self.kinds, self.rows, self.sizes = tuple(kinds), rows.double().cpu(), list(sizes)
        self.weights = weights.double().cpu()
        self._odds = torch.full((len(self.sizes),), OWN / (1 - OWN), dtype=torch.double).log()
        self._odds[0] = -torch.inf
        self._entered = torch.full_like(self.rows, torch.inf)  # what the columns of each variable are made of
        self._blocks: list[torch.Tensor] = [self.rows[:, :0]] * len(self.kinds)

    def draw(self, i: int, given: torch.Tensor) -> torch.Tensor:
        """Values of one variable where it is missing, given rows [N, d] in which others may be: [gaps], double."""
        given = given.double().cpu()
        blocks = self._columns(i, given)
        seen = present(self.rows[:, i])
        sums = sums_of(blocks, filled(self.rows[:, i]), self.weights * seen, self.sizes)
        found = pooled_coefficients(sums, self._odds)
        table = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(self.sizes))[~seen]
        mean = (blocks[~seen] * found.mean[0, table]).sum(-1)
        return mean + found.noise[0, table] * torch.randn(len(mean), dtype=torch.double)

    def _columns(self, i: int, given: torch.Tensor) -> torch.Tensor:
        """A constant and the columns of other variables with the greatest correlations with one, [N, k]."""
        entered, seen = entering(self.kinds, given), present(self.rows[:, i])
        for j, kind in enumerate(self.kinds):
            if not torch.equal(entered[:, j].nan_to_num(torch.inf), self._entered[:, j]):
                self._entered[:, j] = entered[:, j].nan_to_num(torch.inf)
                self._blocks[j] = columns_of(kind, entered[:, j], self.weights)
        columns = torch.cat([torch.ones_like(given[:, :1]), *self._blocks[:i], *self._blocks[i + 1 :]], 1)
        both = torch.cat([self.rows[:, i : i + 1], columns[:, 1:]], 1)[seen].mT
        told = both.corrcoef()[0, 1:].nan_to_num(0.0).abs()
        most = told.argsort(descending=True, stable=True)[:MOST] + 1
        return columns[:, [0, *sorted(most.tolist())]]

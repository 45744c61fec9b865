"""Columns of regressions for any values, at the levels that evidence knows (`pyrocausal.evidence.regressors`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.evidence.cause_columns import STEPS, CauseColumns, Moments, width_of
from pyrocausal.evidence.regressors import LINEAR, PAIRS, PRODUCTS

__all__ = ["Basis"]

LEAST = 2e-3  # of a column's spread, what columns before it leave; of less, rows tell nothing, and it is left out


class Basis:
    """Columns of some parents.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    rows
        Encoded rows that the columns are made with, shape [N, d].
    weights
        Of the rows, shape [N].
    parents
        The variables.
    level
        How they enter.
    """

    def __init__(
        self, kinds: Sequence[Kind], rows: torch.Tensor, weights: torch.Tensor, parents: tuple[int, ...], level: int
    ) -> None:
        self.kinds, self.parents, self.level = tuple(kinds), parents, level
        entered = entering(kinds, rows.double())
        self.columns = {j: CauseColumns.of(kinds[j], entered[:, j], weights) for j in parents}
        self.told = {j: _told(made) for j, made in self.columns.items()}
        self.products: dict[tuple[int, int], Moments] = {}
        if level == PAIRS:
            single = self._single(entered)
            for pair in combinations(parents, 2):
                made = Moments.of(self._product(single, pair), weights)
                still = made.deviation < LEAST
                self.products[pair] = Moments(made.mean, torch.where(still, torch.inf, made.deviation))

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Columns of values, the first of them 1: [*batch, d] -> [*batch, k], double."""
        flat = values.reshape(-1, values.shape[-1]).double()
        single = self._single(entering(self.kinds, flat))
        found = [flat.new_ones(len(flat), 1)]
        found += single.values()
        found += [moments(self._product(single, pair)) for pair, moments in self.products.items()]
        return torch.cat(found, 1).reshape(*values.shape[:-1], -1)

    @property
    def further(self) -> torch.Tensor:
        """Which columns are steps and products, boolean, [k]."""
        found = [torch.zeros(1, dtype=torch.bool)]
        for j in self.parents:
            steps = 0 if self.kinds[j].discrete else STEPS
            here = torch.zeros(width_of(self.kinds[j]), dtype=torch.bool)
            here[1 : 1 + steps] = True
            found.append(here if self.level != LINEAR else torch.zeros(len(here) - steps, dtype=torch.bool))
        found += [torch.ones(len(made.mean), dtype=torch.bool) for made in self.products.values()]
        return torch.cat(found)

    def _single(self, entered: torch.Tensor) -> dict[int, torch.Tensor]:
        found = {j: made(entered[:, j], steps=self.level != LINEAR) for j, made in self.columns.items()}
        for j, told in self.told.items():
            if told is not None:
                kept = told if self.level != LINEAR else told[:1]
                found[j] = torch.cat([found[j][:, : len(kept)] * kept, found[j][:, len(kept) :]], 1)
        return found

    def _product(self, single: dict[int, torch.Tensor], pair: tuple[int, int]) -> torch.Tensor:
        one, two = (single[j][:, 1:] if self.kinds[j].discrete else single[j][:, :PRODUCTS] for j in pair)
        return (one[:, :, None] * two[:, None]).flatten(1)


def _told(made: CauseColumns) -> torch.Tensor | None:
    """1 for the value and each step of a number that rows tell of, 0 for the others; None of what has states.

    Of few distinct values a few steps say all. What the others would be between those values nobody has seen.
    """
    if made.value is None or made.factor is None:
        return None
    varies = bool(made.value.deviation[0] > LEAST**2)
    return (made.factor.diagonal() > LEAST).double() * varies

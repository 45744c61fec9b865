"""What a *new* mechanism would say: closed-form evidence of a variable's rows in one regime.

An intervention puts another mechanism in place of its target's own. Nobody knows which, so it is integrated out under a
conjugate prior (`pyrocausal.model.conjugate`): a Dirichlet-multinomial table for a categorical variable, a Bayesian
linear regression for a continuous one; a count has none, and its negative binomial regression is integrated out
approximately (see `pyrocausal.model.count_regression`). The new mechanism may ignore its parents (a hard intervention)
or keep them (a soft one); the two count half each. Where an intervention may reach a part of the rows
(`pyrocausal.model.partly_hit`), that counts as much as both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeAlias

import torch

from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part, join, take_rows, total
from pyrocausal.model.conjugate import dirichlet_multinomial, linear_regression
from pyrocausal.model.count_regression import count_regression
from pyrocausal.model.partly_hit import Common, PartlyHit, may_be_partly_hit

__all__ = ["NewMechanisms"]


class _Padded(NamedTuple):
    """Regimes of similar size, padded to the same number of rows."""

    regimes: torch.Tensor  # [m]
    designs: torch.Tensor  # [m, n, width]
    values: torch.Tensor  # [m, n, d]
    there: torch.Tensor  # [m, n]


_Regression: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class NewMechanisms:
    """Evidence of a new mechanism for every regime and variable, kept per (variable, parent set).

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    regimes
        Encoded rows of each regime, shapes [n_r, d].
    weights
        How many rows each of them counts as, shapes [n_r], None for a regime where all count once; default: for all.
    common
        Rows without intervention, which tell what interventions leave as it was that reach a part of the rows; default:
        none, and then all are taken to reach every row.
    """

    max_cells = 20_000
    bins = 3

    def __init__(
        self,
        kinds: Sequence[Kind],
        regimes: Sequence[torch.Tensor],
        weights: Sequence[torch.Tensor | None] | None = None,
        *,
        common: Part | None = None,
    ) -> None:
        self.kinds = tuple(kinds)
        self._common = None if common is None else common.cpu()
        self.rows = torch.tensor([len(rows) for rows in regimes])  # [R]
        self._table = torch.arange(len(regimes)).repeat_interleave(self.rows)
        counting = any(kind.closed_form == "count regression" for kind in kinds)
        self._given_counts = [rows.cpu() for rows in regimes] if counting else []
        regimes = [entering(kinds, rows.cpu()) for rows in regimes]
        self._weights = [None if each is None else each.cpu() for each in weights or [None] * len(regimes)]
        self._weight = join(regimes, self._weights)  # [sum n_r]
        self._found_codes: dict[int, torch.Tensor] = {}
        self._states = [kind.levels(self.bins) for kind in self.kinds]
        self._regimes = regimes
        self._columns = self._places()
        # By the child that has to be there, None for any.
        self._gram: dict[int | None, tuple[torch.Tensor, torch.Tensor]] = {}
        self._padded: list[_Padded] = []
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
            Nats over all rows of a regime, shape [R, d], double.
        """
        columns = [self.of(i, tuple(j for j, on in enumerate(row) if on)) for i, row in enumerate(graph.tolist())]
        return torch.stack(columns, 1).to(graph.device)

    def of(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """The same for one variable and its parents in ascending order: shape [R], on the CPU."""
        if (i, parents) not in self._kept:
            free, given = self._given(i, ()), self._given(i, parents)
            found = torch.logaddexp(free, given) - math.log(2.0)
            if (partly := self.partly(i, parents)) is not None:
                found = torch.logaddexp(found, partly.evidence) - math.log(2.0)
            self._kept[i, parents] = found
        return self._kept[i, parents]

    def partly(self, i: int, parents: tuple[int, ...]) -> PartlyHit | None:
        """What regimes say of an intervention on a variable that reached a part of their rows: shapes [R].

        None where that cannot be, or no rows without intervention were given.
        """
        if self._common is None or not may_be_partly_hit(self.kinds[i]):
            return None
        rows, weights = self._common
        keep = present(rows[:, i]).double() * (1.0 if weights is None else weights)
        columns = [0, *(c for j in parents for c in self._columns[j])]
        design = self._design(entering(self.kinds, rows).double())[:, columns]
        counts = filled(rows[:, i]).double()
        offset = log_levels([self.kinds[i]], rows.double())[..., 0]
        fit = count_regression(design[None], counts[None], offset[None], keep[None])
        common = Common.of(fit, 0, counts[None], keep[None])
        found = PartlyHit(*(torch.zeros(len(self.rows), dtype=torch.double) for _ in PartlyHit._fields))
        for group in self._counted():
            told = common.partly_hit(*self._of_count(group, i, columns))
            for place, part in zip(found, told, strict=True):
                place[group.regimes] = part
        return found

    def _given(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """Log evidence given parents; a table too large to mean anything says nothing."""
        kind = self.kinds[i]
        if kind.closed_form == "count regression":
            return self._count(i, parents)
        if kind.closed_form == "regression":
            columns = [0, *(c for j in parents for c in self._columns[j]), self._columns[i][0]]
            gram, rows = self._grams(i)
            return linear_regression(gram[:, columns][:, :, columns], rows).evidence
        cells, n_cells = torch.zeros_like(self._table), 1
        for j in parents:
            cells, n_cells = cells * self._states[j] + self._coded(j), n_cells * self._states[j]
            if n_cells * kind.cardinality > self.max_cells:
                return torch.full((len(self.rows),), -math.inf, dtype=torch.double)
        codes, table, weight = self._coded(i), self._table, self._weight
        if kind.missing:
            seen = codes < kind.cardinality
            codes, cells, table, weight = codes[seen], cells[seen], table[seen], take_rows(weight, seen)
        sizes = kind.cardinality, n_cells, len(self.rows)
        return dirichlet_multinomial(codes, cells, table, *sizes, weights=weight)

    def _count(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """As `_given`, for a count."""
        found = torch.zeros(len(self.rows), dtype=torch.double)
        for group in self._counted():
            columns = [0, *(c for j in parents for c in self._columns[j])]
            found[group.regimes] = count_regression(*self._of_count(group, i, columns)).evidence
        return found

    def _of_count(self, group: _Padded, i: int, columns: list[int]) -> _Regression:
        """Regressors, counts, what is added to logarithms of means, and how many rows each counts as."""
        values = group.values
        offset = log_levels([self.kinds[i]], values)[..., 0]
        return group.designs[:, :, columns], filled(values[..., i]), offset, group.there * present(values[..., i])

    def _counted(self) -> list[_Padded]:
        """Regimes as regressions of counts take them."""
        if not self._padded:
            self._padded = self._pad()
        return self._padded

    def _pad(self) -> list[_Padded]:
        """Regimes padded to the same number of rows, those together whose sizes have the same power of two."""
        weights = None if self._weight is None else self._weight.split(self.rows.tolist())
        alike: dict[int, list[int]] = {}
        for r, rows in enumerate(self._regimes):
            alike.setdefault(len(rows).bit_length(), []).append(r)
        pad = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
        padded = []
        for regimes in alike.values():
            values = pad([self._given_counts[r] for r in regimes]).double()
            there = torch.arange(values.shape[1]) < self.rows[regimes][:, None]
            if weights is not None:
                there = pad([weights[r] for r in regimes])
            padded.append(
                _Padded(
                    torch.tensor(regimes),
                    pad([self._design(self._regimes[r].double()) for r in regimes]),
                    values,
                    there,
                )
            )
        return padded

    def _coded(self, j: int) -> torch.Tensor:
        """States of a variable as a parent, [sum n_r]; a continuous one is cut, in each regime, into equal counts."""
        if j not in self._found_codes:
            kind, columns = self.kinds[j], [rows[:, j] for rows in self._regimes]
            both = zip(columns, self._weights, strict=True)
            codes = torch.cat([kind.codes(column, kind.cuts(column, self.bins, w)) for column, w in both])
            self._found_codes[j] = codes.to(torch.uint8) if kind.levels(self.bins) < 256 else codes
        return self._found_codes[j].long()

    def _places(self) -> list[list[int]]:
        """Columns of each variable among the regressors, after a constant."""
        ends = list(accumulate((kind.width for kind in self.kinds), initial=1))
        return [list(range(start, end)) for start, end in pairwise(ends)]

    def _grams(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inner products of all regressors per regime, and what its rows count, where variable `i` is not missing.

        Regressors are a constant; one-hot states; values and their squares; whether a value is missing.
        """
        key = i if self.kinds[i].missing else None
        if key not in self._gram:
            grams, sizes = [], []
            for rows, weights in zip(self._regimes, self._weights, strict=True):
                if key is not None:
                    seen = present(rows[:, i])
                    rows, weights = rows[seen], take_rows(weights, seen)
                design = self._design(rows.double())  # [n_r, width]
                grams.append(design.t() @ (design if weights is None else design * weights[:, None]))
                sizes.append(total(rows, weights))
            self._gram[key] = torch.stack(grams), torch.tensor(sizes)
        return self._gram[key]

    def _design(self, rows: torch.Tensor) -> torch.Tensor:
        columns = [kind.regressors(rows[:, j], squares=True) for j, kind in enumerate(self.kinds)]
        return torch.cat([torch.ones_like(rows[:, :1]), *columns], 1)

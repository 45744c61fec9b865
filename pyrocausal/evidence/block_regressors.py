"""Regressors where variables are many: columns and sums over rows are made for the families that ask for them.

Inner products of all columns in every table would be as many as tables times the square of columns. Here those of all
rows together are made once, of the values of all variables; and those of the tables that a family looks at by
themselves from the rows of these, when it does. All other tables are one, whose sums are what is left.

Vocabulary: d variables, R tables (regimes, and last the observational one), M families, T tables by themselves, N rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import any_missing
from pyrocausal.data.weights import Part
from pyrocausal.evidence.cause_columns import CauseColumns, width_of
from pyrocausal.evidence.regressors import LINEAR, Regressors, Sums, aligned, placed
from pyrocausal.model.mechanisms import Family

__all__ = ["BlockRegressors", "are_many"]

MANY = 40  # variables; with more, sums are made when they are asked for

ROWS = 5_000  # whose inner products of all columns are taken at a time


def are_many(kinds: Sequence[Kind]) -> bool:
    """Whether variables of some kinds are so many that nothing is to be made of all pairs in all regimes."""
    return len(kinds) > MANY and not any_missing(kinds)


class BlockRegressors(Regressors):
    """See `Regressors`, of which this has the interface; products of causes are left out.

    Parameters
    ----------
    kinds
        Kind of each variable, length d, without gaps.
    parts
        All rows of every table, R of them, encoded; on the CPU.
    """

    def __init__(self, kinds: Sequence[Kind], parts: Sequence[Part]) -> None:
        self.kinds = tuple(kinds)
        rows, weights = Part.of(parts)
        self.sizes = [len(part.rows) for part in parts]
        self.weights = rows.new_ones(len(rows), dtype=torch.double) if weights is None else weights
        self._entered = entering(kinds, rows).t().contiguous()  # [d, N]: columns are what is read
        self._first = torch.tensor([1, *(width_of(kind) for kind in kinds)]).cumsum(0).tolist()
        self._starts = torch.tensor([0, *self.sizes]).cumsum(0).tolist()
        self._causes: dict[int, CauseColumns] = {}
        self._mean, self._deviation = self._moments()
        linear = [0, *(c for j in range(len(kinds)) for c in self._columns(j, LINEAR))]
        self._at = {place: at for at, place in enumerate(linear)}
        self._owner = {c: j for j in range(len(kinds)) for c in range(self._first[j], self._first[j + 1])}
        self._all: torch.Tensor | None = None

    def of(self, families: Sequence[Family], level: int = LINEAR) -> Sums:
        """See `Regressors.of`."""
        every = torch.arange(len(self.sizes) - 1)
        return self.of_tables(families, [every] * len(families), level)

    def of_tables(self, families: Sequence[Family], tables: Sequence[torch.Tensor], level: int = LINEAR) -> Sums:
        """Sums of M families, each with some tables by themselves, [T_m], and last all others together.

        Those of families with fewer tables than the most have tables of no rows before the last one.
        """
        most = max(len(each) for each in tables)
        made: list[Sums | None] = [None] * len(families)
        members: dict[int, list[int]] = {}
        for m, (i, _) in enumerate(families):
            members.setdefault(i, []).append(m)
        for i, some in members.items():
            parents = sorted({j for m in some for j in families[m][1]})
            first, further = self._places(tuple(parents), level)
            places = first + further
            gram = self._grams(i, places, tables[some[0]])  # [T + 1, c + 1, c + 1]
            if (short := most + 1 - len(gram)) > 0:
                gram = torch.cat([gram[:-1], gram.new_zeros(short, *gram.shape[1:]), gram[-1:]])
            at = {place: c for c, place in enumerate(places)}
            for m in some:
                mine, more = self._places(families[m][1], level)
                index = torch.tensor([at[place] for place in mine + more])
                product, square = gram[:, index, -1], gram[:, -1, -1]
                made[m] = Sums(gram[:, index[:, None], index], product, square, gram[:, 0, 0], len(mine))
        return _together([each for each in made if each is not None])

    def columns(self, parents: tuple[int, ...], level: int = LINEAR) -> torch.Tensor:
        """See `Regressors.columns`."""
        first, further = self._places(parents, level)
        return self._made(first + further, slice(0, self._starts[-1]))

    def child(self, i: int) -> torch.Tensor:
        """See `Regressors.child`."""
        return self._entered[i].double()

    def _moments(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of every variable as a cause, [d] each."""
        share = self.weights / self.weights.sum()
        mean, square = (torch.zeros(len(self.kinds), dtype=torch.double) for _ in range(2))
        for j, column in enumerate(self._entered):
            values = column.double()
            mean[j] = share @ values
            square[j] = share @ (values - mean[j]).square()
        return mean, square.sqrt().clamp(min=1e-9)

    def _grams(self, i: int, places: list[int], tables: torch.Tensor) -> torch.Tensor:
        """Inner products of some columns and, last, a child: of every one of some tables, and of all others."""
        if len(tables) == len(self.sizes) - 1:
            return self._of_tables(i, places, torch.arange(len(self.sizes)))
        each, whole = self._of_tables(i, places, tables), self._of_all(i, places)
        return torch.cat([each, (whole - each.sum(0))[None]])

    def _of_tables(self, i: int, places: list[int], tables: torch.Tensor) -> torch.Tensor:
        """The same of some tables, which are in ascending order: [T, c + 1, c + 1]."""
        sizes = [self.sizes[table] for table in tables.tolist()]
        found = torch.zeros(len(sizes), len(places) + 1, len(places) + 1, dtype=torch.double)
        if not sizes:
            return found
        starts = [self._starts[table] for table in tables.tolist()]
        rows = torch.cat([torch.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)])
        both = torch.cat([self._made(places, rows), self._entered[i, rows, None].double()], 1)
        weighted = both * self.weights[rows, None]
        for t, (one, other) in enumerate(zip(both.split(sizes), weighted.split(sizes), strict=True)):
            torch.mm(one.mT, other, out=found[t])
        return found

    def _of_all(self, i: int, places: list[int]) -> torch.Tensor:
        """The same of all rows."""
        if all(place in self._at for place in places):
            gram = self._linear()
            own = self._at[self._first[i]]
            at = torch.tensor([self._at[place] for place in places])
            child = gram[:, own] * self._deviation[i] + gram[:, 0] * self._mean[i]  # a number enters as it is
            square = child[own] * self._deviation[i] + child[0] * self._mean[i]
            inner = gram[at[:, None], at]
            return torch.cat([torch.cat([inner, child[at, None]], 1), torch.cat([child[at], square[None]])[None]])
        found = torch.zeros(len(places) + 1, len(places) + 1, dtype=torch.double)
        for first in range(0, self._starts[-1], ROWS):
            rows = slice(first, min(first + ROWS, self._starts[-1]))
            both = torch.cat([self._made(places, rows), self._entered[i, rows, None].double()], 1)
            found += both.mT @ (both * self.weights[rows, None])
        return found

    def _linear(self) -> torch.Tensor:
        """Inner products of a constant and the values of all variables, over all rows."""
        if self._all is None:
            places = list(self._at)
            found = torch.zeros(len(places), len(places), dtype=torch.double)
            for first in range(0, self._starts[-1], ROWS):
                rows = slice(first, min(first + ROWS, self._starts[-1]))
                made = self._made(places, rows)
                found += made.mT @ (made * self.weights[rows, None])
            self._all = found
        return self._all

    def _made(self, places: list[int], rows: slice | torch.Tensor) -> torch.Tensor:
        """Columns at some places in some rows: [n, c], double."""
        many = len(rows) if isinstance(rows, torch.Tensor) else rows.stop - rows.start
        made = torch.ones(many, len(places), dtype=torch.double)
        plain, others = [], dict[int, list[int]]()
        for c, place in enumerate(places):
            if place == 0:
                continue
            j = self._owner[place]
            if not self.kinds[j].discrete and place == self._first[j]:
                plain.append((c, j))
            else:
                others.setdefault(j, []).append(c)
        if plain:
            at, owners = (list(each) for each in zip(*plain, strict=True))
            some = torch.stack([self._entered[j, rows] for j in owners], 1)
            made[:, at] = (some.double() - self._mean[owners]) / self._deviation[owners]
        for j, at in others.items():
            within = [places[c] - self._first[j] for c in at]
            made[:, at] = self._cause(j)(self._entered[j, rows])[:, within].double()
        return made

    def _cause(self, j: int) -> CauseColumns:
        if j not in self._causes:
            self._causes[j] = CauseColumns.of(self.kinds[j], self._entered[j], self.weights)
        return self._causes[j]


def _together(sums: Sequence[Sums]) -> Sums:
    """Of one family each, [R, ...], with columns of zeros where one has fewer."""
    places = aligned([each.drifting for each in sums], [each.product.shape[-1] for each in sums])
    return Sums(
        torch.stack([placed(each.gram, at, 2) for each, at in zip(sums, places, strict=True)]),
        torch.stack([placed(each.product, at) for each, at in zip(sums, places, strict=True)]),
        torch.stack([each.square for each in sums]),
        torch.stack([each.rows for each in sums]).clamp(min=1e-6),
        max(each.drifting for each in sums),
    )

"""Regressors of families in three levels, and their sums over the rows of every table.

A level says how a number enters as a cause: by its value (`LINEAR`), by a few smooth steps too (`ADDITIVE`), or also by
products with the other causes (`PAIRS`). Steps are made orthogonal over all rows one after the other, so that the value
comes first and each level begins with the columns of the one before. Where mechanisms drift, the coefficients of
values and of the first steps do; those of further steps hold little, and few columns that drift are cheap.

Cross products suffice for everything that follows (`pyrocausal.evidence.pooled_regression`), so rows are read once for
the first two levels, and once a family for products, of which there are too many.

Vocabulary: d variables, R tables, M families, N rows, K columns of all regressors, k of a family, the first c of which
drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part
from pyrocausal.evidence.cause_columns import STEPS, Moments, columns_of, width_of
from pyrocausal.model.mechanisms import Family

__all__ = [
    "ADDITIVE", "LINEAR", "PAIRS", "Regressors", "Sums", "aligned", "placed", "richest", "sums_of",
]  # fmt: skip

LINEAR, ADDITIVE, PAIRS = range(3)
BENDS = 2  # of them, the first ones, whose coefficients may drift too
MULTIPLIED = 6  # causes at the most that have products
ROWS = 50_000  # whose inner products are taken at a time
COEFFICIENTS = 300  # of a logistic regression at the most
PRODUCTS = 2  # columns of a number that are multiplied with those of another cause


def richest(parents: tuple[int, ...]) -> int:
    """The highest level of a variable with some parents."""
    return PAIRS if 1 < len(parents) <= MULTIPLIED else ADDITIVE


class Sums(NamedTuple):
    """Sums over the rows of every table for M families, of as many columns each; some are 0 where one has fewer.

    Attributes
    ----------
    gram
        Of regressors, shape [M, R, k, k].
    product
        Of regressors and the child, shape [M, R, k].
    square
        Of the child, shape [M, R].
    rows
        How many there are, or their total weight, at least a little; shape [M, R].
    drifting
        Of the first c regressors the coefficients may drift.
    """

    gram: torch.Tensor
    product: torch.Tensor
    square: torch.Tensor
    rows: torch.Tensor
    drifting: int

    def residual(self, weights: torch.Tensor) -> torch.Tensor:
        """Sum of squared residuals where coefficients are [M, R, k]: [M, R]."""
        bent = (self.gram @ weights[..., None])[..., 0]
        return (self.square + (weights * (bent - 2 * self.product)).sum(-1)).clamp(min=0.0)


class Regressors:
    """Columns of every variable as a cause, and sums of those of any family.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, R of them, encoded; on the CPU.
    """

    def __init__(self, kinds: Sequence[Kind], parts: Sequence[Part]) -> None:
        self.kinds = tuple(kinds)
        rows, weights = Part.of(parts)
        self.sizes = [len(part.rows) for part in parts]
        self.values = rows.double()
        self.weights = rows.new_ones(len(rows), dtype=torch.double) if weights is None else weights
        entered = entering(kinds, rows)
        self._first = torch.tensor([1, *(width_of(kind) for kind in kinds)]).cumsum(0).tolist()
        self._design = torch.ones(len(rows), self._first[-1], dtype=torch.double)  # [N, K], of long tables only once
        for j, kind in enumerate(kinds):
            self._design[:, self._first[j] : self._first[j + 1]] = columns_of(kind, entered[:, j], self.weights)
        self._sums: dict[int | None, torch.Tensor] = {}

    def of(self, families: Sequence[Family], level: int = LINEAR) -> Sums:
        """Sums of M families, whose children are numbers."""
        if level == PAIRS:
            return _stacked([self._with_products(i, parents) for i, parents in families])
        first, further = zip(*(self._places(parents, level) for _, parents in families), strict=True)
        index = torch.stack(_together(first, further))  # [M, k]; the last column is one of zeros
        child = torch.tensor([self._design.shape[1] + i for i, _ in families])
        every = torch.cat([index, child[:, None]], 1)  # [M, k + 1]
        made = torch.empty(len(families), len(self.sizes), *[every.shape[1]] * 2, dtype=torch.double)
        for key in {self._key(i) for i, _ in families}:
            members = [m for m, (i, _) in enumerate(families) if self._key(i) == key]
            some = every[members]
            made[members] = self._gram(key)[:, some[:, :, None], some[:, None, :]].movedim(0, 1)
        rows = torch.stack([self._gram(self._key(i))[:, 0, 0] for i, _ in families])
        return _split(made, rows, max(map(len, first)))

    def width(self, parents: tuple[int, ...], level: int) -> int:
        """Number of columns of some parents."""
        plain = 1 + sum(len(self._columns(j, level)) for j in parents)
        if level < PAIRS:
            return plain
        return plain + sum(len(self._multiplied(a)) * len(self._multiplied(b)) for a, b in combinations(parents, 2))

    def columns(self, parents: tuple[int, ...], level: int = LINEAR) -> torch.Tensor:
        """Columns of some parents in all rows: [N, k]."""
        first, further = self._places(parents, level)
        columns = [self._design[:, first + further]]
        if level == PAIRS:
            for a, b in combinations(parents, 2):
                one, two = (self._multiplied(j) for j in (a, b))
                made = (self._design[:, one, None] * self._design[:, None, two]).flatten(1)
                columns.append(Moments.of(made, self.weights)(made))
        return torch.cat(columns, 1)

    def _key(self, i: int) -> int | None:
        """What the rows that have a child differ by."""
        return i if self.kinds[i].missing else None

    def child(self, i: int) -> torch.Tensor:
        """Values of a variable in all rows, [N]."""
        return self.values[:, i]

    def fits(self, states: int, parents: tuple[int, ...], level: int) -> bool:
        """Whether a logistic regression of so many states on some parents has few enough coefficients."""
        return (states - 1) * self.width(parents, level) <= COEFFICIENTS

    def drifting(self, parents: tuple[int, ...], level: int) -> int:
        """Number of the first columns of some parents whose coefficients may drift, the constant among them."""
        return 1 + sum(len(self._drifting(j, level)) for j in parents)

    def _drifting(self, j: int, level: int) -> list[int]:
        if level == LINEAR or self.kinds[j].discrete:
            return self._columns(j, LINEAR)
        return [c for c in self._columns(j, ADDITIVE) if not 1 + BENDS <= c - self._first[j] < 1 + STEPS]

    def _places(self, parents: tuple[int, ...], level: int) -> tuple[list[int], list[int]]:
        """Places of the columns of some parents: of the first level, and further ones."""
        first = [0, *(c for j in parents for c in self._drifting(j, level))]
        return first, [c for j in parents for c in self._columns(j, level) if c not in first]

    def _columns(self, j: int, level: int) -> list[int]:
        """Places of the columns of a variable."""
        start, end = self._first[j], self._first[j + 1]
        if self.kinds[j].discrete or level != LINEAR:
            return list(range(start, end))
        return [start, *range(start + 1 + STEPS, end)]

    def _multiplied(self, j: int) -> list[int]:
        """Places of the columns of a variable that are multiplied with those of others."""
        columns = self._columns(j, ADDITIVE)
        return columns[1:] if self.kinds[j].discrete else columns[:PRODUCTS]

    def _gram(self, key: int | None) -> torch.Tensor:
        """Inner products of all regressors, children and a column of zeros in every table, where a child is there."""
        if key not in self._sums:
            there = self.weights if key is None else self.weights * present(self.values[:, key])
            self._sums[key] = _tabled((self._design, self.values), there, self.sizes)
        return self._sums[key]

    def _with_products(self, i: int, parents: tuple[int, ...]) -> Sums:
        """Sums of one family whose regressors have products of two causes among them."""
        there = self.weights if self._key(i) is None else self.weights * present(self.values[:, i])
        columns, child = self.columns(parents, PAIRS), filled(self.values[:, i])
        return sums_of(columns, child, there, self.sizes, self.drifting(parents, PAIRS))


def sums_of(
    columns: torch.Tensor,
    child: torch.Tensor,
    weights: torch.Tensor,
    sizes: Sequence[int],
    drifting: int | None = None,
) -> Sums:
    """Sums of one family from its columns [N, k], the first of them 1, its child [N] and weights [N].

    `sizes` are the rows of every table, which follow each other; `drifting` as in `Sums`, None for all.
    """
    gram = _tabled((columns, child[:, None]), weights, sizes)[None, :, :-1, :-1]
    return _split(gram, gram[..., 0, 0], columns.shape[1] if drifting is None else drifting)


def _tabled(parts: Sequence[torch.Tensor], weights: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """Inner products in every table of all columns of some parts [N, ...], and of a last one of zeros: [R, k, k]."""
    k = 1 + sum(part.shape[1] for part in parts)
    found = weights.new_zeros(len(sizes), k, k)
    start = 0
    for r, size in enumerate(sizes):  # so many rows at a time, for a second table of a million has no room
        for first in range(start, start + size, ROWS):
            rows = slice(first, min(first + ROWS, start + size))
            some = [filled(part[rows]) for part in parts]
            both = torch.cat([*some, torch.zeros_like(some[0][:, :1])], 1)
            found[r] += both.mT @ (both * weights[rows, None])
        start += size
    return found


def _split(gram: torch.Tensor, rows: torch.Tensor, drifting: int) -> Sums:
    """Sums from inner products of regressors and, last, the child: [M, R, k + 1, k + 1]."""
    return Sums(gram[..., :-1, :-1], gram[..., :-1, -1], gram[..., -1, -1], rows.clamp(min=1e-6), drifting)


def aligned(drifting: Sequence[int], widths: Sequence[int]) -> list[torch.Tensor]:
    """Where the columns of families come from so that all have as many, and the same ones drift; see `placed`.

    Of each family the number of the first of its columns, which drift, and of all of them.
    """
    first = [list(range(c)) for c in drifting]
    return _together(first, [list(range(c, k)) for c, k in zip(drifting, widths, strict=True)])


def placed(part: torch.Tensor, places: torch.Tensor, dims: int = 1) -> torch.Tensor:
    """Columns, the last `dims` dimensions (1 or 2) of a part, from where `aligned` says; -1 is a column of zeros."""
    part = torch.nn.functional.pad(part, (0, 1) * dims)[..., places]
    return part if dims == 1 else part[..., places, :]


def _together(first: Sequence[list[int]], further: Sequence[list[int]]) -> list[torch.Tensor]:
    """Places of the columns of each family, one list after the other, both filled with -1 to be as long for all."""
    most, rest = (max(map(len, lists)) for lists in (first, further))
    filled_up = [
        [*a, *[-1] * (most - len(a)), *b, *[-1] * (rest - len(b))] for a, b in zip(first, further, strict=True)
    ]
    return [torch.tensor(each) for each in filled_up]


def _stacked(sums: Sequence[Sums]) -> Sums:
    """Of one family each, with columns of zeros where one has fewer."""
    places = aligned([each.drifting for each in sums], [each.product.shape[-1] for each in sums])
    return Sums(
        torch.cat([placed(each.gram, at, 2) for each, at in zip(sums, places, strict=True)]),
        torch.cat([placed(each.product, at) for each, at in zip(sums, places, strict=True)]),
        torch.cat([each.square for each in sums]),
        torch.cat([each.rows for each in sums]),
        max(each.drifting for each in sums),
    )

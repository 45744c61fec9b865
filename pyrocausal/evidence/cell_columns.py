"""Columns of a table's cells: effects of single causes and of pairs of them, and their products over all cells.

What a column is at a cell depends on one cause or two. So columns need not be made: coefficients give a value to each
configuration of a term's causes, which cells take up; and sums over cells of products of two columns need only margins
of at most four causes. That makes log-linear models of tables fast of which few cells occur, however many there are.

Vocabulary: C cells, which are configurations of the causes, k columns, c contrasts of a variable's states.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement, pairwise
from typing import TypeAlias

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix

from pyrocausal.model.logistic_regression import Design, Rows, contrasts_of

__all__ = ["CellColumns"]

Causes: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]

BLOCK = 1.3e6  # products of numbers that take as long as it takes to begin with the columns of two terms
MOST = 50_000_000  # entries of columns that are made


class CellColumns:
    """Columns of all single causes and of some pairs of them, at some cells.

    Parameters
    ----------
    levels
        States of every cause.
    pairs
        Of causes.
    cells
        Numbers of the cells, shape [C]; the last cause's states run fastest. None: all there are.

    Attributes
    ----------
    order
        How many causes each column is of, shape [k].
    """

    def __init__(
        self, levels: tuple[int, ...], pairs: tuple[Pair, ...] = (), cells: torch.Tensor | None = None
    ) -> None:
        self.levels, self.pairs = levels, pairs
        self.cells = torch.arange(math.prod(levels)) if cells is None else cells
        self._terms: list[Causes] = [(), *((j,) for j in range(len(levels))), *pairs]
        sizes = [self.width_of(levels, some) for some in self._terms]
        ends = np.cumsum([0, *sizes]).tolist()
        self._places = [slice(*each) for each in pairwise(ends)]
        self.order = torch.tensor([len(some) for some in self._terms]).repeat_interleave(torch.tensor(sizes))
        self._known: dict[Causes, torch.Tensor] = {}

    def with_pairs(self, pairs: tuple[Pair, ...]) -> CellColumns:
        """Of the same cells, with other pairs of causes."""
        made = CellColumns(self.levels, pairs, self.cells)
        made._known = self._known
        return made

    @staticmethod
    def width_of(levels: tuple[int, ...], some: Causes) -> int:
        """How many columns some causes have together."""
        return math.prod(levels[j] - 1 for j in some)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.order)

    @cached_property
    def design(self) -> torch.Tensor:
        """The columns, double, shape [C, k]; over all cells there are of mean square 1 and uncorrelated."""
        return torch.cat([self._at(some, some)[self._numbers(some).long()] for some in self._terms], 1)

    def regressors(self, contrasts: int) -> Design:
        """The columns as a regression takes them for so many contrasts: made, or not, whichever takes less time."""
        C, k, terms = len(self.cells), self.width, len(self._terms)
        most = sorted(self.levels)[-2 - min(2, len(self.pairs)) :]  # causes of two terms, which have the largest margin
        by_margins = 0.5 * BLOCK * terms**2 + math.prod(most) * (k * contrasts) ** 2
        by_rows = 0.5 * C * k**2 * contrasts * (contrasts + 1)
        return Rows(self.design) if by_rows < by_margins and C * k <= MOST else self

    def applied(self, weights: torch.Tensor) -> torch.Tensor:
        """Columns times coefficients: [k, c] -> [C, c]."""
        values = [self._at(some, some) @ weights[place] for some, place in zip(self._terms, self._places, strict=True)]
        return torch.from_numpy(self._every @ torch.cat(values).numpy())

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Over cells, of columns times values: [C, c] -> [k, c]."""
        found = torch.from_numpy(self._every.T @ values.numpy()).split([self._size(some) for some in self._terms])
        return torch.cat([self._at(some, some).mT @ each for some, each in zip(self._terms, found, strict=True)])

    def information(self, second: torch.Tensor) -> torch.Tensor:
        """What `pyrocausal.model.logistic_regression.information_of` gives of the design and of [C, c, c]."""
        (_, c, _), k = second.shape, self.width
        margins: dict[Causes, torch.Tensor] = {}
        found = second.new_empty(k, c, k, c)
        every = list(combinations_with_replacement(range(len(self._terms)), 2))
        together = {(one, other): tuple(sorted({*self._terms[one], *self._terms[other]})) for one, other in every}
        for one, other in sorted(every, key=lambda each: -len(together[each])):  # small margins are sums of larger ones
            (some, here), (more, there) = ((self._terms[each], self._places[each]) for each in (one, other))
            causes = together[one, other]
            weight = self._margin(causes, margins, second.flatten(1)).t()  # [c c, cells of these causes]
            block = (self._at(some, causes).t() * weight[:, None]) @ self._at(more, causes)
            block = block.view(c, c, *block.shape[1:])
            found[here, :, there] = block.permute(2, 0, 3, 1)
            found[there, :, here] = block.permute(3, 1, 2, 0)
        return found.view(k * c, k * c)

    def margin(self, causes: Causes, values: torch.Tensor) -> torch.Tensor:
        """Sums over the cells of each configuration of some causes: [C, c] -> [configurations, c]."""
        return torch.from_numpy(self._taking(causes) @ values.numpy())

    def _margin(self, causes: Causes, margins: dict[Causes, torch.Tensor], values: torch.Tensor) -> torch.Tensor:
        """The same, from a margin that is known already if that is smaller."""
        if causes not in margins:
            larger = min((each for each in margins if set(causes) < set(each)), key=self._size, default=None)
            if larger is None or self._size(larger) > len(self.cells):
                margins[causes] = self.margin(causes, values)
            else:
                whole = margins[larger].view(*(self.levels[j] for j in larger), -1)
                gone = [at for at, j in enumerate(larger) if j not in causes]
                margins[causes] = whole.sum(gone).view(-1, values.shape[1])
        return margins[causes]

    def _size(self, causes: Causes) -> int:
        return math.prod(self.levels[j] for j in causes)

    def _numbers(self, causes: Causes) -> torch.Tensor:
        """Which configuration of some causes each cell has, [C]; those of one or two are kept."""
        if len(causes) > 2:
            return self._numbers(causes[:2]) * self._size(causes[2:]) + self._numbers(causes[2:])
        if causes not in self._known:
            found = torch.zeros_like(self.cells)
            for j in causes:
                found = found * self.levels[j] + self.cells // math.prod(self.levels[j + 1 :]) % self.levels[j]
            self._known[causes] = found.int()
        return self._known[causes]

    def _taking(self, causes: Causes) -> csc_matrix:
        """Which cells have each configuration of some causes, 0/1, [configurations, C]."""
        numbers, C = self._numbers(causes).numpy(), len(self.cells)
        return csc_matrix((np.ones(C), numbers, np.arange(C + 1, dtype=np.int32)), shape=(self._size(causes), C))

    @cached_property
    def _every(self) -> csr_matrix:
        """Which configuration of each term's causes every cell has, 0/1, [C, configurations of all terms]."""
        ends = np.cumsum([0, *(self._size(some) for some in self._terms)])
        each = [self._numbers(some).numpy() + end for some, end in zip(self._terms, ends, strict=False)]
        numbers = np.stack(each, 1)
        C, terms = numbers.shape
        return csr_matrix((np.ones(C * terms), numbers.ravel(), np.arange(C + 1) * terms), shape=(C, ends[-1]))

    def _at(self, some: Causes, causes: Causes) -> torch.Tensor:
        """The columns of some causes at every configuration of some more."""
        return _products(tuple(self.levels[j] for j in causes), tuple(causes.index(j) for j in some))


@lru_cache(maxsize=512)
def _products(levels: tuple[int, ...], some: tuple[int, ...]) -> torch.Tensor:
    """Products of contrasts of some causes at every configuration: [configurations, product of their levels less 1]."""
    cells = math.prod(levels)
    made = torch.ones(cells, 1, dtype=torch.double)
    for j in some:
        inner = math.prod(levels[j + 1 :])
        state = torch.arange(cells) // inner % levels[j]
        made = (made[:, :, None] * (math.sqrt(levels[j]) * contrasts_of(levels[j]))[state][:, None]).flatten(1)
    return made

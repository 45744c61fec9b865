"""Columns of a table's cells: effects of single causes and of pairs of them, and their products over all cells.

Sums over the cells of products of two columns need only margins of at most four causes, of which there are far fewer
cells. That makes second derivatives of log-linear models fast.

Vocabulary: C cells, which are configurations of the causes, k columns, c contrasts of a variable's states.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import torch

from pyrocausal.model.logistic_regression import contrasts_of

__all__ = ["CellColumns"]

Causes: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]


class CellColumns:
    """Columns of all single causes and of some pairs of them.

    Parameters
    ----------
    levels
        States of every cause; the last one's run fastest through the cells.
    pairs
        Of causes.

    Attributes
    ----------
    design
        Double, shape [C, k], of mean square 1 over cells and uncorrelated.
    order
        How many causes each column is of, shape [k].
    """

    def __init__(self, levels: tuple[int, ...], pairs: tuple[Pair, ...] = ()) -> None:
        self.levels = levels
        self._terms: list[Causes] = [(), *((j,) for j in range(len(levels))), *pairs]
        ends = [0]
        for some in self._terms:
            ends.append(ends[-1] + self.width(levels, some))
        self._places = [slice(*each) for each in pairwise(ends)]
        every = tuple(range(len(levels)))
        self.design = torch.cat([self._at(some, every) for some in self._terms], 1)
        sizes = torch.tensor([place.stop - place.start for place in self._places])
        self.order = torch.tensor([len(some) for some in self._terms]).repeat_interleave(sizes)

    @staticmethod
    def width(levels: tuple[int, ...], some: Causes) -> int:
        """How many columns some causes have together."""
        return math.prod(levels[j] - 1 for j in some)

    def information(self, second: torch.Tensor) -> torch.Tensor:
        """What `pyrocausal.model.logistic_regression.information_of` gives of the design and of [C, c, c], faster."""
        (_, c, _), k = second.shape, self.design.shape[1]
        margins: dict[Causes, torch.Tensor] = {tuple(range(len(self.levels))): second.view(*self.levels, c * c)}
        found = second.new_empty(k, c, k, c)
        for one, other in self._pairs():
            (some, here), (more, there) = ((self._terms[each], self._places[each]) for each in (one, other))
            causes = tuple(sorted({*some, *more}))
            weight = self._margin(causes, margins).reshape(-1, c * c).t()  # [c c, cells of these causes]
            block = (self._at(some, causes).t() * weight[:, None]) @ self._at(more, causes)
            block = block.view(c, c, *block.shape[1:])
            found[here, :, there] = block.permute(2, 0, 3, 1)
            found[there, :, here] = block.permute(3, 1, 2, 0)
        return found.view(k * c, k * c)

    def _pairs(self) -> Iterator[tuple[int, int]]:
        return ((one, other) for one in range(len(self._terms)) for other in range(one, len(self._terms)))

    def _margin(self, causes: Causes, margins: dict[Causes, torch.Tensor]) -> torch.Tensor:
        """Summed over all other causes, from as small a sum as is known."""
        if causes not in margins:
            more = min((each for each in margins if set(causes) <= set(each)), key=lambda each: margins[each].numel())
            margins[causes] = margins[more].sum([at for at, j in enumerate(more) if j not in causes])
        return margins[causes]

    def _at(self, some: Causes, causes: Causes) -> torch.Tensor:
        """The columns of some causes at the cells of some more."""
        return _products(tuple(self.levels[j] for j in causes), tuple(causes.index(j) for j in some))


@lru_cache(maxsize=512)
def _products(levels: tuple[int, ...], some: tuple[int, ...]) -> torch.Tensor:
    """Products of contrasts of some causes at every cell: [cells, product of their levels less 1]."""
    cells = math.prod(levels)
    made = torch.ones(cells, 1, dtype=torch.double)
    for j in some:
        inner = math.prod(levels[j + 1 :])
        state = torch.arange(cells) // inner % levels[j]
        made = (made[:, :, None] * (math.sqrt(levels[j]) * contrasts_of(levels[j]))[state][:, None]).flatten(1)
    return made

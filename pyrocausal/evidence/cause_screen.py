"""Which variables are worth a try as further causes, where variables are many: a score test of all at once.

Given the causes that it has, a variable's residuals are what it is less what is expected of it, from a regression or a
table. Whatever shifts them by more than chance gives one of all variables is a candidate. All are found by one matrix
product of the residuals of many variables with the columns of all variables, which are states, or a number and its
square. The few with the largest gains are weighed. Rows of regimes that change a variable are left out, for there it
may have been hit.

It takes at most some ten thousand rows, evenly spread: an edge that needs more to be seen has its price against it. As
it only proposes, weights of rows are left aside.

Vocabulary: d variables, n rows, M families, C columns of all variables.

References
----------
C. R. Rao, "Large sample tests of statistical hypotheses concerning several parameters", 1948.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from scipy.stats import chi2

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.weights import Part
from pyrocausal.model.mechanisms import Family

__all__ = ["CauseScreen"]

ROWS = 40_000  # at the most
MEMORY = 50_000_000  # numbers in the residuals that are taken at a time
LEAST = 2.0  # nats above what chance gives on average, at the least
CELLS = 4_000  # of a table, beyond which the states of the last causes are not told apart


class CauseScreen:
    """Columns of all variables in some rows.

    Parameters
    ----------
    kinds
        Kind of each variable, length d, without gaps.
    parts
        All rows of every table, encoded, the observational one last; on the CPU.
    tables
        Of every variable the regimes whose rows are left out.
    """

    def __init__(self, kinds: Sequence[Kind], parts: Sequence[Part], tables: Sequence[torch.Tensor]) -> None:
        self.kinds = tuple(kinds)
        many = sum(len(part.rows) for part in parts)
        chosen = torch.linspace(0, many - 1, min(many, ROWS)).round().long()
        starts = torch.tensor([0, *(len(part.rows) for part in parts)]).cumsum(0)
        self._table = torch.searchsorted(starts, chosen, right=True) - 1
        each = [part.rows[chosen[self._table == r] - starts[r]] for r, part in enumerate(parts)]
        entered = entering(kinds, torch.cat(each))
        self.tables, self.scale = tables, many / len(chosen)
        self._found: dict[Family, torch.Tensor] = {}
        self._codes: dict[int, torch.Tensor] = {}
        widths = [kind.levels(0) if kind.discrete else 2 for kind in kinds]
        self._first = torch.tensor([0, *widths]).cumsum(0).tolist()
        self._owner = torch.arange(len(kinds)).repeat_interleave(torch.tensor(widths))  # [C]
        self._freedom = torch.tensor([w - 1.0 if kind.discrete else w for w, kind in zip(widths, kinds, strict=True)])
        self._columns = torch.empty(len(chosen), self._first[-1])  # [n, C], float
        for j, kind in enumerate(kinds):
            place = slice(self._first[j], self._first[j + 1])
            if kind.discrete:
                self._codes[j] = kind.codes(entered[:, j], None).long()
                made = torch.nn.functional.one_hot(self._codes[j], kind.levels(0)).float()
            else:
                value = entered[:, j].double()
                value = (value - value.mean()) / value.std().clamp(min=1e-9)
                square = value.square().clamp(max=16.0)  # of a far value no more than of a near one
                slope = (square * value).mean()
                square = square - square.mean() - slope * value
                made = torch.stack([value, square / square.std().clamp(min=1e-9)], 1).float()
            self._columns[:, place] = made
        self._sizes = self._columns.square().sum(0).clamp(min=1.0)

    def gains(self, families: Sequence[Family]) -> torch.Tensor:
        """About how many nats every variable would gain as one more cause of each family: [M, d].

        Minus infinity for a family's own variable and its causes, and where chance gives one of all as much.
        """
        missing = [family for family in dict.fromkeys(families) if family not in self._found]
        if missing:
            per = max(1, MEMORY // (len(self._table) * max(self._outputs(i) for i, _ in missing)))
            batches = [self._some(missing[first : first + per]) for first in range(0, len(missing), per)]
            for (i, parents), found in zip(missing, torch.cat(batches), strict=True):
                found[[i, *parents]] = -torch.inf
                self._found[i, parents] = found.clone()
        return torch.stack([self._found[family] for family in families])

    def looking_at(self, tables: Sequence[torch.Tensor]) -> CauseScreen:
        """The same where other rows are left out; what is known of variables that keep theirs is kept."""
        made = copy(self)
        same = {i for i, pair in enumerate(zip(tables, self.tables, strict=True)) if torch.equal(*pair)}
        made.tables, made._found = tables, {family: each for family, each in self._found.items() if family[0] in same}
        return made

    def _outputs(self, i: int) -> int:
        return self.kinds[i].cardinality if self.kinds[i].closed_form == "table" else 1

    def _some(self, families: Sequence[Family]) -> torch.Tensor:
        residuals, families_of, counted, rows = list[torch.Tensor](), list[int](), list[float](), list[float]()
        for m, family in enumerate(families):
            told = ~torch.isin(self._table, self.tables[family[0]])
            for each, weight in self._residuals(family, told):
                residuals.append(torch.where(told, each, 0.0))
                families_of.append(m)
                counted.append(weight)
                rows.append(float(told.sum()))
        together = torch.stack(residuals)  # [P, n]
        square = (together @ self._columns).square() / self._sizes  # [P, C]
        within = torch.zeros(len(together), len(self.kinds)).index_add_(1, self._owner, square)
        share = (within / together.square().sum(1, keepdim=True).clamp(min=1e-9)).clamp(max=1 - 1e-6)
        gain = -0.5 * torch.tensor(rows)[:, None] * torch.log1p(-share)
        gain = (gain - 0.5 * self._freedom) * torch.tensor(counted)[:, None]
        found = torch.zeros(len(families), len(self.kinds)).index_add_(0, torch.tensor(families_of), gain)
        outputs = torch.zeros(len(families)).index_add_(0, torch.tensor(families_of), torch.tensor(counted))
        return torch.where(found > self._by_chance(outputs), found * self.scale, -torch.inf)

    def _by_chance(self, outputs: torch.Tensor) -> torch.Tensor:
        """Nats above its mean that chance gives one of all variables, for families of as many outputs [M]: [M, d]."""
        some, which = self._freedom.unique(return_inverse=True)
        freedom = (outputs[:, None] * some).clamp(min=1e-3)
        most = torch.from_numpy(chi2.isf(1 / len(self.kinds), freedom.numpy())).float()
        return (0.5 * (most - freedom)).clamp(min=LEAST)[:, which]

    def _residuals(self, family: Family, told: torch.Tensor) -> list[tuple[torch.Tensor, float]]:
        """Residuals [n] of a family, and how much they count."""
        i, parents = family
        if self.kinds[i].closed_form == "table":
            return self._of_states(i, parents, told)
        child = self._columns[:, self._first[i]]
        design = torch.cat([torch.ones_like(child)[:, None], *(self._cause(j) for j in parents)], 1)
        kept = design * told[:, None]
        gram = (kept.t() @ design).double()
        gram.diagonal().add_(1e-6 * len(child))
        weights = torch.linalg.solve(gram, (kept.t() @ child).double())
        return [(child - design @ weights.float(), 1.0)]

    def _cause(self, j: int) -> torch.Tensor:
        return self._columns[:, self._first[j] : self._first[j + 1]]

    def _of_states(self, i: int, parents: tuple[int, ...], told: torch.Tensor) -> list[tuple[torch.Tensor, float]]:
        states, cells = self.kinds[i].cardinality, 1
        keys = torch.zeros(len(self._table), dtype=torch.long)
        for j in parents:
            codes, levels = self._states(j)
            if cells * levels <= CELLS:
                keys, cells = keys * levels + codes, cells * levels
        codes = self._codes[i]
        seen = torch.bincount(keys * states + codes, told.double(), cells * states).view(cells, states)
        usual = seen.sum(0) / seen.sum().clamp(min=1.0)
        expected = ((seen + usual) / (seen.sum(1, keepdim=True) + 1.0)).float()[keys]  # [n, states]
        told_of = torch.nn.functional.one_hot(codes, states).float() - expected
        return [(told_of[:, k], 1 - float(usual[k])) for k in range(states) if float(usual[k]) > 0]

    def _states(self, j: int) -> tuple[torch.Tensor, int]:
        """States of a variable as a cause; of a number thirds."""
        if self.kinds[j].discrete:
            return self._codes[j], self.kinds[j].levels(0)
        value = self._columns[:, self._first[j]]
        cuts = value.quantile(torch.tensor([1 / 3, 2 / 3]))
        return torch.searchsorted(cuts, value.contiguous()), 3

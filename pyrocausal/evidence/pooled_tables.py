"""Evidence of tables over all regimes: a common table with drift, for categorical variables.

In table r the states of a variable in a cell (a configuration of its parents) have probabilities from Dirichlet(kappa
theta): theta is the cell's common distribution, and the larger kappa, the less it drifts; kappa is maximised over a few
values, infinity among them. Theta has a Dirichlet prior, of a strength that maximises its evidence, around even
probabilities, the variable's marginal distribution or a smooth model (`pyrocausal.evidence.table_prior`). What it is
around is read from the same rows, which costs what it costs by itself: else a variable with many states and few rows
would take any parent for the sake of a better prior. Theta is integrated out: exactly where nothing drifts, and
with counts that are discounted by their overdispersion where something does.

Only cells that occur are kept, so that a variable may have many parents. Continuous ones are cut into bins. Vocabulary:
R tables (regimes, and last the observational one), C cells that occur, E entries, which are the states that occur in a
cell of a table.

References
----------
J. E. Mosimann, "On the compound multinomial distribution", 1962.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import present
from pyrocausal.data.weights import Part, take_rows
from pyrocausal.evidence.drift import Spared, spared_evidence
from pyrocausal.evidence.table_prior import TablePrior, best_prior
from pyrocausal.model.conjugate import counted, dirichlet_multinomial

__all__ = ["KAPPAS", "PooledTables"]

KAPPAS = math.inf, 3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0
ROUNDS = 3  # of the common table and of who was let alone, each given the other, at the most
POOR = 0.05  # of what the best parents tell that others do not
UNCHANGED = 1e-6  # share of a table that is let alone


class _Counts(NamedTuple):
    """What occurs: E entries in the cells of tables."""

    size: torch.Tensor  # of each entry, [E]
    entry: torch.Tensor  # which entry of the common table it is, [E]
    place: torch.Tensor  # which cell of which table it is in, [E]
    total: torch.Tensor  # of the entries of each such place, [P]
    table: torch.Tensor  # of each place, [P]
    cells: torch.Tensor  # numbers of those that occur, ascending, [C]
    levels: tuple[int, ...]  # states of each parent
    states: int

    def common(self, size: torch.Tensor) -> torch.Tensor:
        """One table of entries of some size [E]: [C, states]."""
        found = self.size.new_zeros(len(self.cells) * self.states).index_add_(0, self.entry, size)
        return found.view(-1, self.states)

    def counted(self, share: torch.Tensor) -> torch.Tensor:
        """The size of entries where tables count by their share [R]: [E]."""
        return self.size * share[self.table][self.place]


class _Pooled(NamedTuple):
    spared: torch.Tensor  # [R]
    common: torch.Tensor  # scalar
    theta: torch.Tensor  # [C, states]
    prior: TablePrior


class _Known:
    """What parents of a variable were found to tell."""

    def __init__(self) -> None:
        self._least = self._most = -math.inf

    def note(self, parents: tuple[int, ...], evidence: float) -> None:
        """Of some parents, nats."""
        self._least = self._least if parents else evidence
        self._most = max(self._most, evidence)

    @property
    def poor(self) -> float:
        """Nats of parents that tell far less than the best ones."""
        return self._most - POOR * (self._most - self._least) if math.isfinite(self._least) else -math.inf


class PooledTables:
    """Evidence of tables of categorical variables given any parents.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, R of them, encoded, the observational one last; on the CPU.
    """

    max_cells = 2_000_000
    bins = 4

    def __init__(self, kinds: Sequence[Kind], parts: Sequence[Part]) -> None:
        self.kinds, self.tables = tuple(kinds), len(parts)
        self._known: dict[tuple[int, int, bool], _Known] = {}  # of a variable, and tables by themselves, smooth or not
        rows, self._weights = Part.of(parts)
        self._table = Part.numbers(parts).int()
        self._starts = torch.tensor([0, *(len(part.rows) for part in parts)]).cumsum(0).tolist()
        self._present = {i: present(rows[:, i]) for i, kind in enumerate(kinds) if kind.missing}
        entered = entering(kinds, rows)
        self._states = [kind.levels(self.bins) for kind in kinds]  # as a parent
        self._codes = [
            _small(kind.codes(entered[:, j], kind.cuts(entered[:, j], self.bins, self._weights)))
            for j, kind in enumerate(kinds)
        ]

    def spared(
        self,
        i: int,
        parents: tuple[int, ...],
        hit: torch.Tensor,
        alone: torch.Tensor | None = None,
        *,
        smooth: bool = True,
        hasty: bool = False,
    ) -> tuple[Spared, Spared] | None:
        """Evidence where a variable was let alone, and the same where nothing drifts.

        None where its table would be too large.

        Parameters
        ----------
        i, parents
            One family.
        hit
            Nats where it is hit, see `pyrocausal.evidence.drift.spared_evidence`; shape [R].
        alone
            Tables that are looked at by themselves, all others being the last one; R is one more than these. None: all.
        smooth
            Whether tables may lean on smooth models.
        hasty
            Whether parents that tell far less than others that were asked for before are not smoothed as well as they
            could be. Their evidence depends on the order of questions then, but not how poor it is.
        """
        counts = self._counted(i, parents, alone)
        if counts is None:
            return None
        kept, share = math.inf, (hit < torch.inf).double()
        known = self._known.setdefault((i, len(hit), smooth), _Known())
        common = counts.common(counts.counted(share))
        enough = known.poor if hasty else -math.inf
        prior = best_prior(common, counts.levels if smooth else (), enough, counts.cells)
        known.note(parents, prior.evidence)
        best = steady = _pool(counts, hit, kept, share, prior)
        value = float(spared_evidence(best.spared, best.common, hit))
        for kappa in KAPPAS[1:]:
            found = _pool(counts, hit, kappa, torch.sigmoid(best.spared - hit), best.prior)
            now = float(spared_evidence(found.spared, found.common, hit))
            if now <= value:
                break
            best, value, kept = found, now, kappa
        drifting = Spared(best.spared, best.common, _moved(counts, best.theta, kept, len(hit)))
        return drifting, Spared(steady.spared, steady.common, torch.zeros_like(steady.spared))

    def fits(self, i: int, parents: tuple[int, ...]) -> bool:
        """Whether there is such a table, not too large for its cells to be told apart in time."""
        return self.kinds[i].cardinality * math.prod(self._states[j] for j in parents) <= self.max_cells

    def fresh(self, i: int, parents: tuple[int, ...], tables: torch.Tensor) -> torch.Tensor:
        """Evidence of fresh mechanisms in some tables, half of it given the parents: [T]."""
        starts = [(self._starts[t], self._starts[t + 1]) for t in tables.tolist()]
        if not starts:
            return torch.zeros(0, dtype=torch.double)
        rows = torch.cat([torch.arange(*each) for each in starts])
        table = torch.arange(len(starts)).repeat_interleave(torch.tensor([last - first for first, last in starts]))
        codes, weights = self._codes[i][rows].long(), take_rows(self._weights, rows)
        states, keys, cells = self.kinds[i].cardinality, torch.zeros_like(table), 1
        free = dirichlet_multinomial(codes, keys, table, states, 1, len(tables), weights=weights)
        for j in parents:
            keys, cells = keys * self._states[j] + self._codes[j][rows], cells * self._states[j]
        given = dirichlet_multinomial(codes, keys, table, states, cells, len(tables), weights=weights)
        return torch.logaddexp(free, given) - math.log(2)

    def _counted(self, i: int, parents: tuple[int, ...], alone: torch.Tensor | None = None) -> _Counts | None:
        if not self.fits(i, parents):
            return None
        states, levels = self.kinds[i].cardinality, tuple(self._states[j] for j in parents)
        cells, tables = math.prod(levels), self.tables if alone is None else len(alone) + 1
        size = tables * cells * states
        keys = self._table.to(torch.int64 if size > torch.iinfo(torch.int32).max else torch.int32, copy=True)
        if alone is not None:
            number = torch.full((self.tables,), tables - 1, dtype=keys.dtype)
            number[alone] = torch.arange(tables - 1, dtype=keys.dtype)
            keys = number.index_select(0, self._table)
        # In place: new tensors of all rows take ten times as long.
        for j, level in zip((*parents, i), (*levels, states), strict=True):
            keys.mul_(level).add_(self._codes[j])
        weights = self._weights
        if self.kinds[i].missing:
            keys, weights = keys[self._present[i]], take_rows(weights, self._present[i])
        some, found = counted(keys, size, weights)
        some = some.long()
        places, place = (some // states).unique_consecutive(return_inverse=True)
        total = torch.zeros(len(places), dtype=torch.double).index_add_(0, place, found)
        occurring, cell = (places % cells).unique(return_inverse=True)
        entry = cell[place] * states + some % states
        return _Counts(found, entry, place, total, places // cells, occurring, levels, states)


def _small(codes: torch.Tensor) -> torch.Tensor:
    """The same in as little memory as they take."""
    return codes.to(torch.uint8) if len(codes) and int(codes.max()) < 256 else codes


def _pool(counts: _Counts, hit: torch.Tensor, kappa: float, share: torch.Tensor, prior: TablePrior) -> _Pooled:
    """All tables at one size of the drift.

    It begins with how far each counts [R], and with the prior of such counts without drift.
    """
    R, table = len(hit), counts.table[counts.place]
    certain = math.isinf(kappa)
    discount = torch.ones_like(counts.total) if certain else (kappa + 1) / (kappa + counts.total.clamp(min=1.0))
    for turn in range(ROUNDS):
        size = discount[counts.place] * counts.counted(share)
        common = counts.common(size)
        if not certain:
            prior = prior.discounted(common)
        elif turn:
            prior = prior.again(common)
        theta = (common + prior.concentration) / (common.sum(1, keepdim=True) + prior.strength)
        log_theta = theta.flatten().log()[counts.entry]
        if certain:
            spared = counts.size.new_zeros(R).index_add_(0, table, counts.size * log_theta)
        else:
            expected = kappa * theta.flatten()[counts.entry]
            spared = counts.size.new_zeros(R)
            spared.index_add_(0, table, torch.lgamma(expected + counts.size) - torch.lgamma(expected))
            spared.index_add_(0, counts.table, math.lgamma(kappa) - torch.lgamma(kappa + counts.total))
        before, share = share, torch.sigmoid(spared - hit)
        if (share - before).abs().max() < UNCHANGED:
            break
    evidence = prior.evidence - (size * log_theta).sum() - math.log1p(100.0 / kappa)
    return _Pooled(spared, evidence, theta, prior)


def _moved(counts: _Counts, theta: torch.Tensor, kappa: float, tables: int) -> torch.Tensor:
    """Distance in total variation of each table's distributions from the common ones, a mean over rows: [R]."""
    excess = (counts.size - counts.total[counts.place] * theta.flatten()[counts.entry]).clamp(min=0.0)
    moved = torch.zeros_like(counts.total).index_add_(0, counts.place, excess) / (counts.total + kappa)
    sums = torch.zeros(2, tables, dtype=torch.double)
    sums.index_add_(1, counts.table, torch.stack([moved * counts.total, counts.total]))
    return sums[0] / sums[1].clamp(min=1e-9)

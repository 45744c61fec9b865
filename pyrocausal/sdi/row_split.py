"""Which rows fit mechanisms and which score graphs.

As published, mechanisms see observational rows alone and every regime row scores graphs. That fails where interventions
leave the observational range: a child's mechanism is then scored on values of its cause that it was never fitted to,
and its extrapolation, not the graph, decides. There the even rows of every regime fit mechanisms too, without the terms
of the inferred targets, and the odd rows score, so that no row scores a mechanism that it has fitted.

Rows that have weights keep them. They are numbered in the order of their weights, not of the table, so that every part
has its share of heavy and of light rows. Where all variables are categories, a heavy row may stand for many equal ones,
which would be found in all parts: if each part gets a weight of at least one, it is divided among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.data.weights import Part, ranks, take_rows

__all__ = ["Fold", "Split", "cross_fit", "divide", "leaves_observational_range", "split_rows"]


def divide(
    part: Part, share: float, kinds: Sequence[Kind], generator: torch.Generator | None = None
) -> tuple[Part, Part]:
    """Two parts, the second one with a share of the rows.

    Parameters
    ----------
    part
        Rows of one table.
    share
        In [0, 1). Every second row, the odd ones, for one half.
    kinds
        Of the variables.
    generator
        Draws the rows; None spreads them evenly.

    Returns
    -------
    tuple of Part
        What is left, and the share.
    """
    rows, weights = part
    both = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    if weights is not None and all(kind.discrete for kind in kinds):
        both = weights * min(share, 1 - share) >= 1
    if weights is None:
        order = torch.arange(len(rows), device=rows.device)
    else:
        order = ranks(weights)[~both].argsort()
        order = (~both).nonzero()[:, 0][order]
    apart = both.clone()
    if generator is None:
        index = torch.arange(len(order), device=rows.device)
        chosen = ((index + 1) * share).floor() > (index * share).floor()
    else:
        chosen = torch.zeros(len(order), dtype=torch.bool)
        chosen[torch.randperm(len(order), generator=generator)[: round(share * len(order))]] = True
    apart[order] = chosen.to(rows.device)
    stay = ~apart | both
    if weights is None:
        return Part(rows[stay], None), Part(rows[apart], None)
    one, other = torch.where(both, (1 - share) * weights, weights), torch.where(both, share * weights, weights)
    return Part(rows[stay], one[stay]), Part(rows[apart], other[apart])


class Split(NamedTuple):
    """Rows by their use, with their weights.

    Attributes
    ----------
    fitting
        Rows that mechanisms are fitted to, N of them.
    origin
        Regime of each of these, shape [N]; R for observational rows.
    scoring
        Rows that score graphs, per regime.
    held_out
        Observational rows that fit nothing.
    """

    fitting: Part
    origin: torch.Tensor
    scoring: tuple[Part, ...]
    held_out: Part


def leaves_observational_range(data: InterventionalData) -> bool:
    """Whether interventions may put a variable where observational rows have nothing.

    True if a variable has no states, as numbers and counts have none, or has one that only regimes show, but for less
    than one row.
    """
    if any(not kind.discrete for kind in data.kinds):
        return True
    weights = data.observational_weights
    for column, states in zip(data.observational.t(), data.cardinalities, strict=True):
        seen = present(column)
        shown = torch.bincount(column[seen].long(), take_rows(weights, seen), states)
        if bool((shown < 1).any()):
            return True
    return False


def split_rows(data: InterventionalData, share_regimes: bool, held_out: float = 0.0) -> Split:
    """Assign rows to fitting and scoring.

    Parameters
    ----------
    data
        Observational rows and regimes.
    share_regimes
        Whether the even rows of every regime fit mechanisms; if not, they score like the odd ones.
    held_out
        Share of the observational rows, spread evenly over the table, that fit nothing.
    """
    R = len(data.regimes)
    table, *scoring = data.parts
    last, held = divide(table, held_out, data.kinds)
    if held_out > 0 and not len(held.rows):  # a small table gives one row all the same
        last, held = (Part(table.rows[at], take_rows(table.weights, at)) for at in (slice(-1), slice(-1, None)))
    fitting = [last]
    if share_regimes:
        halves = [divide(part, 0.5, data.kinds) for part in scoring]
        fitting, scoring = [*(even for even, _ in halves), last], [odd for _, odd in halves]
    return Split(
        fitting=Part.of(fitting),
        origin=Part.numbers(fitting) + (R + 1 - len(fitting)),
        scoring=tuple(scoring),
        held_out=held,
    )


class Fold(NamedTuple):
    """Rows that fit and rows that score what those have fitted, with their weights.

    Attributes
    ----------
    fitting
        N rows.
    counts
        Whether a row of them tells of a variable's observational mechanism, which it does not where the value is
        missing; shape [N, d].
    scoring
        n rows.
    table
        Regime of each row that scores, shape [n]; R for observational rows.
    tables
        R + 1.
    """

    fitting: Part
    counts: torch.Tensor
    scoring: Part
    table: torch.Tensor
    tables: int

    def per_table(self, log_probs: torch.Tensor) -> torch.Tensor:
        """Sums over the rows that score of each table, as they count: [M, n] -> [M, R + 1], double, on the CPU."""
        sums = torch.zeros(len(log_probs), self.tables, dtype=torch.double)
        if self.scoring.weights is not None:
            log_probs = log_probs * self.scoring.weights
        return sums.index_add_(1, self.table.cpu(), log_probs.double().cpu())

    def telling(self, tables: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """How many rows each row that scores counts as, by what its table tells: [M, R + 1], [M, n] -> [M, n]."""
        counted = tables.to(self.table.device)[:, self.table] * seen
        return counted if self.scoring.weights is None else counted * self.scoring.weights


def cross_fit(data: InterventionalData, split: Split, natural: torch.Tensor) -> tuple[Fold, Fold]:
    """Two folds: even rows of regimes fit and odd ones score, and the other way round.

    Observational rows that were fitted before fit in both; those held out score in one or the other.

    Parameters
    ----------
    data, split
        Rows, and their use during the three phases.
    natural
        Whether a variable kept its observational mechanism in a regime, shape [R, d].
    """
    R = len(natural)
    keep = torch.cat([natural, torch.ones_like(natural[:1])])  # [R + 1, d]
    fitted = split.origin == R
    observational = Part(split.fitting.rows[fitted], take_rows(split.fitting.weights, fitted))
    halves = [divide(part, 0.5, data.kinds) for part in data.parts[1:]]
    held = divide(split.held_out, 0.5, data.kinds)

    def rows(start: int, last: Part) -> tuple[Part, torch.Tensor]:
        parts = [*(half[start] for half in halves), last]
        return Part.of(parts), Part.numbers(parts)

    folds = []
    for fit, score in ((0, 1), (1, 0)):
        fitting, origin = rows(fit, observational)
        scoring, table = rows(score, held[score])
        counts = keep[origin] & present(fitting.rows)
        folds.append(Fold(fitting, counts, scoring, table, R + 1))
    return folds[0], folds[1]

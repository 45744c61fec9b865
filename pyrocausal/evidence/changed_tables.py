"""In which regimes a variable's distribution changes: a test of every variable in every regime.

Whoever is hit changes, and so does whoever lies below. A number's mean and variance are held against those of all
observational rows, a category's shares; a few nats above what chance gives count. Where variables are many, a regime
that leaves a variable as it was says nothing of its own about its mechanism, and is one table with the observational
rows.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.stats import chi2

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part

__all__ = ["CHANGED", "changes", "changes_of_form"]

CHANGED = 6.0  # nats above chance; of a number that is one regime in a thousand
ROWS = 10_000  # that are counted at a time
INTERVALS = 16
LEAST = 1e-6  # of a variance on a standardised scale


def changes(kinds: Sequence[Kind], parts: Sequence[Part]) -> torch.Tensor:
    """Nats that distributions of their own gain, less what chance gives on average.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, encoded, the observational one last; on the CPU.

    Returns
    -------
    torch.Tensor
        Double, shape [R, d].
    """
    found = torch.zeros(len(parts) - 1, len(kinds), dtype=torch.double)
    discrete = torch.tensor([kind.closed_form == "table" for kind in kinds])
    states = max([kind.cardinality for kind, table in zip(kinds, discrete, strict=True) if table], default=0)
    numbers, categories = ((~discrete).nonzero()[:, 0], discrete.nonzero()[:, 0])
    if len(numbers):
        moments = torch.stack([_moments(entering(kinds, rows)[:, numbers], weights) for rows, weights in parts])
        found[:, numbers] = _of_numbers(moments)
    if len(categories):
        counts = torch.stack([_counts(rows[:, categories], weights, states) for rows, weights in parts])
        found[:, categories] = _of_categories(counts)
    return found


def _moments(rows: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """How many values of each column there are, their mean and their variance: [n, p] -> [3, p]."""
    there = present(rows).double()
    there = there if weights is None else there * weights[:, None]
    n, values = there.sum(0).clamp(min=1e-9), filled(rows).double()
    mean = (there * values).sum(0) / n
    return torch.stack([n, mean, (there * (values - mean).square()).sum(0) / n])


def _of_numbers(moments: torch.Tensor) -> torch.Tensor:
    """From moments of all tables [R + 1, 3, p], the observational last: [R, p]."""
    n, mean, variance = moments.unbind(1)
    usual = variance[-1].clamp(min=LEAST)
    variance = variance[:-1].clamp(min=LEAST)
    away = (variance + (mean[:-1] - mean[-1]).square()) / usual
    gain = 0.5 * n[:-1] * ((usual / variance).log() + away - 1)
    return gain / (1 + n[:-1] / n[-1]) - 1.0


def _counts(rows: torch.Tensor, weights: torch.Tensor | None, states: int) -> torch.Tensor:
    """How often every column has each state: [n, p] -> [p, states]."""
    p = rows.shape[1]
    found = torch.zeros(p * states, dtype=torch.double)
    for first in range(0, len(rows), ROWS):
        some = rows[first : first + ROWS]
        there = present(some).double()
        there = there if weights is None else there * weights[first : first + ROWS, None]
        keys = filled(some).long() + states * torch.arange(p)
        found += torch.bincount(keys.flatten(), there.flatten(), p * states)
    return found.view(p, states)


def _of_categories(counts: torch.Tensor) -> torch.Tensor:
    """From counts in all tables [R + 1, p, states], the observational last: [R, p]."""
    gain, freedom = _of_shares(counts)
    return gain - 0.5 * freedom


def _of_shares(counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What shares of their own gain, from such counts, [R, p], and how many are free, [p]."""
    usual, n = counts[-1] + 0.5 * (counts.sum(0) > 0), counts.sum(-1)
    share = usual / usual.sum(-1, keepdim=True)
    seen = counts[:-1]
    own = seen / n[:-1, :, None].clamp(min=1e-9)
    gain = torch.where(seen > 0, seen * (own / share.clamp(min=1e-12)).log(), 0.0).sum(-1)
    freedom = ((counts.sum(0) > 0).sum(-1) - 1).clamp(min=0)
    return gain / (1 + n[:-1] / n[-1].clamp(min=1.0)), freedom


def changes_of_form(kinds: Sequence[Kind], parts: Sequence[Part]) -> torch.Tensor:
    """Minus the logarithm of how probable a change of numbers is by chance.

    By their shares of the intervals that sixteenths of the observational rows lie in: what reaches a variable by many
    ways changes its form more than its mean and variance.

    Parameters
    ----------
    kinds, parts
        As for `changes`; numbers alone.

    Returns
    -------
    torch.Tensor
        Double, shape [R, d].
    """
    tables = [entering(kinds, rows).double() for rows, _ in parts]
    usual = torch.where(present(parts[-1].rows), tables[-1], torch.nan)
    ends = usual.nanquantile(torch.linspace(0, 1, INTERVALS + 1, dtype=torch.double)[1:-1], 0)  # [15, d]
    counts = torch.zeros(len(parts), len(kinds), INTERVALS, dtype=torch.double)
    for found, values, (rows, weights) in zip(counts, tables, parts, strict=True):
        there = present(rows).double()
        there = there if weights is None else there * weights[:, None]
        place = (filled(values)[:, None] > ends).sum(1)  # [n, d]
        found.scatter_add_(1, place.t(), there.t())
    gain, freedom = _of_shares(counts)
    gain, half = gain.clamp(min=0.0), freedom.clamp(min=1) / 2.0
    against = torch.from_numpy(-chi2.logsf(2 * gain.numpy(), 2 * half.numpy()))
    tail = gain - (half - 1) * gain.clamp(min=1.0).log() + half.lgamma()  # where that has no value any more
    return torch.where(against.isfinite(), against, tail)

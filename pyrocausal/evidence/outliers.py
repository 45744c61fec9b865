"""Values far from all others, brought nearer before a regression meets them.

Slips are gone already (`pyrocausal.data.slips`). What else is further than three usual ranges from the median of its
table stands at one usual range on its side, for a tail may be long, and an intervention act on a part of the rows. That
leaves alone a table that an intervention has moved, however far, and of heavy tails next to everything.

Where an observational value was such, its variable is brought to a mean of 0 and a standard deviation of 1 anew.

Tables that an intervention has moved are told of, for what was learned of other tables says little of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import present
from pyrocausal.data.slips import FAR, middle, usual_range
from pyrocausal.data.weights import Part, quantiles, take_rows

__all__ = ["moved_away", "pulled_in"]

USUAL = 0.005, 0.995  # quantiles of the observational table between which a number is as usual
AWAY = 0.25  # of that range is near it still: what was learned holds a little further


def pulled_in(kinds: Sequence[Kind], parts: Sequence[Part]) -> list[Part]:
    """The same tables with values that are far out brought nearer.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, encoded, the observational one last.
    """
    made = [Part(part.rows.clone(), part.weights) for part in parts]
    ranges = [_range(part.rows) for part in parts]
    for i, kind in enumerate(kinds):
        if kind.closed_form not in ("regression", "count regression"):
            continue
        both = [_some(part.rows[:, i], part.weights) for part in parts]
        usual = usual_range(*(torch.cat([each[k] for each in both]) for k in (0, 1)))
        for part, range_ in zip(made, ranges, strict=True):
            if float(range_[i]) > FAR * usual:  # else all are as near to the median as that
                part.rows[:, i] = _nearer(part.rows[:, i], part.weights, usual, kind.whole)
        observed, was = made[-1].rows[:, i], parts[-1].rows[:, i]
        if kind.closed_form == "regression" and not torch.equal(observed.nan_to_num(), was.nan_to_num()):
            mean, sd = _moments(observed, made[-1].weights)
            for part in made:
                part.rows[:, i] = ((part.rows[:, i].double() - mean) / sd).to(part.rows)
    return made


def moved_away(kinds: Sequence[Kind], parts: Sequence[Part]) -> torch.Tensor:
    """Where most rows of a table have a number far from all that the observational table has.

    Parameters
    ----------
    kinds, parts
        As for `pulled_in`.

    Returns
    -------
    torch.Tensor
        Bool, one row for each table and one column for each variable; where nothing is seen, False.
    """
    found = torch.zeros(len(parts), len(kinds), dtype=torch.bool)
    entered = [entering(kinds, part.rows) for part in parts]  # counts relative to what they are counted of
    bounds = torch.full((2, len(kinds)), torch.nan, dtype=torch.double)
    for i, kind in enumerate(kinds):
        if kind.discrete:
            continue
        usual, counted = _some(entered[-1][:, i], parts[-1].weights)
        if len(usual):
            low, high = quantiles(usual, usual.new_tensor(USUAL), counted)
            near = AWAY * (high - low)
            bounds[:, i] = torch.stack([low - near, high + near])
    numbers = (~bounds[0].isnan()).nonzero()[:, 0]
    for r, (rows, part) in enumerate(zip(entered, parts, strict=True)):
        values = rows[:, numbers].double()
        there = present(values).double() if part.weights is None else present(values) * part.weights[:, None]
        away = (values < bounds[0, numbers]) | (values > bounds[1, numbers])
        found[r, numbers] = 2 * (there * away).sum(0) > there.sum(0)
    return found


def _range(rows: torch.Tensor) -> torch.Tensor:
    """How far the values of each column are apart, [n, d] -> [d]; of none minus infinity."""
    there = present(rows)
    most = torch.where(there, rows, -torch.inf).amax(0) if len(rows) else rows.new_full(rows.shape[1:], -torch.inf)
    least = torch.where(there, rows, torch.inf).amin(0) if len(rows) else rows.new_full(rows.shape[1:], torch.inf)
    return most.double() - least.double()


def _some(column: torch.Tensor, weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Values that are not missing, double, and their weights."""
    seen = present(column)
    kept = take_rows(weights, seen)
    values = column[seen].double()
    return values, torch.ones_like(values) if kept is None else kept


def _nearer(column: torch.Tensor, weights: torch.Tensor | None, usual: float, whole: bool) -> torch.Tensor:
    """A column of one table without what is far out; as it is if there is no usual range."""
    values, counted = _some(column, weights)
    if not len(values) or usual <= 0:
        return column
    median = middle(values, counted)
    near = column.clamp(median - usual, median + usual)
    return torch.where((column - median).abs() > FAR * usual, near.round() if whole else near, column)


def _moments(column: torch.Tensor, weights: torch.Tensor | None) -> tuple[float, float]:
    values, counted = _some(column, weights)
    mean = float((counted * values).sum() / counted.sum())
    return mean, float((counted * (values - mean).square()).sum() / counted.sum()) ** 0.5

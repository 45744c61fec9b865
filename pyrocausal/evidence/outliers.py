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
    for i, kind in enumerate(kinds):
        if kind.closed_form not in ("regression", "count regression"):
            continue
        both = [_some(part.rows[:, i], part.weights) for part in parts]
        usual = usual_range(*(torch.cat([each[k] for each in both]) for k in (0, 1)))
        for part in made:
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
    for i, kind in enumerate(kinds):
        if kind.discrete:
            continue
        columns = [_some(rows[:, i], part.weights) for rows, part in zip(entered, parts, strict=True)]
        usual, counted = columns[-1]
        if not len(usual):
            continue
        low, high = quantiles(usual, usual.new_tensor(USUAL), counted)
        near = AWAY * (high - low)
        for r, (values, weights) in enumerate(columns):
            away = (values < low - near) | (values > high + near)
            found[r, i] = bool(2 * weights[away].sum() > weights.sum())
    return found


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

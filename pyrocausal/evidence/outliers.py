"""Values far from all others, moved before a regression meets them.

One wrong number among thousands, such as 999999 for a gap, would decide every sum of squares: the scale of its
variable, the noise of its regime, the slopes of its effects. So a number or a count further than FAR times the usual
range from the median of its table is moved: to the median, where it tells nothing, if few values of the table are such
and none lie between them and the usual ones, for then they are slips or codes; otherwise to one usual range on its
side, for a tail may be long, and an intervention act on a part of the rows. That leaves alone a table that an
intervention has moved, however far, and of heavy tails next to everything.

The usual range is that from the 1st to the 99th percentile of all rows, but for those that lie beyond ten times the
range of the middle ones and apart from all others: a code in several of a hundred rows is not usual.

Where an observational value was such, its variable is brought to a mean of 0 and a standard deviation of 1 anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.data.weights import Part, quantiles, take_rows

__all__ = ["pulled_in"]

FAR = 3.0  # usual ranges
USUAL = 0.01, 0.99  # percentiles that it is between
MIDDLE, BEYOND = (0.05, 0.95), 10.0  # percentiles of the middle rows, and how many times their range is never usual
FEW = 0.05  # share of a table's values at the most that are taken for slips


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
        usual = _range([part.rows[:, i] for part in parts], [part.weights for part in parts])
        for part in made:
            part.rows[:, i] = _nearer(part.rows[:, i], part.weights, usual, kind.whole)
        observed, was = made[-1].rows[:, i], parts[-1].rows[:, i]
        if kind.closed_form == "regression" and not torch.equal(observed.nan_to_num(), was.nan_to_num()):
            mean, sd = _moments(observed, made[-1].weights)
            for part in made:
                part.rows[:, i] = ((part.rows[:, i].double() - mean) / sd).to(part.rows)
    return made


def _some(column: torch.Tensor, weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Values that are not missing, double, and their weights."""
    seen = present(column)
    kept = take_rows(weights, seen)
    values = column[seen].double()
    return values, torch.ones_like(values) if kept is None else kept


def _range(columns: Sequence[torch.Tensor], weights: Sequence[torch.Tensor | None]) -> float:
    """The usual range of a variable, of all tables together."""
    both = [_some(*each) for each in zip(columns, weights, strict=True)]
    values, counted = (torch.cat([each[k] for each in both]) for k in (0, 1))
    if not len(values):
        return 0.0
    low, high = quantiles(values, torch.tensor(MIDDLE, dtype=torch.double), counted).tolist()
    beyond = BEYOND * (high - low)
    near = (values >= low - beyond) & (values <= high + beyond)
    if beyond > 0 and not bool(near.all()):
        usual = _between(values[near], counted[near])
        least, most = values[near].min() - FAR * usual, values[near].max() + FAR * usual
        if not bool(((values >= least) & (values <= most))[~near].any()):
            return usual
    return _between(values, counted)


def _between(values: torch.Tensor, counted: torch.Tensor) -> float:
    """From the 1st to the 99th percentile of values [n] by their weights."""
    low, high = quantiles(values, torch.tensor(USUAL, dtype=torch.double), counted).tolist()
    return high - low


def _nearer(column: torch.Tensor, weights: torch.Tensor | None, usual: float, whole: bool) -> torch.Tensor:
    """A column of one table without what is far out; as it is if there is no usual range."""
    values, counted = _some(column, weights)
    if not len(values) or usual <= 0:
        return column
    (median,) = quantiles(values, torch.tensor([0.5], dtype=torch.double), counted).tolist()
    distance = (values - median).abs()
    share = float(counted[distance > FAR * usual].sum() / counted.sum())
    apart = not bool(((distance > usual) & (distance <= FAR * usual)).any())
    reach = 0.0 if apart and share <= FEW else usual
    near = column.clamp(median - reach, median + reach)
    return torch.where((column - median).abs() > FAR * usual, near.round() if whole else near, column)


def _moments(column: torch.Tensor, weights: torch.Tensor | None) -> tuple[float, float]:
    values, counted = _some(column, weights)
    mean = float((counted * values).sum() / counted.sum())
    return mean, float((counted * (values - mean).square()).sum() / counted.sum()) ** 0.5

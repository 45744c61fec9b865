"""Sign and size of effects, as a fitted program has them: of edges, and of what regimes did to variables.

The size of an edge compares the effect's distribution, its cause being set to one value and to another, all other
parents staying what they were observed to be; the difference is averaged over rows. A number or a count as a cause
moves by one standard deviation, from half of it below what was observed to half of it above, and no lower than it can
be; a count does so on the scale of ``log(1 + count / exposure)``. Of a cause with states the two that differ most are
compared, the earlier one first.

The size of a target compares what was observed in the rows of a regime with what the common mechanism says of them,
given the parents' values there.

Either is a difference of means in standard deviations of the effect; or of the logarithm of a mean, of a count; or of
the probability of the state that changes most. Nothing is random. Rows that lack a value which is needed are left out.

Vocabulary: d variables, R regimes, S values of a cause, q states of an effect or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Count, Exposure
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part, take_rows
from pyrocausal.model.causal_model import CausalModel

__all__ = ["Sizes", "edge_sizes", "target_sizes"]

MOST_ROWS, FEWEST_ROWS = (
    2_000,
    30,
)  # observational ones that sizes of edges are averaged over; with fewer, of all tables
REGIME_ROWS = 40_000, 200  # of all regimes together at the most, and of each whatever their number
EVEN = 1e-6  # changes that differ by less are as large


class Sizes(NamedTuple):
    """Sizes of effects and what they are.

    Attributes
    ----------
    value
        Shape [d, d] (effect, cause) or [R, d]; NaN where there is none.
    measured
        Texts of the same shape, such as "sd per sd"; empty where there is no size.
    """

    value: NDArray[np.float64]
    measured: NDArray[np.object_]

    @classmethod
    def nothing(cls, *shape: int) -> Sizes:
        """No size anywhere."""
        return cls(np.full(shape, np.nan), np.full(shape, "", dtype=object))

    def put(self, place: tuple[int, int], value: float, measured: str) -> None:
        """Write one down, unless it is infinite or no number."""
        if np.isfinite(value):
            self.value[place], self.measured[place] = value, measured


# ---------------------------------------------------------------------- edges
@torch.no_grad()
def edge_sizes(model: CausalModel, data: InterventionalData, graph: torch.Tensor) -> Sizes:
    """Sizes of the edges of a graph.

    Parameters
    ----------
    model
        A program fitted to the data.
    data
        Rows to average over, the observational ones unless they are few.
    graph
        0/1 or boolean, shape [d, d] (effect, cause).

    Returns
    -------
    Sizes
        Shape [d, d], NaN where there is no edge. Measured in "sd per sd", "P(Y=high) per sd" or "log fold per sd"; per
        "sd of log X" where the cause is a count; "sd, X low to high" and so on where it has states.
    """
    found, everything = Sizes.nothing(data.d, data.d), Part.of(data.parts)
    spreads = [_spread(data, j) for j in range(data.d)]
    for i in graph.any(1).nonzero()[:, 0].tolist():
        causes = graph[i].nonzero()[:, 0].tolist()
        part = _complete(data.parts[0], causes)
        if len(part.rows) < FEWEST_ROWS:
            part = _complete(everything, causes)
        part = _thinned(part, MOST_ROWS)
        for j in causes:
            values, step = _values(data, j, part.rows, everything.rows[:, j], spreads[j])
            if len(values) < 2 or not len(part.rows):
                continue
            said = torch.stack([_answer(model, data, i, graph[i], _replaced(part, j, value)) for value in values])
            if not data.kinds[i].discrete and not isinstance(data.kinds[i], Count):
                said = said / spreads[i]
            before, after, state, change = _largest(said)
            step = step or f", {data.names[j]} {_label(data, j, values[before])} to {_label(data, j, values[after])}"
            found.put((i, j), change, _what(data, i, state) + step)
    return found


def _answer(model: CausalModel, data: InterventionalData, i: int, parents: torch.Tensor, part: Part) -> torch.Tensor:
    """What is said of an effect on average: probabilities, a mean, or the logarithm of the mean of a count; [q]."""
    said = _said(model, data, i, parents, part.rows)
    return _mean(said.log() if isinstance(data.kinds[i], Count) else said, part.weights)


def _replaced(part: Part, j: int, value: torch.Tensor) -> Part:
    rows = part.rows.clone()
    rows[:, j] = value
    return Part(rows, part.weights)


def _values(
    data: InterventionalData, j: int, rows: torch.Tensor, column: torch.Tensor, spread: float
) -> tuple[torch.Tensor, str]:
    """What a cause is set to, [S] states or [2, n], and how a step of it is called, "" of states.

    States are those that occur in its column of all tables; there is nothing where it did not vary.
    """
    kind = data.kinds[j]
    if kind.discrete:
        return column[present(column)].unique(), ""
    if not spread > 0:
        return rows.new_zeros(0), ""
    (least, most), counted = kind.bounds, isinstance(kind, Count)
    low = (_scaled(kind, rows, j) - spread / 2).clamp(min=least).clamp(max=most - spread)  # log 1 of a count
    values = torch.stack([low, low + spread])
    if counted:
        values = values.expm1() * _exposure(kind, rows)
    return values.to(rows.dtype), f" per sd of log {data.names[j]}" if counted else " per sd"


def _largest(said: torch.Tensor) -> tuple[int, int, int, float]:
    """Of [S, q] the two values of a cause, the earlier first, and the state with the largest change, and the change.

    The last of those that are as large.
    """
    change = said[None] - said[:, None]  # [before, after, q]
    later = torch.ones(change.shape[:2], dtype=torch.bool, device=said.device).triu(1)
    size = torch.where(later[..., None], change.abs(), -1.0)
    if not bool(change.isfinite().all()):
        return 0, 1, 0, float("nan")
    before, after, state = (size >= size.max() - EVEN).nonzero()[-1].tolist()
    return before, after, state, float(change[before, after, state])


# ---------------------------------------------------------------------- targets
@torch.no_grad()
def target_sizes(model: CausalModel, data: InterventionalData, graph: torch.Tensor) -> Sizes:
    """How far every variable of every regime is from what its common mechanism says.

    Parameters
    ----------
    model
        A program fitted to the data.
    data
        Rows of the regimes.
    graph
        0/1 or boolean, shape [d, d] (effect, cause).

    Returns
    -------
    Sizes
        Shape [R, d], measured in "sd", "P(Y=high)" or "log fold"; NaN where a regime has no row with the variable and
        all its parents. Half a count is added to what is observed and what is predicted in a regime, so that counts
        which are all 0 have a size.
    """
    R = len(data.regimes)
    found, most = Sizes.nothing(R, data.d), max(REGIME_ROWS[0] // R, REGIME_ROWS[1])
    parts = [_thinned(part, most) for part in data.parts[1:]]
    everything, table = Part.of(parts), Part.numbers(parts)
    for i in range(data.d):
        needed = [i, *graph[i].nonzero()[:, 0].tolist()]
        there = present(everything.rows[:, needed]).all(1)
        part = _complete(everything, needed)
        if isinstance(data.kinds[i], Exposure) or not len(part.rows):
            continue
        spread = _spread(data, i)
        said, column = _said(model, data, i, graph[i], part.rows), part.rows[:, i, None]
        states = torch.arange(said.shape[1], device=column.device)
        seen = (column == states).double() if data.kinds[i].discrete else column.double()
        count = torch.ones_like(seen[:, :1]) if part.weights is None else part.weights[:, None]
        sums = seen.new_zeros(R, 1 + 2 * said.shape[1])
        sums.index_add_(0, table[there], torch.cat([count, count * seen, count * said], 1))
        for r, (rows, *both) in enumerate(sums.tolist()):
            if rows:
                observed, predicted = np.split(np.array(both), 2)
                found.put((r, i), *_shift(data, i, rows, observed, predicted, spread))
    return found


def _shift(
    data: InterventionalData, i: int, rows: float, observed: NDArray, predicted: NDArray, spread: float
) -> tuple[float, str]:
    """Size and text, from sums [q] over some rows."""
    kind, change = data.kinds[i], (observed - predicted) / rows
    if kind.discrete:
        state = int(np.flatnonzero(np.abs(change) >= np.abs(change).max() - EVEN)[-1])
        return float(change[state]), _what(data, i, state)
    if isinstance(kind, Count):
        with np.errstate(invalid="ignore"):
            return float(np.log((observed[0] + 0.5) / (predicted[0] + 0.5))), _what(data, i)
    return float(change[0]) / spread, _what(data, i)


# ---------------------------------------------------------------------- both
def _said(
    model: CausalModel, data: InterventionalData, i: int, parents: torch.Tensor, rows: torch.Tensor
) -> torch.Tensor:
    """What a mechanism says of an effect: probabilities of its states, or its mean; [n, q], NaN without a mean."""
    kind, conditional = data.kinds[i], model.mechanisms.conditional(i, rows, parents.to(rows))
    if kind.discrete:
        codes = rows.new_zeros(len(rows))
        each = [conditional.log_prob(kind.typed(codes + state)).exp() for state in range(kind.cardinality)]
        return torch.stack(each, 1).double()
    try:
        mean = conditional.mean
    except NotImplementedError:
        mean = rows.new_tensor(torch.nan)
    return mean.double().expand(len(rows))[:, None]


def _what(data: InterventionalData, i: int, state: int = 0) -> str:
    if data.kinds[i].discrete:
        return f"P({data.names[i]}={_label(data, i, state)})"
    return "log fold" if isinstance(data.kinds[i], Count) else "sd"


def _label(data: InterventionalData, i: int, code: torch.Tensor | int) -> str:
    return str(data.kinds[i].decode(np.array([float(code)])).iloc[0])


def _exposure(kind: Kind, rows: torch.Tensor) -> torch.Tensor:
    """What a variable is in proportion to, 1 where there is nothing: [n], double."""
    place = kind.offset
    return rows.new_ones(len(rows)).double() if place is None else rows[:, place].double().exp()


def _scaled(kind: Kind, rows: torch.Tensor, j: int) -> torch.Tensor:
    """Values on the scale on which a cause moves: [n], double."""
    column = rows[:, j].double()
    return (column / _exposure(kind, rows)).log1p() if isinstance(kind, Count) else column


def _spread(data: InterventionalData, j: int) -> float:
    """Standard deviation of a variable without intervention, on the scale on which it moves; NaN where it is 0."""
    rows, weights = _complete(data.parts[0], [j])
    values = _scaled(data.kinds[j], rows, j)
    found = float(_mean((values - _mean(values, weights)).square(), weights).sqrt())
    return found if found > 0 else float("nan")


def _mean(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Over rows [n, ...], by their weights."""
    return values.mean(0) if weights is None else torch.tensordot(weights / weights.sum(), values, 1)


def _complete(part: Part, columns: Sequence[int]) -> Part:
    """Rows that have some columns; gaps elsewhere are filled, for they do not matter."""
    there = present(part.rows[:, list(columns)]).all(1)
    return Part(filled(part.rows[there]), take_rows(part.weights, there))


def _thinned(part: Part, most: int) -> Part:
    """So many rows at the most, evenly spread over the table."""
    if len(part.rows) <= most:
        return part
    places = torch.linspace(0, len(part.rows) - 1, most, device=part.rows.device).round().long()
    return Part(part.rows[places], take_rows(part.weights, places))

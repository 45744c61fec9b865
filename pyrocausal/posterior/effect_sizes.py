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
import pyro.distributions as dist
import torch
from numpy.typing import NDArray

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Count, Exposure
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part, take_rows
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.runtime.threads import one_thread

__all__ = ["Sizes", "edge_sizes", "target_sizes"]

MOST_ROWS = 1_000  # that sizes of edges are averaged over
FEWEST_ROWS = 30  # with fewer observational ones, those of all tables count
REGIME_ROWS = 20_000, 200  # of all regimes together at the most, and of each whatever their number
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
@one_thread()
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
    spreads, labels = [_spread(data, j) for j in range(data.d)], _labels(data)
    states = {j: _states(everything.rows[:, j]) for j in range(data.d) if data.kinds[j].discrete}
    for i in graph.any(1).nonzero()[:, 0].tolist():
        causes = graph[i].nonzero()[:, 0].tolist()
        part = _complete(data.parts[0], causes)
        if len(part.rows) < FEWEST_ROWS:
            part = _complete(everything, causes)
        part = _thinned(part, MOST_ROWS)
        for j in causes:
            values = states[j] if j in states else _moved(data.kinds[j], j, part.rows, spreads[j])
            if len(values) < 2 or not len(part.rows):
                continue
            said = torch.stack([_answer(model, data, i, graph[i], _replaced(part, j, value)) for value in values])
            if not data.kinds[i].discrete and not isinstance(data.kinds[i], Count):
                said = said / spreads[i]
            before, after, state, change = _largest(said)
            if j in states:
                first, then = (labels[j][int(values[s])] for s in (before, after))
                step = f", {data.names[j]} {first} to {then}"
            else:
                step = f" per sd of log {data.names[j]}" if isinstance(data.kinds[j], Count) else " per sd"
            found.put((i, j), change, _what(data, labels, i, state) + step)
    return found


def _answer(model: CausalModel, data: InterventionalData, i: int, parents: torch.Tensor, part: Part) -> torch.Tensor:
    """What is said of an effect on average: probabilities, a mean, or the logarithm of the mean of a count; [q]."""
    conditional = model.mechanisms.conditional(i, part.rows, parents.to(part.rows))
    said = _said(data.kinds[i], conditional, part.rows)
    return _mean(said.log() if isinstance(data.kinds[i], Count) else said, part.weights)


def _replaced(part: Part, j: int, value: torch.Tensor) -> Part:
    rows = part.rows.clone()
    rows[:, j] = value
    return Part(rows, part.weights)


def _states(column: torch.Tensor) -> torch.Tensor:
    """Codes that occur, in ascending order."""
    return column[present(column)].unique()


def _moved(kind: Kind, j: int, rows: torch.Tensor, spread: float) -> torch.Tensor:
    """What a number or a count is set to, a standard deviation apart, [2, n]; nothing where it did not vary."""
    if not spread > 0:
        return rows.new_zeros(0)
    least, most = kind.bounds  # of a count log(1 + 0), too
    low = (_scaled(kind, rows, j) - spread / 2).clamp(min=least).clamp(max=most - spread)
    values = torch.stack([low, low + spread])
    if isinstance(kind, Count):
        values = values.expm1() * _exposure(kind, rows)
    return values.to(rows.dtype)


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
@one_thread()
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
    (rows, weights), table, labels = Part.of(parts), Part.numbers(parts), _labels(data)
    conditional = model.mechanisms.conditionals(filled(rows), graph.to(rows))
    for i in range(data.d):
        if isinstance(data.kinds[i], Exposure):
            continue
        spread, column = _spread(data, i), filled(rows[:, i, None])
        said = _said(data.kinds[i], conditional(i), column)  # [n, q]
        states = torch.arange(said.shape[1], device=column.device)
        seen = (column == states).double() if data.kinds[i].discrete else column.double()
        there = present(rows[:, [i, *graph[i].nonzero()[:, 0].tolist()]]).all(1, keepdim=True)
        count = there.double() if weights is None else there * weights[:, None]
        sums = seen.new_zeros(R, 1 + 2 * said.shape[1])
        sums.index_add_(0, table, torch.cat([count, count * seen, count * said], 1))
        for r, (total, *both) in enumerate(sums.tolist()):
            if total:
                change, state = _shift(data.kinds[i], total, both, spread)
                found.put((r, i), change, _what(data, labels, i, state))
    return found


def _shift(kind: Kind, total: float, sums: Sequence[float], spread: float) -> tuple[float, int]:
    """Size and state, from sums over rows of what was observed and of what is predicted, [2 q]."""
    observed, predicted = np.array(sums).reshape(2, -1)
    change = (observed - predicted) / total
    if kind.discrete:
        state = int(np.flatnonzero(np.abs(change) >= np.abs(change).max() - EVEN)[-1])
        return float(change[state]), state
    if isinstance(kind, Count):
        with np.errstate(invalid="ignore"):
            return float(np.log((observed[0] + 0.5) / (predicted[0] + 0.5))), 0
    return float(change[0]) / spread, 0


# ---------------------------------------------------------------------- both
def _said(kind: Kind, conditional: dist.TorchDistribution, rows: torch.Tensor) -> torch.Tensor:
    """What a mechanism says of an effect in some rows [n, ...]: probabilities of its states, or its mean; [n, q].

    NaN without a mean.
    """
    if kind.discrete:
        codes = rows.new_zeros(len(rows))
        each = [conditional.log_prob(kind.typed(codes + state)).exp() for state in range(kind.cardinality)]
        return torch.stack(each, 1).double()
    try:
        mean = conditional.mean
    except NotImplementedError:
        mean = rows.new_tensor(torch.nan)
    return mean.double().expand(len(rows))[:, None]


def _what(data: InterventionalData, labels: Sequence[Sequence[str]], i: int, state: int) -> str:
    if data.kinds[i].discrete:
        return f"P({data.names[i]}={labels[i][state]})"
    return "log fold" if isinstance(data.kinds[i], Count) else "sd"


def _labels(data: InterventionalData) -> list[list[str]]:
    """States of every variable in words."""
    return [[str(each) for each in kind.decode(np.arange(float(kind.cardinality)))] for kind in data.kinds]


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

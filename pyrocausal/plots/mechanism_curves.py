"""A mechanism as curves: what programs drawn from a posterior say of an effect, its causes being moved one by one.

While one cause moves over the values that it had, all other variables stand at their typical values: a median of the
rows without intervention, the state that most of these have, and what counts are in proportion to at its geometric
mean. A draw is a graph with mechanisms of it, so that a curve is flat in graphs that lack the edge, and a band of 90 %
holds what the data leave open of both.

Rows are given as they are, whatever their other causes were; counts are divided by what they are in proportion to, as
curves are of a typical one.

Vocabulary: d variables, G values of a cause, q states of an effect, or 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count
from pyrocausal.data.missing import present
from pyrocausal.model.program import Program
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.effect_sizes import exposure_of, state_labels
from pyrocausal.queries.drawn_programs import DrawnPrograms

__all__ = [
    "ACTED_ON",
    "LET_ALONE",
    "OBSERVED",
    "Curve",
    "SeenRows",
    "causes_of",
    "curve",
    "most_seen",
    "seen_rows",
    "shares",
]

GRID, ENDS = 61, (0.005, 0.995)  # values of a number, and the quantiles of what was seen that they lie between
BINS, FEWEST = 10, 5  # of a number, in which shares of states are counted; rows in one of them
BETWEEN = 0.05, 0.95  # quantiles of the draws
OBSERVED, LET_ALONE, ACTED_ON = range(3)  # rows without intervention, of other regimes, of those that act on an effect
HIT = 0.5  # belief in a target above which a regime acts on a variable


class Curve(NamedTuple):
    """What is said of an effect while one cause moves.

    Attributes
    ----------
    at
        Values of the cause in its units, ascending; places of its states, 0, 1 and so on; shape [G].
    labels
        Its states in words, length G; empty of a number or a count.
    mean, low, high
        Of the draws: the effect's mean in its units, or probabilities of its states; shape [G, q].
    states
        Those of the effect in words, length q; empty of a number or a count.
    """

    at: NDArray[np.float64]
    labels: list[str]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    states: list[str]


class SeenRows(NamedTuple):
    """Rows with a value of the cause and of the effect.

    Attributes
    ----------
    cause, effect
        In their units, or places of states; shape [n].
    weights
        Shape [n].
    sort
        `OBSERVED`, `LET_ALONE` or `ACTED_ON`, shape [n].
    """

    cause: NDArray[np.float64]
    effect: NDArray[np.float64]
    weights: NDArray[np.float64]
    sort: NDArray[np.int64]


def causes_of(result: CausalPosterior, effect: str) -> list[str]:
    """Causes that are drawn: in the settled graph, or believed with more than one half; the strongest first."""
    table = result.edges(None)
    return table.cause[(table.effect == effect) & (table.settled | (table.probability > 0.5))].tolist()


@torch.no_grad()
def curve(programs: DrawnPrograms, result: CausalPosterior, cause: str, effect: str) -> Curve:
    """Move one cause.

    Parameters
    ----------
    programs
        Drawn from the result.
    result
        A fit.
    cause, effect
        Variables of its graph.

    Raises
    ------
    ValueError
        If the effect's distribution has no mean, or no row has a value of the cause.
    """
    data = result.data
    j, i = data.names.index(cause), data.names.index(effect)
    labels = state_labels(data)
    codes = _moved(result, j, i)  # [G]
    values = _typical(data).repeat(len(codes), 1)
    values[:, j] = codes
    told = programs.each(lambda program: _said(program, i, values.to(program.dtype)))  # [C, N, G, q]
    draws = told.reshape(-1, *told.shape[2:])
    if not np.isfinite(draws).all():
        raise ValueError(f"effect: the distribution of {effect!r} has no mean, so that there is no curve to draw")
    low, high = np.quantile(draws, BETWEEN, axis=0)
    at = codes.double() if data.kinds[j].discrete else data.kinds[j].in_units(codes.double())
    return Curve(at.numpy(), labels[j], draws.mean(0), low, high, labels[i])


def seen_rows(result: CausalPosterior, cause: str, effect: str) -> SeenRows:
    """Rows that a curve is drawn over."""
    data = result.data
    places = [data.names.index(cause), data.names.index(effect)]
    acted = result.target_probabilities.sel(variable=effect).values > HIT
    found = []
    for r, (rows, weights) in enumerate(data.parts):
        rows = rows.cpu()
        there = present(rows[:, places]).all(1)
        rows = rows[there]
        sort = OBSERVED if not r else ACTED_ON if acted[r - 1] else LET_ALONE
        counted = torch.ones(len(rows)) if weights is None else weights.cpu()[there]
        columns = [_relative(data, k, rows).numpy() for k in places]
        found.append((*columns, counted.double().numpy(), np.full(len(rows), sort)))
    return SeenRows(*(np.concatenate(each) for each in zip(*found, strict=True)))


def most_seen(rows: SeenRows, states: int, most: int) -> list[int]:
    """Places of those of an effect's states that most rows have, in their order."""
    seen = np.bincount(rows.effect.astype(int), rows.weights, states)
    return sorted(np.argsort(-seen, kind="stable")[:most].tolist())


def shares(rows: SeenRows, state: int, states: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of rows with a state of the effect, for each state of the cause, or each tenth of the rows.

    Parameters
    ----------
    rows
        Of which those of regimes that act on the effect are left out.
    state
        Of the effect.
    states
        Of the cause; 0 of a number or a count.

    Returns
    -------
    tuple of numpy.ndarray
        Where the cause is on average, and the share there; of states and tenths with five rows or more.
    """
    kept = rows.sort != ACTED_ON
    at, weights, has = rows.cause[kept], rows.weights[kept], rows.effect[kept] == state
    if not len(at):
        return np.zeros(0), np.zeros(0)
    cuts = np.unique(np.quantile(at, np.arange(1, BINS) / BINS))
    bins = at.astype(int) if states else np.searchsorted(cuts, at)
    some = np.bincount(bins) >= FEWEST
    total = np.bincount(bins, weights)[some]
    return np.bincount(bins, weights * at)[some] / total, np.bincount(bins, weights * has)[some] / total


def _relative(data: InterventionalData, k: int, rows: torch.Tensor) -> torch.Tensor:
    """Values of a variable in its units, counts as those of a typical exposure; places of states: [n], double."""
    kind, column = data.kinds[k], rows[:, k].double()
    if kind.discrete:
        return column
    return column / exposure_of(kind, rows) if isinstance(kind, Count) else kind.in_units(column)


def _typical(data: InterventionalData) -> torch.Tensor:
    """Codes of typical values, [d]; those of exposures are 0 at their geometric mean."""
    found = torch.zeros(data.d)
    every = torch.cat([part.rows.cpu() for part in data.parts])
    for k, kind in enumerate(data.kinds):
        if data.names[k] in data.exposures:
            continue
        rows = data.parts[0].rows.cpu()
        rows = rows if bool(present(rows[:, k]).any()) else every
        rows = rows[present(rows[:, k])]
        if kind.discrete:
            found[k] = float(torch.bincount(rows[:, k].long()).argmax())
        elif isinstance(kind, Count):
            found[k] = float((rows[:, k].double() / exposure_of(kind, rows)).median())
        else:
            found[k] = rows[:, k].median()
    return found


def _moved(result: CausalPosterior, j: int, i: int) -> torch.Tensor:
    """Codes of a cause from the lowest to the highest that was seen where a mechanism was let alone, [G]."""
    data, kind = result.data, result.data.kinds[j]
    if kind.discrete:
        return torch.arange(float(kind.cardinality))
    seen = seen_rows(result, data.names[j], data.names[i])
    values = torch.from_numpy(seen.cause[seen.sort != ACTED_ON])
    if not len(values):
        raise ValueError(f"cause: no row has {data.names[j]!r} where nothing acts on {data.names[i]!r}")
    low, high = np.quantile(values.numpy(), ENDS)
    if isinstance(kind, Count):
        return torch.linspace(float(np.log1p(low)), float(np.log1p(high)), GRID).expm1()
    return kind.in_codes(torch.linspace(float(low), float(high), GRID).double()).float()


def _said(program: Program, i: int, values: torch.Tensor) -> NDArray[np.float64]:
    """Probabilities or a mean in its units, [G, q]; NaN without a mean."""
    kind, fn = program.kinds[i], program.conditional(i, values)
    if kind.discrete:
        return fn.probs.double().expand(len(values), -1).numpy()
    try:
        mean = fn.mean.double().expand(len(values))
    except NotImplementedError:
        return np.full((len(values), 1), np.nan)
    return kind.in_units(mean)[:, None].numpy()

"""Predictive checks: what was observed of a variable in a regime, against what the fitted programs predict.

Predictions are those of `CausalPosterior.to_arviz` (`pyrocausal.inference_data`): whole tables like the recorded ones,
drawn from the fitted programs with the targets of every regime intervened on, so that they keep the values that they
took. Rows with weights count by them on both sides.
"""

from __future__ import annotations

import json
from numbers import Integral
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pyrocausal.drawing import BLUE, DARK, GREY, PALE, number_of
from pyrocausal.inference_data import predicted_tables
from pyrocausal.kinds import Count, Exposure
from pyrocausal.result import CausalPosterior

__all__ = ["Shares", "plot_predictive", "predict", "shares"]

TABLES = 20
BINS, MOST_BARS = (8, 30), 30  # of numbers, at least and at most; whole numbers that are so few have a bar each
TAIL = 0.001  # share of the numbers beyond either outermost bin's inner border that joins it
INTERVAL = 0.05, 0.5, 0.95
FONT = 8.0


class Shares(NamedTuple):
    """Shares of the rows of one table in the bins of one variable.

    Attributes
    ----------
    observed
        Shape [bins].
    predicted
        Shape [tables, bins].
    edges
        Borders of the bins, shape [bins + 1].
    labels
        Of the bins, where each has a single value; empty for bins of numbers.
    rows
        Of the table that have a value.
    kept
        Whether every predicted table has the recorded values: the variable was intervened on, or is an exposure.
    """

    observed: NDArray[np.float64]
    predicted: NDArray[np.float64]
    edges: NDArray[np.float64]
    labels: tuple[str, ...]
    rows: int
    kept: bool

    @property
    def misplaced(self) -> float:
        """Share of the rows that would have to change bins to make what was observed what is predicted on average."""
        return float(np.abs(self.observed - self.predicted.mean(0)).sum() / 2)

    @property
    def by_chance(self) -> float:
        """The same of a predicted table instead of the observed one, on average: what chance alone does."""
        return float(np.abs(self.predicted - self.predicted.mean(0)).sum(1).mean() / 2)


def predict(result: CausalPosterior, tables: int = TABLES, seed: int = 0) -> dict[str, xr.Dataset]:
    """Draw tables like the recorded ones, for many calls of `plot_predictive` together.

    Parameters
    ----------
    result
        A fit.
    tables
        To draw, shared out evenly among the chains: at least one each, and no more than a chain has kept graphs.
    seed
        Of the draws.

    Returns
    -------
    dict
        The groups posterior_predictive, observed_data and constant_data of `CausalPosterior.to_arviz`.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    for name, value, least in (("tables", tables, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    each = -(-int(tables) // len(result.chains))
    drawn = [len(chain.graphs) for chain in result.chains if chain.graphs is not None]
    return predicted_tables(result.data, result.chains, min([each, *drawn]), int(seed))


def plot_predictive(
    result: CausalPosterior,
    variable: str,
    regime: str | None = None,
    ax: Axes | None = None,
    *,
    tables: int | None = None,
    seed: int | None = None,
    predicted: Any = None,
) -> Axes:
    """Draw what was observed of a variable in a regime, and what the fitted programs predict.

    Bars, or the grey area, are the shares of the observed rows. Dots, or the line, are medians over predicted tables;
    whiskers, or the band, hold nine tenths of these. In a program that fits, hardly an observed share is outside.

    Parameters
    ----------
    result
        A fit.
    variable
        Which one.
    regime
        By its name; None, the default: the rows without intervention.
    ax
        Where to draw; by default new axes.
    tables
        To predict, shared out evenly among the chains; default 20.
    seed
        Of the tables; default 0.
    predicted
        Instead, to draw many pictures: what `result.to_arviz(posterior_predictive=...)` gave.

    Returns
    -------
    matplotlib.axes.Axes
        The title says which share of the rows would have to be elsewhere to match the prediction, beside that which
        chance alone would misplace; or that a target keeps its values. Numbers are in bins, the outermost of which take
        what is farther out; counts are on a logarithmic axis where they are many.

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior`.
    ValueError
        If there is no such variable or regime, none of its rows has a value, `predicted` is given beside `tables` or
        `seed`, or is of other data; and as `CausalPosterior.to_arviz`.

    Examples
    --------
    >>> ax = plot_predictive(result, "reporter", "drug B")  # doctest: +SKIP
    >>> predicted = result.to_arviz(posterior_predictive=10)  # doctest: +SKIP
    >>> axes = [plot_predictive(result, name, predicted=predicted) for name in result.data.names]  # doctest: +SKIP
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    _check_names(result, variable, regime)
    if predicted is None:
        predicted = predict(result, TABLES if tables is None else tables, 0 if seed is None else seed)
    elif tables is not None or seed is not None:
        raise ValueError("predicted: tables that were drawn already; leave out tables and seed, or let them be drawn")
    found = shares(result, predicted, variable, regime)
    if ax is None:
        _, ax = plt.subplots(figsize=(5.0, 3.4), layout="constrained")
    kind = result.data.kinds[result.data.names.index(variable)]
    if found.labels:
        _bars(ax, found)
    else:
        _steps(ax, found, isinstance(kind, Count))
    ax.set_ylim(0, 1.25 * ax.dataLim.y1)  # room for the legend
    ax.set_xlabel(variable, parse_math=False)
    where = "without intervention" if regime is None else regime if len(regime) <= 32 else f"{regime[:31]}…"
    off = f"{found.misplaced:.1%} of rows misplaced, {found.by_chance:.1%} by chance"
    told = "kept as recorded, not predicted" if found.kept else off
    ax.set_title(f"{where}, {number_of(found.rows, 'row')}\n{told}", fontsize=FONT, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=FONT, ncols=2, loc="upper center")
    return ax


def shares(result: CausalPosterior, predicted: Any, variable: str, regime: str | None = None) -> Shares:
    """What `plot_predictive` draws.

    Parameters
    ----------
    result, variable, regime
        As in `plot_predictive`.
    predicted
        What `predict`, or `CausalPosterior.to_arviz` with `posterior_predictive`, gave.

    Raises
    ------
    ValueError
        As `plot_predictive`.
    """
    _check_names(result, variable, regime)
    data = result.data
    if "posterior_predictive" not in predicted:
        raise ValueError("predicted: it holds no predicted tables; make it with to_arviz(posterior_predictive=...)")
    tables, constants = predicted["posterior_predictive"], predicted["constant_data"]
    columns = {column.attrs.get("variable"): name for name, column in tables.data_vars.items()}
    number = constants["regime_number"].values
    if set(columns) != set(data.names) or len(number) != data.n + sum(len(each.rows) for each in data.regimes):
        raise ValueError("predicted: its tables are not like those of the result; make them with result.to_arviz")
    code = -1 if regime is None else data.regime_names.index(regime)
    here = slice(*np.searchsorted(number, [code, code + 1]))  # rows come table by table
    name = columns[variable]
    seen = predicted["observed_data"][name].values[here]  # [n]
    drawn = tables[name].values[..., here].reshape(-1, len(seen))  # [tables, n]
    weights = constants["weight"].values[here] if "weight" in constants else np.ones(len(seen))
    states = json.loads(tables[name].attrs.get("states", "null"))
    there = seen >= 0 if states else ~np.isnan(seen)  # a missing state has the code -1
    if not there.any():
        place = "the rows without intervention" if regime is None else f"regime {regime!r}"
        raise ValueError(f"variable: {variable!r} has no value in {place}")
    kind = data.kinds[data.names.index(variable)]
    bins = int(np.clip(there.sum() ** 0.5, *BINS))
    edges, labels = _bins(np.concatenate([seen[there], drawn.ravel()]), states, isinstance(kind, Count), bins)
    inside = np.array([edges[0], np.nextafter(edges[-1], -np.inf)])

    def of(values: NDArray, weights: NDArray) -> NDArray:
        counted, _ = np.histogram(values.clip(*inside), edges, weights=weights)
        return counted / weights.sum()

    return Shares(
        of(seen[there], weights[there]),
        np.stack([of(each, weights) for each in drawn]),
        edges,
        labels,
        int(there.sum()),
        _may_be_kept(result, variable, regime) and bool((drawn[:, there] == seen[there]).all()),
    )


def _may_be_kept(result: CausalPosterior, variable: str, regime: str | None) -> bool:
    """Whether a predicted table can have the recorded values for another reason than that they are all the same."""
    i = result.data.names.index(variable)
    if isinstance(result.data.kinds[i], Exposure):
        return True
    if regime is None:
        return False
    r = result.data.regime_names.index(regime)
    return any(
        bool(
            chain.target_probability[r, i] > 0.5 if chain.graph_targets is None else chain.graph_targets[:, r, i].any()
        )
        for chain in result.chains
    )


def _check_names(result: CausalPosterior, variable: str, regime: str | None) -> None:
    for what, name, names in (("variable", variable, result.data.names), ("regime", regime, result.data.regime_names)):
        if name not in names and not (what == "regime" and name is None):
            raise ValueError(f"{what}: there is none called {name!r}; the result has {', '.join(names)}")


def _bins(values: NDArray, states: list[str] | None, counts: bool, bins: int) -> tuple[NDArray, tuple[str, ...]]:
    """Borders of bins, and their labels where each holds a single value."""
    if states:
        return np.arange(len(states) + 1) - 0.5, tuple(states)
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if not counts:
        if low == high:
            low, high = low - 0.5, high + 0.5
        return np.linspace(low, high, bins + 1), ()
    low, high = np.floor(low), np.ceil(high)
    if high - low < MOST_BARS:
        whole = np.arange(low, high + 1)
        return np.append(whole, high + 1) - 0.5, tuple(f"{value:.0f}" for value in whole)
    borders = np.expm1(np.linspace(np.log1p(low), np.log1p(high + 1), bins + 1))
    return np.unique(borders.round()) - 0.5, ()


def _bars(ax: Axes, found: Shares) -> None:
    places = np.arange(len(found.labels))
    ax.bar(places, found.observed, width=0.75, color=PALE, edgecolor=GREY, linewidth=0.6, label="observed")
    if not found.kept:
        low, middle, high = np.quantile(found.predicted, INTERVAL, axis=0)
        ax.errorbar(
            places, middle, yerr=[middle - low, high - middle], fmt="o", color=BLUE, markersize=4, linewidth=1.2,
            capsize=2, label="predicted",
        )  # fmt: skip
    step = -(-len(places) // 15)  # of the labels that there is room for
    long = max(map(len, found.labels)) * min(len(places), 15) > 40
    ax.set_xticks(
        places[::step], found.labels[::step], rotation=90 if long else 0, parse_math=False, color=DARK, fontsize=FONT
    )
    ax.set_ylabel("share of rows")


def _steps(ax: Axes, found: Shares, counts: bool) -> None:
    """Areas over bins of numbers; counts on an axis of log(1 + count), where bins differ in width."""
    widths = np.diff(np.log1p(found.edges)) if counts else np.ones(len(found.observed))
    style: dict[str, Any] = {"facecolor": PALE, "edgecolor": GREY, "linewidth": 0.6}
    ax.stairs(found.observed / widths, found.edges, fill=True, label="observed", **style)
    if not found.kept:
        low, middle, high = np.quantile(found.predicted, INTERVAL, axis=0) / widths
        ax.stairs(high, found.edges, baseline=low, fill=True, color=BLUE, alpha=0.3)
        ax.stairs(middle, found.edges, baseline=None, color=BLUE, linewidth=1.2, label="predicted")
    if counts:
        ax.set_xscale("function", functions=(np.log1p, np.expm1))
        marks = [0, *(digit * 10**power for power in range(8) for digit in (1, 3))]
        shown = [mark for mark in marks if found.edges[0] <= mark <= found.edges[-1]]
        ax.set_xticks(shown, [f"{mark:,}" for mark in shown], minor=False)
    ax.set_xlim(found.edges[0], found.edges[-1])
    ax.set_ylabel("share of rows per log unit" if counts else "share of rows")

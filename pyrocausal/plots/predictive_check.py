"""Pictures of predictive checks: what was observed, against what programs predict (`pyrocausal.plots.histograms`)."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pyrocausal.data.columns import number_of
from pyrocausal.plots.histograms import TABLES, Histogram, check_names, histogram, predict
from pyrocausal.plots.style import BLUE, DARK, GREY, PALE, count_scale
from pyrocausal.posterior.causal_posterior import CausalPosterior

__all__ = ["plot_predictive"]

INTERVAL = 0.05, 0.5, 0.95
FONT = 8.0


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
    Going on from the example of `discover`:

    >>> ax = plot_predictive(result, "X1", data.regime_names[0])
    >>> predicted = result.to_arviz(posterior_predictive=10)
    >>> axes = [plot_predictive(result, name, predicted=predicted) for name in result.data.names]
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    check_names(result, variable, regime)
    if predicted is None:
        predicted = predict(result, TABLES if tables is None else tables, 0 if seed is None else seed)
    elif tables is not None or seed is not None:
        raise ValueError("predicted: tables that were drawn already; leave out tables and seed, or let them be drawn")
    found = histogram(result, predicted, variable, regime)
    if ax is None:
        _, ax = plt.subplots(figsize=(5.0, 3.4), layout="constrained")
    kind = result.data.kinds[result.data.names.index(variable)]
    if found.labels:
        _bars(ax, found)
    else:
        _steps(ax, found, kind.whole)
    ax.set_ylim(0, 1.25 * ax.dataLim.y1)  # room for the legend
    ax.set_xlabel(variable, parse_math=False)
    where = "without intervention" if regime is None else regime if len(regime) <= 32 else f"{regime[:31]}…"
    off = f"{found.misplaced:.1%} of rows misplaced"
    off += "" if np.isnan(found.by_chance) else f", {found.by_chance:.1%} by chance"
    told = "kept as recorded, not predicted" if found.kept else off
    ax.set_title(f"{where}, {number_of(found.rows, 'row')}\n{told}", fontsize=FONT, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=FONT, ncols=2, loc="upper center")
    return ax


def _bars(ax: Axes, found: Histogram) -> None:
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


def _steps(ax: Axes, found: Histogram, counts: bool) -> None:
    """Areas over bins of numbers; counts on an axis of log(1 + count), where bins differ in width."""
    widths = np.diff(np.log1p(found.edges)) if counts else np.ones(len(found.observed))
    style: dict[str, Any] = {"facecolor": PALE, "edgecolor": GREY, "linewidth": 0.6}
    ax.stairs(found.observed / widths, found.edges, fill=True, label="observed", **style)
    if not found.kept:
        low, middle, high = np.quantile(found.predicted, INTERVAL, axis=0) / widths
        ax.stairs(high, found.edges, baseline=low, fill=True, color=BLUE, alpha=0.3)
        ax.stairs(middle, found.edges, baseline=None, color=BLUE, linewidth=1.2, label="predicted")
    if counts:
        count_scale(ax, "x", found.edges[0], found.edges[-1])
    ax.set_xlim(found.edges[0], found.edges[-1])
    ax.set_ylabel("share of rows per log unit" if counts else "share of rows")

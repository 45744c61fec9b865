"""Pictures of results: functions of a table with a row per run, each giving a figure.

Colours are those of Okabe and Ito, which most colour-blind people can tell apart; markers differ as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogFormatter, NullLocator, ScalarFormatter

from benchmarks.methods import METHODS
from pyrocausal.plots.curves import plot_reliability
from pyrocausal.plots.style import DISTINCT as COLOURS

__all__ = ["against_variables", "cpu", "distance", "exponents", "methods_of", "reliability", "scaling"]

MARKERS = "o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h"
GREY = "#767676"
MARGIN = 0.36  # of the height of a problem, to either side of its middle


def distance(runs: pd.DataFrame, problems: Sequence[str], literature: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw SHD by problem and method: small marks are seeds, large ones means; hollow diamonds are the literature's.

    Parameters
    ----------
    runs
        Columns problem, method and shd_dag.
    problems
        In this order, from the top.
    literature
        Mean SHD by label and problem.
    """
    axes = _by_problem(runs, problems, "shd_dag", np.mean, more=len(literature))
    for index, (label, means) in enumerate(literature.items()):
        where = [(mean, problems.index(name)) for name, mean in means.items() if name in problems]
        if where:
            style: dict[str, Any] = {"marker": "Dsv"[index % 3], "facecolors": "none", "edgecolors": GREY, "s": 45}
            axes.scatter(*zip(*where, strict=True), label=f"{label} (literature)", zorder=2, **style)
    worst = max(axes.dataLim.x1, 1.0)
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.4)
    ticks = [tick for tick in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if tick <= 2 * worst]
    _plain_ticks(axes, ticks)
    axes.set_xlim(-0.15, 1.25 * worst)
    axes.set_xlabel("structural Hamming distance of the DAG (linear up to 1, then logarithmic)")
    return _finish(axes)


def cpu(runs: pd.DataFrame, problems: Sequence[str]) -> Figure:
    """Draw CPU seconds of a fit by problem and method, on a log scale; large marks are medians.

    Parameters
    ----------
    runs
        Columns problem, method and cpu_total.
    problems
        In this order, from the top.
    """
    axes = _by_problem(runs, problems, "cpu_total", np.median)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("CPU seconds of a fit, one thread")
    return _finish(axes)


def scaling(runs: pd.DataFrame) -> Figure:
    """Draw CPU seconds of a fit and memory against the number of variables d, with the exponent of a power of d.

    Parameters
    ----------
    runs
        Columns method, variables, cpu_total and peak_memory_mb.
    """
    figure = _figure(11.0, 4.4)
    for part, (axes, label) in enumerate(
        zip(
            figure.subplots(1, 2),
            ("CPU seconds of a fit", "most memory of a fit, MB"),
            strict=True,
        )
    ):
        for index, method in enumerate(methods_of(runs)):
            middle = _growth(runs, method)[part]
            if len(middle):
                exponent = _exponent(middle)
                told = method if math.isnan(exponent) else f"{method}: d to the power {exponent:.2f}"
                axes.plot(middle.index, middle, label=told, **_style(index))
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_numbers(axes.yaxis)
        _variables_axis(axes, sorted(set(runs.variables.dropna())))
        axes.set_ylabel(label)
        _legend(axes)
    return figure


def against_variables(runs: pd.DataFrame) -> Figure:
    """Draw SHD against the number of variables: lines join means, bars span the seeds.

    Parameters
    ----------
    runs
        Columns method, variables and shd_dag.
    """
    figure = _figure(7.0, 4.4)
    axes = figure.subplots()
    for index, method in enumerate(methods_of(runs)):
        grouped = runs[runs.method == method].groupby("variables")["shd_dag"]
        means, style = grouped.mean(), _style(index)
        places = means.index + 0.1 * index  # beside each other, where bars would hide bars
        axes.plot(places, means, label=method, **style)
        axes.vlines(places, grouped.min(), grouped.max(), color=style["color"], alpha=0.5)
    axes.set_ylim(bottom=0)
    _variables_axis(axes, sorted(set(runs.variables.dropna())))
    axes.set_ylabel("structural Hamming distance of the DAG")
    _legend(axes)
    return figure


def reliability(table: pd.DataFrame, bins: int = 10) -> Figure:
    """Draw how often things happened against how probable they were said to be, a curve of edges and one of targets.

    Parameters
    ----------
    table
        Columns what, probability and happened.
    bins
        Equally wide bins of probabilities.
    """
    figure = _figure(5.6, 5.4)
    axes = figure.subplots()
    for what, some in table.groupby("what"):
        plot_reliability(some.probability, some.happened, axes, bins, label=f"{what}s")
    return figure


def exponents(runs: pd.DataFrame, method: str) -> tuple[float, float]:
    """Powers of the number of variables that CPU seconds and memory of a fit grow with; NaN where unknown."""
    seconds, memory = map(_exponent, _growth(runs, method))
    return seconds, memory


def methods_of(runs: pd.DataFrame) -> list[str]:
    """Methods of a table: those of the benchmarks in their order, then others."""
    there = set(runs.method)
    return [name for name in METHODS if name in there] + sorted(there - set(METHODS))


def _by_problem(
    runs: pd.DataFrame,
    problems: Sequence[str],
    column: str,
    middle: Callable[[np.ndarray], np.floating],
    more: int = 0,
) -> Axes:
    methods = methods_of(runs)
    height = max(0.4, 0.12 * len(methods))
    axes = _figure(8.0, 1.2 + height * len(problems) + 0.1 * more).subplots()
    step = 2 * MARGIN / max(len(methods) - 1, 1)
    for index, method in enumerate(methods):
        offset = 0.0 if len(methods) == 1 else index * step - MARGIN
        style, named = _style(index), False
        for place, problem in enumerate(problems):
            values = runs[(runs.method == method) & (runs.problem == problem)][column].dropna().to_numpy(float)
            if len(values):
                y = np.full(len(values), place + offset)
                axes.plot(values, y, **{**style, "linestyle": "", "markersize": 3, "markeredgewidth": 0, "alpha": 0.5})
                label = {} if named else {"label": method}
                axes.plot(middle(values), place + offset, **{**style, "linestyle": "", **label})
                named = True  # one entry in the legend
    for place in range(len(problems) - 1):
        axes.axhline(place + 0.5, color="#DDDDDD", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(problems)), problems)
    axes.set_ylim(len(problems) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#EEEEEE", zorder=0)
    return axes


def _growth(runs: pd.DataFrame, method: str) -> list[pd.Series]:
    """Medians of CPU seconds of a fit and of memory by the number of variables, where they are known."""
    of_it = runs[runs.method == method].groupby("variables")
    middles = of_it[["cpu_total", "peak_memory_mb"]].median()
    return [middle[middle > 0] for _, middle in middles.items()]


def _exponent(values: pd.Series) -> float:
    """Slope of log value against log d; NaN from fewer than two sizes."""
    if len(values) < 2:
        return math.nan
    return float(np.polyfit(np.log(values.index.to_numpy(float)), np.log(values.to_numpy(float)), 1)[0])


def _style(index: int) -> dict[str, Any]:
    """Of the method at this place among those of the picture."""
    color, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    return {"color": color, "marker": marker, "markersize": 6, "linewidth": 1.6}


def _variables_axis(axes: Axes, sizes: Sequence[int]) -> None:
    _plain_ticks(axes, sizes)
    axes.set_xlabel("variables")
    axes.grid(color="#EEEEEE", zorder=0)


def _plain_ticks(axes: Axes, ticks: Sequence[float]) -> None:
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _plain_numbers(axis: Axis) -> None:
    """Numbers of a log scale without powers of ten."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(_Plain())


class _Plain(LogFormatter):
    """Labels as few of the minor ticks as `LogFormatter` does, without exponents."""

    def __call__(self, x: float, pos: float | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)


def _finish(axes: Axes) -> Figure:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return figure


def _figure(width: float, height: float) -> Figure:
    """A figure that needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure

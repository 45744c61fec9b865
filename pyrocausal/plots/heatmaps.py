"""Heat maps of a result, pure functions that take axes and return them: the probability of every edge and target."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pyrocausal.data.at_least import AtLeast
from pyrocausal.plots.layout import Pair
from pyrocausal.plots.style import DARK, PALE, VERMILION, inches, truth_among, widest
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.tables import none_of

__all__ = ["edges_size", "plot_edges", "plot_targets", "targets_size", "targets_with_none"]

FONT = 9.0
CELL, LEAST_CELL, ROOMY = 0.4, 0.2, 16  # inches; so many columns have the full width


# ---------------------------------------------------------------------- edges
def plot_edges(result: CausalPosterior, ax: Axes | None = None, truth: nx.DiGraph | None = None) -> Axes:
    """Draw the probability of every edge as a heat map, effects from top to bottom and causes from left to right.

    Parameters
    ----------
    result
        Edge probabilities.
    ax
        Where to draw; by default new axes, as large as the map asks for.
    truth
        The true graph, over the same variables: its edges are outlined.

    Returns
    -------
    matplotlib.axes.Axes
        The image holds the probabilities, the diagonal masked; the outline of a true edge is a patch whose gid is
        "cause -> effect".

    Raises
    ------
    ValueError
        If the truth has other variables.

    Examples
    --------
    Going on from the example of `discover`:

    >>> ax = plot_edges(result)
    >>> ax.figure.savefig("edges.png")
    """
    names = result.data.nodes
    truth = truth_among(result.data, truth)
    if ax is None:
        _, ax = plt.subplots(figsize=edges_size(result), layout="constrained")
    table = result.edge_probabilities.values.astype(np.float64)
    _heat_map(ax, np.ma.masked_array(table, np.eye(len(names), dtype=bool)), names, names)
    ax.set_facecolor(PALE)  # of the diagonal
    title = "Probability that the column causes the row"
    ax.set(xlabel="cause", ylabel="effect", title=title if truth is None else f"{title}\n(true edges are outlined)")
    if truth is not None:
        for cause, effect in truth.edges:
            corner = names.index(cause) - 0.5, names.index(effect) - 0.5
            outline = Rectangle(corner, 1, 1, fill=False, edgecolor=VERMILION, linewidth=1.8, zorder=3)
            outline.set_gid(f"{cause} -> {effect}")
            ax.add_patch(outline)
    return ax


def edges_size(result: CausalPosterior) -> Pair:
    """Width and height in inches at which `plot_edges` is at its best."""
    names = result.data.nodes
    cells, label = max(1.6, len(names) * _cell(len(names))), min(widest(names, FONT) / 72, 3)
    return max(4.6, cells + label + 1.6), cells + label + 1.0


# ---------------------------------------------------------------------- targets
def targets_with_none(result: CausalPosterior) -> tuple[list[str], NDArray]:
    """Columns of the table of targets, and the table [R, d + 1]: the variables, then none.

    None is that the regime has no target that can be seen, see `CausalPosterior.no_target_probability`.
    """
    probability = result.target_probabilities.values.astype(np.float64)  # [R, d]
    none = result.no_target_probability.values[:, None]
    return [*result.data.nodes, none_of(result.data.nodes)], np.hstack([probability, none])


def plot_targets(result: CausalPosterior, ax: Axes | None = None) -> Axes:
    """Draw the probability of every target of every regime as a heat map.

    Parameters
    ----------
    result
        Target probabilities.
    ax
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Regimes from top to bottom; variables from left to right, then none. Regimes whose targets were known
        beforehand, all or some of them, are marked so.

    Examples
    --------
    Going on from the example of `discover`:

    >>> ax = plot_targets(result)
    """
    if ax is None:
        _, ax = plt.subplots(figsize=targets_size(result), layout="constrained")
    columns, table = targets_with_none(result)
    _heat_map(ax, table, columns, _regimes(result))
    ax.axvline(len(columns) - 1.5, color=DARK, linewidth=1)
    ax.set(xlabel="variable", ylabel="regime", title="Targets of the regimes")
    return ax


def targets_size(result: CausalPosterior) -> Pair:
    """Width and height in inches at which `plot_targets` is at its best."""
    columns, rows = [*result.data.nodes, "none"], _regimes(result)
    cells, upright = len(columns) * _cell(len(columns)), widest(columns, FONT) < 72 * _cell(len(columns))
    width = 1.6 + min(widest(rows, FONT) / 72, 3) + max(2.5, cells)
    label = 0.2 if upright else min(widest(columns, FONT) / 72, 3)
    return min(width, 18.0), min(0.9 + label + max(1.2, 0.24 * len(rows)), 20.0)


def _regimes(result: CausalPosterior) -> list[str]:
    told = {type(None): "", AtLeast: " (known in part)", tuple: " (known)"}
    return [regime.name + told[type(regime.targets)] for regime in result.data.regimes]


# ---------------------------------------------------------------------- both
def _cell(columns: int) -> float:
    """Width of a cell in inches: narrower where there are many, but a name fits across it."""
    return max(LEAST_CELL, CELL * min(1.0, ROOMY / columns))


def _heat_map(ax: Axes, table: NDArray, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Draw a table of probabilities with its labels; where a cell has room for it, the number too."""
    image = ax.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    width, height = inches(ax)
    cell = 72 * width / len(columns), 72 * height / len(rows)  # points
    upright = widest(columns, FONT) < cell[0]
    size = FONT if upright else min(FONT, 0.85 * cell[0])
    ax.set_xticks(range(len(columns)), columns, fontsize=size, parse_math=False, rotation=0 if upright else 90)
    ax.set_yticks(range(len(rows)), rows, fontsize=min(FONT, 0.85 * cell[1]), parse_math=False)
    ax.tick_params(length=0)
    ax.autoscale(False)  # the lines between cells, two artists, where a grid would be a tick each
    ax.hlines(np.arange(len(rows) + 1) - 0.5, -0.5, len(columns) - 0.5, color=PALE, linewidth=0.5)
    ax.vlines(np.arange(len(columns) + 1) - 0.5, -0.5, len(rows) - 0.5, color=PALE, linewidth=0.5)
    if cell[0] >= 20 and cell[1] >= 9:
        for (row, column), value in np.ma.ndenumerate(np.ma.asarray(table)):
            if value >= 0.005:
                color = "white" if value > 0.6 else DARK
                ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
    ax.figure.colorbar(image, ax=ax, label="probability", pad=0.02, aspect=25, shrink=min(1.0, 4 / height))

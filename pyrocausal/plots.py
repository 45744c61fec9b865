"""Pictures of a result: pure functions that take axes and return them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from numpy.typing import NDArray

from pyrocausal.layout import FONT, SMALL_FONT, Pair, Points, figure_size, lay_out, text_width
from pyrocausal.result import CausalPosterior

__all__ = ["graph_size", "plot_graph", "plot_targets", "targets_size", "targets_with_none"]

LEAST_SHOWN = 0.2  # edges believed less than this are not drawn
# Okabe and Ito's colours, told apart by colour-blind people
DARK, GREY, TARGET, EXTRA, REVERSED, MISSING = "#222222", "#999999", "#F9D795", "#D55E00", "#CC79A7", "#0072B2"

Line: TypeAlias = Literal["solid", "dashed", "dotted"]


# ---------------------------------------------------------------------- the graph
def plot_graph(
    result: CausalPosterior, ax: Axes | None = None, threshold: float = 0.5, truth: nx.DiGraph | None = None
) -> Axes:
    """Draw the graph, causes above effects.

    An edge is the wider the more it is believed; edges between 0.2 and `threshold` are light and dashed. Variables
    that at least one regime hits are filled and say which regimes. An arrow that points upwards closes a cycle.

    Parameters
    ----------
    result
        Edge and target probabilities.
    ax
        Where to draw; by default new axes, as large as the graph asks for.
    threshold
        Edges believed more than this are found, in [0.2, 1).
    truth
        The true graph, over the same variables: colours tell right, extra and reversed edges, and those missing are
        added.

    Returns
    -------
    matplotlib.axes.Axes
        Each edge is a patch whose gid is "cause -> effect".

    Raises
    ------
    ValueError
        If the threshold is out of range or the truth has other variables.

    Examples
    --------
    >>> ax = plot_graph(result, threshold=0.8)  # doctest: +SKIP
    >>> ax.figure.savefig("graph.pdf")  # doctest: +SKIP
    """
    graph, labels = _shown_edges(result, threshold, truth), _labels(result)
    layout = lay_out(graph, labels)
    if ax is None:
        margins = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.92}
        _, ax = plt.subplots(figsize=figure_size(layout), gridspec_kw=margins)
    extent = ax.get_window_extent()
    points = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    scale = min(extent.width * points / layout.width, extent.height * points / layout.height)
    scale = min(scale, 1.5)  # points on paper per point of the layout
    spare_x = max(0.0, extent.width * points / scale - layout.width) / 2
    spare_y = max(0.0, extent.height * points / scale - layout.height) / 2
    ax.set(xlim=(-spare_x, layout.width + spare_x), ylim=(layout.height + spare_y, -spare_y), aspect="equal")
    ax.set_axis_off()
    for cause, effect, edge in graph.edges(data=True):
        ax.add_patch(_arrow(layout.routes[cause, effect], f"{cause} -> {effect}", edge, scale))
    for name, (x, y) in layout.centres.items():
        (width, height), small = layout.sizes[name], labels[name]
        box = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height,
            boxstyle="round,pad=0,rounding_size=6", mutation_aspect=1, gid=name,
            facecolor=TARGET if small else "white", edgecolor=DARK, linewidth=0.9 * scale, zorder=3,
        )  # fmt: skip
        ax.add_patch(box)
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": DARK, "zorder": 4, "parse_math": False}
        ax.text(x, y - (0.3 * height / 2 if small else 0), name, fontsize=FONT * scale, **style)
        if small:
            ax.text(x, y + 0.46 * height / 2, small, fontsize=SMALL_FONT * scale, **style)
    _legend(ax, graph, threshold, truth is not None, any(labels.values()), max(scale, 0.8))
    found = sum(p > threshold for *_, p in graph.edges(data="probability"))
    undecided = sum(LEAST_SHOWN < p <= threshold for *_, p in graph.edges(data="probability"))
    ax.set_title(f"{_count(found, 'edge')} above {threshold:g}" + (f", {undecided} undecided" if undecided else ""))
    return ax


def graph_size(result: CausalPosterior, threshold: float = 0.5, truth: nx.DiGraph | None = None) -> Pair:
    """Width and height in inches at which `plot_graph` is at its best."""
    return figure_size(lay_out(_shown_edges(result, threshold, truth), _labels(result)))


def _shown_edges(result: CausalPosterior, threshold: float, truth: nx.DiGraph | None) -> nx.DiGraph:
    """Edges to draw, with attributes probability, color and linestyle."""
    if not LEAST_SHOWN <= threshold < 1:
        raise ValueError(f"threshold must be in [{LEAST_SHOWN:g}, 1), got {threshold!r}")
    names = result.data.names
    if truth is not None and set(truth) != set(names):
        odd = sorted(map(str, set(truth) ^ set(names)))
        raise ValueError(f"truth must have the variables of the result; these are in one only: {odd}")
    believed = result.edge_probabilities.values
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(names)
    for (effect, cause), probability in np.ndenumerate(believed):
        edge, found = (names[cause], names[effect]), probability > threshold
        color = DARK if found else GREY
        if truth is not None and found and not truth.has_edge(*edge):
            color = REVERSED if truth.has_edge(*edge[::-1]) else EXTRA
        missing = truth is not None and truth.has_edge(*edge) and max(probability, believed[cause, effect]) <= threshold
        if probability > LEAST_SHOWN or missing:
            line = "solid" if found else "dashed" if probability > LEAST_SHOWN else "dotted"
            color = MISSING if missing else color
            graph.add_edge(*edge, probability=float(probability), color=color, linestyle=line)
    return graph


def _labels(result: CausalPosterior) -> dict[str, str]:
    """Under each variable's name: the regimes that hit it, or how many where these are many."""
    hits: dict[str, list[str]] = {name: [] for name in result.data.names}
    for regime, targets in result.targets().items():
        for name in targets:
            hits[name].append(regime)
    texts = {name: ", ".join(regimes) for name, regimes in hits.items()}
    return {name: t if len(t) <= 16 else f"hit by {_count(len(hits[name]), 'regime')}" for name, t in texts.items()}


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _arrow(route: Points, name: str, edge: Mapping, scale: float) -> FancyArrowPatch:
    least = 1.3 if edge["linestyle"] == "dotted" else 0.5  # of little probability, but meant to be seen
    width, head = max(least, 0.5 + 1.9 * edge["probability"]), 3 + 2.5 * edge["probability"]
    return FancyArrowPatch(
        path=Path(route), arrowstyle=f"-|>,head_length={1.7 * head:.2f},head_width={0.6 * head:.2f}",
        mutation_scale=scale, linewidth=width * scale, color=edge["color"], linestyle=edge["linestyle"],
        joinstyle="miter", capstyle="butt", zorder=2 if edge["linestyle"] == "solid" else 1, gid=name,
    )  # fmt: skip


def _legend(ax: Axes, graph: nx.DiGraph, threshold: float, judged: bool, targets: bool, scale: float) -> None:
    """Name what occurs in the picture, in the strip below it."""
    above = f"above {threshold:g}"
    texts: dict[tuple[str, Line], str] = {
        (DARK, "solid"): f"right, {above}" if judged else f"{above}, wider = surer",
        (EXTRA, "solid"): f"extra, {above}",
        (REVERSED, "solid"): f"reversed, {above}",
        (GREY, "dashed"): f"undecided, {LEAST_SHOWN:g} to {threshold:g}",
        (MISSING, "dashed"): f"missing, {LEAST_SHOWN:g} to {threshold:g}",
        (MISSING, "dotted"): f"missing, below {LEAST_SHOWN:g}",
    }
    occurring = {(edge["color"], edge["linestyle"]) for *_, edge in graph.edges(data=True)}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=color, linestyle=line, linewidth=1.6 if line == "solid" else 1.2, label=text)
        for (color, line), text in texts.items()
        if (color, line) in occurring
    ]
    if targets:
        handles.append(Patch(facecolor=TARGET, edgecolor=DARK, linewidth=0.9, label="target of a regime"))
    if handles:
        columns = len(handles) if len(handles) <= 3 else (len(handles) + 1) // 2
        style: dict[str, Any] = {"loc": "lower center", "frameon": False, "borderaxespad": 0.1, "columnspacing": 1.4}
        ax.legend(handles=handles, ncols=columns, fontsize=8 * scale, **style)


# ---------------------------------------------------------------------- targets
def targets_with_none(result: CausalPosterior) -> tuple[list[str], NDArray]:
    """Columns of the table of targets, and the table [R, d + 1]: the variables, then none.

    None is that the regime has no target that can be seen, see `CausalPosterior.no_target_probability`.
    """
    probability = result.target_probabilities.values.astype(np.float64)  # [R, d]
    none = result.no_target_probability.values[:, None]
    return [*result.data.names, "none" if "none" not in result.data.names else "(none)"], np.hstack([probability, none])


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
        beforehand are marked so.

    Examples
    --------
    >>> ax = plot_targets(result)  # doctest: +SKIP
    """
    if ax is None:
        _, ax = plt.subplots(figsize=targets_size(result), layout="constrained")
    columns, table = targets_with_none(result)
    rows = [r.name if r.targets is None else f"{r.name} (known)" for r in result.data.regimes]
    image = ax.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    inches = ax.get_window_extent().width / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    height = ax.get_window_extent().height / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    cell = 72 * inches / len(columns), 72 * height / len(rows)  # points
    small, upright = min(9.0, 0.85 * cell[0]), _widest(columns, 9) < cell[0]
    ax.set_xticks(
        range(len(columns)), columns, fontsize=9 if upright else small, parse_math=False,
        rotation=0 if upright else 90,
    )  # fmt: skip
    ax.set_yticks(range(len(rows)), rows, fontsize=min(9.0, 0.85 * cell[1]), parse_math=False)
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#dddddd", linewidth=0.5)
    ax.axvline(len(columns) - 1.5, color=DARK, linewidth=1)
    ax.tick_params(which="both", length=0)
    if cell[0] >= 20 and cell[1] >= 9:
        for (row, column), value in np.ndenumerate(table):
            if value >= 0.005:
                color = "white" if value > 0.6 else DARK
                ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
    ax.set(xlabel="variable", ylabel="regime", title="Targets of the regimes")
    ax.figure.colorbar(image, ax=ax, label="probability", pad=0.02, aspect=25, shrink=min(1.0, 4 / height))
    return ax


def targets_size(result: CausalPosterior) -> Pair:
    """Width and height in inches at which `plot_targets` is at its best."""
    columns, names = len(result.data.names) + 1, [f"{name} (known)" for name in result.data.regime_names]
    width = 1.6 + min(_widest(names, 9) / 72, 3) + max(2.5, columns * 0.4)
    return min(width, 18.0), min(1.9 + max(1.2, 0.24 * len(names)), 20.0)


def _widest(texts: Iterable[str], size: float) -> float:
    return max(text_width(text, size) for text in texts)

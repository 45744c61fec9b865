"""The picture of the graph that a result believes in: a pure function that takes axes and returns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from pyrocausal.data.columns import number_of
from pyrocausal.plots.layout import FONT, SMALL_FONT, Pair, Points, figure_size, lay_out
from pyrocausal.plots.style import BLUE, DARK, GREY, PINK, VERMILION, inches, truth_among
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, number

__all__ = ["LEAST_SHOWN", "graph_size", "plot_graph", "regime_labels", "shown_edges"]

LEAST_SHOWN = 0.2  # edges believed less than this are not drawn
LETTER = 0.55  # width of a letter on average, of the size of its font
TARGET, EXTRA, REVERSED, MISSING = "#F9D795", VERMILION, PINK, BLUE

Line: TypeAlias = Literal["solid", "dashed", "dotted"]


def plot_graph(
    result: CausalPosterior, ax: Axes | None = None, threshold: float = 0.5, truth: nx.DiGraph | None = None
) -> Axes:
    """Draw the graph, causes above effects.

    An edge is the wider the stronger it is (see `CausalPosterior.edge_strengths`): its width grows with the correlation
    that two normal variables have which tell so much of each other, sqrt(1 - exp(-2 strength)) (Linfoot 1957). Where
    strengths are not known, as without settling, it is the wider the more it is believed. Edges between 0.2 and
    `threshold` are light and dashed. Variables that at least one regime hits are filled and say which regimes. An arrow
    that points upwards closes a cycle.

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

    References
    ----------
    E. H. Linfoot, "An informational measure of correlation", 1957.

    Examples
    --------
    Going on from the example of `discover`:

    >>> ax = plot_graph(result, threshold=0.8)
    >>> ax.figure.savefig("graph.png")
    """
    graph, labels = shown_edges(result, threshold, truth), regime_labels(result)
    layout = lay_out(graph, labels)
    if ax is None:
        margins = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.92}
        _, ax = plt.subplots(figsize=figure_size(layout), gridspec_kw=margins)
    width, height = (72 * length for length in inches(ax))  # points
    scale = min(width / layout.width, height / layout.height, 1.5)  # points on paper per point of the layout
    spare_x = max(0.0, width / scale - layout.width) / 2
    spare_y = max(0.0, height / scale - layout.height) / 2
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
    _legend(ax, graph, _texts(result, threshold, truth is not None), any(labels.values()), max(scale, 0.8))
    found = sum(p > threshold for *_, p in graph.edges(data="probability"))
    undecided = sum(LEAST_SHOWN < p <= threshold for *_, p in graph.edges(data="probability"))
    ax.set_title(f"{number_of(found, 'edge')} above {threshold:g}" + (f", {undecided} undecided" if undecided else ""))
    return ax


def graph_size(result: CausalPosterior, threshold: float = 0.5, truth: nx.DiGraph | None = None) -> Pair:
    """Width and height in inches at which `plot_graph` is at its best."""
    return figure_size(lay_out(shown_edges(result, threshold, truth), regime_labels(result)))


def shown_edges(result: CausalPosterior, threshold: float, truth: nx.DiGraph | None) -> nx.DiGraph:
    """Edges to draw, with attributes probability, weight in [0, 1], color and linestyle."""
    check("threshold", threshold, number(LEAST_SHOWN, below=1))
    names = result.data.nodes
    truth = truth_among(result.data, truth)
    believed, strength = result.edge_probabilities.values, result.edge_strengths.values
    weight = believed if np.isnan(strength).all() else np.sqrt(-np.expm1(-2 * np.maximum(strength, 0)))
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
            drawn = {"probability": float(probability), "weight": float(weight[effect, cause])}
            graph.add_edge(*edge, **drawn, color=color, linestyle=line)
    return graph


def regime_labels(result: CausalPosterior) -> dict[str, str]:
    """Under each variable's name: the regimes that hit it, or how many where these are many."""
    hits: dict[str, list[str]] = {name: [] for name in result.data.nodes}
    for regime, targets in result.targets().items():
        for name in targets:
            hits[name].append(regime)
    texts = {name: ", ".join(regimes) for name, regimes in hits.items()}
    return {name: t if len(t) <= 16 else f"hit by {number_of(len(hits[name]), 'regime')}" for name, t in texts.items()}


def _arrow(route: Points, name: str, edge: Mapping, scale: float) -> FancyArrowPatch:
    least = 1.3 if edge["linestyle"] == "dotted" else 0.8  # of little weight, but meant to be seen
    width, head = max(least, 0.5 + 2.4 * edge["weight"]), 3 + 2.5 * edge["weight"]
    return FancyArrowPatch(
        path=Path(route), arrowstyle=f"-|>,head_length={1.7 * head:.2f},head_width={0.6 * head:.2f}",
        mutation_scale=scale, linewidth=width * scale, color=edge["color"], linestyle=edge["linestyle"],
        joinstyle="miter", capstyle="butt", zorder=2 if edge["linestyle"] == "solid" else 1, gid=name,
    )  # fmt: skip


def _texts(result: CausalPosterior, threshold: float, judged: bool) -> dict[tuple[str, Line], str]:
    """What the legend says of lines, by color and style."""
    above, wider = f"above {threshold:g}", "surer" if result.edge_strengths.isnull().all() else "stronger"
    return {
        (DARK, "solid"): f"right, {above}" if judged else f"{above}, wider = {wider}",
        (EXTRA, "solid"): f"extra, {above}",
        (REVERSED, "solid"): f"reversed, {above}",
        (GREY, "dashed"): f"undecided, {LEAST_SHOWN:g} to {threshold:g}",
        (MISSING, "dashed"): f"missing, {LEAST_SHOWN:g} to {threshold:g}",
        (MISSING, "dotted"): f"missing, below {LEAST_SHOWN:g}",
    }


def _legend(ax: Axes, graph: nx.DiGraph, texts: Mapping[tuple[str, Line], str], targets: bool, scale: float) -> None:
    """Name what occurs in the picture, in the strip below it."""
    occurring = {(edge["color"], edge["linestyle"]) for *_, edge in graph.edges(data=True)}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=color, linestyle=line, linewidth=1.6 if line == "solid" else 1.2, label=text)
        for (color, line), text in texts.items()
        if (color, line) in occurring
    ]
    if targets:
        handles.append(Patch(facecolor=TARGET, edgecolor=DARK, linewidth=0.9, label="target of a regime"))
    if handles:
        rows, size, width = 1 if len(handles) <= 3 else 2, 8 * scale, 72 * inches(ax)[0]
        column = LETTER * (8 + max(len(str(handle.get_label())) for handle in handles))  # wide, of the size of its font
        if column * size * -(-len(handles) // rows) > width:
            rows += 1
        columns = -(-len(handles) // rows)
        size = min(size, width / (column * columns))
        style: dict[str, Any] = {"loc": "lower center", "frameon": False, "borderaxespad": 0.1, "columnspacing": 1.4}
        ax.legend(handles=handles, ncols=columns, fontsize=size, **style)

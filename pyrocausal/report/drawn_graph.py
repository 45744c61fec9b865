"""The graph as SVG that a script can work on: every edge and every variable is an element that says what it is.

Laid out as `pyrocausal.plots.graph` does. Colours come from the page, so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import networkx as nx
import numpy as np

from pyrocausal.data.columns import number_of
from pyrocausal.plots.graph import regime_labels, shown_edges
from pyrocausal.plots.layout import FONT, SMALL_FONT, Layout, Points, lay_out
from pyrocausal.plots.style import DARK, GREY
from pyrocausal.posterior.causal_posterior import CausalPosterior

__all__ = ["drawn_graph"]

SCALE = 1.3  # CSS pixels of a point


def drawn_graph(result: CausalPosterior, threshold: float = 0.5, truth: nx.DiGraph | None = None) -> str:
    """Draw it.

    Parameters
    ----------
    result, threshold, truth
        As of `plot_graph`.

    Returns
    -------
    str
        An SVG element. Edges are groups of class "edge" with the data `cause`, `effect` (places among the variables),
        `strength` (nats a row, empty where not known) and `probability`; variables are buttons of class "variable" that
        can be reached by keyboard, in the order of the page, with the datum `place`.
    """
    graph, labels = shown_edges(result, threshold, truth), regime_labels(result)
    layout, names = lay_out(graph, labels), result.data.nodes
    places = {name: place for place, name in enumerate(names)}
    strengths = result.edge_strengths
    edges = []
    for cause, effect, edge in sorted(graph.edges(data=True), key=lambda each: each[2]["probability"]):
        strength = float(strengths.sel(effect=effect, cause=cause))
        edges.append(_edge(layout.routes[cause, effect], (cause, effect), places, edge, strength))
    order = sorted(names, key=lambda name: (layout.centres[name][1], layout.centres[name][0]))
    nodes = [_variable(name, places[name], layout, labels[name], graph) for name in order]
    height = layout.height - 30  # without the legend of the picture
    return (
        f'<svg viewBox="0 0 {layout.width:.0f} {height:.0f}" width="{SCALE * layout.width:.0f}" '
        f'height="{SCALE * height:.0f}" role="group" aria-label="Causal graph; variables are buttons">\n'
        + "\n".join([*edges, *nodes])
        + "\n</svg>"
    )


def _edge(route: Points, ends: tuple[str, str], places: Mapping[str, int], edge: Mapping, strength: float) -> str:
    cause, effect = ends
    width, head = max(0.8, 0.5 + 2.4 * edge["weight"]), 5 + 3.5 * edge["weight"]
    tip, along = route[-1], route[-1] - route[-min(4, len(route))]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    aside, back = np.array([-along[1], along[0]]), tip - head * along
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, back + 0.4 * head * aside, back - 0.4 * head * aside))
    line = [point for point in route if np.linalg.norm(point - tip) > 0.8 * head] or [route[0]]
    course = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in [*line, back])
    dashes = {"solid": "", "dashed": ' stroke-dasharray="5 3"', "dotted": ' stroke-dasharray="1.5 2.5"'}[
        edge["linestyle"]
    ]
    own = "" if edge["color"] in (DARK, GREY) else f' style="color:{edge["color"]}"'
    sort = "edge undecided" if edge["color"] == GREY else "edge"
    told = "" if np.isnan(strength) else f", {strength:.2g} nats a row"
    title = escape(f"{cause} → {effect}: probability {edge['probability']:.2f}{told}")
    return (
        f'<g class="{sort}" data-cause="{places[cause]}" data-effect="{places[effect]}" '
        f'data-strength="{"" if np.isnan(strength) else f"{strength:.6g}"}" '
        f'data-probability="{edge["probability"]:.4f}"{own}><title>{title}</title>'
        f'<path d="{course}" stroke-width="{width:.2f}"{dashes}/><polygon points="{corners}"/></g>'
    )


def _variable(name: str, place: int, layout: Layout, label: str, graph: nx.DiGraph) -> str:
    (x, y), (width, height) = layout.centres[name], layout.sizes[name]
    about = f"{name}: {number_of(graph.in_degree(name), 'cause')}, {number_of(graph.out_degree(name), 'effect')}"
    about += f", target of {label.removeprefix('hit by ')}" if label else ""
    small = f'<text class="small" x="{x:.1f}" y="{y + 10:.1f}" font-size="{SMALL_FONT}">{escape(label)}</text>'
    return (
        f'<g class="variable{" target" if label else ""}" role="button" tabindex="0" aria-expanded="false" '
        f'aria-controls="about-{place}" aria-label="{escape(about)}" data-place="{place}">'
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6"/>'
        f'<text x="{x:.1f}" y="{y + (0 if label else 3.5):.1f}" font-size="{FONT}">{escape(name)}</text>'
        f"{small if label else ''}</g>"
    )

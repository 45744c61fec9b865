"""Where the parts of a drawn graph go.

In layers, causes above effects (Sugiyama's method): longest paths give the layers, sweeps of barycentres the order
within a layer, and isotonic regression the positions. Lengths are typographic points.

References
----------
Sugiyama, Tagawa and Toda (1981), Methods for visual understanding of hierarchical system structures, IEEE
Transactions on Systems, Man, and Cybernetics 11.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import networkx as nx
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

__all__ = ["FONT", "SMALL_FONT", "Layout", "Pair", "Points", "figure_size", "lay_out", "text_width"]

FONT, SMALL_FONT = 10.0, 7.0
LAYER_GAP, NODE_GAP, BEND_GAP, BENDS_WIDTH, COMPONENT_GAP = 44.0, 20.0, 14.0, 420.0, 34.0
LARGEST_GRAPH, LEGEND_HEIGHT, MARGIN = (16.0, 12.0), 34.0, 10.0  # inches; points

Edge: TypeAlias = tuple[str, str]
Pair: TypeAlias = tuple[float, float]
Points: TypeAlias = NDArray[np.float64]  # [m, 2]


class Layout(NamedTuple):
    """Centres and sizes of the boxes, courses of the arrows, and the size of the whole."""

    centres: dict[str, Pair]
    sizes: dict[str, Pair]
    routes: dict[Edge, Points]  # from the border of the cause to that of the effect
    width: float
    height: float


def figure_size(layout: Layout) -> Pair:
    """Width and height in inches of a figure that the layout and a title fit in."""
    width, height = layout.width / 72 / 0.98, layout.height / 72 / 0.91
    shrink = min(1.0, LARGEST_GRAPH[0] / width, LARGEST_GRAPH[1] / height)
    return max(4.5, width * shrink), max(2.5, height * shrink)


def lay_out(graph: nx.DiGraph, labels: Mapping[str, str]) -> Layout:
    """Place connected parts of the graph one by one, and pack them in rows, the largest first.

    Edges have a `probability`; `labels` says what is written under each variable's name, if anything.
    """
    two_lines = any(labels.values())
    sizes = {
        name: (max(text_width(name, FONT), text_width(label, SMALL_FONT)) + 14, 32.0 if two_lines else 22.0)
        for name, label in labels.items()
    }
    parts = [_layered(graph.subgraph(nodes), sizes) for nodes in nx.weakly_connected_components(graph)]
    parts.sort(key=lambda part: -len(part))
    boxes = []
    for part in parts:
        half = np.array([sizes[p] if isinstance(p, str) else (0.0, 0.0) for p in part]) / 2  # [m, 2]
        points = np.array(list(part.values()))
        boxes.append(((points - half).min(0), (points + half).max(0)))
    areas = [float(np.prod(high - low + COMPONENT_GAP)) for low, high in boxes]
    widest = max(*(float(high[0] - low[0]) for low, high in boxes), 1.4 * sum(areas) ** 0.5)
    places: dict[Hashable, Points] = {}
    x, y, row = MARGIN, MARGIN, 0.0
    right = 0.0
    for part, (low, high) in zip(parts, boxes, strict=True):
        if x > MARGIN and x + high[0] - low[0] > widest + MARGIN:
            x, y, row = MARGIN, y + row + COMPONENT_GAP, 0.0
        places |= {p: np.array(xy) - low + (x, y) for p, xy in part.items()}
        x, row = x + high[0] - low[0] + COMPONENT_GAP, max(row, float(high[1] - low[1]))
        right = max(right, x - COMPONENT_GAP + MARGIN)
    centres = {name: (float(places[name][0]), float(places[name][1])) for name in graph}
    routes = {(c, e): _route(c, e, places, sizes, two_way=graph.has_edge(e, c)) for c, e in graph.edges}
    return Layout(centres, sizes, routes, right, y + row + MARGIN + LEGEND_HEIGHT)


def text_width(text: str, size: float) -> float:
    """Width of one line of text at a font size."""
    if not text:
        return 0.0
    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0])


def _layered(graph: nx.DiGraph, sizes: Mapping[str, Pair]) -> dict[Hashable, Pair]:
    """Positions of the variables of a connected graph, and of the bends ((upper, lower), layer) of its long edges."""
    dag: nx.DiGraph = nx.DiGraph()
    dag.add_nodes_from(graph)
    for cause, effect, _ in sorted(graph.edges(data="probability"), key=lambda edge: -edge[2]):
        if not nx.has_path(dag, effect, cause):  # an edge that closes a cycle of surer ones points upwards
            dag.add_edge(cause, effect)
    layer = {name: depth for depth, names in enumerate(nx.topological_generations(dag)) for name in names}
    for name in graph:  # a root goes right above its first effect
        if not dag.in_degree(name) and dag.out_degree(name):
            layer[name] = min(layer[effect] for effect in dag[name]) - 1
    layers: list[list[Hashable]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in nx.dfs_preorder_nodes(dag.to_undirected()):
        layers[layer[name]].append(name)
    links: nx.Graph = nx.Graph()  # between neighbouring layers
    links.add_nodes_from(graph)
    for upper, lower in {(u, v) if layer[u] < layer[v] else (v, u): None for u, v in graph.edges}:
        bends = [((upper, lower), depth) for depth in range(layer[upper] + 1, layer[lower])]
        for _, depth in bends:
            layers[depth].append(((upper, lower), depth))
        nx.add_path(links, [upper, *bends, lower])
    layers = _fewest_crossings(layers, links)
    x = _abscissas(layers, links, sizes)
    step = LAYER_GAP + max(height for _, height in sizes.values())
    return {p: (x[p], depth * step) for depth, places in enumerate(layers) for p in places}


def _fewest_crossings(layers: list[list[Hashable]], links: nx.Graph) -> list[list[Hashable]]:
    """Order each layer by the mean rank of its neighbours in the layer before, downwards and upwards in turn."""

    def crossings(layers: Sequence[Sequence[Hashable]]) -> int:
        total = 0
        for upper, lower in pairwise(layers):
            rank = {p: r for r, p in enumerate(lower)}
            ends = [(u, rank[q]) for u, p in enumerate(upper) for q in links[p] if q in rank]
            a, b = np.array(ends, dtype=int).reshape(-1, 2).T
            total += int(((a[:, None] < a) & (b[:, None] > b)).sum())
        return total

    best, least = layers, crossings(layers)
    for sweep in range(16):
        layers = [list(places) for places in (layers if sweep % 2 == 0 else layers[::-1])]
        for before, places in pairwise(layers):
            rank = {p: r for r, p in enumerate(before)}
            middle = {}
            for here, p in enumerate(places):
                ranks = [rank[q] for q in links[p] if q in rank]
                middle[p] = float(np.mean(ranks)) if ranks else here * len(before) / len(places)
            places.sort(key=middle.__getitem__)
        layers = layers if sweep % 2 == 0 else layers[::-1]
        if (now := crossings(layers)) < least:
            best, least = layers, now
    return best


def _abscissas(
    layers: Sequence[Sequence[Hashable]], links: nx.Graph, sizes: Mapping[str, Pair]
) -> dict[Hashable, float]:
    """Horizontal positions: as close to the mean of the neighbours as order and widths allow."""
    offsets = []  # how far right of the first place each place of a layer is at least, [m]
    x: dict[Hashable, float] = {}
    for places in layers:
        bends = sum(not isinstance(p, str) for p in places)
        gap = min(BEND_GAP, BENDS_WIDTH / max(bends, 1))
        half = np.array([sizes[p][0] / 2 + NODE_GAP / 2 if isinstance(p, str) else gap / 2 for p in places])
        offset = np.concatenate([[0.0], np.cumsum(half[:-1] + half[1:])])
        offsets.append(offset)
        x |= dict(zip(places, offset - offset[-1] / 2, strict=True))
    order = [*range(len(layers)), *range(len(layers) - 1)[::-1]]
    for _ in range(12):
        for depth in order:
            places = layers[depth]
            wanted = [np.mean([x[q] for q in links[p]]) if links[p] else x[p] for p in places]
            weight = [1.0 if isinstance(p, str) else 3.0 for p in places]  # rather straight edges
            moved = offsets[depth] + _isotonic(np.array(wanted) - offsets[depth], np.array(weight))
            x |= dict(zip(places, moved.tolist(), strict=True))
    return x


def _isotonic(values: NDArray, weights: NDArray) -> NDArray:
    """The non-decreasing sequence [m] closest to `values` [m] in weighted squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, v, m), (b, w, n) = pools[-2:]
            pools[-2:] = [((a * v + b * w) / (v + w), v + w, m + n)]
    return np.repeat([mean for mean, _, _ in pools], [length for _, _, length in pools])


def _route(cause: str, effect: str, places: Mapping, sizes: Mapping[str, Pair], two_way: bool) -> Points:
    """A smooth curve through the bends of an edge, from border to border; aside where its reverse is drawn too."""
    downwards = places[cause][1] < places[effect][1]
    ends = (cause, effect) if downwards else (effect, cause)
    bends = sorted((p for p in places if isinstance(p, tuple) and p[0] == ends), key=lambda p: p[1])
    knots = np.array([places[p] for p in ([cause, *bends, effect] if downwards else [cause, *bends[::-1], effect])])
    slopes = np.gradient(knots, axis=0)
    slopes[1:-1, 0] *= 0.75  # steep where the edge passes between variables
    t = np.linspace(0, 1, 30)[:, None]
    pieces = [
        (1 + 2 * t) * (1 - t) ** 2 * a + t * (1 - t) ** 2 * u + t**2 * (3 - 2 * t) * b + t**2 * (t - 1) * v
        for a, b, u, v in zip(knots[:-1], knots[1:], slopes[:-1], slopes[1:], strict=True)
    ]  # cubic Hermite
    curve = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
    if two_way:
        along = np.gradient(curve, axis=0)
        aside = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
        curve = curve + 9 * np.sin(np.pi * np.linspace(0, 1, len(curve)))[:, None] * aside
    inside = [(np.abs(curve - places[end]) < np.array(sizes[end]) / 2 + 1).all(1) for end in (cause, effect)]
    start, stop = int(np.flatnonzero(inside[0])[-1]), int(np.flatnonzero(inside[1])[0])
    return curve[start + 1 : stop]

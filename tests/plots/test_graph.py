from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
import torch
from example_results import axes, believe, diamond
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from pyrocausal.plots.graph import MISSING, REVERSED, TARGET, graph_size, plot_graph
from pyrocausal.plots.heatmaps import edges_size, plot_edges, plot_targets, targets_size

matplotlib.use("Agg")


def arrows(ax) -> dict[str, FancyArrowPatch]:
    return {p.get_gid(): p for p in ax.patches if isinstance(p, FancyArrowPatch)}


def boxes(ax) -> dict[str, FancyBboxPatch]:
    return {p.get_gid(): p for p in ax.patches if isinstance(p, FancyBboxPatch)}


def centre(ax, name):
    box = boxes(ax)[name]
    return box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2


SIZED = [(plot_graph, graph_size), (plot_edges, edges_size), (plot_targets, targets_size)]


@pytest.mark.parametrize("plot, size", SIZED)
def test_axes_come_back_and_no_figure_is_leaked(plot, size):
    before, ax = plt.get_fignums(), axes(diamond(), size)
    assert plot(diamond(), ax=ax) is ax
    assert plt.get_fignums() == before
    own = plot(diamond())
    assert own.figure.number not in before
    assert len(plt.get_fignums()) == len(before) + 1
    plt.close(own.figure)


def test_edges_by_threshold():
    drawn = arrows(plot_graph(diamond(), axes(diamond())))
    assert set(drawn) == {"A -> B", "A -> C", "B -> D", "C -> D", "A -> D"}
    assert {name for name, arrow in drawn.items() if arrow.get_linestyle() in ("--", "dashed")} == {"A -> D"}
    ax = plot_graph(diamond(), axes(diamond()), threshold=0.85)
    assert ax.get_title() == "2 edges above 0.85, 3 undecided"
    dashed = {name for name, arrow in arrows(ax).items() if arrow.get_linestyle() in ("--", "dashed")}
    assert dashed == {"A -> C", "C -> D", "A -> D"}


def test_width_grows_with_probability():
    drawn = arrows(plot_graph(diamond(), axes(diamond())))
    widths = [drawn[name].get_linewidth() for name in ("A -> D", "A -> C", "C -> D", "B -> D", "A -> B")]
    assert np.all(np.diff(widths) > 0)


def test_width_grows_with_strength_where_it_is_known():
    result, order = diamond(), ("A -> D", "A -> B", "C -> D", "B -> D", "A -> C")
    strength, names = torch.zeros(4, 4), result.data.names
    for edge, nats in zip(order, (0.0, 0.01, 0.1, 1.0, 50.0), strict=True):
        cause, effect = edge.split(" -> ")
        strength[names.index(effect), names.index(cause)] = nats
    known = replace(result, chains=(replace(result.best, edge_strength=strength),))
    ax = plot_graph(known, axes(known))
    drawn = arrows(ax)
    widths = [drawn[name].get_linewidth() for name in order]
    assert np.all(np.diff(widths) > 0) and widths[-1] < 5 * widths[0]
    assert {name for name, arrow in drawn.items() if arrow.get_linestyle() in ("--", "dashed")} == {"A -> D"}
    told = [
        text.get_text() for plot in (ax, plot_graph(result, axes(result))) for text in plot.get_legend().get_texts()
    ]
    assert "above 0.5, wider = stronger" in told and "above 0.5, wider = surer" in told


def test_causes_are_above_effects_and_names_within_the_axes():
    ax = plot_graph(diamond(), axes(diamond()))
    assert ax.yaxis_inverted()
    for edge in ("A -> B", "A -> C", "B -> D", "C -> D"):
        cause, effect = edge.split(" -> ")
        assert centre(ax, cause)[1] < centre(ax, effect)[1]
    ax.figure.canvas.draw()
    frame = ax.get_window_extent()
    for text in ax.texts:
        extent = text.get_window_extent()
        assert frame.x0 <= extent.x0 and extent.x1 <= frame.x1
        assert frame.y0 <= extent.y0 and extent.y1 <= frame.y1


def test_targets_are_filled_and_say_their_regimes():
    ax = plot_graph(diamond(), axes(diamond()))
    filled = {name for name, box in boxes(ax).items() if to_hex(box.get_facecolor()).upper() == TARGET}
    assert filled == {"B"}
    assert [text.get_text() for text in ax.texts] == ["A", "B", "drug, cold", "C", "D"]
    many = believe(["A", "B"], {}, {f"regime {r}": ("A", 0.9) for r in range(5)})
    assert "hit by 5 regimes" in [text.get_text() for text in plot_graph(many, axes(many)).texts]


def test_cycles_are_drawn():
    edges = {("A", "B"): 0.9, ("B", "A"): 0.6, ("B", "C"): 0.8, ("C", "A"): 0.7}
    result = believe(["A", "B", "C"], edges, {"drug": ("A", 1.0)})
    ax = plot_graph(result, axes(result))
    drawn = arrows(ax)
    assert len(drawn) == 4
    assert centre(ax, "A")[1] < centre(ax, "B")[1] < centre(ax, "C")[1]  # the weakest edges point upwards
    there, back = (drawn[name].get_path().vertices for name in ("A -> B", "B -> A"))
    assert abs(there[:, 0].mean() - back[:, 0].mean()) > 3  # side by side


def test_truth_tells_edges_apart():
    truth = nx.DiGraph([("A", "B"), ("C", "A"), ("B", "D"), ("C", "D"), ("B", "C")])
    ax = plot_graph(diamond(), axes(diamond()), truth=truth)
    drawn = arrows(ax)
    assert to_hex(drawn["A -> C"].get_edgecolor()).upper() == REVERSED
    assert to_hex(drawn["B -> C"].get_edgecolor()).upper() == MISSING
    assert "C -> A" not in drawn
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"right, above 0.5", "reversed, above 0.5", "missing, below 0.2"} <= set(legend)


def test_forty_variables_stay_apart():
    rng = np.random.default_rng(0)
    names = [f"variable_{i}" for i in range(40)]
    edges = {(names[i], names[j]): 0.9 for i in range(40) for j in range(i + 1, 40) if rng.random() < 0.06}
    result = believe(names, edges, {f"regime {i}": (name, 1.0) for i, name in enumerate(names)})
    ax = plot_graph(result, axes(result))
    assert len(arrows(ax)) == len(edges)
    places = [box.get_window_extent() for box in boxes(ax).values()]
    assert not any(a.overlaps(b) for i, a in enumerate(places) for b in places[:i])
    assert min(text.get_fontsize() for text in ax.texts if text.get_text() in names) > 5


def test_names_are_no_formulas():
    result = believe(["a$1_x", "b$|y"], {("a$1_x", "b$|y"): 0.9}, {"$drug$": ("b$|y", 1.0)})
    for plot, size in SIZED:
        ax = plot(result, axes(result, size))
        ax.figure.canvas.draw()
        assert not any(text.get_parse_math() for text in [*ax.texts, *ax.get_xticklabels()] if "$" in text.get_text())


@pytest.mark.parametrize("threshold", [0.1, 1.0, float("nan")])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match=r"threshold must be in \[0.2, 1\)"):
        plot_graph(diamond(), threshold=threshold)


def test_truth_over_other_variables():
    with pytest.raises(ValueError, match=r"in one only: \['E'\]"):
        plot_graph(diamond(), truth=nx.DiGraph([("A", "B"), ("C", "D"), ("D", "E")]))


@pytest.mark.parametrize("truth", [None, nx.DiGraph([("A", "B"), ("C", "A"), ("B", "D"), ("C", "D"), ("B", "C")])])
def test_the_legend_keeps_to_a_narrow_picture_and_below_the_graph(truth):
    ax = plot_graph(diamond(), truth=truth)  # 4.5 inches wide, the least
    ax.figure.canvas.draw()
    legend, picture = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert picture.x0 <= legend.x0 and legend.x1 <= picture.x1
    assert all(box.get_window_extent().y0 >= legend.y1 - 2 for box in boxes(ax).values())
    plt.close(ax.figure)

from itertools import pairwise

import matplotlib
import networkx as nx
import numpy as np
import pytest
from example_results import DIAMOND, axes, believe, diamond
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.regime import Regime
from pyrocausal.plots.heatmaps import edges_size, plot_edges, plot_targets, targets_size
from pyrocausal.plots.style import VERMILION
from pyrocausal.posterior.causal_posterior import CausalPosterior

matplotlib.use("Agg")


def outlines(ax) -> dict[str, Rectangle]:
    return {p.get_gid(): p for p in ax.patches if isinstance(p, Rectangle)}


def test_heat_map_of_edges_has_effects_in_rows():
    result = diamond()
    ax = plot_edges(result, axes(result, edges_size))
    image = ax.images[0].get_array()
    np.testing.assert_array_equal(image.data, result.edge_probabilities.values.astype(float))
    assert (image.mask == np.eye(4, dtype=bool)).all()  # nothing causes itself
    assert image[1, 0] == pytest.approx(DIAMOND["A", "B"])  # row B, column A
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["A", "B", "C", "D"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("cause", "effect")
    assert ax.get_title() == "Probability that the column causes the row"
    assert ax.get_ylim() == (3.5, -0.5)  # the first row is at the top
    shown = {(round(t.get_position()[0]), round(t.get_position()[1])): t.get_text() for t in ax.texts}
    assert shown == {(ord(c) - 65, ord(e) - 65): f"{p:.2f}" for (c, e), p in DIAMOND.items()}
    assert not outlines(ax)


def test_true_edges_are_outlined():
    result = diamond()
    truth = nx.DiGraph([("A", "B"), ("C", "A")])
    truth.add_node("D")
    ax = plot_edges(result, axes(result, edges_size), truth=truth)
    drawn = outlines(ax)
    assert set(drawn) == {"A -> B", "C -> A"}
    assert drawn["A -> B"].get_xy() == (-0.5, 0.5)  # column A, row B
    assert drawn["C -> A"].get_xy() == (1.5, -0.5)
    assert to_hex(drawn["C -> A"].get_edgecolor()).upper() == VERMILION
    assert ax.get_title().endswith("(true edges are outlined)")
    with pytest.raises(ValueError, match=r"truth must have the variables of the result.*\['D'\]"):
        plot_edges(result, truth=nx.DiGraph([("A", "B"), ("B", "C")]))


@pytest.mark.parametrize("plot, size", [(plot_edges, edges_size), (plot_targets, targets_size)])
def test_forty_names_stay_readable(plot, size):
    names = [f"variable_{i}" for i in range(40)]
    result = believe(names, {(names[0], names[1]): 0.9}, {f"regime {i}": (name, 1.0) for i, name in enumerate(names)})
    ax = plot(result, axes(result, size))
    assert max(ax.figure.get_size_inches()) < 14
    ax.figure.canvas.draw()
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        places = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in pairwise(places))
        assert min(label.get_fontsize() for label in labels) >= 7


def test_heat_map_of_targets():
    ax = plot_targets(diamond(), axes(diamond(), targets_size))
    np.testing.assert_allclose(
        ax.images[0].get_array(),
        [[0, 0.9, 0, 0, 0.1], [0, 0, 0, 0, 1], [0, 0.7, 0, 0, 0.3], [0.4, 0, 0, 0, 0.6]],
        atol=1e-6,
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["A", "B", "C", "D", "none"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["drug", "heat", "cold", "salt"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Targets of the regimes", "variable", "regime")
    assert ax.images[0].colorbar.ax.get_ylabel() == "probability"


def test_known_targets_are_marked():
    result = diamond()
    rows = result.data.observational
    known = (Regime("drug", rows, ("B",)), Regime("heat", rows, AtLeast("B")), *result.data.regimes[2:])
    data = InterventionalData(result.data.names, result.data.kinds, rows, known)
    ax = plot_targets(CausalPosterior(data, result.chains, 0), axes(result, targets_size))
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["drug (known)", "heat (known in part)", "cold"]

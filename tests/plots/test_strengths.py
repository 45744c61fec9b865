"""Pictures of strengths and of evidence against the tables that they show."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from example_verdicts import made_result, settled_chain
from matplotlib.colors import to_hex

from pyrocausal.plots.strengths import LEAST, plot_evidence, plot_strengths
from pyrocausal.plots.style import BLUE, GREY, VERMILION
from pyrocausal.posterior.edge_evidence import edge_evidence

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_strengths_are_the_tables_the_strongest_first():
    strengths = {("X0", "X1"): 0.02, ("X1", "X2"): 0.3}
    result = made_result(settled_chain(strengths=strengths), rows=200)
    edges, targets = plot_strengths(result).axes
    for ax, table, names in (
        (edges, result.edges(), ["X1 -> X2", "X0 -> X1"]),
        (targets, result.target_table(), None),
    ):
        dots = [line for line in ax.lines if line.get_gid()]
        assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx(table.strength.tolist())
        assert [float(dot.get_ydata()[0]) for dot in dots] == list(range(len(table)))
        assert names is None or [dot.get_gid() for dot in dots] == names
        signs = [BLUE if size > 0 else VERMILION if size < 0 else GREY for size in table["size"].fillna(0.0)]
        assert [to_hex(dot.get_color()).upper() for dot in dots] == signs
        words = [text.get_text() for text in ax.texts[: len(table)]]
        assert all(word.startswith(f"{p:.2f}") for word, p in zip(words, table.probability, strict=True))
    assert edges.get_xscale() == "log" and edges.get_xlim() == targets.get_xlim()
    assert edges.get_title(loc="left") == "2 edges"
    assert {dot.get_gid() for dot in targets.lines} >= {"regime 0: X0", "regime 2: X2"}


def test_what_is_next_to_nothing_is_an_open_dot_at_the_end():
    result = made_result(settled_chain(strengths={("X1", "X2"): 0.3}), rows=100)
    dots = {line.get_gid(): line for line in plot_strengths(result, most=5).axes[0].lines}
    assert dots["X0 -> X1"].get_xdata()[0] == LEAST and dots["X0 -> X1"].get_markerfacecolor() == "white"
    assert dots["X1 -> X2"].get_markerfacecolor() != "white"
    assert plot_strengths(result, most=1).axes[0].get_title(loc="left") == "the 1 strongest of 2 edges"


def test_without_strengths_it_complains_and_without_edges_it_says_so():
    with pytest.raises(ValueError, match="has not settled its graph"):
        plot_strengths(made_result(settled_chain(strengths=None), rows=20))
    nothing = made_result(settled_chain({}, {}, (4, 4, 4), target_strength=torch.zeros(3, 4).double()), rows=20)
    assert "No edge and no target" in plot_strengths(nothing).axes[0].texts[0].get_text()


def test_bars_are_what_tables_say():
    result = made_result(rows=150)
    told = edge_evidence(result, "X0", "X1")
    ax = plot_evidence(result, "X0", "X1")
    bars = {bar.get_gid(): bar for bar in ax.patches}
    assert list(bars) == told.abs().sort_values(ascending=False, kind="stable").index.tolist()
    for name, nats in told.items():
        assert bars[name].get_width() == pytest.approx(nats)
        assert to_hex(bars[name].get_facecolor()).upper() == (BLUE if nats > 0 else VERMILION)
    assert ax.get_title() == f"X0 → X1: {told.sum():+,.1f} nats in all"
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert {"regime 0 (acts on X0)", "regime 1 (acts on X1)", "regime 2"} <= set(labels)
    few = plot_evidence(result, "X0", "X1", most=2)
    assert few.patches[1].get_width() == pytest.approx(told.sum() - few.patches[0].get_width())
    assert few.get_yticklabels()[1].get_text() == "3 others"


def test_bad_questions():
    with pytest.raises(ValueError, match="cause: 'Y' is no variable"):
        plot_evidence(made_result(rows=20), "Y", "X1")
    with pytest.raises(ValueError, match="most must be"):
        plot_evidence(made_result(rows=20), "X0", "X1", most=1)
    with pytest.raises(TypeError, match="result must be"):
        plot_strengths(None)

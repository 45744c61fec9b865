"""The picture of effects against the table that it shows."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import KINDS, small_data
from example_results import posterior
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pyrocausal.plots.effects import NOTHING, draw_effects, effects_size, plot_effects
from pyrocausal.plots.style import BLUE, GREY

matplotlib.use("Agg")

COLUMNS = ["cause", "effect", "versus", "do", "measured", "mean", "low", "high", "path"]


def axes(table):
    figure = Figure(figsize=effects_size(table), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def drawn(ax) -> list[tuple[str, float, tuple[float, float], float, str, str]]:
    """Of every row: edge, place, interval, mean, marker and colour."""
    intervals = [line for line in ax.lines if "->" in (line.get_gid() or "")]
    means = [line for line in ax.lines if len(line.get_xdata()) == 1]
    found = []
    for interval, mean in zip(intervals, means, strict=True):
        assert set(interval.get_ydata()) == set(mean.get_ydata())
        ends = tuple(map(float, interval.get_xdata()))
        color = to_hex(mean.get_color()).upper()
        assert to_hex(interval.get_color()).upper() == color
        place = float(mean.get_ydata()[0])
        found.append((interval.get_gid(), place, ends, float(mean.get_xdata()[0]), mean.get_marker(), color))
    return found


def test_what_is_drawn_is_the_table():
    """States and numbers: probabilities as they are, numbers in standard deviations."""
    result = posterior("mixed")
    table = result.effects(["X2", "X0"], draws=6)
    ax = plot_effects(result, ["X2", "X0"], draws=6, most=7)
    rows, data = drawn(ax), result.data
    assert 4 < len(rows) == min(7, len(table)) and {row[4] for row in rows} == {"s", "o"}
    every = pd.concat([data.decode(part.rows) for part in data.parts])
    for place, (row, told) in enumerate(zip(rows, table.to_dict("records"), strict=False)):
        number = told["measured"] == "mean"
        unit = every[told["effect"]].std() if number else 1.0
        assert row[:2] == (f"{told['cause']} -> {told['effect']}", place)
        np.testing.assert_allclose([*row[2], row[3]], [told[k] / unit for k in ("low", "high", "mean")], rtol=1e-5)
        assert row[4:] == ("o" if number else "s", GREY if told["low"] <= 0 <= told["high"] else BLUE)
    assert ax.get_xlabel() == "change in sd, or of a probability"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "probability", "mean, in sd of the effect",
    ]  # fmt: skip
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the largest is at the top
    matplotlib.pyplot.close(ax.figure)


def test_labels_and_axis_of_one_sort():
    rows = [
        ("PKA", "Erk", "low", "high", "P(Erk=high)", 0.3, 0.1, 0.4, 1.0),
        ("$a_b$" * 20, "Erk", "line\nbreak", "high", "P(Erk=low)", -0.1, -0.2, 0.1, 0.5),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    ax = draw_effects(table, small_data(KINDS["categorical"]), axes(table))
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "PKA low to high: P(Erk=high)"
    assert "…" in labels[1] and "line break to high" in labels[1] and len(labels[1]) < 80
    assert ax.get_xlabel() == "change of a probability" and ax.get_legend() is None
    ax.figure.canvas.draw()


def test_twenty_rows_stay_readable():
    names = [f"a rather long name of a protein {k}" for k in range(20)]
    rows = [(name, "X0", "0", "1", "mean", 0.1, 0.0, 0.3, 1.0) for name in names]
    table = pd.DataFrame(rows, columns=COLUMNS)
    ax = draw_effects(table, small_data(KINDS["continuous"]), axes(table))
    ax.figure.canvas.draw()
    places = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(places))
    assert min(box.x0 for box in places) >= 0 and max(ax.figure.get_size_inches()) < 12
    assert ax.get_xlabel() == "change of a mean, in sd of the effect"


def test_nothing_to_draw_is_said():
    table = pd.DataFrame(columns=COLUMNS)
    ax = draw_effects(table, small_data(), axes(table))
    assert [text.get_text() for text in ax.texts] == [NOTHING] and not ax.lines


def test_bad_questions():
    result = posterior()
    with pytest.raises(ValueError, match="most must be"):
        plot_effects(result, most=0)
    with pytest.raises(ValueError, match="causes: 'Y' is no variable"):
        plot_effects(result, ["Y"])

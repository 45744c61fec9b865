"""Pictures of mechanisms against programs drawn from the posterior, one by one."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from conftest import KINDS, small_data
from example_verdicts import matrix, settled_chain

from pyrocausal.data.kinds import Continuous, Count, Exposure
from pyrocausal.plots.mechanism_curves import (
    ACTED_ON,
    LET_ALONE,
    OBSERVED,
    SeenRows,
    causes_of,
    curve,
    most_seen,
    seen_rows,
    shares,
)
from pyrocausal.plots.mechanisms import NOTHING, plot_mechanism
from pyrocausal.plots.style import count_scale
from pyrocausal.posterior.causal_posterior import CausalPosterior

matplotlib.use("Agg")

INTO_THREE = {("X0", "X3"): 1.0, ("X1", "X3"): 0.9, ("X2", "X3"): 0.8}


def made(kinds, targets=(0, 3, 4)) -> CausalPosterior:
    """X0, X1 and X2 act on X3, on which the second of three regimes acts."""
    chain = settled_chain(INTO_THREE, {edge: 0.1 for edge in INTO_THREE}, targets, kinds=kinds)
    return CausalPosterior(small_data(KINDS[kinds], 60), (chain,), 0)


def drawn(figure) -> dict:
    """By gid lines and points, [G, 2]."""
    return {line.get_gid(): line.get_xydata() for ax in figure.axes for line in ax.lines if "->" in line.get_gid()}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("kinds", ["continuous", "categorical", "counts", "mixed", "gaps"])
def test_curves_are_means_of_drawn_programs_with_all_else_at_its_typical_value(kinds):
    result = made(kinds)
    found = drawn(plot_mechanism(result, "X3", draws=8))
    data = result.data
    first = data.observational
    typical = torch.zeros(4)
    for k, kind in enumerate(data.kinds):
        column = first[:, k][~first[:, k].isnan()]
        typical[k] = column.mode().values if kind.discrete else column.median()
    kind = data.kinds[3]
    wanted = [f"={state}" for state in kind.states] if kind.discrete else [""]
    assert set(found) == {f"{cause} -> X3{state}" for cause in ("X0", "X1", "X2") for state in wanted}
    for j, cause in enumerate(("X0", "X1", "X2")):
        for state, end in enumerate(wanted):
            line = found[f"{cause} -> X3{end}"]
            for place in (0, len(line) // 2, -1):
                values = typical.clone()
                at = line[place, 0]  # these kinds have codes for units
                values[j] = at if not data.kinds[j].discrete else round(at)  # states stand beside each other
                each = [program.conditional(3, values[None]) for program in result.programs(8).programs[0]]
                told = [float(fn.probs[0, state] if kind.discrete else fn.mean) for fn in each]
                assert line[place, 1] == pytest.approx(np.mean(told), rel=1e-4, abs=1e-5)


def test_bands_hold_nine_tenths_of_the_draws():
    result = made("continuous")
    programs = result.programs(40)
    found = curve(programs, result, "X1", "X3")
    values = torch.zeros(61, 4)
    values[:] = result.data.observational.median(0).values
    values[:, 1] = torch.from_numpy(found.at)
    each = np.stack([program.conditional(3, values).mean.numpy() for program in programs.programs[0]])
    inside = ((found.low[:, 0] <= each) & (each <= found.high[:, 0])).mean(0)
    assert np.all((inside >= 0.85) & (inside <= 0.95)) and (found.high > found.low).all()


def test_units_are_those_of_the_table():
    kinds = (Continuous(100.0, 10.0), Continuous(-3.0, 0.5), Continuous(0.0, 1.0), Continuous(50.0, 5.0))
    plain, units = made("continuous"), made("continuous")
    chain = units.chains[0]
    model = settled_chain(INTO_THREE).model
    model.kinds = kinds
    data = small_data(kinds, 60)
    data = type(data)(data.names, kinds, plain.data.observational, plain.data.regimes)
    units = CausalPosterior(data, (type(chain)(**{**vars(chain), "model": model}),), 0)
    one, other = (curve(each.programs(10), each, "X0", "X3") for each in (plain, units))
    np.testing.assert_allclose(other.at, 100 + 10 * one.at, rtol=1e-5)
    np.testing.assert_allclose(other.mean, 50 + 5 * one.mean, rtol=1e-4)


def test_counts_are_those_of_a_typical_exposure():
    kinds = (Exposure(4.0), Count("X0", 1.5, 0.8, place=0), Count("X0", 1.5, 0.8, place=0), Count(None, 2.0, 1.0))
    data = small_data(kinds, 50)
    rows = seen_rows(CausalPosterior(data, (settled_chain({("X1", "X2"): 1.0}, {}, (1, 4, 4)),), 0), "X1", "X2")
    every = torch.cat([part.rows for part in data.parts]).double()
    np.testing.assert_allclose(rows.cause, (every[:, 1] / every[:, 0].exp()).numpy())
    np.testing.assert_allclose(rows.effect, (every[:, 2] / every[:, 0].exp()).numpy())


@pytest.mark.filterwarnings("error")
def test_large_counts_have_an_axis_that_ends_a_little_beyond_them():
    figure, ax = plt.subplots()
    ax.plot([1, 900], [0, 4000])  # whose margins would reach below -1, which has no logarithm
    count_scale(ax, "x", 1, 900)
    count_scale(ax, "y", 0, 4000)
    figure.canvas.draw()
    for (low, high), (first, last) in ((ax.get_xlim(), (1, 900)), (ax.get_ylim(), (0, 4000))):
        assert -1 < low < first
        assert last < high < 1.5 * last
    line = ax.transData.transform(ax.lines[0].get_xydata())
    assert np.isfinite(line).all()


def test_rows_of_regimes_that_act_on_the_effect_are_apart():
    result = made("continuous")
    rows = seen_rows(result, "X0", "X3")
    assert np.bincount(rows.sort).tolist() == [60, 60 + 62, 61]  # regimes have 60, 61 and 62 rows
    assert (rows.effect[rows.sort == ACTED_ON] == result.data.regimes[1].rows[:, 3].numpy()).all()
    ax = plot_mechanism(result, "X3", draws=5).axes[0]
    counts = [len(each.get_offsets()) for each in ax.collections if len(each.get_offsets()) > 1]
    assert counts == [sum(rows.sort == sort) for sort in (OBSERVED, LET_ALONE, ACTED_ON)]
    grid = drawn(ax.figure)["X0 -> X3"][:, 0]
    assert grid.max() <= rows.cause[rows.sort != ACTED_ON].max()


def test_panels_are_the_strongest_causes_and_share_an_axis():
    result = made("continuous")
    chain = result.chains[0]
    strengths = matrix({("X0", "X3"): 0.01, ("X1", "X3"): 0.5, ("X2", "X3"): 0.2}).double()
    result = CausalPosterior(result.data, (type(chain)(**{**vars(chain), "edge_strength": strengths}),), 0)
    assert causes_of(result, "X3") == ["X1", "X2", "X0"]
    figure = plot_mechanism(result, "X3", most=2, draws=5)
    assert [ax.get_xlabel() for ax in figure.axes] == ["X1", "X2"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert "2 of 3 causes" in figure.get_suptitle()
    assert figure.axes[0].get_title() == "probability 0.90, 0.5 nats a row"
    figure.canvas.draw()


@pytest.mark.parametrize("kinds", ["categorical", "continuous"])
def test_a_legend_is_one_row_where_there_is_room_and_stays_inside(kinds):
    rows = []
    for most in (1, 2, 3):
        figure = plot_mechanism(made(kinds), "X3", most=most, draws=2)
        figure.canvas.draw()
        (legend,) = figure.legends
        rows.append(len({round(text.get_window_extent().y0) for text in legend.get_texts()}))
        box = legend.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert rows[-1] == 1 and rows[0] >= rows[1] >= rows[2]
    assert kinds == "continuous" or rows[1] == 1


def test_a_variable_without_causes_says_so_and_bad_questions():
    result = made("continuous")
    figure = plot_mechanism(result, "X0")
    assert [text.get_text() for text in figure.axes[0].texts] == [NOTHING.format("X0")]
    with pytest.raises(ValueError, match="effect: 'Y' is no variable"):
        plot_mechanism(result, "Y")
    with pytest.raises(ValueError, match="most must be"):
        plot_mechanism(result, "X3", most=0)
    with pytest.raises(TypeError, match="result must be a CausalPosterior"):
        plot_mechanism(result.data, "X3")


def test_shares_are_counted_by_state_or_tenth_without_regimes_that_act_on_the_effect():
    cause, effect = np.repeat([0.0, 1.0, 2.0], [10, 20, 3]), np.tile([1.0, 0.0, 1.0], 11)
    rows = SeenRows(cause, effect, np.ones(33), np.full(33, OBSERVED))
    at, share = shares(rows, 1, 3)  # the last state has fewer than five rows
    assert at.tolist() == [0, 1]
    np.testing.assert_allclose(share, [effect[:10].mean(), effect[10:30].mean()])
    heavy = shares(rows._replace(weights=np.where(effect == 1, 3.0, 1.0)), 1, 3)[1]
    assert heavy[0] == pytest.approx(3 * share[0] / (3 * share[0] + 1 - share[0]))
    acted = shares(rows._replace(sort=np.where(cause == 0, ACTED_ON, LET_ALONE)), 1, 3)
    assert acted[0].tolist() == [1]
    numbers = np.linspace(0, 1, 200)
    at, share = shares(SeenRows(numbers, (numbers > 0.5) * 1.0, np.ones(200), np.zeros(200, int)), 1, 0)
    assert len(at) == 10 and share.tolist() == [0] * 5 + [1] * 5
    assert most_seen(rows._replace(effect=np.repeat([2.0, 0.0, 1.0], [20, 10, 3])), 4, 2) == [0, 2]

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
import xarray as xr
from conftest import KINDS, small_data
from example_results import chain, posterior
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from pyrocausal.data.kinds import Categorical, Count
from pyrocausal.plots.histograms import histogram, predict
from pyrocausal.plots.predictive_check import plot_predictive
from pyrocausal.posterior.causal_posterior import CausalPosterior

matplotlib.use("Agg")


def axes():
    return Figure(figsize=(5, 4)).add_subplot()


def many(kinds, rows=60, **changes) -> CausalPosterior:
    """One chain with a program that nobody has fitted; regime 0 hits X1, regime 1 nothing, regime 2 X0 and X2."""
    data = small_data(KINDS[kinds], rows)
    return CausalPosterior(replace(data, **changes), (chain(KINDS[kinds], draws=0),), 0)


def column(dataset, name):
    return dataset[name].values


def test_states_are_bars_beside_dots():
    result = posterior(rows=50)
    predicted = result.to_arviz(posterior_predictive=4, seed=3)
    found = histogram(result, predicted, "X2", "regime 1")
    rows = result.data.regimes[1].rows
    expected = [(rows[:, 2] == state).double().mean().item() for state in range(4)]
    np.testing.assert_allclose(found.observed, expected)
    here = predicted["constant_data"]["regime_number"].values == 1
    tables = predicted["posterior_predictive"]["X2"].values[..., here].reshape(8, -1)  # two chains, four tables each
    np.testing.assert_allclose(found.predicted, [[(each == state).mean() for state in range(4)] for each in tables])
    assert found.labels == ("0", "1", "2", "3") and found.rows == len(rows)

    ax = plot_predictive(result, "X2", "regime 1", axes(), predicted=predicted)
    bars, dots = (next(c for c in ax.containers if isinstance(c, k)) for k in (BarContainer, ErrorbarContainer))
    np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
    np.testing.assert_allclose(dots.lines[0].get_ydata(), np.median(found.predicted, 0))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("X2", "share of rows")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["observed", "predicted"]
    assert ax.get_title() == (
        f"regime 1, 51 rows\n{found.misplaced:.1%} of rows misplaced, {found.by_chance:.1%} by chance"
    )


def test_drawing_many_from_one_prediction_is_drawing_each_alone():
    result = posterior(rows=50)
    together = histogram(result, predict(result, tables=6, seed=2), "X3")
    alone = histogram(result, result.to_arviz(posterior_predictive=3, seed=2), "X3")  # three of each of two chains
    np.testing.assert_array_equal(together.predicted, alone.predicted)
    tree = xr.DataTree.from_dict(predict(result, tables=6, seed=2))  # as ArviZ 1.x has it
    np.testing.assert_array_equal(histogram(result, tree, "X3").predicted, alone.predicted)
    drawn = plot_predictive(result, "X3", None, axes(), tables=6, seed=2)
    assert drawn.get_title().startswith("without intervention, 50 rows\n")
    assert drawn.get_title().endswith(f"{alone.misplaced:.1%} of rows misplaced, {alone.by_chance:.1%} by chance")


def test_targets_are_intervened_on():
    result = many("categorical")
    predicted = predict(result, tables=3)
    assert histogram(result, predicted, "X1", "regime 0").kept
    assert not histogram(result, predicted, "X1", "regime 1").kept and not histogram(result, predicted, "X1").kept
    for name in ("posterior_predictive", "observed_data"):
        predicted[name]["X1"][...] = 1  # all the same, and predicted so
    assert (
        histogram(result, predicted, "X1", "regime 0").kept and not histogram(result, predicted, "X1", "regime 1").kept
    )
    predicted = predict(result, tables=3)
    ax = plot_predictive(result, "X1", "regime 0", axes(), predicted=predicted)
    assert ax.get_title() == "regime 0, 60 rows\nkept as recorded, not predicted"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["observed"]


def test_effects_see_the_values_that_were_set():
    result = many("categorical", rows=4000)
    (one,) = result.chains
    dag = torch.zeros(4, 4, dtype=torch.bool)
    dag[3, 1] = True  # X1 -> X3
    rows = result.data.regimes[0].rows.clone()
    rows[:, 1] = 2.0
    regimes = (replace(result.data.regimes[0], rows=rows), *result.data.regimes[1:])
    fixed = CausalPosterior(replace(result.data, regimes=regimes), (replace(one, dag=dag),), 0)
    found = histogram(fixed, predict(fixed, tables=2), "X3", "regime 0")
    expected = one.model.mechanisms.conditional(3, rows[:1], dag[3].float()).probs[0]
    np.testing.assert_allclose(found.predicted.mean(0), expected.detach().numpy(), atol=0.03)
    assert abs(expected[0] - histogram(fixed, predict(fixed, tables=2), "X3").predicted.mean(0)[0]) > 0.03


def test_numbers_are_areas_below_a_band():
    result = many("continuous", rows=100)
    predicted = predict(result, tables=5)
    found = histogram(result, predicted, "X0")
    assert len(found.observed) == 10 and found.labels == ()
    assert found.observed.sum() == pytest.approx(1) and found.predicted.sum(1) == pytest.approx(1)  # none is left out
    values = result.data.decode(result.data.observational).X0
    np.testing.assert_allclose(found.observed[1:-1], np.histogram(values, found.edges)[0][1:-1] / 100)
    ax = plot_predictive(result, "X0", ax=axes(), predicted=predicted)
    area, band, line = (p.get_data() for p in ax.patches if isinstance(p, StepPatch))
    np.testing.assert_array_equal(area.values, found.observed)
    np.testing.assert_array_equal(line.values, np.median(found.predicted, 0))
    assert (band.baseline <= line.values).all() and (line.values <= band.values).all()


def test_counts_have_bars_where_they_are_few_and_a_logarithmic_axis_where_they_are_many():
    kinds = (Count(None, 1.5, 0.8), Count(None, 4.0, 1.0), Categorical((0, 1)), Categorical((0, 1)))
    torch.manual_seed(0)
    data = small_data(kinds, 400)
    rows = data.observational.clone()
    rows[:, 0], rows[:, 1] = torch.poisson(torch.full((400,), 2.0)), torch.poisson(60 * torch.rand(400) ** -0.5)
    one = chain(kinds, draws=0)
    model = one.model
    with torch.no_grad():  # so that what is predicted has no long tails
        for parameter in model.mechanisms.parameters():
            parameter.zero_()
    result = CausalPosterior(replace(data, observational=rows), (one,), 0)
    predicted = predict(result, tables=3)
    few, lots = (histogram(result, predicted, name) for name in ("X0", "X1"))
    assert few.labels[:3] == ("0", "1", "2")
    np.testing.assert_allclose(few.observed[:3], [(rows[:, 0] == k).double().mean() for k in range(3)], atol=0.005)
    assert lots.labels == () and lots.observed.sum() == pytest.approx(1)
    assert (np.diff(lots.edges) >= 1).all() and (lots.edges % 1 == 0.5).all()
    ax = plot_predictive(result, "X1", ax=axes(), predicted=predicted)
    assert ax.get_ylabel() == "share of rows per log unit"
    area = next(p for p in ax.patches if isinstance(p, StepPatch)).get_data()
    np.testing.assert_allclose(area.values * np.diff(np.log1p(area.edges)), lots.observed)
    assert "100" in [label.get_text() for label in ax.get_xticklabels()]


def test_rows_count_by_their_weights():
    weights = torch.linspace(1.0, 5.0, 60)
    result = many("categorical", observational_weights=weights)
    predicted = predict(result, tables=2)
    found, rows = histogram(result, predicted, "X0"), result.data.observational
    expected = [float(weights[rows[:, 0] == state].sum() / weights.sum()) for state in range(2)]
    np.testing.assert_allclose(found.observed, expected, rtol=1e-5)
    drawn = column(predicted["posterior_predictive"], "X0")[..., :60].reshape(2, -1)
    share = [(weights.numpy() * (each == 0)).sum() / float(weights.sum()) for each in drawn]
    np.testing.assert_allclose(found.predicted[:, 0], share, rtol=1e-5)


def test_missing_values_and_exposures(monkeypatch):
    monkeypatch.setattr("pyrocausal.evidence.imputation.STEPS", 3)
    result = many("all", rows=30)
    predicted = predict(result, tables=2)
    missing = int(result.data.observational[:, 3].isnan().sum())
    found = histogram(result, predicted, "X3")
    assert missing and found.rows == 30 - missing and found.observed.sum() == pytest.approx(1)
    assert histogram(result, predicted, "X0").kept  # an exposure


def test_misplaced_rows_by_hand():
    found = histogram(result := many("categorical"), predict(result, tables=2), "X0")
    found = found._replace(observed=np.array([0.5, 0.5]), predicted=np.array([[0.2, 0.8], [0.4, 0.6]]))
    assert found.misplaced == pytest.approx(0.2)  # two tenths of the rows from the first state to the second
    assert found.by_chance == pytest.approx(0.2)  # either table is compared with the other
    found = found._replace(predicted=np.array([[0.2, 0.8], [0.4, 0.6], [0.6, 0.4]]))
    np.testing.assert_allclose(found.each, [0.3, 0.0, 0.3], atol=1e-12)
    alone = plot_predictive(result, "X0", predicted=predict(result, tables=1))
    assert alone.get_title().endswith("% of rows misplaced")  # nothing is said of chance


def test_what_cannot_be_predicted(monkeypatch):
    monkeypatch.setattr("pyrocausal.evidence.imputation.STEPS", 3)
    result = posterior(rows=20)
    predicted = result.to_arviz(posterior_predictive=1)
    with pytest.raises(ValueError, match="variable: there is none called 'Z'; the result has X0, X1, X2, X3"):
        plot_predictive(result, "Z")
    with pytest.raises(ValueError, match="regime: there is none called 'heat'; the result has regime 0"):
        plot_predictive(result, "X0", "heat")
    with pytest.raises(ValueError, match="tables must be at least 1, got 0"):
        plot_predictive(result, "X0", tables=0)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        plot_predictive(result, "X0", seed=-1)
    with pytest.raises(ValueError, match="predicted: tables that were drawn already; leave out tables and seed"):
        plot_predictive(result, "X0", seed=1, predicted=predicted)
    with pytest.raises(ValueError, match=r"predicted: it holds no predicted tables; make it with to_arviz\(post"):
        plot_predictive(result, "X0", predicted=result.to_arviz())
    with pytest.raises(ValueError, match="predicted: its tables are not like those of the result"):
        plot_predictive(posterior(rows=21), "X0", predicted=predicted)
    with pytest.raises(TypeError, match="result must be a CausalPosterior, got str"):
        plot_predictive("result", "X0")
    gaps = many("gaps", rows=20)
    rows = gaps.data.regimes[1].rows.clone()
    rows[:, 0] = torch.nan
    regimes = (gaps.data.regimes[0], replace(gaps.data.regimes[1], rows=rows), gaps.data.regimes[2])
    empty = CausalPosterior(replace(gaps.data, regimes=regimes), gaps.chains, 0)
    with pytest.raises(ValueError, match="variable: 'X0' has no value in regime 'regime 1'"):
        plot_predictive(empty, "X0", "regime 1", tables=1)

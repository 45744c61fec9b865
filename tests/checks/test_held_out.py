"""Held-out rows and regimes, mostly with fits replaced by what they should find."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import networkx as nx
import numpy as np
import pytest
import torch
from conftest import KINDS, LinearGaussian, make_rows, small_data
from example_fits import problem, replace_fits

from pyrocausal import SDI, Settling, graphs, networks, simulate
from pyrocausal.checks import held_out
from pyrocausal.checks.held_out import held_out_regimes, held_out_rows
from pyrocausal.checks.negative_control import random_graph_control
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.evidence import imputation
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.sdi.targets import known_targets


@pytest.fixture
def fits(monkeypatch):
    return partial(replace_fits, monkeypatch)


@pytest.mark.parametrize("seed", range(4))
def test_the_true_graph_predicts_unseen_regimes_best(fits, seed):
    data, truth, targets = problem(seed)
    fits(truth, targets)
    check = held_out_regimes(data, refitting=None, seed=seed)
    table = check.table()
    assert list(table.columns) == ["settled", "independent", "complete", "reversed"]
    assert list(table.index) == [*data.regime_names, "all"]
    assert table.loc["all", "settled"] > table.loc["all", "independent"] + 0.05
    assert table.loc["all", "settled"] > table.loc["all", "reversed"] + 0.02
    assert table.loc["all", "settled"] > table.loc["all", "complete"]
    assert check.targets.settled.to_dict() == targets


@pytest.mark.parametrize("seed", range(2))
def test_a_wrong_graph_is_told_by_what_it_is_compared_with(fits, seed):
    data, truth, targets = problem(seed)
    fits(truth.reverse(), targets)
    check = held_out_regimes(data, refitting=None, seed=seed)
    table = check.table().loc["all"]
    assert table.settled < table.reversed  # reversed twice: the true order
    assert (check.against({"truth": truth}).table().truth > check.table().settled).all()


def test_held_out_rows(fits):
    data, truth, targets = problem(0)
    asked = fits(truth, targets)
    check = held_out_rows(data, 0.25, seed=3, refitting=None, max_steps=7)
    ((training, options),) = asked
    assert options == {"chains": 1, "progress": False, "seed": 3, "max_steps": 7}
    assert training.n == 1500
    assert [len(regime.rows) for regime in training.regimes] == [300] * 5
    assert check.rows.to_dict() == {"observational rows": 500} | dict.fromkeys(data.regime_names, 100)
    assert check.log_likelihood.dims == ("graph", "regime", "variable")
    assert check.log_likelihood.sizes == {"graph": 4, "regime": 6, "variable": 5}
    table = check.table()
    weighed = (table.settled[:-1] * check.rows).sum() / 1000
    assert table.settled["all"] == pytest.approx(weighed)
    assert table.loc["all", "settled"] > table.loc["all", "independent"] + 0.05
    assert table.loc["all", "settled"] == pytest.approx(table.loc["all", "complete"], abs=0.05)
    assert check.targets.settled.to_dict() == {"observational rows": (), **targets}
    again = held_out_rows(data, 0.25, seed=3, refitting=None, max_steps=7)
    np.testing.assert_array_equal(again.log_likelihood, check.log_likelihood)
    again = held_out_rows(data, 0.25, seed=np.int64(3), refitting=None)
    np.testing.assert_array_equal(again.log_likelihood, check.log_likelihood)
    other = held_out_rows(data, 0.25, seed=4, refitting=None)
    assert not np.array_equal(other.log_likelihood, check.log_likelihood)
    text = str(check)
    assert "Held-out rows: mean log-likelihood of a row in nats" in text
    assert "the settled graph predicts better than 'independent' in 6 of 6 tables, by +" in text

    gains = check.gains()
    assert gains.index.to_list() == ["independent", "complete", "reversed"]
    each = (table.settled - table.independent)[:-1]
    left = [each.drop(name) @ check.rows.drop(name) / check.rows.drop(name).sum() for name in each.index]
    jackknife = np.sqrt(5 / 6 * sum((one - np.mean(left)) ** 2 for one in left))
    assert gains.nats["independent"] == pytest.approx(table.settled["all"] - table.independent["all"])
    assert gains.standard_error["independent"] == pytest.approx(jackknife)
    assert gains.better["independent"] == 6
    assert f"by {gains.nats['independent']:+.3f} nats a row over all (standard error {jackknife:.3f})" in text
    alone = check.in_order(["observational rows"])
    assert np.isnan(alone.gains().standard_error).all()
    assert "standard error" not in str(alone)


def test_rows_of_a_training_table_are_not_scored(fits):
    # Rows carry their number in a continuous variable: none may be on both sides.
    rows = torch.stack([torch.arange(100.0), torch.randn(100)], 1)
    kinds = (Continuous(0.0, 1.0),) * 2
    data = InterventionalData(("A", "B"), kinds, rows[:60], (Regime("r", rows[60:], ("B",)),))
    asked = fits(nx.DiGraph([("A", "B")]), {"r": ("B",)})
    check = held_out_rows(data, 0.3, refitting=None)
    training = asked[0][0]
    fitted = torch.cat([training.observational, training.regimes[0].rows])[:, 0].tolist()
    scored = [value for table in check._trials[0].tables for value in table.scored.rows[:, 0].tolist()]
    assert sorted(fitted + scored) == list(range(100))


def test_rows_that_tell_the_target_of_a_regime_are_not_scored(fits):
    rows = torch.stack([torch.arange(100.0), torch.randn(100)], 1)
    kinds = (Continuous(0.0, 1.0),) * 2
    regimes = (Regime("r", rows[60:80], ("B",)), Regime("s", rows[80:], ("A",)))
    asked = fits(nx.DiGraph([("A", "B")]), {"r": ("B",), "s": ("A",)})
    check = held_out_regimes(InterventionalData(("A", "B"), kinds, rows[:60], regimes), refitting=None)
    for (training, _), trial in zip(asked, check._trials, strict=True):
        (stays,), (table,) = training.regimes, trial.tables
        assert {stays.name, table.name} == {"r", "s"}
        parts = [training.observational, stays.rows, table.adapting.rows, table.scored.rows]
        assert [len(part) for part in parts] == [60, 20, 10, 10]
        assert sorted(torch.cat(parts)[:, 0].tolist()) == list(range(100))


def test_halves_of_a_regime_are_drawn_by_the_seed(fits):
    # A table in which replicates take turns would be cut in two unlike halves by every second row.
    rows, kinds = torch.stack([torch.arange(100.0), torch.randn(100)], 1), (Continuous(0.0, 1.0),) * 2
    regimes = (Regime("r", rows[60:80], ("B",)), Regime("s", rows[80:], ("A",)))
    data = InterventionalData(("A", "B"), kinds, rows[:60], regimes)
    fits(nx.DiGraph([("A", "B")]), {"r": ("B",), "s": ("A",)})
    checks = [held_out_regimes(data, folds=2, seed=seed, refitting=None) for seed in (1, 1, 2)]
    one, again, other = (
        {trial.tables[0].name: trial.tables[0].scored.rows[:, 0].tolist() for trial in check._trials}
        for check in checks
    )
    assert one == again != other
    for scored in one.values():
        assert scored == sorted(scored)
        assert len({value % 2 for value in scored}) == 2


@pytest.mark.parametrize("folds", [None, 2, 3])
def test_folds_leave_regimes_out_of_the_fit(fits, folds):
    data, truth, targets = problem(0)
    prior = TargetPrior(probability={name: {"X0": 0.9} for name in data.regime_names})
    asked = fits(truth, targets)
    check = held_out_regimes(data, folds, refitting=None, target_prior=prior)
    assert len(asked) == len(check.results) == (folds or 5)
    left = [set(data.regime_names) - set(training.regime_names) for training, _ in asked]
    assert sorted(name for names in left for name in names) == sorted(data.regime_names)
    for training, options in asked:
        assert set(options["target_prior"].probability) == set(training.regime_names)
    for trial in check._trials:
        assert (trial.odds.log_odds[:, 0] > 3).all()
        assert not trial.odds.log_odds[:, 1:].any()
    for training, _ in asked:
        assert training.n == data.n
    assert check.rows.to_dict() == dict.fromkeys(data.regime_names, 200)
    assert list(check.targets.index) == list(data.regime_names)


def test_known_targets_are_taken_as_they_are(fits):
    data, truth, targets = problem(0)
    wrong = {name: (("X0",) if k else ()) for k, name in enumerate(targets)}
    told = replace(data, regimes=tuple(replace(regime, targets=wrong[regime.name]) for regime in data.regimes))
    fits(truth, wrong)
    check = held_out_regimes(told, 2, refitting=None)
    assert all(check.targets[name].to_dict() == wrong for name in check.targets)
    fits(truth, targets)
    assert check.table().settled["all"] < held_out_regimes(data, 2, refitting=None).table().settled["all"]


def test_other_graphs_beside(fits):
    data, truth, targets = problem(1)
    fits(truth, targets)
    check = held_out_regimes(data, 2, refitting=None)
    more = check.against({"literature": truth, "nothing": nx.create_empty_copy(truth)})
    table = more.table()
    assert list(table.columns) == ["settled", "independent", "complete", "reversed", "literature", "nothing"]
    np.testing.assert_allclose(table.literature, table.settled)
    np.testing.assert_allclose(table.nothing, table["independent"])
    assert list(more.targets.columns) == list(table.columns)
    with pytest.raises(TypeError, match=r"graphs must be as .*, got DiGraph"):
        check.against(truth)
    with pytest.raises(ValueError, match="graphs must name at least one"):
        check.against({})
    with pytest.raises(TypeError, match=r"graphs: 'mine' must be a networkx.DiGraph, cause -> effect, got Graph"):
        check.against({"mine": nx.Graph(truth)})
    with pytest.raises(ValueError, match="graphs: the name 'independent' is taken"):
        check.against({"independent": truth})
    with pytest.raises(ValueError, match=r"graphs: 'mine' holds 'X9', which is no variable; variables: 'X0', "):
        check.against({"mine": nx.DiGraph([("X0", "X9")])})
    with pytest.raises(ValueError, match=r"graphs: 'mine' lacks 'X2'; add it with add_node"):
        check.against({"mine": nx.DiGraph([("X0", "X1")])})
    looped = truth.copy()
    looped.add_edges_from([("X0", "X1"), ("X1", "X0")])
    with pytest.raises(ValueError, match="graphs: 'mine' has a cycle"):
        check.against({"mine": looped})


def test_continuous_variables(fits):
    rng = np.random.default_rng(0)
    truth = simulate.linear_truth(graphs.chain(3), rng)
    made = simulate.simulate(truth, intervention=simulate.hard_normal(2.0), rows=1000, rows_per_regime=200, seed=0)
    fits(made.data.truth, made.targets)
    check = held_out_regimes(made.data, refitting=None)
    table = check.table().loc["all"]
    assert table.settled > table["independent"] + 0.2
    assert table.settled > table.reversed + 0.02
    assert check.targets.settled.to_dict() == made.targets


def test_exposures_have_no_edges_and_are_no_targets(fits):
    truth = simulate.count_truth(graphs.chain(3), np.random.default_rng(0), exposure="depth", spread=1.0)
    data = simulate.simulate(truth, intervention=simulate.hard_count(), rows=600, rows_per_regime=100, seed=0).data
    assert data.exposures == ("depth",)
    fits(truth.graph, {name: () for name in data.regime_names})
    for check in (held_out_rows(data, refitting=None), held_out_regimes(data, 2, refitting=None)):
        depth = check.log_likelihood.sel(variable="depth")
        assert (depth == depth.sel(graph="settled")).all()  # it is under no graph an effect
        for trial in check._trials:
            assert (trial.odds.log_odds[:, data.names.index("depth")] == -torch.inf).all()
        literature = nx.DiGraph(nx.subgraph(truth.graph, [name for name in data.names if name != "depth"]))
        beside = check.against({"literature": literature}).log_likelihood
        np.testing.assert_allclose(beside.sel(graph="literature"), beside.sel(graph="settled"))
        with pytest.raises(ValueError, match="graphs: 'mine' has the edge X0 -> depth of a covariate or an exposure"):
            check.against({"mine": nx.DiGraph([*truth.graph.edges, ("X0", "depth")])})
        control = random_graph_control(check)
        assert len(control.permuted) == 5  # all chains of the three counts but the graph itself
    with pytest.raises(ValueError, match="names 'depth', an exposure or a covariate"):
        held_out_rows(data, target_prior=TargetPrior(probability={data.regime_names[0]: {"depth": 0.5}}))


def test_missing_values_are_drawn(fits, monkeypatch):
    monkeypatch.setattr(imputation, "STEPS", 20)
    data = small_data(KINDS["gaps"])
    asked = fits(nx.DiGraph([("X0", "X1"), ("X1", "X2"), ("X2", "X3")]), {f"regime {r}": () for r in range(3)})
    check = held_out_rows(data, refitting=None)
    assert not asked[0][0].observational.isnan().any()
    assert check.log_likelihood.notnull().all()
    assert held_out_regimes(data, 2, refitting=None).log_likelihood.notnull().all()


def test_a_regime_that_is_called_like_the_observational_rows(fits):
    data = small_data(regimes=1)
    data = replace(data, regimes=(replace(data.regimes[0], name="observational rows"),))
    fits(nx.DiGraph([("X0", "X1"), ("X1", "X2"), ("X2", "X3")]), {"observational rows": ()})
    assert list(held_out_rows(data, refitting=None).rows.index) == ["the observational rows", "observational rows"]


def test_a_whole_fit():
    data = simulate.simulate(
        networks.load("chain3"), intervention=simulate.hard_uniform, rows=1500, rows_per_regime=300
    ).data
    check = held_out_rows(data, refitting=None)
    assert set(check.results[0].dag().edges) == {("X0", "X1"), ("X1", "X2")}
    assert check.table().loc["all", "settled"] > check.table().loc["all", "independent"] + 0.1
    assert random_graph_control(check).rank == 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, True, "half"])
def test_shares_out_of_range(share):
    with pytest.raises((ValueError, TypeError), match=r"share must be (in \(0, 1\)|a number), got"):
        held_out_rows(small_data(), share)


def test_errors():
    data = small_data()
    tiny = replace(data, regimes=(*data.regimes, Regime("tiny", make_rows(data.kinds, 3))))
    with pytest.raises(ValueError, match=r"share: regime 'tiny' has 3 rows, of which 0.1 leaves 3 to fit"):
        held_out_rows(tiny, 0.1)
    with pytest.raises(ValueError, match="data: regime 'tiny' has 3 rows, and needs 4"):
        held_out_regimes(tiny)
    with pytest.raises(ValueError, match="data: 'regime 0' is the only regime"):
        held_out_regimes(small_data(regimes=1))
    with pytest.raises(ValueError, match="folds: there are 3 regimes, which make 3 folds at the most, got 4"):
        held_out_regimes(data, 4)
    for folds in (0, 1):
        with pytest.raises(ValueError, match="folds must be at least 2"):
            held_out_regimes(data, folds)
    for folds in (2.0, True):
        with pytest.raises(TypeError, match="folds must be a whole number"):
            held_out_regimes(data, folds)
    for check in (held_out_rows, held_out_regimes):
        with pytest.raises(TypeError, match="data must be an InterventionalData, got list"):
            check([])
        with pytest.raises(ValueError, match="seed must be at least 0"):
            check(data, seed=-1)
    for check in (held_out_rows, held_out_regimes):
        with pytest.raises(TypeError, match="refitting must be a Refitting or None, got 3"):
            check(data, refitting=3)
        with pytest.raises(TypeError, match=r"target_prior must be a TargetPrior or None, got 0\.5"):
            check(data, target_prior=0.5)
        with pytest.raises(ValueError, match="the prior of targets names 'heat', which is no regime"):
            check(data, target_prior=TargetPrior(probability={"heat": {"X0": 0.5}}))
        with pytest.raises(TypeError, match="max_stepz"):
            check(data, max_stepz=3)


def test_no_fit_begins_where_data_do_not_do(fits):
    asked = fits(nx.empty_graph(0), {})
    tiny = replace(data := small_data(), regimes=(*data.regimes, Regime("tiny", make_rows(data.kinds, 3))))
    for check in (partial(held_out_rows, share=0.1), held_out_regimes, partial(held_out_rows, refitting=True)):
        with pytest.raises((ValueError, TypeError)):
            check(tiny)
    assert not asked


def test_graphs_are_judged_with_the_mechanisms_and_the_caution_of_the_fit(fits, monkeypatch):
    made = []
    trial = held_out.RowPredictor
    monkeypatch.setattr(held_out, "RowPredictor", lambda *given: made.append(given) or trial(*given))
    data, truth, targets = problem(0)
    fits(truth, targets)
    held_out_rows(data, refitting=None)
    held_out_rows(data, refitting=None, algorithm=SDI(mechanisms=LinearGaussian), settling=Settling(certainty=1.0))
    held_out_rows(data, refitting=None, target_prior=TargetPrior(several=True))
    default, own, several = made
    assert default[5] is SDI().mechanisms
    assert own[5] is LinearGaussian
    _, hit = known_targets(data.names, [targets[name] for name in data.regime_names])
    assert torch.equal(default[1], ~hit)
    assert torch.equal(own[1], default[1])
    assert not default[3].several
    assert several[3].several


@pytest.mark.parametrize("check", [held_out_rows, held_out_regimes])
def test_targets_that_are_certain_stay_so(fits, check):
    data, truth, targets = problem(0)
    first = data.regime_names[0]
    ((right,), other) = targets[first], next(name for name in data.names if name != targets[first][0])
    asked = fits(truth, targets)

    def tried(told, **row):
        regimes = (replace(data.regimes[0], targets=told), *data.regimes[1:])
        prior = TargetPrior(True, {first: row} if row else {})
        return check(replace(data, regimes=regimes), refitting=None, target_prior=prior)

    stated, probable = tried(AtLeast(other)), tried(None, **{other: 1})
    assert set(stated.targets.settled[first]) == {right, other}
    np.testing.assert_array_equal(stated.log_likelihood, probable.log_likelihood)
    fitted = [regime.targets for made, _ in asked for regime in made.regimes if regime.name == first]
    assert fitted and set(fitted) == {AtLeast(other)}
    assert all(options["target_prior"] == TargetPrior(True) for _, options in asked)

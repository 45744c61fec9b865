"""Random ground truths, interventions on them and simulated experiments."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from pyrocausal.simulate.continuous_truths import (
    AdditiveNoise,
    HiddenLayer,
    Linear,
    NoiseAmongInputs,
    Normal,
    PlusNoise,
    leaky_relu,
)
from pyrocausal.simulate.experiments import (
    additive_network_truth,
    additive_noise_truth,
    linear_truth,
    neural_network_truth,
    nonadditive_network_truth,
    simulate,
)
from pyrocausal.simulate.graphs import chain, full, random_dag
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import (
    hard_constant,
    hard_normal,
    hard_random,
    hard_uniform,
    partly,
    scale,
    shift,
    soft,
)
from pyrocausal.simulate.networks import load
from pyrocausal.simulate.truth_mechanisms import TabularMechanism


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def mixed():
    """A continuous cause of a binary effect that causes a continuous one: written by hand."""

    class Threshold:
        def sample(self, parents, rng):
            return (parents[:, 0] > 0).astype(int)

        def redraw(self, rng):
            return self

    reference = np.array([[0.0], [1.0]] * 50)
    mechanisms = {
        "X0": Normal(),
        "X1": Threshold(),
        "X2": AdditiveNoise.draw(reference, np.random.default_rng(1)),
    }
    return GroundTruth(chain(3), mechanisms, {"X0": None, "X1": ("low", "high"), "X2": None})


def test_mixed_kinds_share_a_graph(rng):
    sample = mixed().sample(200, rng)
    assert ((sample["X1"] == "high") == (sample["X0"] > 0)).all()
    assert sample["X2"].dtype == np.float64
    data = simulate(mixed(), intervention=hard_normal(), rows=50, rows_per_regime=20, targets=["X0", "X2"]).data
    assert [type(kind).__name__ for kind in data.kinds] == ["Continuous", "Categorical", "Continuous"]


def test_neural_truth_carries_the_information_asked_for():
    truth, rejections = neural_network_truth(full(3), np.random.default_rng(3), min_information=0.05)
    assert all(truth.conditional_mutual_information(*edge) >= 0.05 for edge in truth.graph.edges)
    assert rejections > 0
    again, _ = neural_network_truth(full(3), np.random.default_rng(3), min_information=0.05)
    pd.testing.assert_frame_equal(
        truth.sample(50, np.random.default_rng(0)), again.sample(50, np.random.default_rng(0))
    )


def test_neural_truth_has_the_reference_codes_hidden_size(rng):
    truth, rejections = neural_network_truth(chain(3), rng, states=5, min_information=0.0)
    assert rejections == 0
    mechanism = truth.mechanisms["X1"]
    assert mechanism.width == 15
    assert mechanism.inputs.shape == (5, 20)


def test_neural_truth_gives_up_with_a_reason(rng):
    with pytest.raises(ValueError, match=r"max_tries=3.*min_information=0\.6"):
        neural_network_truth(full(4), rng, min_information=0.6, max_tries=3)
    with pytest.raises(ValueError, match="states"):
        neural_network_truth(full(4), rng, states=1)


def test_large_neural_truths_are_feasible(rng):
    truth, _ = neural_network_truth(random_dag(25, 1.0, rng), rng, states=10)
    assert truth.sample(10, rng).shape == (10, 25)


def test_additive_truth_keeps_its_scale(rng):
    truth = additive_noise_truth(random_dag(10, 4.0, rng), rng)
    sample = truth.sample(5_000, rng)
    assert sample.std().between(0.9, 2.0).all()
    assert (sample.mean().abs() < 0.3).all()
    assert set(truth.states.values()) == {None}


@pytest.mark.parametrize(
    ("make", "noisy", "function", "hidden", "extra"),
    [
        (linear_truth, PlusNoise, Linear, None, 0),
        (additive_network_truth, PlusNoise, HiddenLayer, 10, 0),
        (nonadditive_network_truth, NoiseAmongInputs, HiddenLayer, 20, 1),
    ],
)
def test_truths_in_raw_units_have_the_published_parts(make, noisy, function, hidden, extra, rng):
    graph = random_dag(20, 2.0, rng)
    truth = make(graph, rng)
    assert truth.sample(100, rng).notna().all(axis=None)
    assert set(truth.states.values()) == {None}
    for name, mechanism in truth.mechanisms.items():
        p = graph.in_degree(name)
        if p == 0:
            assert isinstance(mechanism, Normal)
            assert mechanism.mean == 0.0
            assert 1.0 <= mechanism.sd**2 <= 2.0
            continue
        assert isinstance(mechanism, noisy)
        assert isinstance(mechanism.function, function)
        assert 1.0 <= (mechanism.sd / 0.4) ** 2 <= 2.0
        if hidden is None:
            assert mechanism.function.weights.shape == (p,)
        else:
            assert mechanism.function.inputs.shape == (p + extra, hidden)
            assert mechanism.function.activation is (np.tanh if extra else leaky_relu)
    noises = {getattr(mechanism, "sd", None) for mechanism in truth.mechanisms.values()}
    assert len(noises) == 20


def test_raw_units_are_those_of_the_intervention(rng):
    truth = linear_truth(chain(2), rng)
    data, _, targets = simulate(truth, intervention=hard_normal(mean=2.0, sd=1.0), rows=5_000, rows_per_regime=5_000)
    for regime in data.regimes:
        (target,) = targets[regime.name]
        column = data.decode(regime.rows)[target]
        assert column.mean() == pytest.approx(2.0, abs=0.06)
        assert column.std() == pytest.approx(1.0, abs=0.05)


def test_soft_keeps_the_parents(rng):
    truth = load("confounder3")
    mechanism = soft(truth, "X2", rng)
    assert mechanism.table.shape == (2, 2, 2)
    assert not np.allclose(mechanism.table, truth.table("X2"))


def test_hard_interventions_on_categories(rng):
    sachs = load("sachs")
    np.testing.assert_allclose(hard_uniform(sachs, "Mek", rng).weights, 1 / 3)
    weights = hard_random(sachs, "Mek", rng).weights
    assert weights.shape == (3,)
    assert weights.sum() == pytest.approx(1.0)


def test_hard_normal_lands_two_deviations_off(rng):
    truth = additive_noise_truth(chain(3), rng)
    column = truth.sample(5_000, rng)["X2"]
    means = [hard_normal()(truth, "X2", rng).mean for _ in range(20)]
    assert {round((mean - column.mean()) / column.std()) for mean in means} == {-2, 2}
    given = hard_normal(mean=4.0, sd=0.1)(truth, "X2", rng)
    assert (given.mean, given.sd) == (4.0, 0.1)


@pytest.mark.parametrize("intervention", [hard_uniform, hard_random])
def test_interventions_on_states_refuse_continuous_targets(intervention, rng):
    truth = additive_noise_truth(chain(2), rng)
    with pytest.raises(ValueError, match="'X1' is continuous"):
        intervention(truth, "X1", rng)


def test_hard_normal_refuses_categories_and_negative_sd(rng):
    with pytest.raises(ValueError, match="'X1' is categorical"):
        hard_normal()(load("chain3"), "X1", rng)
    with pytest.raises(ValueError, match="sd"):
        hard_normal(sd=-1.0)


def test_constants_are_states_or_numbers(rng):
    sachs = load("sachs")
    states = sachs.states["Mek"]
    assert hard_constant(states[1])(sachs, "Mek", rng).value == 1
    assert {hard_constant()(sachs, "Mek", rng).value for _ in range(40)} == {0, 1, 2}
    truth = additive_noise_truth(chain(3), rng)
    assert hard_constant(4)(truth, "X2", rng).value == 4.0
    column = truth.sample(5_000, rng)["X2"]
    values = [hard_constant()(truth, "X2", rng).value for _ in range(20)]
    assert {round((value - column.mean()) / column.std()) for value in values} == {-2, 2}
    with pytest.raises(ValueError, match="target 'Mek' has no state 'much'; its states are"):
        hard_constant("much")(sachs, "Mek", rng)
    with pytest.raises(ValueError, match="target 'X2' is continuous and cannot be set to 'much'"):
        hard_constant("much")(truth, "X2", rng)


def test_shifts_and_scales_change_values_and_keep_the_parents(rng):
    truth = linear_truth(chain(2), rng)
    made = {
        name: simulate(truth, intervention=how, rows=4000, rows_per_regime=4000, targets=["X1"], seed=0)
        for name, how in (("shift", shift(3.0)), ("scale", scale(2.0)))
    }
    natural = made["shift"].data.observational  # standardised
    moved, stretched = (made[name].data.regimes[0].rows for name in ("shift", "scale"))
    assert (moved[:, 1] - natural[:, 1].mean()).mean() == pytest.approx(3.0, abs=0.2)
    assert moved[:, 1].std() == pytest.approx(1.0, abs=0.1)
    assert stretched[:, 1].mean() == pytest.approx(0.0, abs=0.2) and stretched[:, 1].std() == pytest.approx(2, abs=0.2)
    linked = natural.T.corrcoef()[0, 1]
    for rows in (moved, stretched):
        assert rows.T.corrcoef()[0, 1] == pytest.approx(linked.item(), abs=0.06)
        assert rows[:, 0].std() == pytest.approx(1.0, abs=0.1)
    with pytest.raises(ValueError, match="by must be positive; got 0"):
        scale(0)
    for how in (shift(), scale()):
        with pytest.raises(ValueError, match="'X1' is categorical"):
            how(load("chain3"), "X1", rng)


def conditionals(rows, truth, name):
    """Frequencies of a binary variable being 1 and numbers of rows, per state of its parents."""
    frame = pd.DataFrame(rows.numpy(), columns=list(truth.names))
    groups = frame.groupby(list(truth.parents(name)) or np.zeros(len(frame)))[name]
    return groups.mean().to_numpy(), groups.size().to_numpy()


@pytest.mark.parametrize("intervention", [soft, hard_uniform, hard_random])
def test_regimes_change_the_targets_mechanism_alone(intervention):
    truth = load("confounder3")
    data, _, targets = simulate(
        truth, intervention=intervention, rows=20_000, rows_per_regime=20_000, regimes_per_variable=2, seed=1
    )
    for name in truth.names:
        expected = truth.table(name)[..., 1].ravel()
        for rows, hit in [(data.observational, ()), *((each.rows, targets[each.name]) for each in data.regimes)]:
            observed, counts = conditionals(rows, truth, name)
            deviations = np.abs(observed - expected) / np.sqrt(expected * (1 - expected) / counts)
            assert deviations.max() > 10 if hit == (name,) else deviations.max() < 5


def test_simulated_data_tell_nothing_about_targets():
    truth = load("asia")
    data, same, targets = simulate(
        truth, intervention=hard_random, rows=100, rows_per_regime=10, regimes_per_variable=2
    )
    assert same is truth
    assert data.truth is truth.graph
    assert [regime.name for regime in data.regimes] == [f"regime {i}" for i in range(16)] == list(targets)
    assert all(regime.targets is None for regime in data.regimes)
    hit = [target for (target,) in targets.values()]
    assert sorted(hit) == sorted(2 * truth.names)
    assert hit != list(2 * truth.names)  # shuffled
    assert data.observational.shape == (100, 8)
    assert {tuple(regime.rows.shape) for regime in data.regimes} == {(10, 8)}


def test_states_never_seen_keep_their_place():
    table = TabularMechanism(np.array([0.5, 0.0, 0.5]))
    graph = nx.create_empty_copy(chain(2))
    states = ("low", "never", "high")
    truth = GroundTruth(graph, dict.fromkeys(graph, table), dict.fromkeys(graph, states))
    data = simulate(truth, intervention=soft, rows=20, rows_per_regime=5, targets=["X1"]).data
    assert data.kinds[0].states == states
    assert set(data.observational[:, 0].tolist()) == {0.0, 2.0}


def test_values_may_be_missing():
    truth = load("chain3")
    whole, gappy = (
        simulate(truth, intervention=soft, rows=3000, rows_per_regime=1000, missing=share, seed=3).data
        for share in (0.0, 0.2)
    )
    assert not any(kind.missing for kind in whole.kinds) and all(kind.missing for kind in gappy.kinds)
    pairs = [(whole.observational, gappy.observational)]
    pairs += [(one.rows, other.rows) for one, other in zip(whole.regimes, gappy.regimes, strict=True)]
    for one, other in pairs:
        gaps = other.isnan()
        assert (gaps.float().mean(0) - 0.2).abs().max() < 0.05
        assert (one[~gaps] == other[~gaps]).all()  # the rows are the same
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="missing must be at least 0 and less than 1"):
            simulate(truth, intervention=soft, missing=share)


def test_seed_decides_everything():
    truth = load("chain3")
    np.random.seed(0)  # noqa: NPY002 - the global generator must not matter
    first, second, other = (
        simulate(truth, intervention=soft, rows=50, rows_per_regime=20, seed=seed) for seed in (4, 4, 5)
    )
    assert first.targets == second.targets
    assert (first.data.observational == second.data.observational).all()
    for a, b in zip(first.data.regimes, second.data.regimes, strict=True):
        assert (a.rows == b.rows).all()
    assert (first.data.observational != other.data.observational).any()


def test_chosen_targets_only():
    targets = simulate(load("chain3"), intervention=soft, rows=20, rows_per_regime=5, targets=["X2"]).targets
    assert targets == {"regime 0": ("X2",)}


@pytest.mark.parametrize(
    "wrong", [{"rows": 1}, {"rows_per_regime": 1}, {"regimes_per_variable": 0}, {"targets": ["Y"]}, {"targets": []}]
)
def test_simulate_names_the_bad_argument(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulate(load("chain3"), intervention=soft, **wrong)


def test_regimes_may_hit_several_variables_or_none():
    truth = load("chain3")
    groups = ["X0", ("X1", "X2", "X1"), ()]
    made = simulate(truth, intervention=hard_uniform, rows=3000, rows_per_regime=3000, targets=groups, seed=0)
    assert sorted(made.targets.values()) == [(), ("X0",), ("X1", "X2")]
    apart = {regime.name: regime.rows.double().T.corrcoef() for regime in made.data.regimes}
    natural = made.data.observational.double().T.corrcoef()
    for name, hit in made.targets.items():
        for cause, effect in ((0, 1), (1, 2)):
            linked = abs(apart[name][cause, effect]) > 0.5 * abs(natural[cause, effect])
            assert linked == (f"X{effect}" not in hit)  # a hard intervention cuts a variable off its cause
    with pytest.raises(ValueError, match="targets must be a list of variables among"):
        simulate(truth, intervention=hard_uniform, targets=[("X0", "Z")])


@pytest.mark.parametrize("maker", [hard_normal, shift, partly])
def test_what_makes_interventions_is_called_first(maker):
    with pytest.raises(TypeError, match=rf"{maker.__name__} is not; if it makes one, call it first: {maker.__name__}"):
        simulate(load("chain3"), intervention=maker, rows=10, rows_per_regime=10)

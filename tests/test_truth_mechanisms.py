"""The mechanisms of ground truths against their formulas."""

import numpy as np
import pytest

from pyrocausal.truth_mechanisms import (
    AdditiveNoise,
    Constant,
    Distribution,
    HiddenLayer,
    Linear,
    NeuralCategorical,
    NoiseAmongInputs,
    Normal,
    PlusNoise,
    TabularMechanism,
    leaky_relu,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


CATEGORICAL = [
    TabularMechanism(np.random.default_rng(1).dirichlet(np.ones(3), (2, 4))),
    NeuralCategorical.draw([2, 4], 3, 12, 16, np.random.default_rng(2)),
    Distribution(np.array([0.2, 0.5, 0.3])),
]


@pytest.mark.parametrize("mechanism", CATEGORICAL, ids=lambda each: type(each).__name__)
class TestCategoricalMechanisms:
    def test_frequencies_match_probabilities(self, mechanism, rng):
        n, parents = 40_000, np.array([[1.0, 2.0]])
        expected = mechanism.probabilities(parents)[0]
        values = mechanism.sample(np.repeat(parents, n, 0), rng)
        assert expected.sum() == pytest.approx(1.0)
        assert np.abs(np.bincount(values, minlength=3) / n - expected).max() < 5 * np.sqrt(0.25 / n)

    def test_redraw_keeps_class_and_shape_and_changes_numbers(self, mechanism, rng):
        grid = np.indices((2, 4)).reshape(2, -1).T.astype(float)
        again = mechanism.redraw(rng)
        assert type(again) is type(mechanism)
        assert again.probabilities(grid).shape == mechanism.probabilities(grid).shape == (8, 3)
        assert np.abs(again.probabilities(grid) - mechanism.probabilities(grid)).max() > 0.05

    def test_samples_depend_on_the_generator_alone(self, mechanism):
        parents = np.zeros((100, 2))
        first, second = (mechanism.sample(parents, np.random.default_rng(5)) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_redrawn_tables_have_logits_within_the_papers_range(rng):
    table = TabularMechanism(np.full((50, 4, 2), 0.5)).redraw(rng).table
    odds = np.log(table[..., 0] / table[..., 1])
    assert 4.0 < np.abs(odds).max() <= 5.0


def test_impossible_states_are_never_drawn(rng):
    values = Distribution(np.array([0.0, 1.0, 0.0])).sample(np.empty((10_000, 0)), rng)
    assert set(values) == {1}


def test_neural_weights_are_orthogonal_rows_of_all_variables(rng):
    network = NeuralCategorical.draw([3, 3], 3, 30, 100, rng)
    assert network.inputs.shape == (6, 100)
    np.testing.assert_allclose(network.inputs @ network.inputs.T, 2.5**2 * np.eye(6), atol=1e-10)
    np.testing.assert_allclose(network.outputs.T @ network.outputs, 2.5**2 * np.eye(3), atol=1e-10)
    assert np.abs(network.bias).max() <= 1.1


def test_neural_probabilities_follow_the_formula(rng):
    network = NeuralCategorical.draw([2, 3], 2, 10, 8, rng)
    onehot = np.array([0, 1, 0, 0, 1.0])  # states 1 and 2
    hidden = onehot @ network.inputs + network.bias
    logits = np.where(hidden > 0, hidden, 0.1 * hidden) @ network.outputs + network.shift
    np.testing.assert_allclose(
        network.probabilities(np.array([[1.0, 2.0]]))[0], np.exp(logits) / np.exp(logits).sum(), rtol=1e-10
    )


@pytest.mark.parametrize("activation", [np.tanh, np.sin, np.positive])
@pytest.mark.parametrize("p", [1, 3, 10])
def test_additive_noise_has_a_decent_signal_from_every_parent(p, activation, rng):
    reference = rng.normal(3.0, 2.0, (1_000, p))
    mechanism = AdditiveNoise.draw(reference, rng, activation)
    signal = mechanism.mean(reference)
    assert 1.0 <= signal.std() <= 1.5
    assert abs(signal.mean()) < 1e-9
    assert 0.4 <= mechanism.sd <= 0.8
    residual = mechanism.sample(reference, rng) - signal
    assert residual.std() == pytest.approx(mechanism.sd, rel=0.1)
    for j in range(p):
        moved = reference.copy()
        moved[:, j] = rng.permutation(moved[:, j])
        assert (mechanism.mean(moved) - signal).std() > 0.3 / np.sqrt(p)
    again = mechanism.redraw(rng)
    assert again.activation is activation
    assert again.sd != mechanism.sd
    assert not np.allclose(again.mean(reference), signal, atol=0.01)


def test_linear_mechanisms_are_linear(rng):
    mechanism = AdditiveNoise.draw(rng.normal(size=(500, 2)), rng, np.positive)
    a, b = rng.normal(size=(2, 7, 2))
    np.testing.assert_allclose(mechanism.mean((a + b) / 2), (mechanism.mean(a) + mechanism.mean(b)) / 2, atol=1e-10)


def test_additive_roots_are_standard_normal_and_move_when_redrawn(rng):
    root = AdditiveNoise.draw(np.empty((100, 0)), rng)
    values = root.sample(np.empty((20_000, 0)), rng)
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, abs=0.05)
    moved = root.redraw(rng)
    assert (moved.centre, moved.sd) != (root.centre, root.sd)


def test_linear_weights_stay_away_from_zero(rng):
    weights = Linear.draw(2_000, rng).weights
    assert 0.25 <= np.abs(weights).min() < 0.26
    assert 0.99 < np.abs(weights).max() <= 1.0
    assert abs((weights > 0).mean() - 0.5) < 0.05


def test_a_hidden_layer_follows_its_formula(rng):
    layer = HiddenLayer.draw(3, 10, rng, leaky_relu)
    row = np.array([0.5, -2.0, 1.0])
    total = layer.shift
    for unit in range(10):
        inside = layer.bias[unit] + sum(row[j] * layer.inputs[j, unit] for j in range(3))
        total += layer.outputs[unit] * (inside if inside > 0 else inside / 4)
    assert layer(row[None])[0] == pytest.approx(total)
    assert np.abs(layer.bias).max() <= 1 / np.sqrt(3)
    assert HiddenLayer.draw(200, 200, rng).inputs.std() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("function", [Linear(np.array([1.0, -2.0])), HiddenLayer.draw(2, 5, np.random.default_rng(1))])
def test_noise_is_added_in_raw_units(function, rng):
    parents = np.repeat([[1.0, 3.0]], 20_000, 0)
    values = PlusNoise(function, 0.6).sample(parents, rng)
    assert values.mean() == pytest.approx(function(parents)[0], abs=0.03)
    assert values.std() == pytest.approx(0.6, rel=0.03)


def test_noise_among_inputs_comes_last(rng):
    parents = rng.normal(size=(20_000, 1))
    values = NoiseAmongInputs(Linear(np.array([1.0, -10.0])), 0.3).sample(parents, rng)
    residual = values - parents[:, 0]
    assert residual.std() == pytest.approx(3.0, rel=0.03)
    assert abs(np.corrcoef(residual, parents[:, 0])[0, 1]) < 0.03


@pytest.mark.parametrize("noisy", [PlusNoise, NoiseAmongInputs])
@pytest.mark.parametrize("hidden", [False, True])
def test_redrawing_keeps_shape_and_noise(noisy, hidden, rng):
    p = 3 + (noisy is NoiseAmongInputs)
    mechanism = noisy(HiddenLayer.draw(p, 4, rng, leaky_relu) if hidden else Linear.draw(p, rng), 0.5)
    again = mechanism.redraw(rng)
    rows = rng.normal(size=(50, p))
    assert type(again) is noisy
    assert again.sd == 0.5
    assert not np.allclose(again.function(rows), mechanism.function(rows))
    if hidden:
        assert again.function.activation is leaky_relu
        assert again.function.inputs.shape == (p, 4)


def test_replacements_ignore_parents(rng):
    parents = rng.normal(size=(5_000, 2))
    assert set(Constant(3.0).sample(parents, rng)) == {3.0}
    values = Normal(10.0, 0.5).sample(parents, rng)
    assert values.mean() == pytest.approx(10.0, abs=0.05)
    assert values.std() == pytest.approx(0.5, abs=0.05)
    assert isinstance(Normal().redraw(rng), Normal)
    with pytest.raises(ValueError, match="redraw"):
        Constant(1.0).redraw(rng)


@pytest.mark.parametrize("table", [[[0.5, 0.6]], [-0.5, 1.5], 1.0])
def test_tables_must_hold_probabilities(table):
    with pytest.raises(ValueError, match="table"):
        TabularMechanism(np.array(table))

"""The continuous mechanisms of ground truths against their formulas."""

import numpy as np
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


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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


def test_normal_values_ignore_parents(rng):
    values = Normal(10.0, 0.5).sample(rng.normal(size=(5_000, 2)), rng)
    assert values.mean() == pytest.approx(10.0, abs=0.05)
    assert values.std() == pytest.approx(0.5, abs=0.05)
    assert isinstance(Normal().redraw(rng), Normal)

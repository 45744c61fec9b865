"""Constant and categorical mechanisms of ground truths against their formulas."""

import numpy as np
import pytest

from pyrocausal.simulate.truth_mechanisms import Constant, Distribution, NeuralCategorical, TabularMechanism


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


def test_constants_ignore_parents(rng):
    assert set(Constant(3.0).sample(rng.normal(size=(5_000, 2)), rng)) == {3.0}
    with pytest.raises(ValueError, match="redraw"):
        Constant(1.0).redraw(rng)


@pytest.mark.parametrize("table", [[[0.5, 0.6]], [-0.5, 1.5], 1.0])
def test_tables_must_hold_probabilities(table):
    with pytest.raises(ValueError, match="table"):
        TabularMechanism(np.array(table))

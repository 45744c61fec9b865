"""What drifts between the regimes of a simulated experiment, and what does not."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from pyrocausal.simulate import (
    count_truth,
    drifting_measurement,
    drifting_tables,
    hard_constant,
    hard_count,
    hard_normal,
    hard_random,
    neural_network_truth,
    simulate,
)
from pyrocausal.simulate.continuous_truths import Linear, Normal, PlusNoise
from pyrocausal.simulate.graphs import chain
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.truth_mechanisms import Constant


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tables(made):
    """Rows of every regime, in units."""
    data = made.data
    return {regime.name: pd.DataFrame(data.decode(regime.rows), columns=data.names) for regime in data.regimes}


def line():
    """X0 -> X1 -> X2, each twice its cause, and noise."""
    steps = {name: PlusNoise(Linear(np.array([2.0])), 0.5) for name in ("X1", "X2")}
    return GroundTruth(chain(3), {"X0": Normal(), **steps}, dict.fromkeys(chain(3)))


def test_numbers_are_shifted_and_scaled_after_the_fact():
    clean, other = (
        simulate(line(), intervention=hard_normal(2.0), rows=400, regimes_per_variable=20, drift=drift, seed=1)
        for drift in (None, drifting_measurement(0.1))
    )
    assert clean.targets == other.targets
    assert (clean.data.observational == other.data.observational).all()
    moved = []
    for was, now in zip(tables(clean).values(), tables(other).values(), strict=True):
        for name in was:
            factor, shift = np.polyfit(was[name].astype(float), now[name].astype(float), 1)
            np.testing.assert_allclose(now[name].astype(float), factor * was[name].astype(float) + shift, atol=1e-3)
            moved.append((factor, shift / (1.0, 2.06, 4.16)[int(name[1])]))
    factors, shifts = np.array(moved).T
    assert len(factors) == 3 * 60
    assert np.log(factors).std() == pytest.approx(0.1, rel=0.2) and shifts.std() == pytest.approx(0.1, rel=0.2)


def test_no_drift_is_no_change(rng):
    assert drifting_measurement(0.0)(line(), mechanisms := line().mechanisms, rng) == mechanisms


def test_efficiency_and_depth_of_counts():
    rng = np.random.default_rng(4)  # its means are 44 and 56: counts tell what was there before they were taken
    truth = count_truth(chain(2), rng, exposure="depth", spread=0.1)
    drifted = drifting_measurement(0.5)(truth, truth.mechanisms, rng)
    plain, other = truth.sample(40_000, rng), truth.sample(40_000, rng, drifted)
    depth = drifted["depth"].median / truth.mechanisms["depth"].median
    assert other["depth"].median() / plain["depth"].median() == pytest.approx(depth, rel=0.01)
    for name in ("X0", "X1"):
        ratio = other[name].mean() / plain[name].mean()
        assert ratio == pytest.approx(depth * drifted[name].factor, rel=0.05)
        assert (other[name] % 1 == 0).all()
    assert abs(np.log(depth)) > 0.01


def test_counts_that_are_set_stay(rng):
    truth = count_truth(chain(2), rng)
    drifted = drifting_measurement(0.5)(truth, {**truth.mechanisms, "X0": Constant(7.0)}, rng)
    sample = truth.sample(100, rng, drifted)
    assert (sample["X0"] == 7).all() and (sample["X1"] % 1 == 0).all()
    made = simulate(truth, intervention=hard_count(), rows=100, rows_per_regime=50, drift=drifting_measurement(0.1))
    assert all((table.astype(float) % 1 == 0).all(axis=None) for table in tables(made).values())


def test_tables_are_drawn_around_their_own(rng):
    truth, _ = neural_network_truth(chain(3), rng, states=3)
    drift = drifting_tables(200.0)
    drawn = [drift(truth, truth.mechanisms, rng)["X1"].table for _ in range(2_000)]
    own = truth.table("X1")
    assert drawn[0].shape == own.shape == (3, 3)
    np.testing.assert_allclose(np.mean(drawn, 0), own, atol=0.005)
    np.testing.assert_allclose(np.std(drawn, 0), np.sqrt(own * (1 - own) / 201), rtol=0.15, atol=1e-4)


def test_targets_do_not_listen_again(rng):
    truth, _ = neural_network_truth(chain(2), rng, states=3)
    put = {**truth.mechanisms, "X1": hard_random(truth, "X1", rng), "X0": hard_constant(1)(truth, "X0", rng)}
    drifted = drifting_tables(50.0)(truth, put, rng)
    assert drifted["X1"].weights.shape == (3,) and drifted["X1"].weights.sum() == pytest.approx(1)
    assert (drifted["X1"].weights != put["X1"].weights).all()
    assert (truth.sample(50, rng, drifted)["X0"] == 1).all()


def test_numbers_beside_categories(rng):
    class Threshold:
        def sample(self, parents, rng):
            return (parents[:, 0] > 0).astype(int)

        def redraw(self, rng):
            return self

    graph = nx.DiGraph([("A", "B")])
    truth = GroundTruth(graph, {"A": Normal(), "B": Threshold()}, {"A": None, "B": ("low", "high")})
    drifted = drifting_measurement(0.3)(truth, truth.mechanisms, rng)
    sample = truth.sample(2_000, rng, drifted)
    edge = (sample.A[sample.B == "low"].max() + sample.A[sample.B == "high"].min()) / 2
    assert edge == pytest.approx(drifted["A"].own.shift, abs=0.02)
    assert drifted["B"].redraw(rng).own == drifted["B"].own
    assert drifting_tables()(truth, truth.mechanisms, rng) == truth.mechanisms


def test_a_drift_out_of_range_is_refused(rng):
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="by must not be negative"):
            drifting_measurement(wrong)
    for wrong in (0.5, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="concentration must be a number of at least 1"):
            drifting_tables(wrong)
    truth, _ = neural_network_truth(chain(2), rng, states=3)
    numbers = GroundTruth(chain(2), {"X0": Normal(), "X1": truth.mechanisms["X1"]}, {"X0": None, "X1": (0, 1, 2)})
    with pytest.raises(ValueError, match="'X0' is continuous"):
        drifting_tables()(numbers, numbers.mechanisms, rng)

"""Simulated counts: their mechanisms, their exposure, and what can be done to them."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from pyrocausal import Count, Exposure
from pyrocausal.simulate.count_truths import Counting, LogNormal
from pyrocausal.simulate.experiments import simulate
from pyrocausal.simulate.graphs import chain
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import (
    hard_constant,
    hard_count,
    hard_normal,
    hard_random,
    hard_uniform,
    partly,
    scale,
    shift,
    soft,
)
from pyrocausal.simulate.random_counts import count_truth
from pyrocausal.simulate.truth_mechanisms import Constant


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def truth(rng):
    return count_truth(chain(3), rng)


def test_moments_are_those_of_a_negative_binomial(rng):
    counts = Counting.around(20.0, 4.0).sample(np.empty((200_000, 0)), rng)
    assert counts.mean() == pytest.approx(20, rel=0.02)
    assert counts.var() == pytest.approx(20 + 20**2 / 4, rel=0.03)
    assert (counts == counts.round()).all()


def test_an_intervention_that_reaches_a_part_of_the_rows(rng):
    truth = count_truth(chain(2), rng, exposure="depth")
    for reached in (0.3, 1.0):
        made = partly(hard_constant(0), reached)(truth, "X1", rng)
        rows = truth.sample(20_000, rng, {"X1": made})
        usual = truth.sample(20_000, rng)
        assert (rows.X1 == 0).mean() == pytest.approx(reached + (1 - reached) * (usual.X1 == 0).mean(), abs=0.02)
        assert rows.X1.mean() == pytest.approx((1 - reached) * usual.X1.mean(), rel=0.05)
    assert made.redraw is not None and partly(soft, 0.5)(truth, "X1", rng).redraw(rng).reached == 0.5
    with pytest.raises(ValueError, match="reached must be above 0 and at most 1; got 0"):
        partly(soft, 0)


def test_counts_listen_to_the_logarithms_of_their_parents(truth, rng):
    table = truth.sample(4_000, rng)
    assert abs(np.corrcoef(np.log1p(table.X0), np.log1p(table.X1))[0, 1]) > 0.2
    mechanism = truth.mechanisms["X1"]
    one, other = (mechanism.sample(np.full((4_000, 1), value), rng) for value in (0.0, 200.0))
    assert abs(np.log(one.mean() / other.mean())) > 0.1


def test_exposure_multiplies_means_and_is_the_kinds(rng):
    truth = count_truth(chain(2), rng, exposure="depth", spread=1.0)
    table = truth.sample(40_000, rng)
    low, high = (table.depth.between(center / 1.1, center * 1.1) for center in (500, 2_000))
    assert table.X0[high].mean() / table.X0[low].mean() == pytest.approx(4.0, rel=0.1)
    data, _, targets = simulate(truth, intervention=soft, rows=300, rows_per_regime=50, missing=0.1, seed=0)
    assert data.exposures == ("depth",) and sorted(targets.values()) == [("X0",), ("X1",)]
    assert isinstance(data.kinds[0], Count) and data.kinds[0].exposure == "depth"
    assert isinstance(data.kinds[2], Exposure) and data.observational[:, 2].isfinite().all()
    assert data.observational[:, :2].isnan().any()
    with pytest.raises(ValueError, match="targets must not hold the exposure, 'depth'"):
        simulate(truth, intervention=soft, targets=["depth"])


def test_interventions_on_counts(truth, rng):
    usual = truth.sample(5_000, rng)["X2"]
    assert {hard_constant()(truth, "X2", rng).value for _ in range(30)} >= {0.0}
    assert hard_constant(7)(truth, "X2", rng).value == 7.0
    means = [np.exp(hard_count()(truth, "X2", rng).function.centre) / usual.mean() for _ in range(20)]
    assert {round(float(np.log(mean) / np.log(4))) for mean in means} == {-1, 1}
    assert np.exp(hard_count(30.0, 2.0)(truth, "X2", rng).function.centre) == pytest.approx(30)
    down = truth.sample(5_000, rng, {"X2": scale(0.25)(truth, "X2", rng)})["X2"]
    assert down.mean() == pytest.approx(usual.mean() / 4, rel=0.1)
    assert scale(2.0)(truth, "X2", rng).sample(np.zeros((9, 1)), rng).shape == (9,)
    other = soft(truth, "X2", rng)
    assert isinstance(other, Counting) and other.function.centre == truth.mechanisms["X2"].function.centre
    root = soft(truth, "X0", rng)
    assert np.log(2) <= abs(root.function.centre - truth.mechanisms["X0"].function.centre) <= np.log(10)


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (shift(), "'X2' is no continuous variable; for a count take hard_count, scale or soft"),
        (hard_normal(), "'X2' is no continuous variable; for a count take hard_count, scale or soft"),
        (hard_normal(3.0), "'X2' is no continuous variable"),
        (hard_uniform, "'X2' is a count; it has no states"),
        (hard_random, "'X2' is a count; it has no states"),
        (hard_constant(0.5), "'X2' is a count and cannot be set to 0.5; give a whole number of at least 0"),
        (hard_constant(-1), "'X2' is a count and cannot be set to -1"),
        (hard_constant("much"), "'X2' is a count and cannot be set to 'much'"),
    ],
)
def test_what_cannot_be_done_to_counts(intervention, message, truth, rng):
    with pytest.raises(ValueError, match=message):
        intervention(truth, "X2", rng)


@pytest.mark.parametrize("groups", [["X0"], [("X0", "X2"), ()]])
def test_several_targets_and_placebos(groups, truth):
    data, _, targets = simulate(
        truth, intervention=hard_constant(0), rows=200, rows_per_regime=50, targets=groups, seed=1
    )
    for regime in data.regimes:
        for j, name in enumerate(truth.names):
            assert bool((regime.rows[:, j] == 0).all()) == (name in targets[regime.name])


def test_refusals(truth, rng):
    with pytest.raises(ValueError, match="mean and size must be positive"):
        hard_count(0.0)
    with pytest.raises(ValueError, match="mean and size must be positive"):
        hard_count(size=-1.0)
    with pytest.raises(ValueError, match="exposure must be a new name, 'X0' is in the graph"):
        count_truth(chain(2), rng, exposure="X0")
    with pytest.raises(ValueError, match="spread must not be negative"):
        count_truth(chain(2), rng, exposure="depth", spread=-1.0)
    with pytest.raises(ValueError, match=r"is that of an exposure; got .* and None"):
        count_truth(chain(2), rng, spread=0.5)
    nothing = GroundTruth(chain(1), {"X0": Constant(1.0)}, {"X0": None})
    with pytest.raises(ValueError, match="'X0' is no count; this intervention needs one"):
        hard_count()(nothing, "X0", rng)


def test_ground_truths_with_an_exposure_that_is_none(rng):
    graph = nx.DiGraph([("A", "B")])
    graph.add_node("depth")
    counts = {name: Counting.around(5.0, 5.0) for name in "AB"}
    whole, states = counts | {"depth": LogNormal(10.0, 1.0)}, dict.fromkeys(graph)
    for mechanisms, counted, exposure, message in (
        (whole, {"A", "C"}, "depth", "counts must be one of"),
        (whole, {"A", "B"}, "A", "exposure must be a variable without edges; got 'A'"),
        (whole, {"A", "B"}, "reads", "exposure must be a variable without edges; got 'reads'"),
        (whole | {"depth": Constant(1.0)}, {"A", "B"}, "depth", "exposure: the mechanism of 'depth' must be LogNormal"),
        (whole | {"A": Constant(1.0)}, {"A", "B"}, "depth", "with an exposure the mechanism of 'A' must be Counting"),
    ):
        with pytest.raises(ValueError, match=message):
            GroundTruth(graph, mechanisms, states, frozenset(counted), exposure)
    assert whole["depth"].redraw(rng).sd == 1.0


def test_counts_follow_an_exposure_that_is_replaced(rng):
    truth = count_truth(chain(2), rng, exposure="depth", spread=0.0)
    usual = truth.mechanisms["depth"]
    plain, deep = (truth.sample(20_000, rng, {"depth": LogNormal(by * usual.median, 0.0)}) for by in (1.0, 3.0))
    for name in ("X0", "X1"):
        assert deep[name].mean() / plain[name].mean() == pytest.approx(3, rel=0.05)

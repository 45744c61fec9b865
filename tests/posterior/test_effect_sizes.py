"""Sizes of effects, against mechanisms whose effects are known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyro.distributions as dist
import pytest
import torch

import pyrocausal.posterior.edge_sizes as of_edges
import pyrocausal.posterior.target_sizes as of_targets
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.regime import Regime
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior.edge_sizes import edge_sizes
from pyrocausal.posterior.target_sizes import target_sizes

UNIT = Continuous(5.0, 2.0)
PKA, ERK = Categorical(("low", "mid", "high")), Categorical(("off", "on"))


class Known(Mechanisms):
    """A distribution per variable, written down; those left out are standard normal."""

    def __init__(self, **known: Callable[[torch.Tensor], dist.TorchDistribution]) -> None:
        super().__init__()
        self.known = known
        self.asked: list[int] = []  # rows, call by call

    def conditional(self, i, values, parents):
        """See `Mechanisms.conditional`; what is no parent is hidden, as 0."""
        self.asked.append(len(values))
        made = self.known.get(f"X{i}", lambda x: dist.Normal(torch.zeros(len(x)), 1.0))
        return made(values * parents)


def made(kinds, rows, *regimes, weights=None, regime_weights=None) -> InterventionalData:
    names = tuple(f"X{i}" for i in range(len(kinds)))
    tables = regimes or (rows[:2],)
    each = [regime_weights] if regime_weights is not None else [None] * len(tables)
    drugs = tuple(Regime(f"drug {r}", table, None, each[r]) for r, table in enumerate(tables))
    return InterventionalData(names, tuple(kinds), rows, drugs, observational_weights=weights)


def program(data: InterventionalData, mechanisms: Mechanisms) -> CausalModel:
    return CausalModel(data.names, data.kinds, mechanisms, IndependentBeliefs(fixed_edges(data.names)))


def graph(d: int, *edges: tuple[int, int]) -> torch.Tensor:
    found = torch.zeros(d, d, dtype=torch.bool)
    for effect, cause in edges:
        found[effect, cause] = True
    return found


def codes(states: int, n: int = 100) -> torch.Tensor:
    return torch.arange(n).remainder(states).float()


# ---------------------------------------------------------------------- numbers
def test_slopes_of_a_number_are_in_standard_deviations():
    rows = torch.randn(500, 3) * torch.tensor([1.0, 3.0, 0.5]) + 4.0
    data = made((UNIT,) * 3, rows)
    mechanisms = Known(X2=lambda x: dist.Normal(0.7 * x[:, 0] - 0.2 * x[:, 1], 1.0))
    found = edge_sizes(program(data, mechanisms), data, graph(3, (2, 0), (2, 1)))
    sd = rows.double().std(0, correction=0)
    assert found.value[2, 0] == pytest.approx(float(0.7 * sd[0] / sd[2]), rel=1e-4)
    assert found.value[2, 1] == pytest.approx(float(-0.2 * sd[1] / sd[2]), rel=1e-4)
    assert found.measured[2, 0] == found.measured[2, 1] == "sd per sd"
    assert np.isnan(found.value).sum() == 7 and (found.measured == "").sum() == 7  # where there is no edge


def test_a_slope_that_changes_is_averaged_over_rows_with_other_parents_as_observed():
    rows = torch.randn(200, 3)
    data = made((UNIT,) * 3, rows)
    mechanisms = Known(X2=lambda x: dist.Normal(x[:, 0].tanh() * x[:, 1], 1.0))
    found = edge_sizes(program(data, mechanisms), data, graph(3, (2, 0), (2, 1)))
    x, sd = rows.double().numpy(), rows.double().numpy().std(0)
    each = [(math.tanh(a + sd[0] / 2) - math.tanh(a - sd[0] / 2)) * b for a, b, _ in x]
    assert found.value[2, 0] == pytest.approx(np.mean(each) / sd[2], rel=1e-4)


def test_a_cause_with_states_moves_a_number():
    rows = torch.stack([codes(3), torch.randn(100)], 1)
    data = made((PKA, UNIT), rows)
    mechanisms = Known(X1=lambda x: dist.Normal(torch.tensor([1.0, 3.0, -1.0])[x[:, 0].long()], 1.0))
    found = edge_sizes(program(data, mechanisms), data, graph(2, (1, 0)))
    assert found.value[1, 0] == pytest.approx(-4.0 / float(rows[:, 1].std(correction=0)), rel=1e-4)
    assert found.measured[1, 0] == "sd, X0 mid to high"


def test_levels_are_compared_from_the_lowest_to_the_highest():
    rows = torch.stack([codes(3), torch.randn(100)], 1)
    data = made((replace(PKA, ordered=True), UNIT), rows)
    mechanisms = Known(X1=lambda x: dist.Normal(torch.tensor([1.0, 3.0, -1.0])[x[:, 0].long()], 1.0))
    found = edge_sizes(program(data, mechanisms), data, graph(2, (1, 0)))
    assert found.value[1, 0] == pytest.approx(-2.0 / float(rows[:, 1].std(correction=0)), rel=1e-4)
    assert found.measured[1, 0] == "sd, X0 low to high"


def test_an_effect_with_levels_is_at_least_one_of_them():
    table = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    rows = torch.stack([codes(2), codes(3)], 1)
    drug = torch.stack([torch.ones(50), codes(3, 50).clamp(max=1)], 1)  # 17 of 50 low, the others mid
    data = made((ERK, replace(PKA, ordered=True)), rows, drug)
    model = program(data, Known(X1=lambda x: dist.Categorical(table[x[:, 0].long()])))
    found = edge_sizes(model, data, graph(2, (1, 0)))
    assert found.value[1, 0] == pytest.approx(0.7 - 0.2) and found.measured[1, 0] == "P(X1>=high), X0 off to on"
    targets = target_sizes(model, data, graph(2, (1, 0)))
    assert targets.value[0, 1] == pytest.approx(0.0 - 0.7) and targets.measured[0, 1] == "P(X1>=high)"


def test_a_state_that_never_occurs_is_not_compared():
    rows = torch.stack([codes(2), torch.randn(100)], 1)  # never high
    data = made((PKA, UNIT), rows)
    mechanisms = Known(X1=lambda x: dist.Normal(torch.tensor([1.0, 3.0, -9.0])[x[:, 0].long()], 1.0))
    assert edge_sizes(program(data, mechanisms), data, graph(2, (1, 0))).measured[1, 0] == "sd, X0 low to mid"


# ---------------------------------------------------------------------- categories
def test_a_table_of_probabilities_has_its_largest_change():
    rows = torch.stack([codes(2), codes(3), codes(3)], 1)
    data = made((ERK, PKA, PKA), rows)
    table = torch.tensor([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4]])
    mechanisms = Known(
        X1=lambda x: dist.Categorical(table[x[:, 0].long()]),
        X0=lambda x: dist.Categorical(torch.stack([0.5 - 0.2 * x[:, 2], 0.5 + 0.2 * x[:, 2]], 1)),
    )
    found = edge_sizes(program(data, mechanisms), data, graph(3, (1, 0), (0, 2)))
    assert found.value[1, 0] == pytest.approx(0.3, abs=1e-6)
    assert found.measured[1, 0] == "P(X1=high), X0 off to on"
    assert found.value[0, 2] == pytest.approx(0.4, abs=1e-6)  # of two states the last is spoken of
    assert found.measured[0, 2] == "P(X0=on), X2 low to high"


def test_a_number_changes_a_probability():
    rows = torch.stack([torch.randn(300), codes(2, 300)], 1)
    data = made((UNIT, ERK), rows)
    mechanisms = Known(X1=lambda x: dist.Categorical(logits=torch.stack([x[:, 0], torch.zeros(len(x))], 1)))
    found = edge_sizes(program(data, mechanisms), data, graph(2, (1, 0)))
    x, sd = rows[:, 0].double(), float(rows[:, 0].double().std(correction=0))
    by_hand = ((-x - sd / 2).sigmoid() - (-x + sd / 2).sigmoid()).mean()
    assert found.value[1, 0] == pytest.approx(float(by_hand), rel=1e-4) and by_hand < 0
    assert found.measured[1, 0] == "P(X1=on) per sd"


# ---------------------------------------------------------------------- counts
def test_log_fold_changes_of_counts_with_an_exposure():
    depth = torch.randn(400) * 0.3
    rows = torch.stack([depth, torch.poisson(depth.exp() * 3), torch.poisson(depth.exp() * 5), codes(2, 400)], 1)
    kinds = (Exposure(4.0), Count("X0", 1.5, 0.8, place=0), Count("X0", 1.5, 0.8, place=0), ERK)
    data = made(kinds, rows)
    assert (rows[:, 1] == 0).any()  # they move upwards alone

    def count(x):
        level = torch.log1p(x[:, 1] / depth.exp())
        return negative_binomial(0.9 * level - 0.4 * x[:, 3] + depth, torch.ones(len(x)))

    found = edge_sizes(program(data, Known(X2=count)), data, graph(4, (2, 1), (2, 3)))
    level = torch.log1p(rows[:, 1].double() / depth.double().exp())
    assert found.value[2, 1] == pytest.approx(0.9 * float(level.std(correction=0)), rel=1e-4)
    assert found.measured[2, 1] == "log fold per sd of log X1"
    assert found.value[2, 3] == pytest.approx(-0.4, abs=1e-5)
    assert found.measured[2, 3] == "log fold, X3 off to on"


# ---------------------------------------------------------------------- rows
def bent(x: torch.Tensor) -> dist.TorchDistribution:
    """Its slope is not the same in any two rows."""
    return dist.Normal(x[:, 0] ** 2, 1.0)


def test_rows_without_a_parent_are_left_out_and_other_gaps_do_not_matter():
    gappy = Continuous(0.0, 1.0, missing=True)
    rows = torch.randn(200, 3) + 1.0
    rows[:, 1] -= rows[:, 1].mean()
    holes = rows.clone()
    holes[150:, 0], holes[:50, 2] = math.nan, math.nan
    full = made((gappy,) * 3, rows[:150])
    data = made((gappy,) * 3, holes)
    found = edge_sizes(program(data, Known(X1=bent)), data, graph(3, (1, 0)))
    less = edge_sizes(program(full, Known(X1=bent)), full, graph(3, (1, 0)))
    ratio = float(rows[:150, 1].std(correction=0) / rows[:, 1].std(correction=0))  # of the effect all values count
    assert found.value[1, 0] == pytest.approx(less.value[1, 0] * ratio, rel=1e-4)
    nowhere = made((gappy,) * 3, torch.cat([torch.full((40, 1), math.nan), torch.randn(40, 2)], 1))
    assert np.isnan(edge_sizes(program(nowhere, Known(X1=bent)), nowhere, graph(3, (1, 0))).value).all()
    assert np.isnan(target_sizes(program(nowhere, Known(X1=bent)), nowhere, graph(3, (1, 0))).value[0, :2]).all()


def test_a_weight_is_a_number_of_rows():
    rows, weights = torch.randn(60, 2), torch.tensor([1.0, 3.0]).repeat(30)
    again = rows.repeat_interleave(weights.long(), 0)
    light = made((UNIT,) * 2, rows, rows + 1.0, weights=weights, regime_weights=weights)
    heavy = made((UNIT,) * 2, again, again + 1.0)
    plain = made((UNIT,) * 2, rows, rows + 1.0)
    for sizes in (edge_sizes, target_sizes):
        one, other, without = (sizes(program(d, Known(X1=bent)), d, graph(2, (1, 0))) for d in (light, heavy, plain))
        np.testing.assert_allclose(one.value, other.value, rtol=1e-5)
        assert not np.allclose(one.value, without.value, equal_nan=True, rtol=1e-2)


def test_rows_are_observational_unless_they_are_few(monkeypatch):
    data = made((UNIT,) * 2, torch.randn(40, 2), torch.randn(60, 2) + 3.0)
    few = replace(data, observational=data.observational[:10])
    for each, most, rows in ((data, 2_000, 40), (data, 7, 7), (few, 2_000, 70)):
        monkeypatch.setattr(of_edges, "MOST_ROWS", most)
        mechanisms = Known(X1=bent)
        edge_sizes(program(each, mechanisms), each, graph(2, (1, 0)))
        assert mechanisms.asked == [rows, rows]
    monkeypatch.setattr(of_targets, "REGIME_ROWS", (8, 5))
    mechanisms = Known()
    target_sizes(program(data, mechanisms), data, graph(2))
    assert mechanisms.asked == [8, 8]


def test_nothing_is_random():
    data = made((UNIT, PKA, ERK), torch.stack([torch.randn(50), codes(3, 50), codes(2, 50)], 1))
    model, before = program(data, NeuralMechanisms(data.kinds, 4)), torch.get_rng_state()
    for sizes in (edge_sizes, target_sizes):
        one, two = (sizes(model, data, graph(3, (1, 0), (2, 0), (2, 1))) for _ in range(2))
        assert np.array_equal(one.value, two.value, equal_nan=True) and (one.measured == two.measured).all()
    assert torch.equal(before, torch.get_rng_state())


# ---------------------------------------------------------------------- targets
def test_targets_are_as_far_as_they_were_moved():
    rows = torch.randn(200, 2)
    rows[:, 1] = 0.5 * rows[:, 0]
    hit = torch.randn(80, 2)
    hit[:, 1] = 0.5 * hit[:, 0] - 1.5
    data = made((UNIT,) * 2, rows, hit, rows[:50] + torch.tensor([2.0, 1.0]))
    mechanisms = Known(X1=lambda x: dist.Normal(0.5 * x[:, 0], 1.0))
    found = target_sizes(program(data, mechanisms), data, graph(2, (1, 0)))
    sd = rows.double().std(0, correction=0)
    assert found.value[0, 1] == pytest.approx(-1.5 / float(sd[1]), rel=1e-4)
    assert found.value[1, 0] == pytest.approx((float(rows[:50, 0].mean()) + 2.0) / float(sd[0]), rel=1e-4)
    assert found.value[1, 1] == pytest.approx(0.0, abs=1e-5)  # it went where its cause has it go
    assert (found.measured == "sd").all()


def test_targets_with_states_and_counts():
    rows = torch.stack([codes(2), codes(3), torch.poisson(torch.full((100,), 4.0))], 1)
    acted = torch.stack([codes(2), torch.full((100,), 1.0), torch.tensor([3.0, 5.0]).repeat(50)], 1)
    data = made((ERK, PKA, Count(None, 1.5, 0.8)), rows, acted, acted * torch.tensor([1.0, 1.0, 0.0]))
    mechanisms = Known(
        X0=lambda x: dist.Categorical(torch.tensor([0.3, 0.7]).expand(len(x), 2)),
        X1=lambda x: dist.Categorical(torch.tensor([0.5, 0.3, 0.2]).expand(len(x), 3)),
        X2=lambda x: negative_binomial(torch.full((len(x),), math.log(2.0)), torch.ones(len(x))),
    )
    found = target_sizes(program(data, mechanisms), data, graph(3))
    assert found.value[0].tolist() == pytest.approx([-0.2, 0.7, math.log(400.5 / 200.5)], abs=1e-5)
    assert found.measured[0].tolist() == ["P(X0=on)", "P(X1=mid)", "log fold"]
    assert found.value[1, 2] == pytest.approx(math.log(0.5 / 200.5), abs=1e-5)  # none is left


def test_a_regime_that_never_measured_a_variable_has_no_size():
    gappy = Continuous(0.0, 1.0, missing=True)
    blind = torch.randn(30, 2)
    blind[:, 1] = math.nan
    data = made((UNIT, gappy), torch.randn(50, 2), blind, torch.randn(30, 2))
    found = target_sizes(program(data, Known()), data, graph(2))
    assert np.isnan(found.value).tolist() == [[False, True], [False, False]]
    assert found.measured[0, 1] == ""


def test_an_exposure_is_no_target():
    rows = torch.stack([torch.randn(50), torch.poisson(torch.full((50,), 4.0))], 1)
    data = made((Exposure(4.0), Count("X0", 1.5, 0.8, place=0)), rows)
    model = program(data, NeuralMechanisms(data.kinds, 4))
    assert target_sizes(model, data, graph(2)).measured[0].tolist() == ["", "log fold"]


# ---------------------------------------------------------------------- kinds
@dataclass(frozen=True)
class Odd(Continuous):
    """A kind of a user's, whose distribution need not have a mean."""

    def distribution(self, out, values):
        return dist.Cauchy(out[0], out[1].exp())


@pytest.mark.parametrize(
    "made_of",
    [
        lambda x: dist.Cauchy(x[:, 0], 1.0),  # whose mean is no number
        lambda x: dist.TransformedDistribution(dist.Normal(x[:, 0], 1.0), [dist.transforms.SoftplusTransform()]),
    ],
)
def test_without_a_mean_there_is_no_size(made_of):
    data = made((UNIT, Odd(0.0, 1.0)), torch.randn(50, 2))
    model = program(data, Known(X1=made_of))
    edges, targets = edge_sizes(model, data, graph(2, (1, 0))), target_sizes(model, data, graph(2, (1, 0)))
    assert np.isnan(edges.value[1, 0]) and edges.measured[1, 0] == ""
    assert np.isnan(targets.value[0, 1]) and targets.measured[0].tolist() == ["sd", ""]

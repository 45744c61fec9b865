"""The published algorithm comes to rest, and what would keep it from that does."""

from __future__ import annotations

import itertools

import pytest
import torch

from pyrocausal import SDI, simulate
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.sdi import published
from pyrocausal.sdi.credit import acyclicity, self_normalised
from pyrocausal.simulate import networks


def pull(rows: float, gains: tuple[float, ...], belief: float) -> float:
    """Credit of an edge that gains so many nats in each regime, per p (1 - p): mean over regimes, noise left out."""
    graphs = torch.zeros(1000, 2, 2)
    graphs[: round(1000 * belief), 0, 1] = 1
    scores = graphs[:, None, :, :].sum(-1) * torch.tensor(gains)[:, None]  # [K, R, d]
    credit = self_normalised(graphs, scores, torch.full((2, 2), belief), rows=rows)
    return float(credit[:, 0, 1].mean()) / (belief * (1 - belief))


def test_many_rows_hold_on_to_an_edge_that_is_worse_on_average():
    gains = 0.3, -0.35  # of a reversed edge, in a regime that says nothing of the direction and in one that does
    assert sum(gains) < 0
    assert abs(pull(1.0, gains, 0.05)) < 0.05
    assert pull(10.0, gains, 0.05) > 1
    assert published.CREDIT.estimator.keywords == {"rows": 1.0}


@pytest.mark.parametrize(("weight", "low", "high"), [(0.5, 0.08, 0.12), (None, 0.0, 0.006)])
def test_a_reversed_edge_stands_where_the_slope_of_its_penalty_balances_its_gain(weight, low, high):
    weight = published.CREDIT.regularisers[acyclicity] if weight is None else weight
    beliefs = torch.linspace(0.001, 0.999, 999)
    slopes = []
    for belief in beliefs:
        both = torch.tensor([[0.0, 1.0], [float(belief), 0.0]], requires_grad=True)
        (slope,) = torch.autograd.grad(weight * acyclicity(both), both)
        slopes.append(float(slope[1, 0]))
    stands = float(beliefs[next(k for k, slope in enumerate(slopes) if slope > 0.05)])
    assert low < stands < high


def test_steps_are_in_proportion_to_the_gradient():
    moved = []
    for size in (1e-2, 1e-3, 1e-4):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimiser = published.CREDIT.optimiser([parameter])
        for _ in range(30):
            parameter.grad = torch.full((1,), size)
            optimiser.step()
        moved.append(-float(parameter.detach()))
    assert moved[0] == pytest.approx(10 * moved[1], rel=0.15)
    assert moved[1] == pytest.approx(10 * moved[2], rel=0.15)


def test_work_bounds_the_rows_that_many_graphs_score():
    scoring = published.SCORING
    assert scoring.work >= (4 + 5) * 9 * scoring.rows  # three variables and nine regimes: all rows
    assert scoring.work // ((scoring.graphs + 5) * 25) < 100  # 25 variables: few


def test_the_published_algorithm_comes_to_rest_at_the_right_graph():
    truth = networks.load("confounder3")
    made = simulate.simulate(
        truth, intervention=simulate.hard_uniform, rows=5000, rows_per_regime=500, regimes_per_variable=2, seed=0
    )
    with reproducible_torch():
        state, info = SDI.paper(max_steps=600).run(made.data, seed=0)
    assert info.settled and state.step < 600
    names, belief = made.data.names, info.edge_probability
    for cause, effect in itertools.permutations(names, 2):
        p = float(belief[names.index(effect), names.index(cause)])
        assert p > 0.98 if truth.graph.has_edge(cause, effect) else p < 0.02

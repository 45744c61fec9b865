"""Parametrisations of edge beliefs against their formulas, and where credit goes."""

from __future__ import annotations

import pyro
import pytest
import torch
from conftest import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine

from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import EdgeBeliefs, IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.neural_mechanisms import NeuralMechanisms

D, R = 4, 3
NAMES = [f"X{i}" for i in range(D)]
BOTH = pytest.mark.parametrize("parametrisation", [IndependentBeliefs, OrientedBeliefs])


def unknown(d=D):
    return fixed_edges([f"X{i}" for i in range(d)])


def randomise(beliefs, scale=2.0):
    with torch.no_grad():
        for parameter in beliefs.parameters():
            parameter.normal_(0.0, scale)
    beliefs.confine()
    return beliefs


def off_diagonal(matrix):
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


seeds = st.integers(0, 10_000)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_oriented_log_odds_are_those_of_the_product(seed):
    torch.manual_seed(seed)
    beliefs = randomise(OrientedBeliefs(unknown()).double(), 4.0)
    gamma, theta = beliefs.gamma, beliefs.theta
    product = gamma.sigmoid() * theta.sigmoid()
    torch.testing.assert_close(beliefs.logits(), product.logit(), rtol=1e-8, atol=1e-8)
    expected = product.clone().fill_diagonal_(0.0)
    torch.testing.assert_close(beliefs.edge_probability, expected, rtol=1e-12, atol=1e-15)
    # Orientation is a choice between two directions, whatever the matrix it is made of.
    assert torch.equal(theta, -theta.t())
    torch.testing.assert_close(theta.sigmoid() + theta.t().sigmoid(), torch.ones(D, D).double())
    assert (beliefs.edge_probability + beliefs.edge_probability.t() <= 1.0).all()


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_independent_probability_is_the_sigmoid_of_gamma(seed):
    torch.manual_seed(seed)
    beliefs = randomise(IndependentBeliefs(unknown()))
    expected = beliefs.gamma_unconstrained.detach().sigmoid().fill_diagonal_(0.0)
    assert torch.equal(beliefs.edge_probability, expected)


@BOTH
def test_extreme_parameters_stay_finite(parametrisation):
    beliefs = parametrisation(unknown(), bound=100.0)
    randomise(beliefs, 80.0)
    probability = beliefs.edge_probability
    probability.sum().backward()
    assert probability.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in beliefs.parameters())


@given(seed=seeds, parametrisation=st.sampled_from([IndependentBeliefs, OrientedBeliefs]))
@settings(max_examples=15, deadline=None)
def test_many_steps_move_free_beliefs_and_never_fixed_ones(seed, parametrisation):
    torch.manual_seed(seed)
    order = torch.randperm(D).tolist()
    required = [(NAMES[order[0]], NAMES[order[1]])]
    forbidden = [(NAMES[order[2]], NAMES[order[3]]), (NAMES[order[3]], NAMES[order[0]])]
    fixed = fixed_edges(NAMES, required, forbidden)
    bound = float(torch.rand(()) * 5 + 0.1)
    beliefs = parametrisation(fixed, bound=bound)
    before = beliefs.edge_probability.detach().clone()
    start = [p.detach().clone() for p in beliefs.parameters()]
    certain = ~fixed.isnan()
    assert torch.equal(before[certain], fixed[certain])
    optimiser = torch.optim.Adam(beliefs.parameters(), lr=0.5)
    for _ in range(40):
        optimiser.zero_grad()
        beliefs.assign_credit(torch.randn(R, D, D) * 10, torch.rand(R, D) < 0.3)
        optimiser.step()
        beliefs.confine()
        assert all((p.abs() <= bound).all() for p in beliefs.parameters())
    after = beliefs.edge_probability.detach()
    assert torch.equal(after[certain], before[certain])
    assert (after[~certain] != before[~certain]).all()
    for parameter, initial in zip(beliefs.parameters(), start, strict=True):
        # The numbers behind a fixed edge stand still too; theta belongs to a pair, of which one may be free.
        still = certain & certain.t() if parametrisation is OrientedBeliefs else certain
        assert torch.equal(parameter.detach()[still], initial[still])


@BOTH
def test_bounds_keep_beliefs_off_zero_and_one(parametrisation):
    beliefs = parametrisation(unknown(), bound=3.0)
    with torch.no_grad():
        beliefs.gamma_unconstrained.copy_(torch.tensor([[100.0, -100.0]]).expand(D, 2).repeat(1, D // 2))
    beliefs.confine()
    assert beliefs.gamma.abs().max() == 3.0
    probability = off_diagonal(beliefs.edge_probability)
    low = torch.tensor(-3.0).sigmoid() ** (2 if parametrisation is OrientedBeliefs else 1)
    assert (probability >= low - 1e-7).all()
    assert (probability <= torch.tensor(3.0).sigmoid() + 1e-7).all()


def mean_credit(credit, targets):
    """Loop of its own: mean credit of effect i over the regimes that do not target it."""
    mean = torch.zeros(D, D)
    for i in range(D):
        regimes = [r for r in range(R) if not targets[r, i]]
        for j in range(D):
            mean[i, j] = sum(credit[r, i, j] for r in regimes) / max(1, len(regimes))
    return mean


def test_independent_credit_is_the_mean_over_regimes_that_do_not_target_the_effect():
    beliefs, credit = IndependentBeliefs(unknown()), torch.randn(R, D, D)
    targets = torch.tensor([[1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()  # X0 is hit in every regime
    beliefs.assign_credit(credit, targets)
    expected = -mean_credit(credit, targets).fill_diagonal_(0.0)
    torch.testing.assert_close(beliefs.gamma_unconstrained.grad, expected)
    assert torch.equal(beliefs.gamma_unconstrained.grad[0], torch.zeros(D))
    beliefs.assign_credit(credit, targets)  # accumulates, as backward() does
    torch.testing.assert_close(beliefs.gamma_unconstrained.grad, 2 * expected)


def test_oriented_credit_splits_into_existence_and_orientation():
    beliefs, credit = randomise(OrientedBeliefs(unknown()), 1.0), torch.randn(R, D, D)
    targets = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]).bool()
    a, b = beliefs.gamma.detach().sigmoid(), beliefs.theta.detach().sigmoid()
    beliefs.assign_credit(credit, targets)
    # d logit(ab) / d gamma = (1 - a) / (1 - ab), and likewise for theta.
    existence = mean_credit(credit, targets).fill_diagonal_(0.0) * (1 - a) / (1 - a * b)
    torch.testing.assert_close(beliefs.gamma_unconstrained.grad, -existence, rtol=1e-4, atol=1e-6)
    informative = torch.zeros(D, D)
    for r in range(R):
        for i in range(D):
            for j in range(D):
                if i != j and targets[r, j] and not targets[r, i]:
                    informative[i, j] += credit[r, i, j]
    orientation = informative * (1 - b) / (1 - a * b)
    torch.testing.assert_close(
        beliefs.rho_unconstrained.grad, -(orientation - orientation.t()).triu(1), rtol=1e-4, atol=1e-6
    )


def test_orientation_learns_nothing_where_no_target_is_a_cause():
    beliefs, credit = OrientedBeliefs(unknown()), torch.randn(R, D, D)
    beliefs.assign_credit(credit, torch.zeros(R, D, dtype=torch.bool))
    assert torch.equal(beliefs.rho_unconstrained.grad, torch.zeros(D, D))
    assert beliefs.gamma_unconstrained.grad.abs().max() > 0.1
    beliefs.zero_grad()
    beliefs.assign_credit(credit, torch.tensor([[False, True, False, False]] * R))  # X1 is hit
    theta = beliefs.rho_unconstrained.grad
    moved = theta - theta.t()
    assert (moved[[0, 2, 3], 1] != 0).all()
    assert torch.equal(moved[[0, 0, 2], [2, 3, 3]], torch.zeros(3))


def test_probability_is_differentiable_only_by_what_is_asked_for():
    beliefs = randomise(OrientedBeliefs(unknown()))
    for existence, orientation in ((True, False), (False, True), (True, True)):
        beliefs.zero_grad()
        probability = beliefs.probability(existence, orientation)
        assert torch.equal(probability, beliefs.edge_probability)
        probability.sum().backward()
        for parameter, wanted in ((beliefs.gamma_unconstrained, existence), (beliefs.rho_unconstrained, orientation)):
            assert (parameter.grad is not None and bool(parameter.grad.abs().max() > 0)) == wanted
    assert not IndependentBeliefs(unknown()).probability(existence=False, orientation=False).requires_grad


@BOTH
def test_the_site(parametrisation):
    fixed = fixed_edges(NAMES, required=[("X0", "X1")], forbidden=[("X2", "X3")])
    beliefs = randomise(parametrisation(fixed))
    CausalModel(NAMES, KINDS["mixed"], NeuralMechanisms(KINDS["mixed"]), beliefs)
    with pyro.settings.context(module_local_params=True), pyro.plate("graphs", 4000, dim=-1):
        trace = poutine.trace(beliefs).get_trace()
    graphs = trace.nodes["edges"]["value"]
    assert graphs.shape == (4000, D, D)
    assert torch.equal(graphs * (1 - graphs), torch.zeros_like(graphs))
    assert not graphs.diagonal(dim1=1, dim2=2).any()
    assert (graphs[:, 1, 0] == 1).all()
    assert not (graphs[:, 3, 2].any() or graphs[:, 0, 1].any())
    # Frequencies: five standard errors of a Bernoulli mean over 4,000 draws.
    p = beliefs.edge_probability
    assert ((graphs.mean(0) - p).abs() <= 5 * (p * (1 - p) / 4000).sqrt() + 1e-6).all()


@BOTH
def test_beginning_is_undecided(parametrisation):
    probability = parametrisation(unknown()).edge_probability
    assert torch.equal(probability, probability.t())
    expected = 0.5 if parametrisation is IndependentBeliefs else 0.25
    torch.testing.assert_close(off_diagonal(probability), torch.full((D * (D - 1),), expected))


@BOTH
def test_everything_fixed_leaves_nothing_to_learn(parametrisation):
    graph = torch.ones(D, D).tril(-1)
    beliefs = parametrisation(graph)
    beliefs.assign_credit(torch.randn(R, D, D), torch.rand(R, D) < 0.5)
    assert torch.equal(beliefs.edge_probability, graph)
    assert all(not p.grad.any() for p in beliefs.parameters())


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"fixed must have shape \[d, d\], got \[3, 4\]"):
        IndependentBeliefs(torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"fixed must have shape \[d, d\], got \[3\]"):
        OrientedBeliefs(torch.zeros(3))
    for bound in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="bound must be positive"):
            IndependentBeliefs(unknown(), bound=bound)


def test_the_base_class_asks_for_a_parametrisation():
    beliefs = EdgeBeliefs(unknown())
    with pytest.raises(NotImplementedError):
        _ = beliefs.logits()
    with pytest.raises(NotImplementedError):
        beliefs.assign_credit(torch.zeros(R, D, D), torch.zeros(R, D, dtype=torch.bool))


def test_beliefs_called_alone_do_not_share_parameters():
    one, other = IndependentBeliefs(unknown()), IndependentBeliefs(unknown())
    randomise(one)
    try:
        one()
        other()
        assert torch.equal(off_diagonal(other.edge_probability), torch.full((D * (D - 1),), 0.5))
    finally:
        pyro.clear_param_store()


@BOTH
def test_beliefs_can_be_set(parametrisation):
    fixed = unknown()
    fixed[0, 1] = 1.0
    beliefs = parametrisation(fixed)
    wanted = torch.zeros_like(fixed)
    wanted[2, 0], wanted[0, 2], wanted[1, 2] = 0.7, 0.2, 1.0
    beliefs.believe(wanted)
    wanted[0, 1] = 1.0
    torch.testing.assert_close(beliefs.edge_probability, wanted, rtol=0, atol=3e-6)

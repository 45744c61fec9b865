"""Estimators against the exact gradient, computed by enumerating every graph on three variables."""

from __future__ import annotations

import pytest
import torch
from conftest import every_graph

from pyrocausal.sdi.credit import (
    acyclicity,
    conditional_difference,
    cycles,
    leave_one_out,
    self_normalised,
    sparsity,
    uncertainty,
)

D, R = 3, 2


@pytest.fixture(params=[0, 1])
def problem(request):
    """Beliefs and a score for every graph and regime, as a table: effect i sees only its own parent set."""
    torch.manual_seed(request.param)
    graphs = every_graph(D)  # [64, 3, 3]
    logits = torch.randn(D, D)
    probability = logits.sigmoid() * (1 - torch.eye(D))
    table = torch.randn(R, D, 2**D)  # score of effect i under its parent set, coded in binary
    code = (graphs * 2.0 ** torch.arange(D)).sum(-1).long()  # [64, 3]
    scores = torch.stack([table[:, i, code[:, i]].t() for i in range(D)], -1)  # [64, R, 3]
    return logits, probability, graphs, scores


def chance(graphs, probability):
    """Probability of every graph, [64]."""
    off = ~torch.eye(D, dtype=torch.bool)
    return torch.where(graphs > 0, probability, 1 - probability)[:, off].prod(1)


def exact(logits, graphs, scores, objective):
    """d objective_ri / d logit_ij by autograd through the enumeration: [R, D, D]."""
    logits = logits.clone().requires_grad_()
    weight = chance(graphs, logits.sigmoid())
    values = objective(weight, scores)  # [R, D]
    rows = [[torch.autograd.grad(values[r, i], logits, retain_graph=True)[0][i] for i in range(D)] for r in range(R)]
    return torch.stack([torch.stack(row) for row in rows]) * (1 - torch.eye(D))


def monte_carlo(estimator, probability, graphs, scores, K, repeats):
    """Mean and standard error of an estimator over fresh samples of K graphs."""
    weight = chance(graphs, probability)
    draws = []
    for _ in range(repeats):
        chosen = torch.multinomial(weight, K, replacement=True)
        draws.append(estimator(graphs[chosen], scores[chosen], probability))
    draws = torch.stack(draws)
    return draws.mean(0), draws.std(0) / repeats**0.5


def expected_score(weight, scores):
    return torch.einsum("k,kri->ri", weight, scores)


def log_expected_likelihood(weight, scores):
    return torch.einsum("k,kri->ri", weight, scores.exp()).log()


@pytest.mark.parametrize("estimator", [conditional_difference, leave_one_out])
@pytest.mark.parametrize("K", [4, 30])  # with 4 graphs an edge is often on in all of them, or in none
def test_unbiased_for_the_gradient_of_the_expected_score(problem, estimator, K):
    logits, probability, graphs, scores = problem
    gradient = exact(logits, graphs, scores, expected_score)
    mean, error = monte_carlo(estimator, probability, graphs, scores, K, 3000)
    assert gradient.abs().max() > 0.1
    assert ((mean - gradient).abs() <= 5 * error + 1e-6).all()


def test_self_normalised_follows_the_log_expected_likelihood_with_a_bias_of_order_one_over_K(problem):
    logits, probability, graphs, scores = problem
    gradient = exact(logits, graphs, scores, log_expected_likelihood)
    assert gradient.abs().max() > 0.1
    # Delta method: the bias of a ratio of means is at most about Var(weight) / (K mean(weight)^2), times |c - p| <= 1.
    weight = chance(graphs, probability)
    likelihood = scores.exp()
    mean_likelihood = torch.einsum("k,kri->ri", weight, likelihood)
    spread = torch.einsum("k,kri->ri", weight, likelihood**2) / mean_likelihood**2
    for K in (20, 200):
        mean, error = monte_carlo(self_normalised, probability, graphs, scores, K, 2000)
        bound = spread[..., None] / K
        assert ((mean - gradient).abs() <= bound + 5 * error).all()


def test_conditional_difference_has_the_lowest_variance(problem):
    _, probability, graphs, scores = problem
    _, difference = monte_carlo(conditional_difference, probability, graphs, scores, 30, 500)
    _, reinforce = monte_carlo(leave_one_out, probability, graphs, scores, 30, 500)
    assert difference.mean() <= 1.05 * reinforce.mean()


@pytest.mark.parametrize("estimator", [conditional_difference, leave_one_out, self_normalised])
def test_contract_of_every_estimator(estimator):
    graphs = torch.bernoulli(torch.full((20, 4, 4), 0.4)) * (1 - torch.eye(4))
    scores, probability = torch.randn(20, 5, 4), torch.full((4, 4), 0.4).fill_diagonal_(0.0)
    credit = estimator(graphs, scores, probability)
    assert credit.shape == (5, 4, 4)
    assert torch.equal(credit.diagonal(dim1=1, dim2=2), torch.zeros(5, 4))
    # Neither a constant added to the scores of an effect nor the order of the graphs matters.
    torch.testing.assert_close(estimator(graphs, scores + torch.randn(5, 4), probability), credit, rtol=1e-4, atol=1e-5)
    order = torch.randperm(20)
    torch.testing.assert_close(estimator(graphs[order], scores[order], probability), credit, rtol=1e-4, atol=1e-5)


def test_an_edge_that_never_varies_gets_no_credit():
    graphs = torch.zeros(10, 3, 3)
    graphs[:, 0, 1] = 1.0
    credit = conditional_difference(graphs, torch.randn(10, 2, 3), torch.full((3, 3), 0.5))
    assert torch.equal(credit, torch.zeros(2, 3, 3))


def test_leave_one_out_needs_two_graphs():
    with pytest.raises(ValueError, match="at least 2 graphs"):
        leave_one_out(torch.zeros(1, 3, 3), torch.zeros(1, 2, 3), torch.full((3, 3), 0.5))


def test_regularisers():
    p = torch.tensor([[0.0, 0.5, 1.0], [0.5, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert sparsity(p) == 3.0
    torch.testing.assert_close(acyclicity(p), torch.tensor(0.25).cosh() - 1)
    assert uncertainty(p) == -0.5


def test_cycles_charges_what_would_close_one():
    p = torch.zeros(4, 4)
    p[1, 0], p[2, 1] = 0.9, 0.8  # 0 -> 1 -> 2
    assert cycles(p) == 0.0
    p[3, 2], p[0, 3] = 0.7, 0.3  # -> 3, and weakly back to 0: only the edge that would close the cycle pays
    torch.testing.assert_close(cycles(p), torch.tensor(0.3))
    p[0, 3] = 0.6  # now all four are believed and all four pay
    torch.testing.assert_close(cycles(p), torch.tensor(0.9 + 0.8 + 0.7 + 0.6))
    p.requires_grad_()
    cycles(p).backward()
    assert p.grad[0, 3] == 1.0 and p.grad[3, 2] == 1.0 and p.grad[0, 2] == 1.0 and p.grad[2, 0] == 0.0 + 1.0

"""Closed-form evidence against urns, and against the density of all rows at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import KINDS, make_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.model.conjugate import CONCENTRATIONS, dirichlet_multinomial, linear_regression
from pyrocausal.model.new_mechanisms import NewMechanisms


def urn(codes, cells, states, prior):
    """Polya's urn: each row is predicted from the rows before it in its own cell."""
    seen: dict[tuple[int, int], int] = {}
    total = 0.0
    for code, cell in zip(codes, cells, strict=True):
        in_cell = sum(seen.get((cell, s), 0) for s in range(states))
        total += math.log((prior + seen.get((cell, code), 0)) / (states * prior + in_cell))
        seen[cell, code] = seen.get((cell, code), 0) + 1
    return total


def urns(codes, cells, states, priors=CONCENTRATIONS):
    """Any of some urns."""
    return math.log(math.fsum(math.exp(urn(codes, cells, states, prior)) for prior in priors) / len(priors))


@given(
    states=st.integers(2, 5),
    n_cells=st.sampled_from([1, 2, 6, 50]),
    n=st.integers(0, 40),
    n_tables=st.integers(1, 3),
    concentrations=st.sampled_from([(0.3,), (7.0,), (0.5, 1.0, 2.0)]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=80, deadline=None)
def test_dirichlet_multinomial_is_an_urn_for_every_table(states, n_cells, n, n_tables, concentrations, seed):
    # Large tables are counted in another way than small ones; 50 cells are large for 40 rows.
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(states, (n,), generator=generator)
    cells = torch.randint(n_cells, (n,), generator=generator)
    tables = torch.randint(n_tables, (n,), generator=generator)
    found = dirichlet_multinomial(codes, cells, tables, states, n_cells, n_tables, concentrations)
    assert found.shape == (n_tables,)
    assert found.dtype == torch.double
    for t in range(n_tables):
        ours = tables == t
        expected = urns(codes[ours].tolist(), cells[ours].tolist(), states, concentrations)
        assert found[t].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def one_table(codes, cells, states, n_cells, *prior) -> float:
    return dirichlet_multinomial(codes, cells, torch.zeros_like(codes), states, n_cells, 1, *prior).item()


def test_dirichlet_multinomial_by_hand():
    # Two binary rows in one cell, prior 1/2 each: 1/2 for the first, then (1/2 + 1) / 2 or (1/2) / 2.
    one = torch.zeros(2, dtype=torch.long)
    half = (0.5,)
    assert one_table(torch.tensor([1, 1]), one, 2, 1, half) == pytest.approx(math.log(0.5 * 0.75))
    assert one_table(torch.tensor([0, 1]), one, 2, 1, half) == pytest.approx(math.log(0.5 * 0.25))
    apart = dirichlet_multinomial(torch.tensor([1, 1]), one, torch.tensor([0, 1]), 2, 1, 2)
    torch.testing.assert_close(apart, torch.full((2,), math.log(0.5)).double())


def test_a_prior_suits_nearly_even_tables_and_another_one_nearly_certain_ones():
    even, certain = torch.arange(60) % 3, torch.zeros(60, dtype=torch.long)
    for codes, suits in (even, CONCENTRATIONS[-1]), (certain, CONCENTRATIONS[0]):
        each = {c: one_table(codes, torch.zeros_like(codes), 3, 1, (c,)) for c in CONCENTRATIONS}
        assert max(each, key=each.get) == suits and each[suits] > each[1.0] + 1.0


def gram_of(design, y) -> torch.Tensor:
    table = torch.cat([design, y[:, None]], 1).double()
    return table.T @ table


def regression(y, design, **prior) -> float:
    return linear_regression(gram_of(design, y), torch.tensor(len(y)), **prior).evidence.item()


def student_density(y, design, shape, rate) -> float:
    """Density of all rows at once: with weights N(0, s^2 n (X'X)^-1) and s^2 ~ IG(shape, rate) integrated out, y is
    multivariate Student-t with 2 shape degrees of freedom and scale matrix rate / shape (I + n X (X'X)^-1 X').
    """
    x, y = design.double().numpy(), y.double().numpy()
    n, p = x.shape
    prior_covariance = np.linalg.inv(x.T @ x / n + 1e-6 * np.eye(p))  # a trace of precision in every direction
    scale = rate / shape * (np.eye(n) + x @ prior_covariance @ x.T)
    freedom, distance = 2 * shape, y @ np.linalg.solve(scale, y)
    return (
        math.lgamma((freedom + n) / 2)
        - math.lgamma(freedom / 2)
        - 0.5 * n * math.log(freedom * math.pi)
        - 0.5 * np.linalg.slogdet(scale)[1]
        - 0.5 * (freedom + n) * math.log1p(distance / freedom)
    )


@given(
    n=st.integers(1, 25),
    p=st.integers(1, 4),
    shape=st.sampled_from([0.5, 1.0, 3.0]),
    rate=st.sampled_from([0.1, 2.0]),
    scale=st.sampled_from([0.1, 1.0, 30.0]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_linear_regression_is_a_multivariate_student(n, p, shape, rate, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    design = torch.randn(n, p, generator=generator).double()
    design /= design.square().mean(0).sqrt()  # on a scale of one, so that it is clear what a trace is
    y = scale * torch.randn(n, generator=generator) + design.sum(1)
    expected = student_density(y, design, shape, rate)
    assert regression(y, design, shape=shape, rate=rate) == pytest.approx(expected, rel=1e-6, abs=1e-5)


def test_several_regressions_at_once_are_each_their_own():
    tables = [(torch.randn(n), torch.randn(n, 2)) for n in (5, 9, 30)]
    grams = torch.stack([gram_of(design, y) for y, design in tables])
    found = linear_regression(grams, torch.tensor([5, 9, 30])).evidence
    assert found.dtype == torch.double
    assert found.tolist() == pytest.approx([regression(y, design) for y, design in tables])


def test_the_units_of_a_regressor_do_not_matter():
    y, x, ones = torch.randn(40), torch.randn(40, 1), torch.ones(40, 1)
    one = regression(y, torch.cat([ones, x], 1))
    other = regression(y, torch.cat([ones, 100.0 * x + 7.0], 1))
    assert one == pytest.approx(other, abs=1e-3)


def test_a_repeated_regressor_says_nothing():
    # The states of a categorical parent sum to the constant, which is a regressor too.
    y, ones = torch.randn(40), torch.ones(40, 1)
    states = (torch.randint(3, (40, 1)) == torch.arange(3)).float()
    without, full = regression(y, torch.cat([ones, states[:, 1:]], 1)), regression(y, torch.cat([ones, states], 1))
    assert full == pytest.approx(without, abs=1e-3)


def test_linear_regression_prefers_the_design_that_explains():
    x = torch.randn(200)
    y = 2.0 * x + 0.1 * torch.randn(200)
    ones = torch.ones(200, 1)
    gain = regression(y, torch.cat([ones, x[:, None]], 1)) - regression(y, ones)
    # (n/2 + 1) log(b0 / b1) - log(n) / 2; in expectation b0 = 0.1 + n/2 (4 + 0.01) and b1 = 0.1 + n/2 0.01 + 2^2 / 2.
    assert gain == pytest.approx(101 * math.log(401.1 / 3.1) - 0.5 * math.log(200), abs=30)


def test_a_regressor_that_explains_nothing_costs_half_a_log_n():
    losses = []
    for _ in range(200):
        y, ones, x = torch.randn(500), torch.ones(500, 1), torch.randn(500, 1)
        losses.append(regression(y, ones) - regression(y, torch.cat([ones, x], 1)))
    # By chance it explains half a nat in expectation.
    assert sum(losses) / 200 == pytest.approx(0.5 * math.log(501) - 0.5, abs=0.15)


def test_linear_regression_of_a_constant_is_finite():
    assert math.isfinite(regression(torch.ones(50), torch.ones(50, 1)))


def graph(d, edges):
    made = torch.zeros(d, d)
    for cause, effect in edges:
        made[effect, cause] = 1.0
    return made


def log_mean(free, given):
    return math.log((math.exp(free - given) + 1.0) / 2.0) + given


CATEGORICAL = (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1)))


def test_evidence_is_half_free_and_half_given_the_parents():
    regimes = [make_rows(CATEGORICAL, n) for n in (12, 20)]
    found = NewMechanisms(CATEGORICAL, regimes).evidence(graph(3, [(0, 2), (1, 2)]))
    assert found.shape == (2, 3)
    for r, rows in enumerate(regimes):
        codes, zero = rows.long(), [0] * len(rows)
        free = [urns(codes[:, i].tolist(), zero, CATEGORICAL[i].cardinality) for i in range(3)]
        cells = (codes[:, 0] * 3 + codes[:, 1]).tolist()
        given_parents = urns(codes[:, 2].tolist(), cells, 2)
        expected = [free[0], free[1], log_mean(free[2], given_parents)]
        torch.testing.assert_close(found[r], torch.tensor(expected).double(), rtol=1e-5, atol=1e-5)


def test_the_better_half_decides_less_log_two():
    # Strong dependence: the half that looks at the parents decides; far beyond the range of exp.
    cause = torch.randint(2, (5000,)).float()
    rows = torch.stack([cause, cause], 1)
    kinds = (Categorical((0, 1)),) * 2
    found = NewMechanisms(kinds, [rows]).evidence(graph(2, [(0, 1)]))[0, 1]
    given_parents = one_table(rows[:, 1].long(), rows[:, 0].long(), 2, 2)
    assert found.item() == pytest.approx(given_parents - math.log(2.0), rel=1e-6)
    assert given_parents > -50
    independent = torch.stack([cause, torch.randint(2, (5000,)).float()], 1)
    found = NewMechanisms(kinds, [independent]).evidence(graph(2, [(0, 1)]))[0, 1]
    free = one_table(independent[:, 1].long(), torch.zeros(5000, dtype=torch.long), 2, 1)
    assert free - math.log(2.0) - 1e-2 <= found.item() <= free + 1e-2


def test_a_table_too_large_says_nothing():
    rows = make_rows(CATEGORICAL, 15)

    class Small(NewMechanisms):
        max_cells = 11  # X2 given X0 and X1 needs 2 x 3 x 2 = 12 entries

    class Enough(NewMechanisms):
        max_cells = 12

    parents = graph(3, [(0, 2), (1, 2)])
    free = urns(rows[:, 2].long().tolist(), [0] * 15, 2)
    assert Small(CATEGORICAL, [rows]).evidence(parents)[0, 2].item() == pytest.approx(free - math.log(2), rel=1e-5)
    cells = (rows[:, 0] * 3 + rows[:, 1]).long().tolist()
    both = log_mean(free, urns(rows[:, 2].long().tolist(), cells, 2))
    assert abs(both - (free - math.log(2))) > 1e-3
    assert Enough(CATEGORICAL, [rows]).evidence(parents)[0, 2].item() == pytest.approx(both, rel=1e-5)


def test_continuous_variables_are_regressed_on_values_squares_and_states():
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1, 2)), Continuous(0.0, 1.0))
    rows = make_rows(kinds, 30)
    found = NewMechanisms(kinds, [rows]).evidence(graph(3, [(0, 2), (1, 2)]))[0]
    ones, x = torch.ones(30, 1), rows[:, :1]
    states = (rows[:, 1:2] == torch.arange(3.0)).float()
    free = regression(rows[:, 2], ones)
    full = regression(rows[:, 2], torch.cat([ones, x, x**2, states], 1))
    assert found[2].item() == pytest.approx(log_mean(free, full), rel=1e-5)
    assert found[0].item() == pytest.approx(regression(rows[:, 0], ones), rel=1e-5)


@pytest.mark.parametrize("level", [3.0, 34.6, 151.3, 1182.7])
def test_a_parent_that_was_forced_to_one_value_says_nothing_however_far_out(level):
    # In units of its observational spread: a dose that is hardly ever given without being forced.
    kinds = (Continuous(0.0, 1.0), Continuous(0.0, 1.0), Categorical((0, 1, 2)))
    for n in (98, 937, 1541, 1725, 2199):
        rows = make_rows(kinds, n)
        rows[:, 0] = level
        found = NewMechanisms(kinds, [rows])
        assert found.of(1, (0, 2)).item() == pytest.approx(found.of(1, (2,)).item(), abs=1e-2)


def test_a_continuous_parent_of_a_categorical_variable_is_cut_into_bins_of_equal_counts():
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1)))
    rows = make_rows(kinds, 30)
    rank = rows[:, 0].argsort().argsort()
    cells = (rank // 10).tolist()  # three bins of ten
    given_parent = urns(rows[:, 1].long().tolist(), cells, 2)
    free = urns(rows[:, 1].long().tolist(), [0] * 30, 2)
    found = NewMechanisms(kinds, [rows]).evidence(graph(2, [(0, 1)]))[0, 1]
    assert found.item() == pytest.approx(log_mean(free, given_parent), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_kept_evidence_is_the_evidence(kind):
    kinds = KINDS[kind]
    regimes = [make_rows(kinds, n) for n in (10, 14)]
    kept = NewMechanisms(kinds, regimes)
    for seed in range(6):
        edges = torch.bernoulli(torch.full((4, 4), 0.5), generator=torch.Generator().manual_seed(seed))
        edges = edges.fill_diagonal_(0.0)
        assert torch.equal(kept.evidence(edges), NewMechanisms(kinds, regimes).evidence(edges))
        assert torch.equal(kept.evidence(edges), kept.evidence(edges.bool()))

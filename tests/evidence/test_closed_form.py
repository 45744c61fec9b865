"""Closed-form predictions against urns, and against ratios of the density of all rows at once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from conftest import KINDS, make_fold, make_rows

from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.table_prior import best_prior

CATEGORICAL = (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1)))
MIXED = (Categorical((0, 1)), Continuous(0.0, 1.0), Categorical((0, 1, 2)), Continuous(0.0, 1.0))


def closed_form(kinds, fitting, scoring, counts=None) -> ClosedForm:
    counts = torch.ones_like(fitting, dtype=torch.bool) if counts is None else counts
    return ClosedForm(kinds, make_fold(fitting, counts, scoring))


def dependent_rows(kinds, n) -> torch.Tensor:
    """The last variable depends on the others."""
    rows = make_rows(kinds, n)
    signal = rows[:, :-1].sum(1)
    if isinstance(kinds[-1], Categorical):
        rows[:, -1] = torch.where(torch.rand(n) < 0.8, (signal.abs() * 1.3).long() % kinds[-1].cardinality, rows[:, -1])
    else:
        rows[:, -1] = signal + 0.3 * rows[:, -1]
    return rows


# ---------------------------------------------------------------- tables
def table_of(codes, cells, new_codes, new_cells, levels, states, smooth=False) -> list[float]:
    """Log-probabilities: counts of every cell, and what the best prior adds."""
    every = list(itertools.product(*map(range, levels)))
    pairs = list(zip(codes, cells, strict=True))
    common = torch.tensor([[float(pairs.count((s, cell))) for s in range(states)] for cell in every]).double()
    added = best_prior(common, tuple(levels) if smooth else ()).concentration.expand_as(common)
    shares = (common + added) / (common + added).sum(1, keepdim=True)
    return [math.log(shares[every.index(cell), code]) for code, cell in zip(new_codes, new_cells, strict=True)]


@pytest.mark.parametrize("parents", [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize("dependent", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
def test_a_table_is_counts_and_the_best_prior(parents, dependent, smooth):
    made = dependent_rows if dependent else make_rows
    fitting, scoring = made(CATEGORICAL, 60), make_rows(CATEGORICAL, 25)
    (found,) = closed_form(CATEGORICAL, fitting, scoring).log_probs(2, parents, smooth=smooth)
    columns = [[tuple(int(row[j]) for j in parents) for row in rows] for rows in (fitting, scoring)]
    codes = [rows[:, 2].long().tolist() for rows in (fitting, scoring)]
    levels = [CATEGORICAL[j].cardinality for j in parents]
    expected = table_of(codes[0], columns[0], codes[1], columns[1], levels, 2, smooth)
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("parents", [(), (0,), (0, 1)])
def test_probabilities_of_a_variables_states_sum_to_one(parents):
    fitting = dependent_rows(CATEGORICAL, 30)
    every = torch.tensor(list(itertools.product(range(2), range(3), range(2)))).float()
    (found,) = closed_form(CATEGORICAL, fitting, every).log_probs(2, parents)
    torch.testing.assert_close(found.exp().view(6, 2).sum(1), torch.ones(6).double())


def test_a_state_that_a_number_acts_on_has_logistic_regressions_too():
    rng = np.random.default_rng(0)
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1)))
    x = rng.normal(size=4000)
    rows = torch.from_numpy(np.stack([x, rng.logistic(size=4000) < 1.5 * x], 1)).float()
    table, straight, bent = closed_form(kinds, rows[:3000], rows[3000:]).log_probs(1, (0,))
    truth = torch.nn.functional.logsigmoid((2 * rows[3000:, 1] - 1) * 1.5 * rows[3000:, 0]).double()
    assert float((straight - truth).sum()) > -3
    assert float((bent - truth).sum()) > -15
    assert float((table - truth).sum()) < -20  # four bins


def test_continuous_parents_of_a_table_are_cut_into_equal_counts():
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1)))
    fitting, scoring = dependent_rows(kinds, 80), make_rows(kinds, 30)
    found, *_ = closed_form(kinds, fitting, scoring).log_probs(1, (0,))
    order = fitting[:, 0].argsort().argsort()
    cells = [[(each,) for each in (order // 20).tolist()]]  # four bins of twenty
    edges = [fitting[order == k, 0].item() for k in (20, 40, 60)]
    # Between two bins the quantile lies somewhere between their nearest values.
    below = [fitting[order == k - 1, 0].item() for k in (20, 40, 60)]
    sure = [not any(low < x < high for low, high in zip(below, edges, strict=True)) for x in scoring[:, 0].tolist()]
    assert sum(sure) > 20
    cells.append([(sum(x >= edge for edge in edges),) for x in scoring[:, 0].tolist()])
    codes = [rows[:, 1].long().tolist() for rows in (fitting, scoring)]
    expected = torch.tensor(table_of(codes[0], cells[0], codes[1], cells[1], [4], 2)).double()
    torch.testing.assert_close(found[sure], expected[sure])


def test_a_smooth_table_predicts_better_where_effects_add_up_and_rows_are_few():
    kinds, generator = (*(Categorical(tuple(range(5))),) * 2, Categorical((0, 1))), torch.Generator().manual_seed(0)

    def rows(n):
        causes = torch.randint(5, (n, 2), generator=generator)
        effect = torch.rand(n, generator=generator) < (0.9 * (causes.sum(1) - 4.0)).sigmoid()
        return torch.column_stack([causes, effect]).float()

    closed = closed_form(kinds, rows(120), rows(2000))
    plain, smooth = (float(closed.log_probs(2, (0, 1), smooth=each)[0].sum()) for each in (False, True))
    assert smooth > plain + 20.0


def test_a_table_too_large_says_nothing():
    fitting, scoring = dependent_rows(CATEGORICAL, 30), make_rows(CATEGORICAL, 5)

    class Small(ClosedForm):
        max_cells = 11  # X2 given X0 and X1 needs 2 x 3 x 2 = 12 entries

    class Enough(ClosedForm):
        max_cells = 12

    made = [
        kind(CATEGORICAL, make_fold(fitting, torch.ones(30, 3).bool(), scoring)) for kind in (Small, Enough, ClosedForm)
    ]
    small, enough, usual = (each.log_probs(2, (0, 1)) for each in made)
    assert small == []
    assert torch.equal(enough[0], usual[0])
    assert torch.equal(made[0].log_probs(2, (0,))[0], made[2].log_probs(2, (0,))[0])


# ---------------------------------------------------------------- regressions
def standardised(columns) -> np.ndarray:
    columns = columns - columns.mean(0)
    return columns / np.maximum(np.sqrt((columns**2).mean(0)), 1e-9)


def smooth_steps(x) -> np.ndarray:
    """A number's value and eight steps where equal counts of rows are between them, each orthogonal to those before."""
    z = standardised(x[:, None])
    cuts = np.quantile(z[:, 0], np.arange(1, 9) / 9)
    columns = standardised(np.concatenate([z, np.tanh(1.5 * (z - cuts))], 1))
    factor = np.linalg.cholesky(columns.T @ columns / len(x) + 1e-9 * np.eye(9))
    return np.linalg.solve(factor, columns.T).T


def designs(kinds, tables, parents, rich=False) -> list[np.ndarray]:
    """Regressors of rows that fit and rows that score: a constant and values, or smooth steps and products too."""
    rows = torch.cat(tables).double().numpy()
    columns, multiplied = [np.ones((len(rows), 1))], []
    for j in parents:
        if isinstance(kinds[j], Categorical):
            columns.append(np.stack([(rows[:, j] == s).astype(float) for s in range(kinds[j].cardinality)], 1))
            multiplied.append(columns[-1][:, 1:])
        else:
            columns.append(smooth_steps(rows[:, j]) if rich else standardised(rows[:, [j]]))
            multiplied.append(columns[-1][:, :2])
    for one, other in itertools.combinations(multiplied, 2) if rich else ():
        columns.append(standardised((one[:, :, None] * other[:, None, :]).reshape(len(rows), -1)))
    return np.split(np.concatenate(columns, 1), [len(tables[0])])


def log_density(y, x, prior_precision, shape, rate) -> float:
    """Multivariate Student-t: weights N(0, s^2 / precision) and s^2 ~ inverse-gamma(shape, rate) integrated out."""
    n = len(y)
    scale = rate / shape * (np.eye(n) + (x / prior_precision) @ x.T)
    freedom, distance = 2 * shape, y @ np.linalg.solve(scale, y)
    return (
        math.lgamma((freedom + n) / 2)
        - math.lgamma(freedom / 2)
        - 0.5 * n * math.log(freedom * math.pi)
        - 0.5 * np.linalg.slogdet(scale)[1]
        - 0.5 * (freedom + n) * math.log1p(distance / freedom)
    )


def naive_regression(x, y, new_x, new_y) -> list[float]:
    """Density of all rows and a new one over that of all rows; a weight's prior says as much as one row."""
    precision = (x**2).mean(0) + 1e-6
    before = log_density(y, x, precision, 1.0, 0.01)
    return [
        log_density(np.append(y, value), np.vstack([x, row]), precision, 1.0, 0.01) - before
        for row, value in zip(new_x, new_y, strict=True)
    ]


@pytest.mark.parametrize("parents", [(), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("n", [3, 12])
def test_a_regression_predicts_as_bayes_says(parents, n):
    fitting, scoring = dependent_rows(MIXED, n), make_rows(MIXED, 6)
    linear, rich = closed_form(MIXED, fitting, scoring).log_probs(3, parents)
    values = [rows[:, 3].double().numpy() for rows in (fitting, scoring)]
    for found, more in ((linear, False), (rich, True)):
        tables = designs(MIXED, (fitting, scoring), parents, more)
        expected = naive_regression(tables[0], values[0], tables[1], values[1])
        assert found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert found.dtype == torch.double


def test_steps_explain_what_a_line_cannot():
    kinds = (Continuous(0.0, 1.0),) * 2
    tables = []
    for n in (400, 200):
        x = 4 * torch.rand(n) - 2  # steps say nothing of what is farther out than rows are
        tables.append(torch.stack([x, x**2 - 1 + 0.1 * torch.randn(n)], 1))
    linear, rich = closed_form(kinds, *tables).log_probs(1, (0,))
    assert rich.mean() > linear.mean() + 1.0


def test_products_explain_what_steps_cannot():
    kinds = (Continuous(0.0, 1.0),) * 3
    tables = []
    for n in (400, 200):
        x = torch.randn(n, 2)
        tables.append(torch.cat([x, x.prod(1, keepdim=True) + 0.1 * torch.randn(n, 1)], 1))
    linear, rich = closed_form(kinds, *tables).log_probs(2, (0, 1))
    assert rich.mean() > linear.mean() + 1.0


# ---------------------------------------------------------------- rows that do not count
def test_rows_that_do_not_count_have_no_influence_on_a_table():
    fitting, scoring = dependent_rows(CATEGORICAL, 50), make_rows(CATEGORICAL, 10)
    counts = torch.ones_like(fitting, dtype=torch.bool)
    counts[20:45, 2] = False
    changed = fitting.clone()
    changed[20:45] = make_rows(CATEGORICAL, 25)
    kept = torch.cat([fitting[:20], fitting[45:]])
    for parents in ((), (0,), (0, 1)):
        one, other = (
            closed_form(CATEGORICAL, rows, scoring, counts).log_probs(2, parents)[0] for rows in (fitting, changed)
        )
        assert torch.equal(one, other)
        torch.testing.assert_close(one, closed_form(CATEGORICAL, kept, scoring).log_probs(2, parents)[0])
        # They would have, if they counted.
        assert not torch.allclose(closed_form(CATEGORICAL, changed, scoring).log_probs(2, parents)[0], one)


@pytest.mark.parametrize("effect", [1, 3])
def test_rows_that_do_not_count_only_place_the_steps_of_a_regression(effect):
    fitting, scoring = dependent_rows(MIXED, 50), make_rows(MIXED, 10)
    counts = torch.ones_like(fitting, dtype=torch.bool)
    counts[20:45, effect] = False
    changed = fitting.clone()
    changed[20:45, effect] = torch.randn(25)
    keep = counts[:, effect].numpy()
    values = [rows[:, effect].double().numpy() for rows in (fitting, scoring)]
    for parents in ((), (0,), tuple(j for j in range(4) if j != effect)):
        one, other, every = (
            closed_form(MIXED, rows, scoring, told).log_probs(effect, parents)
            for rows, told in ((fitting, counts), (changed, counts), (changed, None))
        )
        for found, same, rich in zip(one, other, (False, True), strict=True):
            assert torch.equal(found, same)
            tables = designs(MIXED, (fitting, scoring), parents, rich)
            expected = naive_regression(tables[0][keep], values[0][keep], tables[1], values[1])
            assert found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert not torch.allclose(every[0], one[0])  # they would have, if they counted


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_that_counts_is_no_error(kind):
    kinds = KINDS[kind]
    fitting, scoring = make_rows(kinds, 20), make_rows(kinds, 5)
    nothing = closed_form(kinds, fitting, scoring, torch.zeros(20, 4, dtype=torch.bool))
    for effect, parents in ((0, ()), (1, (0, 2)), (3, (0, 1, 2))):
        found = nothing.log_probs(effect, parents)
        assert found
        assert all(each.isfinite().all() for each in found)


@pytest.mark.parametrize("kinds", [CATEGORICAL, MIXED], ids=["categorical", "mixed"])
def test_other_rows_may_count_without_a_new_start(kinds):
    fitting, scoring = dependent_rows(kinds, 80), make_rows(kinds, 10)
    one, other = torch.rand(2, *fitting.shape) < 0.6
    first, again = (closed_form(kinds, fitting, scoring, counts) for counts in (one, other))
    second = first.counting(other)
    for i, parents in ((0, (1,)), (1, ()), (2, (0, 1))):
        before = first.log_probs(i, parents)
        assert second.regret(i, parents) == again.regret(i, parents)
        for found, expected, old in zip(second.log_probs(i, parents), again.log_probs(i, parents), before, strict=True):
            assert torch.equal(found, expected) and not torch.equal(found, old)


# ---------------------------------------------------------------- what another estimate may gain
def test_regret_is_half_a_nat_per_free_parameter_and_share_of_rows():
    fitting, scoring = make_rows(MIXED, 40), make_rows(MIXED, 10)
    counts = torch.ones_like(fitting, dtype=torch.bool)
    counts[:20, 2] = False
    made = closed_form(MIXED, fitting, scoring, counts)
    assert made.regret(0, ()) == pytest.approx(0.5 * 1 * 10 / 40)
    assert made.regret(0, (2,)) == pytest.approx(0.5 * 3 * 10 / 40)
    assert made.regret(2, (0,)) == pytest.approx(0.5 * 2 * 2 * 10 / 20)  # twenty rows tell of X2
    assert made.regret(1, (0,)) == math.inf  # a regression may have the wrong shape
    assert made.regret(2, (1,)) == math.inf  # and bins may be too coarse
    counts[:, 0] = False
    assert closed_form(MIXED, fitting, scoring, counts).regret(0, (2,)) == math.inf

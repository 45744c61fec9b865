"""Regressions over all regimes against integrals worked out on a grid, and what must change nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from pyrocausal.data.kinds import Continuous
from pyrocausal.data.weights import Part
from pyrocausal.evidence import drift
from pyrocausal.evidence.pooled_regression import NOISE, WIDE, pooled_regression, regression_alone
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, PAIRS, Regressors, Sums

SPARED, HIT = -math.inf, math.inf


def problem(seed=0, rows=(60, 40, 50), moved=0.0, d=3) -> list[torch.Tensor]:
    """Tables in which the last variable depends on the others, moved by so much in each."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for n in rows:
        table = torch.randn(n, d, generator=generator)
        slopes = 0.5 + moved * torch.randn(d - 1, generator=generator)
        shift = moved * torch.randn((), generator=generator)
        table[:, -1] = shift + table[:, :-1] @ slopes + 0.4 * table[:, -1]
        made.append(table)
    return made


def sums_of(tables, families, level=LINEAR, weights=None) -> Sums:
    kinds = (Continuous(0.0, 1.0),) * tables[0].shape[1]
    weights = [None] * len(tables) if weights is None else weights
    return Regressors(kinds, [Part(*each) for each in zip(tables, weights, strict=True)]).of(families, level)


def spared(sums, hit) -> drift.Spared:
    return pooled_regression(sums, regression_alone(sums).noise, hit)


def hits(*each, families=1) -> torch.Tensor:
    return torch.tensor([each] * families, dtype=torch.double)


def dense(design, y, noise) -> torch.Tensor:
    """log N(y; 0, e^(2 noise) I + X X') for log deviations [S]: coefficients N(0, 1) integrated out."""
    covariance = (2 * noise).exp()[:, None, None] * torch.eye(len(y), dtype=torch.double) + design @ design.T
    return MultivariateNormal(torch.zeros_like(y), covariance).log_prob(y)


def test_a_table_by_itself_is_an_integral_over_its_noise():
    (table,) = problem(rows=(40,))
    sums = sums_of([table], [(2, ()), (2, (0,))])
    found = regression_alone(sums).evidence[:, 0].tolist()
    value = table.double()
    standard = (value[:, 0] - value[:, 0].mean()) / value[:, 0].std(correction=0)
    grid = torch.linspace(-3.0, 2.0, 1001, dtype=torch.double)
    for m, columns in enumerate(([], [standard])):
        design = torch.stack([torch.ones(40, dtype=torch.double), *columns], 1)
        terms = dense(design, value[:, 2], grid) + Normal(*WIDE).log_prob(grid)
        expected = float(terms.logsumexp(0) + math.log(0.005))
        assert found[m] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rows", [(60,), (60, 45)])
def test_without_drift_spared_tables_are_one_table(monkeypatch, rows):
    # At one size of the drift, none, and with a noise that hardly differs, coefficients are those of all rows.
    monkeypatch.setattr(drift, "SIZES", (0.0,))
    monkeypatch.setattr("pyrocausal.evidence.pooled_regression.NOISE", (1e-4, 1e-4))
    monkeypatch.setattr("pyrocausal.evidence.pooled_regression.LITTLE", 1e-4)
    tables = problem(rows=rows)
    sums = sums_of(tables, [(2, (0, 1))])
    noise = torch.full((1, len(rows)), math.log(0.4), dtype=torch.double)
    found = pooled_regression(sums, noise, hits(*[SPARED] * len(rows)))
    rows = torch.cat(tables).double()
    columns = (rows - rows.mean(0)) / rows.std(0, correction=0)
    design = torch.cat([torch.ones_like(rows[:, :1]), columns[:, :2]], 1)
    level = noise[0, :1]
    expected = float(dense(design, rows[:, 2], level)[0])
    assert float(found.log_prob.sum() + found.common[0]) == pytest.approx(expected, abs=0.02)
    assert found.drift.max() == 0.0


@pytest.mark.parametrize("moved", [0.0, 0.2])
def test_drift_is_found_where_it_is(monkeypatch, moved):
    tables = problem(rows=(300,) * 8, moved=moved)
    sums, hit = sums_of(tables, [(2, (0, 1))]), hits(*[SPARED] * 8)
    found = spared(sums, hit)
    monkeypatch.setattr(drift, "SIZES", (0.0,))
    without = spared(sums, hit)
    gain = float((found.log_prob.sum() + found.common - without.log_prob.sum() - without.common)[0])
    assert gain > 100 if moved else -1e-6 < gain < 2
    assert without.drift.max() == 0.0
    assert float(found.drift.median()) > 0.1 if moved else float(found.drift.max()) < 0.03


@pytest.mark.parametrize("level", [LINEAR, ADDITIVE, PAIRS])
def test_a_table_that_is_known_to_be_hit_tells_nothing_of_what_is_common(level):
    tables = problem(moved=0.1)
    kinds, families = (Continuous(0.0, 1.0),) * 3, [(2, (0, 1)), (2, (0,)), (2, ())]
    parts = [Part(table) for table in tables]
    every = Regressors(kinds, parts).of(families, level)
    changed = Regressors(kinds, parts)
    changed.values[60:100, 2] += 3.0  # the effect in the second table
    hit = hits(SPARED, HIT, SPARED, families=3)
    one, other = (spared(sums, hit) for sums in (every, changed.of(families, level)))
    for part, same in ((one.common, other.common), (one.log_prob[:, ::2], other.log_prob[:, ::2])):
        torch.testing.assert_close(part, same, rtol=1e-6, atol=1e-6)
    assert (one.log_prob[:, 1] - other.log_prob[:, 1]).abs().min() > 1.0


@pytest.mark.parametrize("level", [LINEAR, ADDITIVE, PAIRS])
def test_order_and_weights_of_rows_mean_nothing_else(level):
    tables, families = problem(moved=0.1), [(2, (0, 1)), (0, (1,))]
    weights = [torch.randint(1, 4, (len(table),)).double() for table in tables]
    twice = [table.repeat_interleave(w.long(), 0) for table, w in zip(tables, weights, strict=True)]
    mixed = [table[torch.randperm(len(table))] for table in twice]
    hit = hits(SPARED, -30.0, HIT, families=2)
    one = spared(sums_of(tables, families, level, weights), hit)
    for other in (twice, mixed):
        for part, same in zip(one, spared(sums_of(other, families, level), hit), strict=True):
            torch.testing.assert_close(part, same, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("level", [LINEAR, ADDITIVE, PAIRS])
def test_families_together_are_as_each_alone(level):
    tables = problem(moved=0.1, d=4)
    families = [(3, (0, 1, 2)), (3, ()), (2, (0,)), (3, (1, 2)), (0, (1, 3))]
    hit = hits(-20.0, SPARED, -35.0, families=5)
    together = spared(sums_of(tables, families, level), hit)
    alone = regression_alone(sums_of(tables, families, level)).evidence
    for m, family in enumerate(families):
        sums = sums_of(tables, [family], level)
        torch.testing.assert_close(regression_alone(sums).evidence[0], alone[m], rtol=1e-8, atol=1e-8)
        for part, same in zip(spared(sums, hit[:1]), together, strict=True):
            torch.testing.assert_close(part[0], same[m], rtol=1e-8, atol=1e-8)


def test_the_scale_of_a_cause_means_nothing_and_the_order_of_parents_little():
    tables = problem(moved=0.1)
    scaled = [table * torch.tensor([7.0, 0.1, 1.0]) + torch.tensor([3.0, -2.0, 0.0]) for table in tables]
    hit = hits(SPARED, -30.0, SPARED)
    one = spared(sums_of(tables, [(2, (0, 1))]), hit)
    for other in (sums_of(scaled, [(2, (0, 1))]), sums_of(tables, [(2, (1, 0))])):
        for part, same in zip(one, spared(other, hit), strict=True):
            torch.testing.assert_close(part, same, rtol=1e-4, atol=1e-4)


def test_the_order_of_tables_means_nothing():
    tables, hit = problem(moved=0.1), hits(SPARED, -30.0, HIT)
    one, other = spared(sums_of(tables, [(2, (0,))]), hit), spared(sums_of(tables[::-1], [(2, (0,))]), hit.flip(1))
    torch.testing.assert_close(one.log_prob, other.log_prob.flip(1))
    torch.testing.assert_close(one.common, other.common)
    torch.testing.assert_close(one.drift, other.drift.flip(1))


def test_noise_drifts_within_bounds():
    assert 0 < NOISE[0] < NOISE[1]
    tables = problem(rows=(400,) * 3)
    tables[1][:, 2] = 0.5 * tables[1][:, :2].sum(1) + 3 * (tables[1][:, 2] - 0.5 * tables[1][:, :2].sum(1))
    found = spared(sums_of(tables, [(2, (0, 1))]), hits(SPARED, SPARED, SPARED))
    even = spared(sums_of(problem(rows=(400,) * 3), [(2, (0, 1))]), hits(SPARED, SPARED, SPARED))
    # Three times the noise costs what a fresh density of that noise would, and a little for being surprising.
    cost = float((even.log_prob - found.log_prob)[0, 1])
    assert 400 * math.log(3) < cost + 1 < 400 * math.log(3) + 20


def test_a_table_whose_noise_is_another_is_hit_and_no_drift_of_all():
    tables = problem(rows=(300, 300, 300, 1500))
    tables[1][:, 2] *= 3.0
    sums = sums_of(tables, [(2, ())])
    alone = regression_alone(sums)
    hit = alone.evidence.clone()
    hit[:, -1] = SPARED
    found = pooled_regression(sums, alone.noise, hit)
    gain = (hit - found.log_prob)[0, :3].tolist()
    assert gain[1] > 20 and max(gain[0], gain[2]) < 0

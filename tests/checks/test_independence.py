"""The permutation tests, against formulas written out and under no association at all."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrocausal.checks.independence
from pyrocausal.checks.independence import Association, agreement, association, associations

TESTS = [association, agreement]


def table(seed=0, n=400, strata=4, effect=0.0):
    """Two binary columns that both depend on their stratum, and on each other if there is an effect."""
    rng = np.random.default_rng(seed)
    s = rng.integers(strata, size=n)
    x = rng.random(n) < 0.2 + 0.2 * s
    y = rng.random(n) < 0.2 + 0.2 * s + effect * (x - 0.5)
    return torch.tensor(x[:, None]).double(), torch.tensor(y[:, None]).double(), torch.tensor(s)


def one_hot(column) -> torch.Tensor:
    return torch.nn.functional.one_hot(column[:, 0].long()).double()


def test_it_is_the_mantel_haenszel_test():
    x, y, s = table(effect=0.1)
    gap, variance = 0.0, 0.0
    for k in s.unique():
        here = s == k
        n, ones, twos = int(here.sum()), float(x[here].sum()), float(y[here].sum())
        gap += float((x * y)[here].sum()) - ones * twos / n
        variance += ones * (n - ones) * twos * (n - twos) / (n * n * (n - 1))
    found = association(one_hot(x), one_hot(y), s)
    assert (found.freedom, found.rows) == (1, 400)
    assert found.statistic == pytest.approx(gap**2 / variance)
    assert agreement(x, y, s) == pytest.approx((gap**2 / variance, 1, 400, math.copysign(1, gap)))


def test_p_value_is_that_of_chi_square():
    assert Association(3.841459, 1, 10).p_value == pytest.approx(0.05, abs=1e-6)
    assert Association(18.307, 10, 10).p_value == pytest.approx(0.05, abs=1e-4)
    assert Association(0.0, 0, 0).p_value == 1.0


@pytest.mark.parametrize("test", TESTS)
def test_p_values_are_even_without_association(test):
    p = np.array([test(*table(seed)).p_value for seed in range(400)])
    assert abs((p < 0.05).mean() - 0.05) < 0.03
    assert abs((p < 0.5).mean() - 0.5) < 0.07
    pooled = [test(*table(seed)[:2], torch.zeros(400, dtype=torch.long)).p_value for seed in range(20)]
    assert np.median(pooled) < 0.05  # strata do explain it


@pytest.mark.parametrize("test", TESTS)
def test_association_is_found(test):
    assert test(*table(effect=0.4)).p_value < 1e-6
    assert agreement(*table(effect=-0.4)).sign == -1


@pytest.mark.parametrize("test", TESTS)
def test_covariates_are_explained_away(test):
    z = torch.randn(500, 1)
    x, y, s = z + torch.randn(500, 1), z + torch.randn(500, 1), torch.zeros(500, dtype=torch.long)
    assert test(x, y, s).p_value < 1e-6
    assert test(x, y, s, None, z).p_value > 0.01


@pytest.mark.parametrize("test", TESTS)
def test_few_rows_say_nothing(test):
    x, s = torch.zeros(1000, 1), torch.zeros(1000, dtype=torch.long)
    x[:3] = 1.0  # three rows that agree would be 1,000 as a chi-square
    assert test(x, x, s).p_value == 1.0
    assert test(x[:0], x[:0], s[:0]) == (0.0, 0, 0.0, 0.0)
    constant = torch.ones(1000, 1)
    assert test(constant, torch.randn(1000, 1), s).p_value == 1.0
    apart = torch.arange(1000)  # every row a stratum of its own
    assert test(torch.randn(1000, 1), torch.randn(1000, 1), apart).p_value == 1.0


@pytest.mark.parametrize("test", TESTS)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_order_and_labels_do_not_matter_and_a_weight_is_as_many_rows(test, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 200))
    s = torch.tensor(rng.integers(3, size=n))
    x, y = (torch.tensor(rng.normal(size=(n, 2))) + s[:, None] for _ in range(2))
    weights, z = torch.tensor(rng.integers(1, 4, size=n)).double(), torch.tensor(rng.normal(size=(n, 1)))
    found = test(x, y, s, weights, z)
    order, columns = torch.tensor(rng.permutation(n)), [1, 0]
    same = test(x[order][:, columns], y[order][:, columns], 7 - 2 * s[order], weights[order], z[order])
    many = weights.long()
    repeated = test(*(each.repeat_interleave(many, 0) for each in (x, y, s)), None, z.repeat_interleave(many, 0))
    assert same == pytest.approx(found)
    assert repeated == pytest.approx(found)


def test_examples():
    assert doctest.testmod(pyrocausal.checks.independence).failed == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_are_tested_as_each_alone(weighted):
    generator = torch.Generator().manual_seed(1)
    n = 900
    z, x = (torch.randn(n, 2, generator=generator) for _ in range(2))
    y = 0.2 * x + z @ torch.ones(2, 2)
    s, g = (torch.randint(k, (n,), generator=generator) for k in (3, 4))
    weights = torch.rand(n, generator=generator) + 0.5 if weighted else None
    found = associations(x, y, s, g, weights, z)
    assert len(found) == 4
    for k, each in enumerate(found):
        here = g == k
        alone = association(x[here], y[here], s[here], weights[here] if weighted else None, z[here])
        assert each == pytest.approx(alone) and each.freedom == 4

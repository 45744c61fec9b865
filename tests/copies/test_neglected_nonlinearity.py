"""Whether units at random find what a straight line with even noise leaves."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.copies.exact_fit import FamilyRows, solved
from pyrocausal.copies.neglected_nonlinearity import neglected_nonlinearity

NOTABLE = 0.01  # nats a row


def rows_of(mean, scale, n: int, causes: int, seed: int, states: bool = False) -> FamilyRows:
    """An effect of numbers, or of states 0 and 1, in a unit of its own."""
    generator = torch.Generator().manual_seed(seed)
    x, e = torch.randn(n, causes, generator=generator).double(), torch.randn(n, generator=generator).double()
    x = (x > 0).double() if states else x
    return FamilyRows(x, 5.0 + 3.0 * (mean(x) + scale(x) * e), torch.ones(n).double())


def found(rows: FamilyRows, seed: int = 0) -> float:
    every = range(rows.columns.shape[1])
    return neglected_nonlinearity(rows, tuple(every), list(every), seed)


def even(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(x)).double()


@pytest.mark.parametrize("causes", [1, 2, 3, 5, 10, 20])
def test_of_a_straight_line_with_even_noise_chance_gains_nothing(causes):
    told = [found(rows_of(lambda x: x.sum(1), even, 5000, causes, seed), seed) for seed in range(10)]
    assert abs(sum(told) / 10) < 0.25 * NOTABLE and max(told) < 0.7 * NOTABLE


@pytest.mark.parametrize("causes", [1, 3, 10])
@pytest.mark.parametrize("n", [1000, 5000])
@pytest.mark.parametrize(
    ("mean", "scale"),
    [(lambda x: 0.5 * x[:, 0].abs(), even), (lambda x: x[:, 0], lambda x: (0.2 * x[:, 0]).exp())],
    ids=["kink", "noise"],
)
def test_units_at_random_find_kinks_and_uneven_noise(mean, scale, n, causes):
    told = [found(rows_of(mean, scale, n, causes, seed), seed) for seed in range(5)]
    assert sum(each > NOTABLE for each in told) >= 4


def test_they_find_what_states_do_together_and_to_the_noise():
    for causes, mean, scale in (
        (1, lambda x: x[:, 0], lambda x: 1 + 0.4 * x[:, 0]),
        (2, lambda x: 0.5 * (x[:, 0] != x[:, 1]).double(), even),
    ):
        told = [found(rows_of(mean, scale, 1000, causes, seed, states=True), seed) for seed in range(5)]
        assert min(told) > NOTABLE


@pytest.mark.parametrize("mean", [lambda x: x[:, 0] + 0.3 * x[:, 1].abs(), lambda x: x[:, 0] + 0.2 * x[:, 1] * x[:, 2]])
def test_they_gain_most_of_what_a_fit_gains(mean):
    rows = rows_of(mean, even, 20_000, 3, 0)
    columns = torch.cat([torch.ones(len(rows.values), 1).double(), rows.columns], 1)
    line = columns @ torch.linalg.lstsq(columns, rows.values[:, None]).solution[:, 0]
    gain = 0.5 * math.log((rows.values - line).square().mean()) - solved(rows, (0, 1, 2), [0, 1, 2], [], 0).nats
    assert 0.6 * gain < found(rows) < 1.1 * gain


def test_few_rows_leave_it_open():
    told = [found(rows_of(lambda x: x.sum(1), even, 200, 5, seed), seed) for seed in range(5)]
    assert sum(each > NOTABLE for each in told) >= 4


def test_a_row_of_weight_one_half_is_half_a_row():
    rows = rows_of(lambda x: x[:, 0].abs(), even, 4000, 3, 0)
    twice = FamilyRows(rows.columns.repeat(2, 1), rows.values.repeat(2), rows.weights.repeat(2) / 2)
    assert found(twice) == pytest.approx(found(rows), rel=1e-6)


def test_nothing_is_gained_without_parents_or_by_columns_that_do_not_vary():
    rows = rows_of(lambda x: x[:, 0].abs(), even, 4000, 2, 0)
    assert neglected_nonlinearity(rows, (), [], 0) == 0.0
    with_zero = rows._replace(columns=rows.columns * torch.tensor([1.0, 0.0]).double())
    alone = neglected_nonlinearity(rows, (0,), [0], 0)
    assert found(with_zero) == pytest.approx(alone, abs=0.1 * alone)
    assert abs(found(rows._replace(columns=torch.ones_like(rows.columns)))) < NOTABLE
    assert math.isfinite(found(rows._replace(values=torch.ones_like(rows.values))))

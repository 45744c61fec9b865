"""Whether units at random find what a straight line with even noise leaves."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.copies.exact_fit import FamilyRows, solved
from pyrocausal.copies.neglected_nonlinearity import neglected_nonlinearity

MEANS = {
    "line": lambda x: x @ torch.tensor([1.0, -2.0, 0.5]).double(),
    "bend": lambda x: x[:, 0] + 0.3 * x[:, 1].abs(),
    "product": lambda x: x[:, 0] + 0.2 * x[:, 1] * x[:, 2],
}


def rows_of(mean: str, noise: float = 0.0, n: int = 20_000, seed: int = 0, copies: int = 1) -> FamilyRows:
    """Three causes and an effect; noise of a log-scale that depends on one of them so much."""
    generator = torch.Generator().manual_seed(seed)
    x, e = torch.randn(n, 3, generator=generator).double(), torch.randn(n, generator=generator).double()
    y = 5.0 + 3.0 * (MEANS[mean](x) + e * (noise * x[:, 2]).exp())
    weights = torch.ones(n).double()
    return FamilyRows(x.repeat(copies, 1), y.repeat(copies), weights.repeat(copies) / copies)


def found(rows: FamilyRows, seed: int = 0) -> float:
    return neglected_nonlinearity(rows, (0, 1, 2), [0, 1, 2], seed)


@pytest.mark.parametrize("seed", range(5))
def test_of_a_straight_line_with_even_noise_hardly_anything_may_be_gained(seed):
    assert -0.002 < found(rows_of("line", seed=seed), seed) < 0.003


@pytest.mark.parametrize(("mean", "noise"), [("bend", 0.0), ("product", 0.0), ("line", 0.2)])
def test_units_at_random_find_bends_products_and_uneven_noise(mean, noise):
    rows = rows_of(mean, noise)
    told = found(rows)
    assert told > 0.01
    if not noise:  # of which `nats` knows nothing
        fitted = solved(rows, (0, 1, 2), [0, 1, 2], [], 0)
        columns = torch.cat([torch.ones(len(rows.values), 1).double(), rows.columns], 1)
        line = columns @ torch.linalg.lstsq(columns, rows.values[:, None]).solution[:, 0]
        gain = 0.5 * math.log((rows.values - line).square().mean()) - fitted.nats
        assert 0.5 * gain < told < 1.2 * gain


def test_few_rows_leave_it_open():
    assert found(rows_of("line", n=300)) > 0.05


def test_a_row_of_weight_one_half_is_half_a_row():
    rows = rows_of("bend", 0.1, n=4000)
    assert found(rows_of("bend", 0.1, n=4000, copies=2)) == pytest.approx(found(rows), rel=1e-6)


def test_without_parents_and_where_nothing_varies_there_is_nothing_to_gain():
    rows = rows_of("bend")
    assert neglected_nonlinearity(rows, (), [], 0) == 0.0
    assert neglected_nonlinearity(rows._replace(columns=torch.ones_like(rows.columns)), (0,), [0], 0) <= 0.0
    assert math.isfinite(found(rows._replace(values=torch.ones_like(rows.values))))

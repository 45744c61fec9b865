"""Which rows fit mechanisms and which score graphs."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from conftest import KINDS, make_rows, small_data
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.data import InterventionalData, Regime
from pyrocausal.kinds import Categorical, Continuous
from pyrocausal.split import leaves_observational_range, split_rows

KIND = (Categorical((0, 1, 2)), Categorical((0, 1)))


def numbered(sizes, n=5):
    """Data whose rows carry their own number in a continuous column."""
    kinds = (Continuous(0.0, 1.0), Continuous(0.0, 1.0))
    total, tables, start = n + sum(sizes), [], 0
    rows = torch.stack([torch.arange(total).float(), torch.zeros(total)], 1)
    for size in (n, *sizes):
        tables.append(rows[start : start + size])
        start += size
    regimes = tuple(Regime(f"r{r}", table) for r, table in enumerate(tables[1:]))
    return InterventionalData(("A", "B"), kinds, tables[0], regimes)


def test_as_published_every_regime_row_scores_and_none_fits():
    data = small_data()
    fitting, origin, scoring = split_rows(data, share_regimes=False)
    assert torch.equal(fitting, data.observational)
    assert torch.equal(origin, torch.full((len(fitting),), len(data.regimes)))
    assert all(torch.equal(rows, regime.rows) for rows, regime in zip(scoring, data.regimes, strict=True))


@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_shared_rows_are_used_once_and_their_origin_is_right(sizes, n):
    data = numbered(sizes, n)
    fitting, origin, scoring = split_rows(data, share_regimes=True)
    assert len(fitting) == len(origin)
    assert not origin.is_floating_point()
    for r, regime in enumerate(data.regimes):
        assert torch.equal(fitting[origin == r], regime.rows[::2])
        assert torch.equal(scoring[r], regime.rows[1::2])
        assert len(scoring[r]) > 0
    assert torch.equal(fitting[origin == len(sizes)], data.observational)
    used = torch.cat([fitting, *scoring])[:, 0].sort().values
    assert torch.equal(used, torch.arange(n + sum(sizes)).float())


def test_continuous_variables_may_leave_their_range():
    assert leaves_observational_range(small_data(KINDS["continuous"]))
    assert leaves_observational_range(small_data(KINDS["mixed"]))


@pytest.mark.parametrize(("observed", "leaves"), [([0.0, 1.0, 2.0], False), ([0.0, 1.0, 1.0], True)])
def test_a_state_that_only_regimes_show_is_outside(observed, leaves):
    observational = torch.stack([torch.tensor(observed), torch.tensor([0.0, 1.0, 1.0])], 1)
    regime = Regime("drug", torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    data = InterventionalData(("A", "B"), KIND, observational, (regime,))
    assert leaves_observational_range(data) is leaves


def test_regimes_themselves_do_not_decide():
    data = small_data(rows=60)
    assert not leaves_observational_range(data)
    narrow = tuple(dataclasses.replace(regime, rows=torch.zeros_like(regime.rows)) for regime in data.regimes)
    assert not leaves_observational_range(dataclasses.replace(data, regimes=narrow))
    wide = dataclasses.replace(data, observational=torch.zeros_like(make_rows(KINDS["categorical"], 60)))
    assert leaves_observational_range(wide)

"""Which rows fit mechanisms and which score graphs."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from conftest import KINDS, make_rows, small_data
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.sdi.row_split import cross_fit, leaves_observational_range, split_rows

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
    (fitting, _), origin, scoring, held_out = split_rows(data, share_regimes=False)
    assert torch.equal(fitting, data.observational)
    assert torch.equal(origin, torch.full((len(fitting),), len(data.regimes)))
    assert all(torch.equal(part.rows, regime.rows) for part, regime in zip(scoring, data.regimes, strict=True))
    assert held_out.rows.shape == (0, 4)


@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_shared_rows_are_used_once_and_their_origin_is_right(sizes, n):
    data = numbered(sizes, n)
    (fitting, _), origin, parts, held_out = split_rows(data, share_regimes=True)
    scoring = [part.rows for part in parts]
    assert len(held_out.rows) == 0
    assert len(fitting) == len(origin)
    assert not origin.is_floating_point()
    for r, regime in enumerate(data.regimes):
        assert torch.equal(fitting[origin == r], regime.rows[::2])
        assert torch.equal(scoring[r], regime.rows[1::2])
        assert len(scoring[r]) > 0
    assert torch.equal(fitting[origin == len(sizes)], data.observational)
    used = torch.cat([fitting, *scoring])[:, 0].sort().values
    assert torch.equal(used, torch.arange(n + sum(sizes)).float())


@given(st.integers(5, 400), st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 0.8]), st.booleans())
@example(5, 0.1, False)
@settings(max_examples=60, deadline=None)
def test_held_out_rows_are_spread_evenly_and_fit_nothing(n, share, share_regimes):
    data = numbered([4, 7], n)
    split = split_rows(data, share_regimes, share)
    held, fitted = split.held_out.rows[:, 0], split.fitting.rows[split.origin == 2][:, 0]
    assert abs(len(held) - share * n) < 1 + 1e-3
    assert torch.equal(torch.cat([held, fitted]).sort().values, data.observational[:, 0])
    assert len(fitted) > 0
    rank = data.observational[:, 0] + 1  # rows carry their number
    if 0 < share * n < 1 - 1e-3:  # a table that small gives its last row
        assert held.tolist() == [n - 1]
        return
    for k, number in enumerate(held.tolist()):  # the k-th is where the share passes k + 1
        assert (k + 1) / share - 1e-3 <= rank[int(number)] < (k + 1) / share + 1 + 1e-3
    assert not torch.isin(split.fitting.rows[split.origin < 2], held).any()
    plain = split_rows(data, share_regimes)
    assert all(
        torch.equal(a.rows, b.rows) for a, b in zip(split.scoring, plain.scoring, strict=True)
    )  # regimes are not touched


# ---------------------------------------------------------------- folds
@given(
    sizes=st.lists(st.integers(2, 9), min_size=1, max_size=4),
    n=st.integers(6, 30),
    share_regimes=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_folds(sizes, n, share_regimes, seed):
    data, R = numbered(sizes, n), len(sizes)
    natural = torch.rand(R, 2, generator=torch.Generator().manual_seed(seed)) < 0.5
    split = split_rows(data, share_regimes, 0.4)
    folds = cross_fit(data, split, natural)
    of_regimes = torch.cat([regime.rows[:, 0] for regime in data.regimes])
    origin = torch.full((n + sum(sizes),), R)  # of every row, by its number
    for r, regime in enumerate(data.regimes):
        origin[regime.rows[:, 0].long()] = r
    observational = split.fitting.rows[split.origin == R][:, 0]

    for (fitting, _), counts, (scoring, _), table, _ in folds:
        fit, score = fitting[:, 0].long(), scoring[:, 0].long()
        assert not torch.isin(fit, score).any()  # no row scores what it has fitted
        assert torch.equal(table, origin[score])
        # A row tells of the variables that its regime left alone; observational rows tell of all.
        expected = [natural[origin[number]].tolist() if origin[number] < R else [True, True] for number in fit]
        assert counts.dtype == torch.bool
        assert counts.tolist() == expected
        assert torch.equal(fit[origin[fit] == R].float(), observational)  # the same in both
        assert len(fit.unique()) == len(fit)
        assert not torch.isin(split.held_out.rows[:, 0], fitting[:, 0]).any()
    one, other = folds
    scored = torch.cat([one.scoring.rows, other.scoring.rows])[:, 0]
    assert torch.equal(scored.sort().values, torch.cat([of_regimes, split.held_out.rows[:, 0]]).sort().values)
    # What one fold scores of a regime, the other has fitted.
    for fold, rest in ((one, other), (other, one)):
        assert torch.equal(
            fold.scoring.rows[fold.table < R], rest.fitting.rows[origin[rest.fitting.rows[:, 0].long()] < R]
        )
        for r in range(R):
            assert abs(int((fold.table == r).sum()) - sizes[r] / 2) <= 0.5


def test_numbers_may_leave_their_range():
    assert leaves_observational_range(small_data(KINDS["continuous"]))
    assert leaves_observational_range(small_data(KINDS["mixed"]))
    assert leaves_observational_range(small_data(KINDS["counts"]))


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


def test_a_small_table_holds_out_one_row():
    data = InterventionalData.from_arrays(torch.tensor([[0, 1], [1, 0], [1, 1]]), [torch.tensor([[0, 0], [1, 1]])])
    split = split_rows(data, share_regimes=False, held_out=0.2)
    assert (len(split.held_out.rows), len(split.fitting.rows)) == (1, 2)

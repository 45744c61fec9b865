"""Some rows of every table."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from conftest import KINDS, small_data

from pyrocausal.data.row_sample import row_sample, rows_of


def test_as_many_rows_as_asked_for_in_their_order():
    data = small_data(KINDS["continuous"], 50)
    few = row_sample(data, 20, 10)
    assert few.n == 20 and [len(regime.rows) for regime in few.regimes] == [10, 10, 10]
    assert rows_of(few) == 50 and few.names == data.names and few.regime_names == data.regime_names
    places = [int((data.observational == row).all(1).nonzero()[0]) for row in few.observational]
    assert places == sorted(set(places))
    assert torch.equal(row_sample(data, 20, 10).observational, few.observational)
    assert not torch.equal(row_sample(data, 20, 10, seed=1).observational, few.observational)


def test_nothing_is_made_where_nothing_has_to_go():
    data = small_data(KINDS["categorical"], 50)
    assert row_sample(data, 50, 1_000) is data


@pytest.mark.parametrize(("weight", "rows"), [(0.5, 8), (0.1, 50)])
def test_rows_keep_their_weights_and_tables_enough_of_them(weight, rows):
    data = small_data(KINDS["continuous"], 50)
    data = replace(data, observational_weights=torch.full((50,), weight))
    few = row_sample(data, 8, 60)
    assert (
        few.n == rows and few.regimes[0].rows is data.regimes[0].rows
    )  # eight rows of 0.1 would be less than a table needs
    assert few.observational_weights.tolist() == pytest.approx([weight] * rows)

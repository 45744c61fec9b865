"""Slips and codes are set aside when tables are read; long tails, parts of tables and whole tables are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

import pyrocausal as pc
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.slips import Slip, find_slips, without_slips

NUMBER, COUNT = Continuous(0.0, 1.0), Count(None, 1.5, 0.8)


def slips(kind, *columns, weights=None):
    tables = {str(k): pd.Series(column) for k, column in enumerate(columns)}
    return without_slips("B", kind, tables, weights or [None] * len(columns))


def test_usual_values_stay_as_they_are() -> None:
    rng = default_rng(0)
    for kind, tables in (
        (NUMBER, (rng.normal(size=500), 50 + rng.normal(size=20), 30 * rng.normal(size=200))),
        (COUNT, (rng.poisson(4.0, 500), rng.poisson(300.0, 200))),
        (NUMBER, (np.r_[np.zeros(997), np.full(3, 1e6)], np.zeros(50))),  # nothing is usual
        (NUMBER, (np.r_[rng.normal(size=300), 7.0, 12.0, 40.0], rng.normal(size=5_000))),  # a tail
        (Categorical((0, 1, 10**6)), (np.r_[rng.integers(2, size=500), 10**6], np.zeros(50))),
    ):
        made, found = slips(kind, *tables)
        assert not found
        for column, was in zip(made.values(), tables, strict=True):
            np.testing.assert_array_equal(column, was)


@pytest.mark.parametrize("many", [1, 9], ids=["one", "a code"])
@pytest.mark.parametrize("value", [1e6, -1e6, 300.0, 1e300])
def test_slips_stand_at_the_median_of_their_table(value: float, many: int) -> None:
    rng = default_rng(1)
    column = rng.normal(3.0, size=300)
    column[7 : 7 + many] = value
    made, found = slips(NUMBER, rng.normal(size=500), column)
    assert found == [Slip("1", row, "B", value) for row in range(7, 7 + many)]
    others = np.r_[column[:7], column[7 + many :]]
    np.testing.assert_allclose(made["1"][7 : 7 + many], np.median(others), atol=0.1)
    np.testing.assert_array_equal(np.delete(made["1"].to_numpy(), range(7, 7 + many)), others)


def test_counts_stay_whole_numbers() -> None:
    column = default_rng(2).poisson(6.0, 301)
    column[5] = 999_999
    made, (slip,) = slips(COUNT, column)
    assert slip.value == 999_999 and made["0"][5] == 6


def test_a_part_of_a_table_is_no_slip() -> None:
    column = default_rng(3).normal(size=300)
    column[:30] = 1e4
    assert not slips(NUMBER, default_rng(4).normal(size=5_000), column)[1]


def test_gaps_text_and_infinite_values_are_left_to_others() -> None:
    column = default_rng(5).normal(size=200)
    column[::5], column[1] = np.nan, 1e6
    made, found = slips(NUMBER, column)
    assert [slip.row for slip in found] == [1] and np.isnan(made["0"][::5]).all()
    assert not slips(NUMBER, np.r_[column, np.inf])[1]
    assert not slips(NUMBER, [*map(str, column)])[1]
    assert find_slips([np.full(5, np.nan)], [None])[0][0].size == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(2, 4))
def test_weights_count_as_rows(seed: int, times: int) -> None:
    column = default_rng(seed).normal(size=100)
    column[3] = 1e5
    weights = np.ones(100)
    weights[50:] = times
    repeated = np.r_[column[:50], np.repeat(column[50:], times)]
    (rows, median), (again, same) = find_slips([column], [weights])[0], find_slips([repeated], [None])[0]
    assert rows.tolist() == again.tolist() == [3]
    assert median == pytest.approx(same)


def chain(hit: str, seed: int, value: float | None = None, rows: int = 200) -> pd.DataFrame:
    rng = default_rng(seed)
    a = rng.normal(size=rows) + 3 * (hit == "A")
    b = a + rng.normal(size=rows) + 3 * (hit == "B")
    frame = pd.DataFrame({"A": a, "B": b})
    if value is not None:
        frame.loc[7, "B"] = value
    return frame


@pytest.mark.parametrize("value", [999_999.0, 1e20, -1e38])
def test_one_cell_decides_neither_graph_nor_target_nor_size(value: float) -> None:
    clean = pc.InterventionalData.from_frames(chain("", 0), {"b": chain("B", 1), "a": chain("A", 2)})
    found = pc.InterventionalData.from_frames(chain("", 0, value), {"b": chain("B", 1, value), "a": chain("A", 2)})
    assert found.slips == (Slip("", 7, "B", value), Slip("b", 7, "B", value))
    for kind, other in zip(found.kinds, clean.kinds, strict=True):
        assert kind.units == pytest.approx(other.units, rel=0.02, abs=0.02)
    with pytest.warns(pc.TableWarning, match="a fit takes the median of the table in its place"):
        result = pc.discover(found, chains=1, seed=0, progress=False)
    usual = pc.discover(clean, chains=1, seed=0, progress=False)
    assert result.targets() == usual.targets() == {"b": ("B",), "a": ("A",)}
    np.testing.assert_allclose(result.edges()["size"], usual.edges()["size"], rtol=0.05)
    np.testing.assert_allclose(result.target_table()["size"], usual.target_table()["size"], rtol=0.05)
    assert "the table has what can turn the answer" not in pc.verdict(result).trust


def test_a_regime_may_be_taken_away() -> None:
    data = pc.InterventionalData.from_frames(chain("", 0), {"b": chain("B", 1, 1e9), "a": chain("A", 2)})
    assert len(data.check().dangerous) == 1
    assert not replace(data, regimes=data.regimes[1:]).check().dangerous


@pytest.mark.parametrize("where", ["", "b"])
def test_many_cells_far_out_are_refused_by_name(where: str) -> None:
    tables = {name: chain(name.upper(), k) for k, name in enumerate(["", "b", "a"])}
    tables[where].loc[:30, "B"] = 1e30
    what = "too far apart to be told from each other" if not where else "standard deviations from the mean"
    with pytest.raises(ValueError, match=f"variable 'B' in .*{what}"):
        pc.InterventionalData.from_frames(tables.pop(""), tables)

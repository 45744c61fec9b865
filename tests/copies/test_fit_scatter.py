"""What an edge costs where fits of a mechanism end far from one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrocausal.copies.fit_scatter import ALIKE, SHARE, FitScatter
from pyrocausal.copies.further_attempts import GAIN

FEW, MANY = (1, (0,)), (1, tuple(range(2, 12)))


def test_an_edge_has_to_gain_a_share_of_what_attempts_at_no_richer_mechanisms_have_gained():
    scatter = FitScatter().with_gains({FEW: 10.0, MANY: 800.0, (2, (0, 1)): 40.0})
    assert scatter.least([0, len(MANY[1]), 2]).tolist() == [0.0, SHARE * 800.0, SHARE * 40.0]
    assert scatter.least([0, len(MANY[1]) // ALIKE, 1]).tolist() == [0.0, SHARE * 800.0, SHARE * 40.0]
    # One that has few parents is easy to fit, however far apart fits of many were.
    assert scatter.least([0, len(MANY[1]) // ALIKE - 1, 0]).tolist() == [0.0, SHARE * 10.0, 0.0]


def test_what_was_tried_in_vain_is_tried_again_once_other_rows_tell():
    scatter = FitScatter().with_gains({FEW: GAIN, (2, ()): GAIN + 0.1})
    assert scatter.to_be_tried([FEW, MANY, (2, ())]) == [MANY, (2, ())]
    assert scatter.where_rows_changed([2]).to_be_tried([FEW, MANY]) == [MANY]
    assert scatter.where_rows_changed([1]).to_be_tried([FEW, MANY]) == [FEW, MANY]
    assert scatter.where_rows_changed([1]).least([0, 1, 0])[1] == SHARE * GAIN


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=5))
def test_later_attempts_never_make_an_edge_cheaper(gains):
    scatter, before = FitScatter(), 0.0
    for gain in gains:
        scatter = scatter.with_gains({FEW: gain})
        after = float(scatter.least([0, 1])[1])
        assert after >= before
        before = after
    assert before == pytest.approx(SHARE * max(gains))

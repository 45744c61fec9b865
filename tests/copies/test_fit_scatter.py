"""What an edge costs where fits of a mechanism end far from one another."""

from __future__ import annotations

from pyrocausal.copies.fit_scatter import ALIKE, SHARE, FitScatter

FEW, MANY = (1, (0,)), (1, tuple(range(2, 12)))


def test_an_edge_has_to_gain_a_share_of_what_attempts_at_no_richer_mechanisms_have_gained():
    scatter = FitScatter().with_gains({FEW: 10.0, MANY: 800.0, (2, (0, 1)): 40.0})
    assert scatter.least([0, len(MANY[1]), 2]).tolist() == [0.0, SHARE * 800.0, SHARE * 40.0]
    assert scatter.least([0, len(MANY[1]) // ALIKE, 1]).tolist() == [0.0, SHARE * 800.0, SHARE * 40.0]
    # One that has few parents is easy to fit, however far apart fits of many were.
    assert scatter.least([0, len(MANY[1]) // ALIKE - 1, 0]).tolist() == [0.0, SHARE * 10.0, 0.0]


def test_families_are_tried_once_unless_other_rows_tell():
    scatter = FitScatter().with_gains({FEW: 8.0, (2, ()): 0.0})
    assert scatter.to_be_tried([FEW, MANY, (2, ())]) == [MANY]
    after = scatter.where_rows_changed([1])
    assert after.to_be_tried([FEW, MANY, (2, ())]) == [FEW, MANY]
    assert after.least([0, 1, 0])[1] == 0.0  # what other rows have said does not count

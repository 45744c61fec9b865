import doctest
import math

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import pyrocausal.posterior.graph_metrics
from pyrocausal.posterior.graph_metrics import (
    auroc,
    average_precision,
    false_edges,
    ordered_pairs,
    shd,
    target_accuracy,
)
from pyrocausal.simulate.graphs import chain, full

PAIRS = [(f"X{i}", f"X{j}") for i in range(4) for j in range(4) if i != j]


def graph(edges):
    found = nx.DiGraph()
    found.add_nodes_from(f"X{i}" for i in range(4))
    found.add_edges_from(edges)
    return found


@pytest.mark.parametrize(
    ("edges", "distance"),
    [
        ([("X0", "X1"), ("X1", "X2"), ("X2", "X3")], 0),
        ([("X1", "X0"), ("X1", "X2"), ("X2", "X3")], 1),  # reversed
        ([("X0", "X1"), ("X1", "X0"), ("X1", "X2"), ("X2", "X3")], 1),  # both ways
        ([("X1", "X2"), ("X2", "X3")], 1),  # missing
        ([("X0", "X1"), ("X1", "X2"), ("X2", "X3"), ("X0", "X3")], 1),  # extra
        ([("X1", "X0"), ("X0", "X2"), ("X3", "X2")], 4),
        ([], 3),
    ],
)
def test_shd_counts_each_wrong_pair_once(edges, distance):
    assert shd(graph(edges), chain(4)) == distance


@given(*3 * [st.sets(st.sampled_from(PAIRS))])
def test_shd_is_a_metric(a, b, c):
    a, b, c = graph(a), graph(b), graph(c)
    assert shd(a, a) == 0
    assert shd(a, b) == shd(b, a)
    assert shd(a, c) <= shd(a, b) + shd(b, c)


def test_shd_ignores_node_order_and_refuses_other_nodes():
    truth = full(3)
    backwards = nx.DiGraph()
    backwards.add_nodes_from(["X2", "X1", "X0"])
    backwards.add_edges_from(truth.edges)
    assert shd(backwards, truth) == 0
    with pytest.raises(ValueError, match="X3"):
        shd(full(4), truth)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([("X0", "X1"), ("X1", "X2"), ("X2", "X3")], (0, 0)),
        ([("X1", "X0"), ("X1", "X2"), ("X2", "X3")], (1, 1)),  # reversed
        ([("X0", "X1"), ("X1", "X0"), ("X1", "X2"), ("X2", "X3")], (1, 0)),  # both ways
        ([("X0", "X1"), ("X0", "X3")], (1, 2)),
        ([], (0, 3)),
    ],
)
def test_false_edges_have_a_direction(edges, expected):
    assert false_edges(graph(edges), chain(4)) == expected
    with pytest.raises(ValueError, match="X3"):
        false_edges(graph(edges), chain(3))


# X0 -> X1 -> X2, row = effect; of the six pairs the two edges have 0.8 and 0.4, the others 0.9, 0.4, 0.1 and 0.0
BELIEF = np.array([[7.0, 0.9, 0.0], [0.8, 7.0, 0.4], [0.1, 0.4, 7.0]])


def test_ranking_measures_by_hand():
    # 0.8 beats three of four others; 0.4 beats two and ties with one
    assert auroc(BELIEF, chain(3)) == pytest.approx((3 + 2.5) / 8)
    # 0.8 is second of the believed; 0.4 comes with another pair, and then two of four are edges
    assert average_precision(BELIEF, chain(3)) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_ranking_measures_at_their_ends():
    edges = nx.to_numpy_array(full(4)).T
    for measure, worst in ((auroc, 0.0), (average_precision, None)):
        assert measure(edges, full(4)) == 1.0
        if worst is not None:
            assert measure(1 - edges, full(4)) == worst
    nothing = np.full((4, 4), 0.3)  # all pairs tie: half of them beaten, precision is the share of edges
    assert auroc(nothing, chain(4)) == 0.5
    assert average_precision(nothing, chain(4)) == pytest.approx(3 / 12)
    empty = nx.create_empty_copy(chain(4))
    assert math.isnan(auroc(nothing, empty))
    assert math.isnan(average_precision(nothing, empty))


@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.sets(st.sampled_from(PAIRS), min_size=1, max_size=11))
def test_ranking_measures_agree_with_their_definitions(beliefs, edges):
    truth, found = graph(edges), np.zeros((4, 4))
    found[~np.eye(4, dtype=bool)] = beliefs
    pairs = [(found[e, c], truth.has_edge(f"X{c}", f"X{e}")) for e in range(4) for c in range(4) if e != c]
    good, bad = [b for b, on in pairs if on], [b for b, on in pairs if not on]
    beaten = np.mean([(g > b) + (g == b) / 2 for g in good for b in bad])
    assert auroc(found, truth) == pytest.approx(beaten)
    precision = [np.mean([on for b, on in pairs if b >= g]) for g in good]
    assert average_precision(found, truth) == pytest.approx(np.mean(precision))


@pytest.mark.parametrize("measure", [auroc, average_precision])
def test_ranking_measures_read_labels(measure):
    names = ["X2", "X0", "X1"]
    order = [int(name[1]) for name in names]
    labelled = xr.DataArray(
        BELIEF[np.ix_(order, order)], dims=("effect", "cause"), coords={"effect": names, "cause": names}
    )
    assert measure(labelled, chain(3)) == measure(BELIEF, chain(3))
    assert measure(labelled.transpose("cause", "effect"), chain(3)) == measure(BELIEF, chain(3))
    with pytest.raises(ValueError, match="X3"):
        measure(labelled, chain(4))
    with pytest.raises(ValueError, match=r"\[d, d\] for the 4 nodes"):
        measure(BELIEF, chain(4))
    with pytest.raises(ValueError, match="NaN"):
        measure(np.where(BELIEF == 0.1, np.nan, BELIEF), chain(3))


def test_ordered_pairs_go_by_effect_and_then_by_cause():
    belief, edge = ordered_pairs(np.arange(9).reshape(3, 3), chain(3))
    assert belief.tolist() == [1, 2, 3, 5, 6, 7]
    assert edge.tolist() == [False, False, True, False, False, True]  # X0 -> X1 is [1, 0], X1 -> X2 is [2, 1]


def test_target_accuracy_compares_sets():
    truth = {"a": ("X", "Y"), "b": ("Z",), "c": ()}
    assert target_accuracy({"a": ("Y", "X"), "b": ("Z",), "c": ()}, truth) == 1.0
    assert target_accuracy({"a": ("Y",), "b": ("X",), "c": ()}, truth) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("found", "truth"), [({}, {}), ({"a": ()}, {"b": ()}), ({"a": ()}, {})])
def test_target_accuracy_refuses_other_regimes(found, truth):
    with pytest.raises(ValueError, match="regimes"):
        target_accuracy(found, truth)


def test_examples():
    assert doctest.testmod(pyrocausal.posterior.graph_metrics).failed == 0

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrocausal.graphs import chain, full
from pyrocausal.metrics import shd, target_accuracy

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


def test_target_accuracy_compares_sets():
    truth = {"a": ("X", "Y"), "b": ("Z",), "c": ()}
    assert target_accuracy({"a": ("Y", "X"), "b": ("Z",), "c": ()}, truth) == 1.0
    assert target_accuracy({"a": ("Y",), "b": ("X",), "c": ()}, truth) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("found", "truth"), [({}, {}), ({"a": ()}, {"b": ()}), ({"a": ()}, {})])
def test_target_accuracy_refuses_other_regimes(found, truth):
    with pytest.raises(ValueError, match="regimes"):
        target_accuracy(found, truth)

"""Named and random graphs."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.simulate.graphs import bidiag, chain, collider, confounder3, fork, full, jungle, random_dag, tree


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("graph", "edges"),
    [
        (chain(3), {"01", "12"}),
        (fork(3), {"01", "02"}),
        (collider(4), {"03", "13", "23"}),
        (confounder3(), {"01", "02", "12"}),
        (full(4), {"01", "02", "03", "12", "13", "23"}),
        (tree(7), {"01", "02", "13", "14", "25", "26"}),
        (jungle(7), {"01", "02", "13", "14", "25", "26", "03", "04", "05", "06"}),
        (bidiag(4), {"01", "02", "12", "13", "23"}),
        (chain(1), set()),
    ],
)
def test_named_graphs(graph, edges):
    assert {cause[1:] + effect[1:] for cause, effect in graph.edges} == edges
    assert list(graph) == [f"X{i}" for i in range(len(graph))]


@given(d=st.integers(1, 12), density=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_random_graphs_are_acyclic_and_named(d, density, seed):
    graph = random_dag(d, density * (d - 1) / 2, np.random.default_rng(seed))
    assert nx.is_directed_acyclic_graph(graph)
    assert list(graph) == [f"X{i}" for i in range(d)]


def test_random_graphs_have_the_expected_edges_in_any_direction(rng):
    graphs = [random_dag(10, 2.0, rng) for _ in range(200)]
    edges = [edge for graph in graphs for edge in graph.edges]
    assert len(edges) / 200 == pytest.approx(20, abs=1)
    assert 0.45 < np.mean([int(cause[1:]) < int(effect[1:]) for cause, effect in edges]) < 0.55


@pytest.mark.parametrize("make", [chain, fork, collider, full, tree, jungle, bidiag])
def test_graphs_need_a_variable(make):
    with pytest.raises(ValueError, match="d must"):
        make(0)


def test_random_graphs_refuse_too_many_edges(rng):
    with pytest.raises(ValueError, match="edges_per_node"):
        random_dag(5, 3.0, rng)

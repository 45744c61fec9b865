"""How an answer depends on edges, against loops by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from example_results import posterior

from pyrocausal.report.uncertain_edges import by_uncertain_edges

DRAWS = 10


@pytest.mark.parametrize("kinds", ["categorical", "continuous"])
@pytest.mark.parametrize("held", [(), ("X2",)])
def test_edges_in_doubt_are_compared(kinds, held):
    result = posterior(kinds, draws=DRAWS)
    name, value = (
        "X1",
        1 if kinds == "categorical" else float(result.data.decode(result.data.observational)["X2"].median()),
    )
    answer = result.effect(name, do={"X2": value}, draws=DRAWS)
    table = by_uncertain_edges(result, answer, draws=DRAWS, held=held)
    programs = [program for chain in result.programs(DRAWS).programs for program in chain]
    values = answer.values.reshape(len(programs), -1)
    graphs = list(map(_graph, programs))
    for graph in graphs:
        graph.remove_edges_from(list(graph.in_edges(held)))
    expected = {}
    for edge in {edge for graph in graphs for edge in graph.edges}:
        has = np.array([graph.has_edge(*edge) for graph in graphs])
        leads = any(graph.has_edge(*edge) and nx.has_path(graph, edge[1], name) for graph in graphs)
        if leads and 0.05 <= has.mean() <= 0.95:
            apart = values[has].mean(0) - values[~has].mean(0)
            expected[edge] = has.mean(), np.abs(apart).max()
    found = {
        (row["cause"], row["effect"]): (row["share"], abs(row["with"] - row["without"]))
        for row in table.to_dict("records")
    }
    assert found.keys() == expected.keys() and len(found) > 2
    for edge, told in expected.items():
        np.testing.assert_allclose(found[edge], told, atol=1e-9)
    assert (table["with"] - table["without"]).abs().is_monotonic_decreasing
    assert not held or "X2" not in set(table.effect)
    assert set(table.state) <= set(map(str, answer.state.values) if kinds == "categorical" else {""})


def _graph(program):
    graph = nx.DiGraph()
    graph.add_nodes_from(program.names)
    graph.add_edges_from((program.names[c], program.names[e]) for e, c in program.graph.nonzero().tolist())
    return graph


def test_answers_of_other_draws():
    result = posterior(draws=DRAWS)
    answer = result.outcome("X1", draws=2)
    with pytest.raises(ValueError, match="answer: it has 4 draws, and 6 graphs are asked for"):
        by_uncertain_edges(result, answer, draws=3)

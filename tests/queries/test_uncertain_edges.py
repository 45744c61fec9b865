"""How an answer depends on edges, against loops by hand."""

from __future__ import annotations

import warnings

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from example_results import posterior

DRAWS = 10


@pytest.fixture(scope="module", params=["categorical", "continuous"])
def result(request):
    """Unlike a fit, its edges are in doubt."""
    return posterior(request.param, draws=DRAWS)


def value_of(result, name, share):
    return float(result.data.decode(result.data.observational)[name].quantile(share, interpolation="nearest"))


def compared(result, answer, about, held=()):
    """What the graphs say, with loops and networkx: by edge its share and the largest difference."""
    programs = [program for chain in result.programs(answer.sizes["draw"]).programs for program in chain]
    values = answer.transpose("chain", "draw", ...).values.reshape(len(programs), -1)
    graphs = list(map(_graph, programs))
    for graph in graphs:
        graph.remove_edges_from(list(graph.in_edges(held)))
    found = {}
    for cause, effect in {edge for graph in graphs for edge in graph.edges}:
        has = np.array([graph.has_edge(cause, effect) for graph in graphs])
        leads = any(graph.has_edge(cause, effect) and nx.has_path(graph, effect, a) for graph in graphs for a in about)
        if leads and 0.05 <= has.mean() <= 0.95:
            apart = values[has].mean(0) - values[~has].mean(0)
            found[cause, effect] = has.mean(), np.abs(apart).max()
    return found


def told(table):
    records = table.to_dict("records")
    return {(row["cause"], row["effect"]): (row["share"], abs(row["with"] - row["without"])) for row in records}


def same(found, expected):
    assert found.keys() == expected.keys() and len(found) > 2
    for edge in expected:
        np.testing.assert_allclose(found[edge], expected[edge], atol=1e-9)


@pytest.mark.parametrize("against", [False, True])
def test_edges_in_doubt_are_compared(result, against):
    high, low = ({"X2": value_of(result, "X2", share)} for share in (0.8, 0.2))
    answer = result.effect("X1", do=high, versus=low if against else None, draws=DRAWS)
    table, held = result.by_edge(answer), ("X2",) if against else ()
    same(told(table), compared(result, answer, ["X1"], held))
    assert (table["with"] - table["without"]).abs().is_monotonic_decreasing
    assert not held or "X2" not in set(table.effect)
    assert set(table.state) <= (set(answer.state.values.tolist()) if "state" in answer.dims else {""})


def test_what_is_observed_depends_on_edges_too(result):
    given = {"X3": value_of(result, "X3", 0.5)}
    with warnings.catch_warnings(action="ignore"):  # of the few rows that this leaves
        answer = result.outcome("X0", given=given, draws=DRAWS)
    expected = compared(result, answer, ["X0", "X3"])
    assert expected.keys() > compared(result, answer, ["X0"]).keys()
    same(told(result.by_edge(answer)), expected)


def test_other_answers_are_compared_where_there_is_one_number_a_draw(result):
    high, low = ({"X2": value_of(result, "X2", share)} for share in (0.8, 0.2))
    ways = result.ways_of_effect("X1", do=high, versus=low, draws=DRAWS)
    direct = ways.sel(way="direct")
    same(told(result.by_edge(direct)), compared(result, direct, ["X1"], ["X2"]))
    rows = result.data.decode(result.data.observational[:3])
    one = result.counterfactual(rows, do=high, draws=DRAWS).X1.sel(row=1)
    same(told(result.by_edge(one)), compared(result, one, ["X1"], ["X2"]))
    above = None if result.data.kinds[1].discrete else 0.0
    necessary = result.explain(rows, "X1", versus=low, above=above, draws=DRAWS).necessary.sel(row=2, cause="X2")
    assert not result.by_edge(necessary).empty
    with pytest.raises(ValueError, match=r"answer: expected the dims chain and draw, .* got way, chain, draw.*way="):
        result.by_edge(ways)
    with pytest.raises(ValueError, match="got draw"):
        result.by_edge(direct.sel(chain=0))


def test_what_acts_on_a_variable_matters_where_a_function_of_it_is_set(result):
    shifted = result.effect("X1", do={"X2": lambda x: x}, versus={"X2": lambda x: x}, draws=DRAWS)
    assert "X2" in set(result.by_edge(shifted).effect)
    value = {"X2": value_of(result, "X2", 0.5)}
    fixed = result.effect("X1", do=value, versus=value, draws=DRAWS)
    assert "X2" not in set(result.by_edge(fixed).effect)


def test_an_answer_that_was_saved_is_compared(result, tmp_path):
    answer = result.effect("X1", do={"X2": value_of(result, "X2", 0.8)}, draws=DRAWS)
    answer.to_netcdf(tmp_path / "answer.nc", engine="h5netcdf")
    again = xr.load_dataarray(tmp_path / "answer.nc", engine="h5netcdf")
    pd.testing.assert_frame_equal(result.by_edge(again), result.by_edge(answer))


def test_some_of_the_draws_are_those_draws(result):
    answer = result.effect("X1", do={"X2": value_of(result, "X2", 0.8)}, draws=DRAWS)
    some = answer.sel(chain=[1], draw=[7, 1, 4, 2])
    graphs = [_graph(result.programs(DRAWS).programs[1][draw]) for draw in (7, 1, 4, 2)]
    table = result.by_edge(some)
    assert not table.empty
    for row in table.to_dict("records"):
        has = [graph.has_edge(row["cause"], row["effect"]) for graph in graphs]
        values = some.sel(state=row["state"]) if row["state"] != "" else some
        assert row["share"] == np.mean(has)
        assert row["with"] == pytest.approx(values.values[0][has].mean())


def _graph(program):
    graph = nx.DiGraph()
    graph.add_nodes_from(program.names)
    graph.add_edges_from((program.names[c], program.names[e]) for e, c in program.graph.nonzero().tolist())
    return graph


def test_answers_whose_draws_nobody_knows(result):
    answer = result.outcome("X1", draws=2)
    with pytest.raises(ValueError, match=r"answer: it has lost its attribute 'draws', .* answer\.assign_attrs"):
        result.by_edge(answer.drop_attrs())
    with pytest.raises(TypeError, match="answer: expected a DataArray, as effect gives it, got float"):
        result.by_edge(0.5)

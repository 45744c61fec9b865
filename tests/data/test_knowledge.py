"""Knowledge of a graph: what it compiles to, how pieces are put together, and what is refused."""

from __future__ import annotations

import math
import re

import networkx as nx
import numpy as np
import pytest
import torch
from example_edges import NAMES, knowledge
from hypothesis import given, settings

from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.knowledge import Knowledge

NAN = math.nan


def same(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), equal_nan=True, rtol=1e-6, atol=1e-6)


def test_tiers_forbid_what_goes_back():
    found = Knowledge(tiers=[["C"], ["A", "D"]]).compile(NAMES)
    # Nothing causes C from a later tier; B is in none and may be anywhere; A and D are of one tier.
    same(found.fixed, [[0, NAN, NAN, NAN], [NAN, 0, NAN, NAN], [0, NAN, 0, 0], [NAN, NAN, NAN, 0]])
    assert not found.log_odds.any() and found.max_parents is None


def test_where_required_causes_fill_what_is_allowed_there_are_no_others():
    found = Knowledge(required=[("A", "B"), ("A", "C"), ("B", "C")], max_parents=2).compile(NAMES)
    same(found.fixed, [[0, 0, 0, NAN], [1, 0, 0, NAN], [1, 1, 0, 0], [NAN, NAN, NAN, 0]])
    same(Knowledge(max_parents=0).compile(NAMES).fixed, torch.zeros(4, 4).tolist())


def test_numbers_may_be_of_numpy():
    known = Knowledge(probability={("A", "B"): np.float32(0.25)}, max_parents=np.int64(1))
    assert known.compile(NAMES).log_odds[1, 0].item() == pytest.approx(-math.log(3))


def test_probabilities_are_prior_log_odds_and_their_ends_are_certain():
    known = Knowledge(probability={("A", "B"): 0.9, ("B", "A"): 0.2, ("C", "D"): 1.0, ("A", "D"): 0, ("A", "C"): 0.5})
    fixed, log_odds, _ = known.compile(NAMES)
    same(fixed, [[0, NAN, NAN, NAN], [NAN, 0, NAN, NAN], [NAN, NAN, 0, 0], [0, NAN, 1, 0]])
    same(log_odds, [[0, math.log(0.25), 0, 0], [math.log(9.0), 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


@given(knowledge())
@settings(max_examples=50, deadline=None)
def test_knowledge_of_edges_is_what_they_fix(case):
    names, required, forbidden = case
    expected = fixed_edges(names, required, forbidden)
    for known in (
        Knowledge(iter(required), iter(forbidden)),
        Knowledge(required=required) | Knowledge(forbidden=forbidden),
        Knowledge(probability={**dict.fromkeys(required, 1), **dict.fromkeys(forbidden, 0)}),
    ):
        torch.testing.assert_close(known.compile(names).fixed, expected, equal_nan=True)


def test_a_graph_says_which_edges_are_there_and_a_complete_one_which_are_not():
    graph = nx.DiGraph([("A", "B")])
    graph.add_edge("B", "C", probability=0.7)
    assert Knowledge.from_graph(graph) == Knowledge(required=[("A", "B")], probability={("B", "C"): 0.7})
    whole = Knowledge.from_graph(graph, complete=True)
    same(whole.compile(NAMES).fixed, [[0, 0, 0, NAN], [1, 0, 0, NAN], [0, NAN, 0, NAN], [NAN, NAN, NAN, 0]])
    for wrong in (nx.Graph([("A", "B")]), [("A", "B")]):
        with pytest.raises(TypeError, match="graph must be a networkx DiGraph"):
            Knowledge.from_graph(wrong)


def test_pieces_are_put_together():
    one = Knowledge(required=[("A", "B")], probability={("A", "C"): 0.3}, max_parents=3)
    two = Knowledge(required=[("A", "B"), ("B", "C")], forbidden=[("A", "D")], tiers=[["A"]], max_parents=2)
    assert one | two == Knowledge(
        [("A", "B"), ("B", "C")], [("A", "D")], {("A", "C"): 0.3}, tiers=[["A"]], max_parents=2
    )
    assert one | Knowledge() == one == Knowledge() | one
    with pytest.raises(ValueError, match=r"A -> C is given the probabilities 0\.3 and 0\.4; drop one"):
        one | Knowledge(probability={("A", "C"): 0.4})
    with pytest.raises(ValueError, match="tiers are given twice"):
        two | two
    with pytest.raises(TypeError):
        one | {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"probability": [("A", "B")]}, TypeError, "probability must map (cause, effect) to a number"),
        ({"probability": {("A", "B"): "high"}}, TypeError, "the probability of A -> B must be a number, got 'high'"),
        ({"probability": {("A", "B"): True}}, TypeError, "the probability of A -> B must be a number, got True"),
        ({"probability": {("A", "B"): 1.2}}, ValueError, "the probability of A -> B must be in [0, 1], got 1.2"),
        ({"probability": {("A", "B"): math.nan}}, ValueError, "the probability of A -> B must be in [0, 1], got nan"),
        ({"probability": {("A", "A"): 0.5}}, ValueError, "probability holds the edge A -> A"),
        ({"probability": {"AB": 0.5}}, TypeError, "probability must hold (cause, effect) pairs of names, got 'AB'"),
        ({"tiers": "AB"}, TypeError, "tiers must be groups of names"),
        ({"tiers": ["A", "B"]}, TypeError, "tiers must be groups of names"),
        ({"tiers": 2}, TypeError, "tiers must be groups of names"),
        ({"tiers": [["A"], 2]}, TypeError, "tiers must be groups of names"),
        ({"tiers": [["A"], ["B", "A"]]}, ValueError, "'A' is in two tiers; leave it in one"),
        ({"max_parents": -1}, ValueError, "max_parents must be at least 0, got -1"),
        ({"max_parents": 1.5}, TypeError, "max_parents must be a whole number, got 1.5"),
        ({"max_parents": True}, TypeError, "max_parents must be a whole number, got True"),
    ],
)
def test_what_is_no_knowledge_is_refused(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Knowledge(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tiers": [["A"], ["Z"]]}, "tiers names 'Z', which is not a variable; variables: A, B, C, D"),
        ({"probability": {("A", "Z"): 0.5}}, "probability names 'Z', which is not a variable"),
        ({"probability": {("Z", "A"): 0}}, "forbidden names 'Z', which is not a variable"),
        ({"tiers": [["A"], ["B"]], "required": [("B", "A")]}, "B -> A goes from tier 2 back to tier 1"),
        ({"tiers": [["A"], ["B"]], "probability": {("B", "A"): 0.1}}, "B -> A goes from tier 2 back to tier 1"),
        ({"required": [("A", "B")], "probability": {("A", "B"): 0.1}}, "A -> B is required and has a probability too"),
        ({"forbidden": [("A", "B")], "probability": {("A", "B"): 0.1}}, "A -> B is forbidden and has a probability"),
        ({"required": [("A", "B")], "probability": {("B", "A"): 0.1}}, "B -> A has a probability although A -> B is"),
        ({"required": [("A", "B"), ("B", "A")]}, "required edges form the cycle"),
        (
            {"required": [("A", "C")], "max_parents": 1, "probability": {("B", "C"): 0.4}},
            "'C' has 1 required causes, as many as max_parents = 1 allows, and B -> C is given a probability; drop it",
        ),
        (
            {"required": [("A", "C"), ("B", "C")], "max_parents": 1},
            "'C' has 2 required causes, more than max_parents = 1",
        ),
    ],
)
def test_contradictions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Knowledge(**arguments).compile(NAMES)

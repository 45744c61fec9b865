"""Required and forbidden edges: what is fixed, and what is refused."""

from __future__ import annotations

import itertools
import math
import re

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.data.knowledge import Knowledge, fixed_edges

NAMES = ("A", "B", "C", "D")


def test_by_hand():
    fixed = fixed_edges(NAMES, required=[("A", "B")], forbidden=[("C", "D"), ("A", "D")])
    nan = math.nan
    expected = torch.tensor([[0, 0, nan, nan], [1, 0, nan, nan], [nan, nan, 0, nan], [0, nan, 0, 0]])
    torch.testing.assert_close(fixed, expected, equal_nan=True, rtol=0, atol=0)
    assert fixed.dtype == torch.float32


def test_nothing_known_leaves_all_to_the_data():
    fixed = fixed_edges(NAMES)
    assert fixed.isnan().sum() == 12
    assert torch.equal(fixed.diagonal(), torch.zeros(4))


@st.composite
def knowledge(draw):
    """A random DAG's edges split in required and unmentioned, and forbidden edges that do not contradict them."""
    names = draw(st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=6, unique=True))
    order = draw(st.permutations(names))
    pairs = [(a, b) for k, a in enumerate(order) for b in order[k + 1 :]]
    required = draw(st.lists(st.sampled_from(pairs), unique=True))
    rest = [(a, b) for a in names for b in names if a != b and (a, b) not in required]
    forbidden = draw(st.lists(st.sampled_from(rest), unique=True)) if rest else []
    return names, required, forbidden


@given(knowledge())
@settings(max_examples=100, deadline=None)
def test_any_acyclic_knowledge_is_taken(case):
    names, required, forbidden = case
    fixed = fixed_edges(names, iter(required), iter(forbidden))  # any iterable, read once
    for i, effect in enumerate(names):
        for j, cause in enumerate(names):
            value = fixed[i, j].item()
            if (cause, effect) in required:
                assert value == 1.0
            elif i == j or (effect, cause) in required or (cause, effect) in forbidden:
                assert value == 0.0
            else:
                assert math.isnan(value)


@given(st.permutations(NAMES), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_any_required_cycle_is_refused_and_shown(order, length):
    ring = [*order[:length], order[0]]
    edges = list(itertools.pairwise(ring))
    with pytest.raises(ValueError, match="required edges form the cycle") as caught:
        fixed_edges(NAMES, required=edges)
    shown = re.search(r"cycle ([A-D](?: -> [A-D])+)", str(caught.value)).group(1).split(" -> ")
    assert shown[0] == shown[-1]
    assert set(itertools.pairwise(shown)) == set(edges)


@pytest.mark.parametrize("argument", ["required", "forbidden"])
@pytest.mark.parametrize(
    ("edges", "error", "message"),
    [
        ("AB", TypeError, "{} must be an iterable of (cause, effect) pairs, got the string 'AB'"),
        (["AB"], TypeError, "{} must hold (cause, effect) pairs of names, got 'AB'"),
        ([("A", "B", "C")], TypeError, "{} must hold (cause, effect) pairs of names, got ('A', 'B', 'C')"),
        ([("A",)], TypeError, "{} must hold (cause, effect) pairs of names, got ('A',)"),
        ([{"A", "B"}], TypeError, "{} must hold (cause, effect) pairs of names, got {{"),
        ([3], TypeError, "{} must hold (cause, effect) pairs of names, got 3"),
        (3, TypeError, "{} must be an iterable of (cause, effect) pairs, got 3"),
        ([("A", "Z")], ValueError, "{} names 'Z', which is not a variable; variables: A, B, C, D"),
        ([("A", "B"), (0, "A")], ValueError, "{} names 0, which is not a variable"),
        ([("B", "B")], ValueError, "{} holds the edge B -> B; a variable cannot cause itself"),
    ],
)
def test_malformed_edges(argument, edges, error, message):
    with pytest.raises(error, match=re.escape(message.format(argument))):
        fixed_edges(NAMES, **{argument: edges})


def test_contradictions():
    with pytest.raises(ValueError, match="the edge A -> B is both required and forbidden; drop it from one of them"):
        fixed_edges(NAMES, required=[("C", "D"), ("A", "B")], forbidden=[("A", "B")])
    with pytest.raises(ValueError, match=r"required edges form the cycle (A -> B -> A|B -> A -> B);"):
        fixed_edges(NAMES, required=[("A", "B"), ("B", "A")])
    # A required edge beside its forbidden reverse says one thing twice.
    assert fixed_edges(NAMES, required=[("A", "B")], forbidden=[("B", "A")])[0, 1] == 0.0


# ---------------------------------------------------------------- more than required and forbidden edges
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cause,effect\nA,B\n", Knowledge(required=[("A", "B")])),
        (
            "effect, cause, probability\nB, A, 0.25\nC, A,\nD, A, 0\n",
            Knowledge(required=[("A", "C")], probability={("A", "B"): 0.25, ("A", "D"): 0}),
        ),
        ("variable,tier\nC,2\nA,10\nB,2\n", Knowledge(tiers=[["C", "B"], ["A"]])),
    ],
)
def test_files(tmp_path, text, expected):
    (tmp_path / "known.csv").write_text(text)
    assert Knowledge.from_csv(tmp_path / "known.csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nA,B\n", "has the columns a, b; expected cause, effect and perhaps probability, or variable and tier"),
        ("cause,effect\nA,\n", "has an empty name in line 2"),
        ("cause,effect,probability\nA,B,often\n", "has 'often' in the column probability, which is no number"),
        ("variable,tier\nA,first\n", "has 'first' in the column tier, which is no number"),
        ("variable,tier\nA,nan\n", "has 'nan' in the column tier, which is no number"),
        ("variable,tier\nA,2\nB,1\n ,2\n", "has an empty name in line 4"),
        ("cause,effect,probability\nA,B,inf\n", "has 'inf' in the column probability, which is no number"),
        ("cause,effect,probability\nA,B,0.2\nA,B,0.3\n", "has the edge A -> B twice"),
    ],
)
def test_bad_files(tmp_path, text, message):
    (tmp_path / "known.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Knowledge.from_csv(tmp_path / "known.csv")
    assert "known.csv" in str(caught.value)


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
        ({"max_parents": 1.5}, TypeError, "max_parents must be a whole number or None, got 1.5"),
        ({"max_parents": True}, TypeError, "max_parents must be a whole number or None, got True"),
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

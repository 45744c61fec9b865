"""Required and forbidden edges: what is fixed, and what is refused."""

from __future__ import annotations

import itertools
import math
import re

import pytest
import torch
from example_edges import NAMES, knowledge
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.data.edge_constraints import fixed_edges


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

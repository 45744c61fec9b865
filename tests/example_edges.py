"""Variables, and random edges between others, that the tests of knowledge share."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("A", "B", "C", "D")


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

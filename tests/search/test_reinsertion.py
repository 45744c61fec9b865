"""Replanting on tables of made-up evidence, where every graph can be looked at."""

from __future__ import annotations

import torch
from conftest import Tables, every_dag, is_acyclic
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.search.hill_climb import climb
from pyrocausal.search.reinsertion import reinsert


@given(st.integers(0, 10**6), st.integers(2, 4), st.sampled_from([None, 1, 2]), st.sampled_from([0.5, 1.0]))
@settings(max_examples=25, deadline=None)
def test_no_variable_grows_in_better(seed, d, most, share):
    tables, empty = Tables(d, seed=seed, spread=4.0), torch.zeros(d, d, dtype=torch.bool)
    free = torch.bernoulli(torch.full((d, d), share), generator=torch.Generator().manual_seed(seed)).bool()
    free &= ~torch.eye(d, dtype=torch.bool)
    start = empty.clone()
    start[0, 1] = not free[0, 1]  # known to be there
    began = start.clone()
    found = reinsert(tables, start, free, most)
    assert torch.equal(start, began)
    assert is_acyclic(found)
    assert torch.equal(found[~free], start[~free])
    assert most is None or int(found.sum(1).max()) <= most
    here = tables.of(found)
    assert here >= tables.of(climb(tables, start, free, most).dag) - 1e-6
    for i in range(d):
        bare = found.clone()
        bare[i] &= ~free[i]
        bare[:, i] &= ~free[:, i]
        assert tables.of(climb(tables, bare, free, most).dag) <= here + 1e-5


def test_it_leaves_summits_of_a_climb():
    free, empty = ~torch.eye(4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
    left = 0
    for seed in range(8):
        tables = Tables(4, seed=seed, spread=4.0)
        best = max(tables.of(dag) for dag in every_dag(4))
        climbed, replanted = tables.of(climb(tables, empty, free).dag), tables.of(reinsert(tables, empty, free))
        left += climbed + 1e-6 < replanted <= best + 1e-6
    assert left >= 1

"""Lifting a variable above several of its parents."""

from __future__ import annotations

import pytest
import torch
from conftest import Tables, is_acyclic

from pyrocausal.search.hill_climb import climb
from pyrocausal.search.lifts import best_lift, best_sink
from pyrocausal.search.moves import look, terms_around, within

EVERY = ~torch.eye(3, dtype=torch.bool)


def lifted(tables, dag, free, most=None):
    around = terms_around(look(tables, dag, within(free, dag, most), range(len(dag))))
    return best_lift(tables, dag, free, *around, most, 1e-6)


def sunk(tables, dag, free, most=None):
    around = terms_around(look(tables, dag, within(free, dag, most), range(len(dag))))
    return best_sink(tables, dag, free, *around, most, 1e-6)


def graph(*edges):
    found = torch.zeros(3, 3, dtype=torch.bool)
    for edge in edges:
        found[edge] = True
    return found


def score(i, parents):
    """2 comes first in truth; last it is worth much too, and between the others nothing."""
    backward = {(0, ()): 0.0, (1, (0,)): 90.0, (2, (0, 1)): 90.0}
    forward = {(2, ()): 60.0, (1, (2,)): 70.0, (0, (1, 2)): 70.0, (1, (0, 2)): 95.0, (0, (2,)): 60.0}
    return (backward | forward).get((i, parents), -100.0)


def test_a_clique_that_points_the_wrong_way_is_turned():
    tables, wrong = Tables.of_parents(3, score), graph((1, 0), (2, 0), (2, 1))
    found = lifted(tables, wrong, EVERY)
    assert sorted(found) == [(0, 2), (1, 2), (2, 0), (2, 1)]
    summit = climb(tables, wrong, EVERY)
    assert torch.equal(summit.dag, graph((0, 2), (1, 0), (1, 2)))
    assert not lifted(tables, summit.dag, EVERY)


def test_what_is_fixed_or_full_stays():
    tables, wrong = Tables.of_parents(3, score), graph((1, 0), (2, 0), (2, 1))
    assert not lifted(tables, wrong, EVERY & ~graph((2, 0)))
    assert not lifted(tables, wrong, EVERY & ~graph((2, 1)))
    assert (1, 2) not in lifted(tables, wrong, EVERY & ~graph((1, 2)))
    assert (1, 2) not in lifted(tables, wrong, EVERY, most=1)  # which has a parent already


def test_a_supposed_cause_sinks_below_children_that_do_not_follow_it():
    """Single reversals lose; 1 and 2 are children of 0, and in the first regime neither does as it should."""
    worth = {(0, ()): 0.0, (1, (0,)): 50.0, (2, (0, 1)): 50.0, (0, (1, 2)): 60.0, (1, ()): 20.0, (2, (1,)): 30.0}
    tables = Tables.of_parents(3, lambda i, parents: worth.get((i, parents), -100.0))
    wrong = graph((1, 0), (2, 0), (2, 1))
    assert not sunk(tables, wrong, EVERY)  # no regime speaks against anything
    for i, parents in ((1, (0,)), (2, (0, 1))):
        tables.table[i, parents] = tables.table[i, parents]._replace(odds=torch.tensor([20.0, 0.0]).double())
    assert sorted(sunk(tables, wrong, EVERY)) == [(0, 1), (0, 2), (1, 0), (2, 0)]
    assert not sunk(tables, wrong, EVERY & ~graph((1, 0)))
    assert not sunk(tables, wrong, EVERY, most=1)
    assert torch.equal(climb(tables, wrong, EVERY).dag, graph((0, 1), (0, 2), (2, 1)))


@pytest.mark.parametrize("seed", range(25))
def test_lifts_gain_and_close_no_cycle(seed):
    d, generator = 4, torch.Generator().manual_seed(seed)
    tables = Tables(d, seed=seed, spread=3.0)
    order = torch.randperm(d, generator=generator)
    dag = torch.ones(d, d).tril(-1)[order][:, order].bool()
    free = ~torch.eye(d, dtype=torch.bool)
    for move in (lifted, sunk):
        after = dag.clone()
        for edge in (found := move(tables, dag, free)):
            after[edge] ^= True
        assert is_acyclic(after) and (not found or tables.of(after) > tables.of(dag))

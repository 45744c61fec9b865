"""Scouting: where to begin when the three phases are wrong about the targets and sure of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import LinearGaussian, small_data

from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search import rounds
from pyrocausal.search.settings import Settling
from pyrocausal.search.settling import settle
from pyrocausal.simulate.experiments import linear_truth, simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.interventions import hard_normal

D = 5
SURE = 0.97


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(3)
    truth = linear_truth(random_dag(D, 1.2, rng), rng)
    return simulate(truth, intervention=hard_normal(8.0), rows=100, rows_per_regime=10, seed=3)


def state_of(data, targets):
    """A fit that has just begun and believes in these targets."""
    torch.manual_seed(0)
    state = SDI(mechanisms=LinearGaussian, fitting=GraphFitting(warm_up=1, held_out=0.1)).init(data)
    belief = torch.full((len(targets), D + 1), (1 - SURE) / D)
    belief[torch.arange(len(targets)), torch.tensor(targets)] = SURE
    return state, belief


def settled(made, targets, **changes):
    state, belief = state_of(made.data, targets)
    return settle(type(state)(**(vars(state) | {"target_probability": belief})), Settling(final_steps=0, **changes))


def right(found, made):
    names = made.data.names
    return [names[t] if t < D else None for t in found.target_probability.argmax(1).tolist()] == [
        target for (target,) in made.targets.values()
    ]


def test_beliefs_that_do_as_well_stay(made, monkeypatch):
    asked = []
    better_start = rounds.better_start
    monkeypatch.setattr(rounds, "better_start", lambda *given: asked.append(better_start(*given)) or asked[-1])
    assert right(settled(made, [made.data.names.index(target) for (target,) in made.targets.values()]), made)
    assert asked == [None]


def test_nothing_is_tried_where_it_cannot_help(monkeypatch):
    monkeypatch.setattr(rounds, "better_start", lambda *given: pytest.fail("looked"))
    torch.manual_seed(0)
    # Categories never leave the observational range.
    state = SDI(fitting=GraphFitting(warm_up=1, held_out=0.2)).init(small_data(rows=60))
    settle(state, Settling(final_steps=0, refitting=None, rounds=1))


@pytest.mark.parametrize(("rows_per_regime", "careful"), [(10, True), (120, False)])
def test_variables_are_replanted_where_rows_are_few(made, rows_per_regime, careful, monkeypatch):
    calls = []
    module = __import__("pyrocausal.search.starting_point", fromlist=["reinsert"])
    reinsert = module.reinsert
    monkeypatch.setattr(module, "reinsert", lambda *given: calls.append(given) or reinsert(*given))
    many = simulate(made.truth, intervention=hard_normal(8.0), rows=100, rows_per_regime=rows_per_regime, seed=3)
    settled(many, [made.data.names.index(target) for (target,) in made.targets.values()], refitting=None, rounds=1)
    assert bool(calls) == careful

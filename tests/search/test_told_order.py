"""An order and targets that regimes tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_orders import CHAIN, EMPTY, FORK, ONE, made

from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search import told_order
from pyrocausal.search.told_order import order_and_targets
from pyrocausal.simulate.experiments import additive_network_truth, simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.interventions import hard_normal

TARGETS = torch.tensor([[i in hit for i in range(4)] for hit in ONE])


def told(data, given=EMPTY, known=(), odds=None):
    first, *parts = data.parts
    some = torch.tensor([r in known for r in range(len(parts))])
    odds = TargetOdds(torch.zeros(len(parts), 4) if odds is None else odds, several=False)
    targets = TargetKnowledge(some, TARGETS & some[:, None], odds)
    return order_and_targets(data.kinds, [*parts, first], targets, given)


@pytest.mark.parametrize("graph", [CHAIN, FORK])
@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_who_changes_in_few_regimes_comes_first_and_was_hit_where_nobody_before_it_changes(graph, columns):
    data, found = made(graph, order=columns, drift=0.0)
    order, hit = told(data)
    assert not any(found[i, j] for place, i in enumerate(order) for j in order[place:])
    assert torch.equal(hit, TARGETS[:, columns])  # in the fifth regime nothing was done


# Nats of changes of X0 -> X1, X1 -> X2, X0 -> X3 in regimes that hit one each.
MOST = [[600, 60, 40, 30], [0, 500, 90, 0], [0, 0, 400, 0], [0, 0, 0, 300]]  # who was hit
CHILD = [[20, 600, 40, 30], [0, 500, 90, 0], [0, 0, 400, 0], [0, 0, 0, 300]]  # X1 where X0 was
OFTEN = [[600, 0, 0, 30], [0, 500, 90, 0], [0, 0, 400, 0], [0, 0, 0, 300], [9, 0, 0, 0], [8, 0, 0, 0]]  # X0, by chance


@pytest.mark.parametrize("nats", [MOST, CHILD, OFTEN])
@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]])
def test_who_was_hit_mostly_changes_most_and_comes_before_all_others_that_change(monkeypatch, nats, columns):
    data, _ = made()
    against = torch.tensor(nats, dtype=torch.double)[:, columns]
    more = torch.zeros(len(ONE) - len(against), 4, dtype=torch.double)
    monkeypatch.setattr(told_order, "changes_of_form", lambda *_: torch.cat([against, more]))
    order, hit = told(data)
    assert torch.equal(hit[:4], torch.eye(4).bool()[:, columns]) and not hit[len(against) :].any()
    at = [order.index(columns.index(i)) for i in range(4)]
    assert at[1] < at[2] and at[0] < at[3]


@pytest.mark.parametrize("seed", range(3))
def test_regimes_of_dense_networks_tell_their_targets_and_an_order(seed):
    d, rng = 12, np.random.default_rng(seed)
    truth = additive_network_truth(random_dag(d, 3.0, rng), rng)
    simulated = simulate(truth, intervention=hard_normal(mean=2.0, sd=1.0), rows=900, rows_per_regime=900, seed=seed)
    data, place = simulated.data, simulated.data.names.index
    unknown = TargetKnowledge(
        torch.zeros(d).bool(), torch.zeros(d, d).bool(), TargetOdds(torch.zeros(d, d), several=False)
    )
    first, *parts = data.parts
    order, hit = order_and_targets(data.kinds, [*parts, first], unknown, torch.zeros(d, d).bool())
    targets = [place(simulated.targets[regime.name][0]) for regime in data.regimes]
    wrong = [target for target, row in zip(targets, hit, strict=True) if not row[target]]
    against = [edge for edge in truth.graph.edges if order.index(place(edge[0])) > order.index(place(edge[1]))]
    assert len(wrong) <= 1 and len(against) <= 2  # of 12 and 36


def test_what_is_known_of_targets_stays_and_who_cannot_be_hit_is_not():
    data, _ = made(drift=0.0)
    odds = torch.zeros(len(ONE), 4)
    odds[:, 1] = -torch.inf  # as a covariate's are
    _, hit = told(data, known=(5,), odds=odds)
    assert torch.equal(hit[[0, 2, 3, 4, 5]], TARGETS[[0, 2, 3, 4, 5]])
    assert hit[1].nonzero()[:, 0].tolist() == [2]  # the next that changes


def test_edges_that_are_given_come_before_what_regimes_say():
    data, _ = made(drift=0.0)
    given = EMPTY.clone()
    given[0, 3] = True
    order, _ = told(data, given)
    assert order.index(3) < order.index(0)

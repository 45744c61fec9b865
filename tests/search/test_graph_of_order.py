"""The graph of an order that fits make sparse."""

from __future__ import annotations

import torch
from test_orders import EMPTY, FREE

from pyrocausal.evidence.terms import parents_of
from pyrocausal.search.graph_of_order import graph_of_order


class Evidence:
    """Every parent is worth so many nats to every variable, and promises others."""

    def __init__(self, worth: torch.Tensor, said: torch.Tensor) -> None:
        self.worth, self.said, self.price, self.asked = worth, said, torch.full((4, 4), 5.0), []

    def prepare(self, families):
        self.asked += families

    def predicted(self, family):
        assert family in self.asked
        return float(self.worth[family[0], list(family[1])].sum())

    def needed(self, family):
        return self.worth[family[0], list(family[1])]

    def promises(self, family):
        assert family in self.asked
        return self.said[family[0]]


WORTH = torch.tensor([[0.0, 0, 0, 0], [3, 0, 0, 0], [60, 4, 0, 0], [2, 19, 50, 0]])


def test_parents_come_as_they_promise_and_go_where_they_are_not_worth_their_price():
    said = WORTH.clone()
    said[3, 0] = said[2, 1] = 20.0  # more than they are worth
    evidence = Evidence(WORTH, said)
    graph = graph_of_order(evidence, [0, 1, 2, 3], EMPTY, FREE)
    assert torch.equal(graph, WORTH > 5)
    asked = [parents for effect, parents in dict.fromkeys(evidence.asked) if effect == 3]
    assert asked[:2] == [(), (0, 1, 2)]
    assert len(asked) <= 6  # of eight sets


def test_of_parents_that_promise_too_much_the_better_half_comes():
    worth = torch.zeros(4, 4)
    worth[3] = torch.tensor([-30.0, -30.0, 40.0, 0.0])
    said = torch.zeros(4, 4)
    said[3] = torch.tensor([20.0, 25.0, 40.0, 0.0])
    evidence = Evidence(worth, said)
    graph = graph_of_order(evidence, [0, 1, 2, 3], EMPTY, FREE)
    assert parents_of(graph[3]) == (2,) and graph.sum() == 1
    assert [parents for effect, parents in dict.fromkeys(evidence.asked) if effect == 3][:3] == [(), (0, 1, 2), (2,)]


def test_edges_that_are_given_stay_others_never_come_and_parents_are_no_more_than_may_be():
    given, free = EMPTY.clone(), FREE.clone()
    given[1, 0] = True
    free[1, 0] = free[2, 0] = free[0, 2] = False
    graph = graph_of_order(Evidence(WORTH, WORTH), [0, 1, 2, 3], given, free, max_parents=1)
    expected = EMPTY.clone()
    expected[1, 0] = expected[3, 2] = True
    assert torch.equal(graph, expected)

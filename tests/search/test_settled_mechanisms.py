"""Mechanisms that are fitted one by one, and fits of many variables from the front door."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pyrocausal as pc
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.model.neural_mechanisms import NeuralMechanisms


@pytest.mark.parametrize("whitened", [False, True])
def test_mechanisms_that_have_adopted_copies_predict_what_these_do(whitened):
    torch.manual_seed(0)
    kinds = [Continuous(shift=0.0, scale=1.0), Categorical((0, 1, 2)), Continuous(shift=0.0, scale=1.0)]
    mechanisms = NeuralMechanisms(kinds, 8)
    rows = torch.stack([torch.randn(20), torch.randint(3, (20,)).float(), torch.randn(20)], 1)
    families = [(0, (1, 2)), (1, (0,)), (2, ())]
    for family in families:
        copies = mechanisms.copies([family])
        if whitened:
            copies.precondition(rows, torch.ones(20, 1))
        with torch.no_grad():
            copies.weight_in += 0.1
        told = copies.conditional(0, rows).log_prob(rows[:, family[0]])
        assert mechanisms.adopt([family], copies)
        parents = torch.zeros(3)
        parents[list(family[1])] = 1.0
        everybody = (torch.arange(3) != family[0]).float()  # others have no say
        for given in (parents, everybody):
            torch.testing.assert_close(
                mechanisms.conditional(family[0], rows, given).log_prob(rows[:, family[0]]), told, rtol=1e-4, atol=1e-5
            )


def test_a_fit_of_many_variables_has_a_program_that_samples():
    rng = np.random.default_rng(0)
    graph = pc.graphs.random_dag(45, 0.8, rng)
    truth = pc.simulate.linear_truth(graph, rng)
    made = pc.simulate.simulate(
        truth, intervention=pc.simulate.hard_normal(mean=2.0, sd=1.0), rows=2000, rows_per_regime=100, seed=0
    )
    result = pc.discover(made.data, chains=1, seed=0, progress=False, settling=pc.Settling(refitting=None))
    assert set(result.to_networkx().edges) == set(graph.edges)
    assert len(result.chains[0].trace) == 1  # no step of the three phases
    name = next(each for each in graph if graph.in_degree(each) == 1)
    (cause,) = graph.predecessors(name)
    rows = torch.cat([part.rows for part in made.data.parts[:1]])
    i, j = (made.data.names.index(each) for each in (name, cause))
    predicted = result.chains[0].model.mechanisms.conditional(i, rows, torch.eye(45)[j]).mean.detach()
    slope = np.polyfit(rows[:, j].numpy(), rows[:, i].numpy(), 1)
    line = slope[0] * rows[:, j] + slope[1]
    assert float((predicted - line).square().mean()) < 0.01

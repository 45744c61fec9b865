"""The sampler over DAGs against every DAG of a few variables written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import Tables, every_dag
from pyro.infer import MCMC

from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search.graph_kernel import GraphKernel, Sampling, sample_graphs


def off(d) -> torch.Tensor:
    return ~torch.eye(d, dtype=torch.bool)


def empty(d) -> torch.Tensor:
    return torch.zeros(d, d, dtype=torch.bool)


class Told(Tables):
    """Made-up evidence that says who was hit, too."""

    known = torch.tensor([False, False])
    hit = torch.zeros(2, 1, dtype=torch.bool)
    prior = TargetOdds(torch.zeros(2, 1), several=False)

    def targets(self, graph):
        """A posterior that depends on the graph: of being hit in proportion to a variable's parents, or none."""
        parents = graph.sum(1).double()
        row = torch.cat([parents, torch.ones(1, dtype=torch.double)])
        return (row / row.sum()).expand(2, -1)


def allowed(d, free, start, most):
    """DAGs that a walk may reach, and the posterior."""
    graphs = [g.bool() for g in every_dag(d)]
    graphs = [g for g in graphs if torch.equal(g[~free], start[~free])]
    return [g for g in graphs if most is None or int(g.sum(1).max()) <= most]


def posterior(tables, graphs) -> torch.Tensor:
    return torch.tensor([tables.of(graph) for graph in graphs], dtype=torch.double).softmax(0)


CASES = [(3, (), None), (3, ((0, 1),), None), (3, (), 1), (4, (), None), (4, ((1, 2), (2, 1)), 2)]


@pytest.mark.parametrize(("d", "fixed", "most"), CASES)
@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_every_step_balances_in_detail(d, fixed, most, spread):
    tables, free = Told(d, seed=d, spread=spread), off(d)
    for edge in fixed:
        free[edge] = False
    kernel = GraphKernel(tables, empty(d), free, most)
    graphs = allowed(d, free, empty(d), most)
    number = {tuple(g.flatten().tolist()): k for k, g in enumerate(graphs)}
    weights = [kernel._look(g, {}, range(d)).weights.view(2, d, d) for g in graphs]
    flow = torch.zeros(len(graphs), len(graphs), dtype=torch.double)
    share = posterior(tables, graphs)
    for k, (graph, weight) in enumerate(zip(graphs, weights, strict=True)):
        total = weight.flatten().logsumexp(0)
        for kind, i, j in (weight > -math.inf).nonzero().tolist():
            after = graph.clone()
            after[i, j] ^= True
            if kind:
                after[j, i] ^= True
            m = number[tuple(after.flatten().tolist())]  # it stays among what is allowed
            accept = min(1.0, math.exp(total - weights[m].flatten().logsumexp(0)))
            flow[k, m] += share[k] * math.exp(weight[kind, i, j] - total) * accept
    torch.testing.assert_close(flow, flow.t(), rtol=1e-6, atol=1e-12)
    # Whatever is allowed can be reached.
    steps = torch.linalg.matrix_power((flow > 0).double() + torch.eye(len(graphs)), len(graphs))
    assert (steps > 0).all()


@pytest.mark.parametrize(("d", "fixed", "most"), [(3, (), None), (3, ((0, 1),), 1), (4, (), None)])
def test_draws_are_the_posterior(d, fixed, most):
    tables, free = Told(d, seed=7, spread=0.5), off(d)
    for edge in fixed:
        free[edge] = False
    found = sample_graphs(tables, empty(d), free, 4000, 100, seed=1, max_parents=most)
    graphs = allowed(d, free, empty(d), most)
    share = posterior(tables, graphs)
    expected = sum(p * g.double() for p, g in zip(share, graphs, strict=True)).float()
    assert found.graphs.shape == (4000, d, d) and found.graphs.dtype == torch.bool
    torch.testing.assert_close(found.edge_probability, found.graphs.float().mean(0))
    assert (found.edge_probability - expected).abs().max() < 0.05
    hit = sum(p * tables.targets(g) for p, g in zip(share, graphs, strict=True)).float()
    assert found.target_probability.shape == (2, d + 1)
    assert (found.target_probability - hit).abs().max() < 0.05
    assert found.evidence[:50].tolist() == pytest.approx([tables.of(g) for g in found.graphs[:50]])
    assert 0.5 < found.accepted <= 1.0


def test_targets_are_drawn_given_each_graph():
    tables = Told(3, seed=7, spread=0.5)
    found = sample_graphs(tables, empty(3), off(3), 2000, 100, seed=1)
    assert found.targets.shape == (2000, 2, 3) and found.targets.dtype == torch.bool
    assert int(found.targets.sum(2).max()) == 1
    graphs, place = found.graphs.unique(dim=0, return_inverse=True)
    for k, graph in enumerate(graphs):
        if (place == k).sum() > 200:
            share = found.targets[place == k].float().mean(0)
            assert (share - tables.targets(graph)[:, :-1]).abs().max() < 0.13
    one, same, other = (sample_graphs(tables, empty(3), off(3), 100, 0, seed=s).targets for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_the_kernel_is_one_of_pyros():
    tables = Told(3, seed=0, spread=1.0)
    chain = MCMC(GraphKernel(tables, empty(3), off(3)), num_samples=50, warmup_steps=10, disable_progbar=True)
    chain.run()
    edges = chain.get_samples()["edges"]
    assert edges.shape == (50, 3, 3) and set(edges.unique().tolist()) <= {0.0, 1.0}
    assert 0 < chain.diagnostics()["acceptance rate"]["chain 0"] <= 1


def test_a_seed_decides_the_draws_and_random_numbers_stay():
    tables = Told(3, seed=0, spread=1.0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (sample_graphs(tables, empty(3), off(3), 60, 0, seed=s).graphs for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_where_nothing_may_change_nothing_does():
    tables = Told(3, seed=0)
    start = empty(3)
    start[1, 0] = True
    found = sample_graphs(tables, start, empty(3), 5, 2)
    assert (found.graphs == start).all() and found.accepted == 0.0


def test_edges_of_a_variable_to_itself_are_never_free():
    tables = Told(3, seed=0, spread=1.0)
    everything = torch.ones(3, 3, dtype=torch.bool)
    found = sample_graphs(tables, empty(3), everything, 100, 0, seed=1)
    assert torch.equal(found.graphs, sample_graphs(tables, empty(3), off(3), 100, 0, seed=1).graphs)


def test_a_walk_begins_at_a_graph_that_is_allowed():
    tables = Told(3, seed=0)
    cycle = torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).bool()
    with pytest.raises(ValueError, match="dag has a cycle; begin at a graph without one"):
        GraphKernel(tables, cycle, off(3))
    crowd = torch.tensor([[0, 1, 1], [0, 0, 0], [0, 0, 0]]).bool()
    with pytest.raises(ValueError, match="more than max_parents = 1 parents; drop some"):
        GraphKernel(tables, crowd, off(3), 1)
    free = off(3)
    free[0] = False  # required: nothing can be done about it
    assert sample_graphs(tables, crowd, free, 20, 0, max_parents=1).graphs[:, 0].eq(crowd[0]).all()


def test_what_does_not_look_promising_is_drawn_all_the_same():
    tables = Told(3, seed=3, spread=1.0)
    plain = sample_graphs(tables, empty(3), off(3), 200, 0, seed=1)
    tables.dull = torch.ones(3, 3, dtype=torch.bool)
    assert torch.equal(sample_graphs(tables, empty(3), off(3), 200, 0, seed=1).graphs, plain.graphs)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"draws": np.int64(0)}, ValueError, "Sampling.draws must be at least 1, got 0"),
        ({"draws": 0}, ValueError, "Sampling.draws must be at least 1, got 0"),
        ({"warm_up": -1}, ValueError, "Sampling.warm_up must be at least 0, got -1"),
        ({"draws": 1.5}, TypeError, "Sampling.draws must be a whole number, got 1.5"),
        ({"price": -0.1}, ValueError, "Sampling.price must be at least 0, got -0.1"),
        ({"warm_up": True}, TypeError, "Sampling.warm_up must be a whole number, got True"),
    ],
)
def test_settings_refuse_what_they_cannot_use(wrong, error, message):
    with pytest.raises(error, match=message):
        Sampling(**wrong)


def test_proposals_of_the_warm_up_are_forgotten():
    kernel, place = GraphKernel(Told(3, spread=1.0), empty(3), off(3)), {"edges": empty(3).float()}
    for _ in range(20):
        place = kernel.sample(place)
    assert kernel.diagnostics()["acceptance rate"] > 0
    kernel.end_warmup()
    assert kernel.diagnostics()["acceptance rate"] == 0

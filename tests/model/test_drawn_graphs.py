"""The posterior as the graph site of a model."""

from __future__ import annotations

import pyro
import pytest
import torch
from conftest import MIXED, make_model, make_rows
from pyro import poutine
from pyro.infer import Predictive

import pyrocausal as pc
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.model.drawn_graphs import DrawnGraphs, OneOf
from pyrocausal.posterior.files import load_objects, save_objects

CHAIN = torch.diag(torch.ones(3), -1).bool()
NAMES = ["X0", "X1", "X2", "X3"]


def drawn(first=6, second=2) -> DrawnGraphs:
    graphs = torch.stack([*[CHAIN] * first, *[CHAIN.t()] * second])
    return DrawnGraphs.of(fixed_edges(NAMES), graphs)


def test_shares_are_beliefs():
    beliefs = drawn()
    torch.testing.assert_close(beliefs.edge_probability, 0.75 * CHAIN + 0.25 * CHAIN.t().float())
    assert beliefs.logits()[0, 1].sigmoid() == pytest.approx(0.25)
    assert not list(beliefs.parameters())
    assert sorted(beliefs.counts.tolist()) == [2, 6]


@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_graphs_are_drawn_as_often_as_they_were(shape):
    fn = OneOf(drawn().graphs, drawn().counts).expand(torch.Size(shape))
    values = fn.sample((4000,))
    assert values.shape == (4000, *shape, 4, 4)
    chains = (values == CHAIN).all(-1).all(-1)
    assert float(chains.float().mean()) == pytest.approx(0.75, abs=0.03)
    assert bool((chains | (values == CHAIN.t()).all(-1).all(-1)).all())


def test_log_probabilities():
    fn = OneOf(drawn().graphs, drawn().counts)
    other = torch.zeros(4, 4)
    for value, expected in ((CHAIN, 6 / 9), (CHAIN.float(), 6 / 9), (CHAIN.t(), 2 / 9), (other, 1 / 9)):
        assert float(fn.log_prob(value).exp()) == pytest.approx(expected)
    several = fn.expand(torch.Size([2, 1])).log_prob(torch.stack([CHAIN, CHAIN.t()])[:, None])
    assert several.shape == (2, 1)


def test_a_model_draws_from_it_and_can_be_conditioned():
    model = make_model()
    model.beliefs = drawn()
    found = Predictive(model, num_samples=400)(size=2)["edges"].squeeze()
    assert float((found == CHAIN).flatten(1).all(1).float().mean()) == pytest.approx(0.75, abs=0.07)
    rows = make_rows(MIXED, 5)
    for graph in (CHAIN, CHAIN.float()):
        trace = poutine.trace(pyro.condition(model, {"edges": graph})).get_trace(rows)
        assert trace.log_prob_sum().isfinite()
    trace = poutine.trace(model).get_trace(rows, graphs=3)
    assert trace.nodes["edges"]["value"].shape == (3, 1, 4, 4)
    assert not trace.nodes["broken_edges"]["value"] if "broken_edges" in trace else True


def test_it_is_saved_and_read(tmp_path):
    save_objects(drawn(), tmp_path / "graphs.zip")
    found = load_objects(tmp_path / "graphs.zip", {})
    assert torch.equal(found.graphs, drawn().graphs)
    assert torch.equal(found.edge_probability, drawn().edge_probability)


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"graphs and counts must have shapes \[U, 4, 4\] and \[U\]"):
        DrawnGraphs(fixed_edges(NAMES), drawn().graphs, torch.ones(3))


@pytest.mark.parametrize("sampling", [None, pc.Sampling(draws=200, warm_up=50)])
def test_a_fitted_model_holds_the_posterior(sampling):
    truth = pc.networks.load("asia")
    data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=300, rows_per_regime=20, seed=3).data
    result = pc.discover(
        data, chains=1, seed=0, progress=False, sampling=sampling,
        algorithm=pc.SDI(fitting=pc.GraphFitting(warm_up=50)), settling=pc.Settling(refitting=None, final_steps=50),
    )  # fmt: skip
    drawn_edges = torch.cat([Predictive(result.model, num_samples=1000)(size=1)["edges"].reshape(-1, 8, 8)])
    by_model = float((drawn_edges == result.best.dag).flatten(1).all(1).float().mean())
    by_programs = float((result.programs(400).graphs == result.best.dag).flatten(2).all(2).float().mean())
    assert by_model == pytest.approx(by_programs, abs=0.06)
    if sampling:
        assert by_programs == pytest.approx(
            float((result.best.graphs == result.best.dag).flatten(1).all(1).float().mean()), abs=0.001
        )
    torch.testing.assert_close(
        result.model.beliefs.edge_probability, result.best.edge_probability.float(), atol=0.05, rtol=0
    )

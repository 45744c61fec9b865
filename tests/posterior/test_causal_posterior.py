"""What a fit gives back: labels, orientation, graphs and the best chain."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from conftest import KINDS, make_chain, make_model, small_data

from pyrocausal.checks.verdict import verdict
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import Chain

NAMES = ("X0", "X1", "X2", "X3")
# Row = effect, column = cause: X0 -> X1 for sure, X1 -> X2 likely, X3 -> X2 unlikely, X2 -> X3 about even.
EDGES = torch.zeros(4, 4)
EDGES[1, 0], EDGES[2, 1], EDGES[2, 3], EDGES[3, 2] = 1.0, 0.8, 0.1, 0.5
TARGETS = torch.tensor([[0.0, 0.9, 0.0, 0.0, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2], [0.6, 0.0, 0.55, 0.0, 0.0]])


def chain(seed=0, edges=EDGES, targets=TARGETS, **changes) -> Chain:
    torch.manual_seed(seed)
    return make_chain(make_model(KINDS["categorical"]), edges, targets, seed=seed, **changes)


@pytest.fixture
def result():
    shift = torch.zeros(4, 4)
    shift[2, 1] = 0.1  # 0.8 and 0.7: mean 0.75
    return CausalPosterior(small_data(), (chain(), chain(1, EDGES - shift)), seed=7)


def test_labels_and_orientation(result):
    edges = result.edge_probabilities
    assert edges.dims == ("effect", "cause")
    assert edges.name == "edge_probability"
    assert edges.coords["effect"].values.tolist() == edges.coords["cause"].values.tolist() == list(NAMES)
    assert edges.sel(effect="X1", cause="X0").item() == 1.0
    assert edges.sel(effect="X0", cause="X1").item() == 0.0
    assert edges.sel(effect="X2", cause="X1").item() == pytest.approx(0.75)
    targets = result.target_probabilities
    assert targets.dims == ("regime", "variable")
    assert targets.coords["regime"].values.tolist() == ["regime 0", "regime 1", "regime 2"]
    assert targets.coords["variable"].values.tolist() == list(NAMES)
    np.testing.assert_allclose(targets.values, TARGETS[:, :-1])
    assert 1 - targets.sel(regime="regime 0").sum().item() == pytest.approx(0.1)  # none


def test_probabilities_are_averages_over_chains():
    sure, torn = torch.zeros(4, 4), torch.zeros(4, 4)
    sure[1, 0], torn[1, 0] = 1.0, 0.4
    hit = torch.eye(5)[[0, 1, 4]]
    mean = CausalPosterior(small_data(), (chain(0, sure, hit), chain(1, torn, TARGETS), chain(2, sure, hit)), 0)
    assert mean.edge_probabilities.sel(effect="X1", cause="X0").item() == pytest.approx(0.8)
    np.testing.assert_allclose(mean.target_probabilities.values, (2 * hit + TARGETS)[:, :-1] / 3, rtol=1e-6)


def test_networkx_points_from_cause_to_effect(result):
    graph = result.to_networkx()
    assert isinstance(graph, nx.DiGraph)
    assert list(graph.nodes) == list(NAMES)
    found = {(cause, effect): p for cause, effect, p in graph.edges(data="probability")}
    assert found == {("X0", "X1"): 1.0, ("X1", "X2"): pytest.approx(0.75)}
    assert all(type(p) is float for p in found.values())


@pytest.mark.parametrize(
    ("threshold", "edges"),
    [
        (0.0, {("X0", "X1"), ("X1", "X2"), ("X3", "X2"), ("X2", "X3")}),
        (0.4, {("X0", "X1"), ("X1", "X2"), ("X2", "X3")}),
        (0.5, {("X0", "X1"), ("X1", "X2")}),  # more than one half, not one half
        (0.99, {("X0", "X1")}),
    ],
)
def test_threshold(result, threshold, edges):
    assert set(result.to_networkx(threshold).edges) == edges


@pytest.mark.parametrize("threshold", [-0.1, 1.0, 1.5, float("nan")])
def test_threshold_errors(result, threshold):
    with pytest.raises(ValueError, match=rf"threshold must be in \[0, 1\), got {threshold}"):
        result.to_networkx(threshold)


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_threshold_errors_of_targets(result, threshold):
    with pytest.raises(ValueError, match="threshold must be in"):
        result.targets(threshold)


def test_targets(result):
    assert result.targets() == {"regime 0": ("X1",), "regime 1": (), "regime 2": ("X0", "X2")}
    assert result.targets(0.1)["regime 1"] == NAMES
    assert result.targets(0.95)["regime 0"] == ()


def test_model_is_the_one_closest_to_the_average():
    far = torch.zeros(4, 4)
    chains = (chain(0, far), chain(1, EDGES), chain(2, EDGES * 0.9))
    assert CausalPosterior(small_data(), chains, 0).model is chains[2].model


def matrix(*edges) -> torch.Tensor:
    """Boolean [4, 4] from pairs (cause, effect)."""
    made = torch.zeros(4, 4, dtype=torch.bool)
    for cause, effect in edges:
        made[effect, cause] = True
    return made


def test_the_best_of_settled_chains_has_the_most_evidence():
    # The second is furthest from the average.
    graphs = [matrix((0, 1)), matrix((3, 2), (2, 1)), matrix((0, 1), (1, 2))]
    chains = tuple(
        chain(k, graph.float(), dag=graph, evidence=evidence)
        for k, (graph, evidence) in enumerate(zip(graphs, (-70.0, -60.0, -65.0), strict=True))
    )
    result = CausalPosterior(small_data(), chains, 0)
    assert result.best is chains[1]
    assert result.model is chains[1].model
    assert set(result.dag().edges) == {("X3", "X2"), ("X2", "X1")}
    # One that was cut short before it settled has none, even if it is the one closest to the average.
    mixed = CausalPosterior(small_data(), (chain(2, graphs[0].float()), *chains[:2]), 0)
    assert mixed.best is chains[1]


def test_the_dag_is_that_of_the_best_chain_with_probabilities_averaged_over_all():
    # A dag may have an edge below one half: it is a choice between several states.
    one = chain(0, EDGES, dag=matrix((0, 1), (3, 2)), evidence=-1.0)
    other = chain(1, EDGES * 0.5, dag=matrix(), evidence=-2.0)
    graph = CausalPosterior(small_data(), (other, one), 0).dag()
    assert isinstance(graph, nx.DiGraph)
    assert list(graph.nodes) == list(NAMES)
    found = {(cause, effect): p for cause, effect, p in graph.edges(data="probability")}
    assert found == {("X0", "X1"): pytest.approx(0.75), ("X3", "X2"): pytest.approx(0.075)}
    assert all(type(p) is float for p in found.values())


def test_settled_means_every_chain():
    data = small_data()
    assert CausalPosterior(data, (chain(), chain(1)), 0).settled
    assert not CausalPosterior(data, (chain(), chain(1, settled=False)), 0).settled


def test_repr(result):
    first = "CausalPosterior(2 chains, settled; 4 variables, 2 edges, 3 regimes)"
    assert repr(result).splitlines() == [first, *verdict(result)]
    torn = CausalPosterior(small_data(), (chain(settled=False, dag=matrix((0, 1))),), 0)
    assert "not settled" in repr(torn)
    assert f"{len(torn.edges())} edges" in repr(torn)  # as the sentences count them, not those of the dag

"""A walk over orders against every DAG, and the search for a graph on pooled evidence."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import every_dag, is_acyclic

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.edge_price import edge_price
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.sdi.target_prior import TargetOdds, TargetPrior
from pyrocausal.search.orders import first_order, walk_over_orders
from pyrocausal.search.pooled_search import hit_rate, search_graph, several_evidence

CHAIN = torch.diag(torch.ones(3), -1).bool()  # X0 -> X1 -> X2 -> X3
FORK = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]]).bool()
ONE = ((0,), (1,), (2,), (3,), (), (1,))
TWO = ((0, 2), (1, 3), (0, 3), (1, 2), (), (2, 3))


def made(graph=CHAIN, groups=ONE, drift=0.05, rows=600, seed=0, order=None) -> tuple[InterventionalData, torch.Tensor]:
    """Numbers of a linear graph, whose mechanisms drift in every regime; variables may come in another order."""
    generator = torch.Generator().manual_seed(seed)
    d = len(graph)

    def table(n, hit=()):
        x = torch.zeros(n, d)
        for i in range(d):
            slopes = graph[i] * (0.9 + drift * torch.randn(d, generator=generator))
            x[:, i] = (
                x @ slopes + drift * torch.randn((), generator=generator) + 0.6 * torch.randn(n, generator=generator)
            )
            if i in hit:
                x[:, i] = 1.5 + 0.5 * torch.randn(n, generator=generator)
        return x

    order = list(range(d)) if order is None else order
    regimes = tuple(Regime(f"r{r}", table(200, hit)[:, order]) for r, hit in enumerate(groups))
    names = tuple(f"X{i}" for i in order)
    data = InterventionalData(names, (Continuous(0.0, 1.0),) * d, table(rows)[:, order], regimes)
    return data, graph[order][:, order]


def evidence_of(data, several=None) -> PooledEvidence:
    prior = TargetPrior(several=several).compile(data.names, dict.fromkeys(data.regime_names))
    hit = torch.zeros(len(data.regimes), len(data.names), dtype=torch.bool)
    return PooledEvidence(data, TargetKnowledge(hit.any(1), hit, prior), edge_price(1.5, 2000))


FREE = ~torch.eye(4, dtype=torch.bool)
EMPTY = torch.zeros(4, 4, dtype=torch.bool)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
@pytest.mark.parametrize("graph", [CHAIN, FORK], ids=["chain", "fork"])
def test_a_linear_graph_and_its_targets_are_found_though_mechanisms_drift(graph, order):
    data, truth = made(graph, order=order)
    found = search_graph(evidence_of(data), EMPTY, FREE)
    assert torch.equal(found.summit.dag, truth)
    assert found.several < 0 and not found.evidence.prior.several
    targets = found.evidence.targets(found.summit.dag)
    for row, hit in zip(targets, ONE, strict=True):
        expected = order.index(hit[0]) if hit else 4
        assert row.argmax() == expected and row[expected] > 0.9


def test_several_targets_are_found_where_there_are():
    data, truth = made(FORK, TWO, order=[3, 1, 0, 2])
    found = search_graph(evidence_of(data), EMPTY, FREE)
    assert torch.equal(found.summit.dag, truth)
    assert found.several > 0 and found.evidence.prior.several
    for row, hit in zip(found.evidence.targets(found.summit.dag), TWO, strict=True):
        names = {i for i, p in zip((3, 1, 0, 2), row[:-1].tolist(), strict=True) if p > 0.5}
        assert names == set(hit)
        assert (row[-1] > 0.5) == (not hit)


@pytest.mark.parametrize("several", [False, True])
def test_what_is_told_of_several_targets_is_not_asked(several):
    data, _ = made()
    found = search_graph(evidence_of(data, several), EMPTY, FREE)
    assert math.isnan(found.several) and found.evidence.prior.several == several
    assert torch.equal(found.summit.dag, CHAIN)


def test_given_edges_stay_and_forbidden_ones_never_come():
    data, _ = made()
    given, free = EMPTY.clone(), FREE.clone()
    given[0, 2] = True  # against the truth
    for i, j in ((0, 2), (2, 0), (1, 0)):
        free[i, j] = False
    found = search_graph(evidence_of(data), given, free).summit.dag
    assert found[0, 2] and not found[2, 0] and not found[1, 0] and is_acyclic(found)
    apart = evidence_of(data, True)
    order = first_order(apart, given, free)
    assert order.index(2) < order.index(0)
    walked = walk_over_orders(apart, order, given, free)
    assert walked[0, 2] and not walked[1, 0] and is_acyclic(walked)


@pytest.mark.parametrize("most", [0, 1])
def test_no_variable_gets_more_parents_than_it_may_have(most):
    data, truth = made(FORK)
    assert truth.sum(1).max() == 2
    assert search_graph(evidence_of(data), EMPTY, FREE, most).summit.dag.sum(1).max() == most
    apart = evidence_of(data, True)
    assert walk_over_orders(apart, first_order(apart, EMPTY, FREE), EMPTY, FREE, most).sum(1).max() == most


@pytest.mark.parametrize("seed", range(2))
def test_a_walk_finds_the_best_of_all_graphs(seed):
    data, truth = made(FORK, TWO, seed=seed, order=[3, 1, 0, 2])
    evidence = evidence_of(data, True)
    graphs = every_dag(4)
    values = torch.tensor([evidence.of(graph) for graph in graphs], dtype=torch.double)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], first_order(evidence, EMPTY, FREE)):
        walked = walk_over_orders(evidence, order, EMPTY, FREE)
        assert evidence.of(walked) == pytest.approx(float(values.max()), abs=1e-6)
    assert torch.equal(graphs[int(values.argmax())], truth)


def test_who_changes_in_few_regimes_comes_first():
    # X0 changes where it is hit itself, X3 wherever anything above it is.
    data, _ = made(CHAIN, ((0,), (1,), (2,), (2,), (3,), (), (), (), ()), drift=0.0, order=[3, 1, 2, 0])
    assert first_order(evidence_of(data, True), EMPTY, FREE) == [3, 1, 2, 0]


def test_the_rate_of_being_hit_is_that_of_the_targets_that_are_believed():
    data, truth = made(FORK, TWO)
    evidence = evidence_of(data, True)
    hits = float(evidence.targets(truth)[:, :-1].sum())
    rate = hit_rate(evidence, truth)
    expected = (hits + 0.5) / (24 + 4)
    assert rate.several and rate.log_odds.sigmoid().flatten().tolist() == pytest.approx([expected] * 24)
    assert hit_rate(evidence_of(data, False), truth) is None


def test_evidence_of_several_targets_is_an_integral_over_their_rate():
    data, truth = made(FORK, TWO)
    evidence = evidence_of(data, True)
    rates = (torch.arange(2000, dtype=torch.double) + 0.5) / 2000
    values = [evidence.believing(evidence.prior.at_rate(float(rate))).of(truth) for rate in rates[::4]]
    prior = torch.distributions.Beta(torch.tensor(1.0).double(), torch.tensor(4.0).double()).log_prob(rates[::4])
    expected = float((torch.tensor(values).double() + prior).logsumexp(0)) - math.log(500)
    assert several_evidence(evidence, truth) == pytest.approx(expected, abs=0.05)


def test_a_prior_of_targets_that_is_told_stays_told():
    data, truth = made(FORK, TWO)
    told = TargetPrior(several=True, probability={"r0": {"X1": 0.3}})
    prior = told.compile(data.names, dict.fromkeys(data.regime_names))
    hit = torch.zeros(6, 4, dtype=torch.bool)
    found = search_graph(PooledEvidence(data, TargetKnowledge(hit.any(1), hit, prior), 5.0), EMPTY, FREE)
    assert isinstance(found.evidence.prior, TargetOdds)
    assert float(found.evidence.prior.log_odds[0, 1].sigmoid()) == pytest.approx(0.3)
    others = found.evidence.prior.log_odds[found.evidence.prior.learned]
    assert len(others) == 23 and others.unique().numel() == 1 and torch.equal(found.summit.dag, truth)


def test_a_target_that_is_certain_counts_as_changed_and_not_in_the_rate():
    data, truth = made(FORK, TWO)
    known, hit = torch.zeros(6, dtype=torch.bool), torch.zeros(6, 4, dtype=torch.bool)
    hit[:, 0] = True  # X0 in every regime
    told = dict.fromkeys(data.regime_names, AtLeast("X0"))
    prior = TargetPrior(several=True).compile(data.names, told)
    evidence = PooledEvidence(data, TargetKnowledge(known, hit, prior), edge_price(1.5, 2000))
    assert first_order(evidence, EMPTY, FREE)[-1] == 0
    found = evidence.targets(truth)
    assert (found[:, 0] == 1).all() and not found[:, -1].any()
    rate = hit_rate(evidence, truth)
    expected = (float(found[:, 1:-1].sum()) + 0.5) / (18 + 4)
    assert rate.log_odds[:, 1:].sigmoid().flatten().tolist() == pytest.approx([expected] * 18)
    assert (rate.log_odds[:, 0] == -math.inf).all()
    assert math.isfinite(several_evidence(evidence, truth))


def test_several_targets_have_to_be_three_nats_better():
    data, truth = made(FORK, TWO)
    found, one = (search_graph(evidence_of(data, several), EMPTY, FREE) for several in (None, False))
    gain = several_evidence(found.evidence, truth) - one.evidence.of(one.summit.dag)
    assert torch.equal(found.summit.dag, truth)
    assert found.several == pytest.approx(gain - 3.0)

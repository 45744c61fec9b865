"""Graph scores against a loop over regimes, and the packing of graphs against its definition."""

from __future__ import annotations

import pytest
import torch
from conftest import KINDS, every_graph, make_model, make_rows, naive_log_prob, random_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.model.handlers import intervene, mask_sites
from pyrocausal.model.log_likelihood import distinct_parent_sets, score_graphs, score_rows, site_log_probs, unpack

D, K = 4, 5
TARGETS = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]).bool()  # [R, d]


@given(
    d=st.sampled_from([1, 2, 3, 8, 9, 63, 64, 65, 130]),
    count=st.integers(1, 12),
    probability=st.sampled_from([0.0, 0.03, 0.5, 1.0]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_packed_graphs_hold_every_parent_set_once(d, count, probability, seed):
    torch.manual_seed(seed)
    graphs = random_graphs(d, count, probability)
    if count > 2:
        graphs[-1] = graphs[0]  # a graph twice
        graphs[-2, 0] = graphs[0, 0]  # a parent set twice
    packed, place = distinct_parent_sets(graphs)
    assert packed.dtype == graphs.dtype
    assert place.shape == (count, d)
    assert torch.equal(packed[place, torch.arange(d)], graphs)
    distinct = [len({tuple(g[i].tolist()) for g in graphs}) for i in range(d)]
    assert len(packed) == max(distinct)  # no fewer graphs could hold them
    for i in range(d):
        assert place[:, i].max() + 1 == distinct[i]


def test_packing_tells_apart_parents_far_to_the_right():
    # 130 variables: sets that differ in the last variables only, or in variables 64 apart.
    graphs = torch.zeros(4, 130, 130)
    graphs[1, 0, 129] = graphs[2, 0, 65] = graphs[3, 0, 1] = 1.0
    packed, place = distinct_parent_sets(graphs)
    assert len(packed) == 4
    assert place[:, 0].sort().values.tolist() == [0, 1, 2, 3]


def test_scores_through_packed_graphs_are_the_scores():
    kinds = KINDS["categorical"]
    model, rows = make_model(kinds), make_rows(kinds, 20)
    graphs = every_graph(3)  # 64 graphs over X0, X1, X2; X3 stays out
    graphs = torch.nn.functional.pad(graphs, (0, 1, 0, 1))
    packed, place = distinct_parent_sets(graphs)
    assert len(packed) == 4
    full = score_graphs(model, [rows], graphs, torch.zeros(1, D, dtype=torch.bool))[:, 0]
    few = score_graphs(model, [rows], packed, torch.zeros(1, D, dtype=torch.bool))[:, 0]
    torch.testing.assert_close(few[place, torch.arange(D)], full, rtol=1e-6, atol=1e-6)


def per_regime(model, rows, graphs, targets):
    """Mean log-likelihoods, regime by regime: [K, R, d]."""
    scores = []
    for block, hit in zip(rows, targets, strict=True):
        with intervene({model.names[i]: block[:, i] for i in range(len(hit)) if hit[i]}):
            terms = site_log_probs(model, block, graphs)  # [d, K, n_r]
        scores.append(terms.mean(-1).T)
    return torch.stack(scores, 1).detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(7, 7, 7, 7), (7, 2, 11, 1)])
def test_scores_are_those_of_one_intervention_per_regime(kind, sizes):
    kinds = KINDS[kind]
    model, graphs = make_model(kinds), random_graphs(D, K)
    rows = [make_rows(kinds, n) for n in sizes]
    scores = score_graphs(model, rows, graphs, TARGETS)
    assert scores.shape == (K, len(sizes), D)
    assert not scores.requires_grad
    assert torch.equal(scores == 0, TARGETS.expand(K, -1, -1))  # exactly zero at targets, and nowhere else
    torch.testing.assert_close(scores, per_regime(model, rows, graphs, TARGETS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("work", [1, 20, 10_000])
def test_rows_are_scored_as_under_one_intervention_per_graph(kind, work):
    kinds, n = KINDS[kind], 17
    model, graphs, rows = make_model(kinds), random_graphs(D, K), make_rows(kinds, n)
    table, seen = torch.randint(3, (n,)), torch.rand(n, D) < 0.8
    hit = torch.rand(K, 3, D) < 0.4
    found = score_rows(model, rows, graphs, hit, table, seen, work)
    assert found.shape == (K, n) and found.dtype == torch.double
    for k, graph in enumerate(graphs):
        here = hit[k, table]  # [n, d]
        values = {model.names[i]: rows[:, i] for i in range(D)}
        masks = {model.names[i]: here[:, i] for i in range(D)}
        with intervene(values, rows=masks), mask_sites({model.names[i]: seen[:, i] for i in range(D)}):
            expected = site_log_probs(model, rows, graph[None])[:, 0].sum(0)
        torch.testing.assert_close(found[k], expected.detach().double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_naive_program(kind):
    kinds = KINDS[kind]
    model, graphs = make_model(kinds), random_graphs(D, 2)
    rows = [make_rows(kinds, n) for n in (3, 2, 4, 2)]
    scores = score_graphs(model, rows, graphs, TARGETS)
    for k, graph in enumerate(graphs):
        for r, block in enumerate(rows):
            for i in range(D):
                terms = [
                    0.0 if row[i].isnan() else naive_log_prob(model.mechanisms, i, row, graph[i], row[i]).item()
                    for row in block
                ]
                expected = 0.0 if TARGETS[r, i] else sum(terms) / len(block)
                assert scores[k, r, i].item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_one_tensor_of_regimes_is_the_same_as_a_list():
    kinds = KINDS["mixed"]
    model, graphs = make_model(kinds), random_graphs(D, K)
    rows = [make_rows(kinds, 6) for _ in range(4)]
    assert torch.equal(
        score_graphs(model, torch.stack(rows), graphs, TARGETS), score_graphs(model, rows, graphs, TARGETS)
    )


def test_the_term_of_an_effect_depends_on_its_own_parents_alone():
    kinds = KINDS["mixed"]
    model, rows = make_model(kinds), [make_rows(kinds, 6)]
    nobody = torch.zeros(1, D, dtype=torch.bool)
    one, other = random_graphs(D, 2)
    other[2] = one[2]
    scores = score_graphs(model, rows, torch.stack([one, other]), nobody)
    assert torch.equal(scores[0, 0, 2], scores[1, 0, 2])
    differ = [i for i in (0, 1, 3) if not torch.equal(one[i], other[i])]
    assert differ
    assert all(scores[0, 0, i] != scores[1, 0, i] for i in differ)


def test_site_log_probs_are_left_as_handlers_leave_them():
    kinds = KINDS["categorical"]
    model, rows, graphs = make_model(kinds), make_rows(kinds, 6), random_graphs(D, K)
    terms = site_log_probs(model, rows, graphs)
    assert terms.shape == (D, K, 6)
    keep = torch.tensor([True, False] * 3)
    with mask_sites({"X2": keep}):
        masked = site_log_probs(model, rows, graphs)
    assert torch.equal(masked[2], torch.where(keep, terms[2], torch.zeros(())))
    assert torch.equal(masked[[0, 1, 3]], terms[[0, 1, 3]])


def test_packed_scores_unpack_to_the_scores_of_the_graphs():
    model, rows = make_model(), [make_rows(KINDS["mixed"], 7) for _ in range(3)]
    graphs, targets = random_graphs(4, 40), torch.eye(3, 4).bool()
    packed, place = distinct_parent_sets(graphs)
    assert len(packed) < len(graphs)
    direct = score_graphs(model, rows, graphs, targets)
    torch.testing.assert_close(unpack(score_graphs(model, rows, packed, targets), place), direct)

"""Searches where variables are many, against graphs that are known and against those that weigh everything."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

import pyrocausal as pc
from pyrocausal import graphs, simulate
from pyrocausal.evidence.block_regressors import MANY, BlockRegressors, are_many
from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.changed_tables import CHANGED, changes
from pyrocausal.evidence.edge_price import edge_price
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.local_evidence import LocalEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, Regressors
from pyrocausal.evidence.terms import parents_of
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search import pooled_search
from pyrocausal.search.equivalence import Completed
from pyrocausal.search.equivalence_search import search_classes
from pyrocausal.search.open_directions import try_other_directions, untold_causes
from pyrocausal.search.parent_choice import Choice
from pyrocausal.search.pooled_search import search_graph
from pyrocausal.search.sparse_climb import SparseClimb
from pyrocausal.simulate.experiments import Simulation


def simulated(d: int, *, states: int = 0, hit: int | None = None, seed: int = 0, rows: int = 2000) -> Simulation:
    rng = np.random.default_rng(seed)
    graph = graphs.random_dag(d, 1.0, rng)
    targets = None if hit is None else rng.choice(list(graph), hit, replace=False).tolist()
    if states:
        truth, _ = simulate.neural_network_truth(graph, rng, states=states, min_information=0.0, embedding=4)
        how = simulate.hard_random
    else:
        truth, how = simulate.linear_truth(graph, rng), simulate.hard_normal(mean=2.0, sd=1.0)
    return simulate.simulate(truth, intervention=how, rows=rows, rows_per_regime=100, targets=targets, seed=seed)


def true_graph(made: Simulation) -> torch.Tensor:
    names = list(made.data.names)
    graph = torch.zeros(len(names), len(names), dtype=torch.bool)
    for cause, effect in made.truth.graph.edges:
        graph[names.index(effect), names.index(cause)] = True
    return graph


def pooled(made: Simulation) -> PooledEvidence:
    d, R = made.data.d, len(made.data.regimes)
    hit = torch.zeros(R, d, dtype=torch.bool)
    odds = TargetOdds(torch.full((R, d), -float(np.log(d))), several=True)
    rows = sum(len(part.rows) for part in made.data.parts)
    return PooledEvidence(made.data, TargetKnowledge(hit.any(1), hit, odds), edge_price(1.5, rows))


def everything(evidence: PooledEvidence) -> tuple[LocalEvidence, CauseScreen]:
    local = LocalEvidence(evidence, changes(evidence.kinds, evidence.parts) - CHANGED)
    return local, CauseScreen(evidence.kinds, evidence.parts, local.tables)


# ------------------------------------------------------------------ sums
@pytest.mark.parametrize("level", [LINEAR, ADDITIVE])
def test_sums_made_when_asked_for_are_those_of_all_columns(level):
    made = simulated(6, hit=4, rows=300)
    first, *regimes = made.data.parts
    parts, families = [*regimes, first], [(0, ()), (1, (0,)), (2, (0, 3)), (5, (1, 2, 4))]
    some, whole = (each(made.data.kinds, parts).of(families, level) for each in (BlockRegressors, Regressors))
    assert some.drifting == whole.drifting
    for one, other in zip(some[:-1], whole[:-1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-2)


def test_tables_that_are_not_looked_at_by_themselves_are_one():
    made = simulated(6, rows=300)
    first, *regimes = made.data.parts
    parts, families = [*regimes, first], [(2, (0, 3)), (2, (1,)), (4, (5,))]
    tables = [torch.tensor([1, 4]), torch.tensor([1, 4]), torch.tensor([3])]
    regressors = BlockRegressors(made.data.kinds, parts)
    some, whole = regressors.of_tables(families, tables), regressors.of(families)
    for m, mine in enumerate(tables):
        others = [r for r in range(len(parts)) if r not in mine.tolist()]
        torch.testing.assert_close(some.gram[m, : len(mine)], whole.gram[m, mine])
        torch.testing.assert_close(some.gram[m, -1], whole.gram[m, others].sum(0))
    assert float(some.rows[2, 1]) < 1e-3  # where there is no second table


@pytest.mark.parametrize("states", [0, 3])
def test_local_evidence_with_all_tables_apart_is_that_of_pooled_evidence(states):
    made = simulated(MANY + 1, states=states, hit=4, rows=400)
    evidence = pooled(made)
    local = LocalEvidence(evidence, torch.ones(4, made.data.d), smooth=True)
    families = [(3, ()), (3, (7,)), (5, (3, 9)), (20, (1, 2, 30))]
    local.prepare(families)
    evidence.prepare(families)
    price = float(evidence.price[0, 1])
    for i, parents in families:
        terms = evidence.summed_out(i, evidence.family(i, parents))
        odds = evidence.prior.log_odds[:, i].double()
        paid = float(terms.old.sum() + torch.nn.functional.softplus(odds).sum() + terms.observational)
        assert local.worth((i, parents)) == pytest.approx(paid - price * len(parents), abs=1e-4)


# ------------------------------------------------------------------ changes and screens
@pytest.mark.parametrize("states", [0, 5])
def test_who_is_hit_changes_and_who_is_not_below_does_not(states):
    made = simulated(60, states=states, seed=1)
    evidence = pooled(made)
    seen = changes(evidence.kinds, evidence.parts) > CHANGED
    names = list(made.data.names)
    target = torch.tensor([names.index(made.targets[regime.name][0]) for regime in made.data.regimes])
    below = torch.zeros(60, 60, dtype=torch.bool)
    for name in names:
        below[names.index(name), [names.index(each) for each in nx.descendants(made.truth.graph, name)]] = True
    assert float(seen[torch.arange(60), target].double().mean()) > 0.85
    elsewhere = ~below[target]
    elsewhere[torch.arange(60), target] = False
    assert float(seen[elsewhere].double().mean()) < 0.01


@pytest.mark.parametrize(("states", "seed"), [(0, 100), (0, 101), (5, 100)])
def test_true_parents_are_among_the_few_that_are_tried(states, seed):
    made = simulated(100, states=states, seed=seed)
    _, screen = everything(pooled(made))
    graph = true_graph(made)
    edges = graph.nonzero().tolist()
    without = [(i, tuple(j for j in parents_of(graph[i]) if j != cause)) for i, cause in edges]
    gains = screen.gains(without)
    nobody_below = [
        torch.tensor(
            [made.data.names[j] not in nx.descendants(made.truth.graph, made.data.names[i]) for j in range(100)]
        )
        for i, _ in edges
    ]
    missed = 0
    for (_, cause), gain, may in zip(edges, gains, nobody_below, strict=True):
        best = torch.where(may, gain, -torch.inf).topk(6).indices
        missed += cause not in best.tolist()
    assert missed <= 0.03 * len(edges)


def test_a_screen_that_looks_at_other_regimes_is_one_of_these_and_forgets_no_other_variable(monkeypatch):
    local, screen = everything(pooled(simulated(50, states=3, seed=2)))
    families = [(i, ((i + 1) % 50,)) for i in range(4)]
    screen.gains(families)
    tables = [each[1:] if i == 2 else each for i, each in enumerate(local.tables)]
    asked, weigh = [], CauseScreen._some
    monkeypatch.setattr(CauseScreen, "_some", lambda self, some: asked.extend(some) or weigh(self, some))
    moved = screen.looking_at(tables)
    found = moved.gains(families)
    assert asked == [families[2]] and len(local.tables[2]) > 0
    other = CauseScreen(local.pooled.kinds, local.pooled.parts, tables)
    torch.testing.assert_close(found, other.gains(families), rtol=1e-4, atol=1e-3)
    assert not torch.allclose(found[2], screen.gains(families)[2])


# ------------------------------------------------------------------ classes
def test_a_completed_graph_has_directions_where_all_members_agree():
    chain, collider = Completed([(), (0,), (1,)]), Completed([(), (0, 2), (), (1,)])
    assert chain.neighbours == [{1}, {0, 2}, {1}]
    assert collider.parents == [set(), {0, 2}, set(), {1}]  # 1 -> 3 follows: there is no collider at 1
    assert [each for each in chain.member([2.0, 1.0, 0.0])] == [(1,), (2,), ()]


def test_members_of_a_class_are_equivalent_to_it():
    rng = np.random.default_rng(0)
    for _ in range(50):
        order, d = rng.permutation(7), 7
        parents: list[tuple[int, ...]] = [()] * d
        for place, i in enumerate(order):
            parents[i] = tuple(sorted(int(j) for j in order[:place] if rng.random() < 0.4))
        whole = Completed(parents)
        member = whole.member(rng.random(d).tolist())
        again = Completed(member)
        assert (again.parents, again.neighbours) == (whole.parents, whole.neighbours)


def test_a_search_over_classes_finds_what_observation_tells():
    made = simulated(50, hit=3, seed=2, rows=10_000)
    local, screen = everything(pooled(made))
    found = search_classes(local, screen, ~torch.eye(50, dtype=torch.bool), [0.0] * 50)
    graph = true_graph(made)
    assert int(((found | found.t()) != (graph | graph.t())).sum()) // 2 <= 1


# ------------------------------------------------------------------ searches
@pytest.mark.parametrize("states", [0, 4])
def test_a_graph_of_many_variables_has_no_less_evidence_than_the_true_one(states):
    made, d = simulated(50, states=states, seed=3), 50
    assert are_many(made.data.kinds)
    found = search_graph(pooled(made), torch.zeros(d, d, dtype=torch.bool), torch.ones(d, d, dtype=torch.bool))
    dag, graph = found.summit.dag, true_graph(made)
    assert found.evidence.of(dag) > found.evidence.of(graph) - 1.0
    assert int((dag != graph).sum()) <= (0 if not states else 12)
    belief = found.summit.edge_probability
    assert bool((belief[found.summit.dag] > 0.5).all())
    assert bool(((belief + belief.t()) <= 1 + 1e-6).all())


def test_where_few_edges_are_open_among_many_variables_all_of_them_are_weighed(monkeypatch):
    made, d = simulated(50, seed=3), 50
    graph = true_graph(made)
    near = torch.isin(torch.arange(d), graph.nonzero()[:8].flatten())
    free = near[:, None] & near & ~torch.eye(d, dtype=torch.bool)
    monkeypatch.setattr(pooled_search, "search_many", None)
    found = search_graph(pooled(made), graph & ~free, free).summit
    assert torch.equal(found.dag, graph) and int((graph & free).sum()) > 3
    with pytest.raises(TypeError):
        search_graph(pooled(made), graph & ~free, ~torch.eye(d, dtype=torch.bool))


def test_several_parents_come_for_one_that_stands_for_all_of_them():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 50))
    rows[:, 3] = rows[:, :3].sum(1) + 0.3 * rows[:, 3]  # what stands for its causes
    rows[:, 4] = rows[:, :3].sum(1) + 0.5 * rows[:, 4]
    names = [f"X{i}" for i in range(50)]
    tables = pd.DataFrame(rows[:3000], columns=names), {"r": pd.DataFrame(rows[3000:], columns=names)}
    evidence = pooled(Simulation(pc.InterventionalData.from_frames(*tables), None, {}))
    local, screen = everything(evidence)
    start = torch.zeros(50, 50, dtype=torch.bool)
    start[3, :3] = start[4, 3] = True
    climb = SparseClimb(local, screen, start, ~torch.eye(50, dtype=torch.bool))
    assert climb.run() > 0
    assert climb.parents[4] in {(0, 1, 2), (0, 1, 2, 3)}  # the third: whatever chance adds
    assert local.worth((4, climb.parents[4])) > local.worth((4, (3,))) + 100


def test_where_there_is_no_room_for_one_more_parent_it_replaces_another():
    may = torch.tensor([False, False, False, False, True, True, True, True])
    gains = torch.tensor([-torch.inf, -torch.inf, -torch.inf, -torch.inf, 5.0, 9.0, 7.0, -torch.inf])
    choice = Choice(0, (1, 2, 3), frozenset({3}), may)
    less = [(2, 3), (1, 3)]
    assert choice.around(gains, lambda family: True) == [*less, (1, 2, 3, 5), (1, 2, 3, 6), (1, 2, 3, 4)]
    full = choice.around(gains, lambda family: len(family[1]) <= 3)
    assert full == [*less, (2, 3, 5), (1, 3, 5), (2, 3, 6), (1, 3, 6)]  # the best two, for those that may go


def test_causes_that_no_regime_tells_from_their_effect_are_untold():
    nobody = torch.zeros(1, 4, dtype=torch.bool)
    assert untold_causes((0, 2), 1, nobody) == {0, 2}  # a collider, which may be one by mistake
    assert untold_causes((0, 2), 1, torch.tensor([[False, False, True, False]])) == {0}
    assert untold_causes((0, 2), 1, torch.tensor([[False, True, True, False]])) == {2}


def test_a_lifted_climb_looks_near_these_variables_and_then_at_all():
    made = simulated(50, seed=6)
    local, screen = everything(pooled(made))
    graph = true_graph(made)
    i = next(i for i, row in enumerate(graph) if row.any())
    far = next((j, k) for j, k in graph.nonzero().tolist() if i not in (j, k) and not graph[i, j] and not graph[i, k])
    start = graph.clone()
    start[far] = False  # an edge far away that a climb over all variables adds
    lifted = SparseClimb(local, screen, start, ~torch.eye(50, dtype=torch.bool)).lifted(
        i, set(parents_of(graph[i])[:1])
    )
    assert lifted is not None
    lifted.run()
    assert not lifted.dag[far]
    whole = lifted.widened()
    whole.run()
    assert whole.dag[far]


def test_a_lifted_variable_is_before_its_causes_and_the_climb_it_came_of_stays():
    made = simulated(50, seed=6)
    local, screen = everything(pooled(made))
    graph = true_graph(made)
    climb = SparseClimb(local, screen, graph, ~torch.eye(50, dtype=torch.bool))
    i = next(i for i, parents in enumerate(climb.parents) if parents)
    causes, before = set(climb.parents[i]), list(climb.parents)
    lifted = climb.lifted(i, causes)
    assert lifted is not None
    assert lifted.parents[i] == ()
    assert all(i in lifted.parents[j] for j in causes)
    lifted.run()
    assert climb.parents == before
    held = SparseClimb(local, screen, graph, ~(torch.eye(50, dtype=torch.bool) | graph))
    assert held.lifted(i, causes) is None


def test_a_climb_tries_other_directions_where_nothing_tells_them():
    made = simulated(50, hit=1, seed=8, rows=500)
    local, screen = everything(pooled(made))
    start = torch.zeros(50, 50, dtype=torch.bool)
    climb = SparseClimb(local, screen, start, ~torch.eye(50, dtype=torch.bool))
    climb.run(torch.tril(torch.ones(50, 50, dtype=torch.bool)))  # an order that is not the true one
    climb.run()
    hit = torch.zeros(1, 50, dtype=torch.bool)
    better, moves = try_other_directions(climb, hit)
    assert better.value >= climb.value
    assert (moves > 0) == (better is not climb)
    assert nx.is_directed_acyclic_graph(nx.from_numpy_array(better.dag.numpy().T, create_using=nx.DiGraph))
    again, none = try_other_directions(better, hit)
    assert again is better and none == 0


def test_edges_that_are_given_stay_and_no_variable_gets_too_many_parents():
    made = simulated(50, seed=4)
    free, start = torch.ones(50, 50, dtype=torch.bool), torch.zeros(50, 50, dtype=torch.bool)
    graph = true_graph(made)
    effect, cause = (graph & (graph.sum(1, keepdim=True) > 1)).nonzero()[0].tolist()
    start[cause, effect] = True  # against the truth
    free[cause, effect] = free[effect, cause] = False
    found = search_graph(pooled(made), start, free, max_parents=1).summit.dag
    assert bool(found[cause, effect])
    assert int(found.sum(1).max()) == 1
    assert nx.is_directed_acyclic_graph(nx.from_numpy_array(found.numpy().T, create_using=nx.DiGraph))


def test_below_is_what_paths_lead_to():
    made = simulated(50, seed=5)
    graph = true_graph(made)
    local, screen = everything(pooled(made))
    below = SparseClimb(local, screen, graph, torch.ones_like(graph)).below()
    reach = nx.from_numpy_array(graph.numpy().T, create_using=nx.DiGraph)
    for i in range(50):
        assert set(below[i].nonzero()[:, 0].tolist()) == {i} | nx.descendants(reach, i)


def test_numbers_that_act_on_states_are_not_reversed():
    rng = np.random.default_rng(0)

    def draw(rows: int, hit: str = "") -> pd.DataFrame:
        columns = {}
        for k in range(14):  # x -> s -> y, fourteen times
            x = rng.normal(2.0, 1.0, rows) if hit == f"x{k}" else rng.normal(size=rows)
            on = rng.random(rows) < (0.9 if hit == f"s{k}" else 1 / (1 + np.exp(-1.5 * x)))
            y = rng.normal(2.0, 1.0, rows) if hit == f"y{k}" else 0.8 * on + 0.5 * rng.normal(size=rows)
            columns |= {f"x{k}": x, f"s{k}": np.where(on, "on", "off"), f"y{k}": y}
        return pd.DataFrame(columns)

    hits = [f"{name}{k}" for k in range(14) for name in "xsy"]
    data = pc.InterventionalData.from_frames(draw(1_000), {hit: draw(100, hit) for hit in hits})
    settling = pc.Settling(refitting=None, final_steps=5)
    result = pc.discover(data, settling=settling, chains=1, cores=1, seed=0, progress=False)
    expected = {edge for k in range(14) for edge in ((f"x{k}", f"s{k}"), (f"s{k}", f"y{k}"))}
    assert len(set(result.to_networkx().edges) ^ expected) <= 1
    assert int((result.chains[0].target_probability.argmax(1) == torch.arange(42)).sum()) >= 41

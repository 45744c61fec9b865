"""The climb on tables of made-up evidence, where every move and every graph can be looked at."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from conftest import Tables, every_dag, is_acyclic
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.evidence.terms import Terms, parents_of
from pyrocausal.search import hill_climb as module
from pyrocausal.search.hill_climb import climb, strongest_dag
from pyrocausal.search.moves import closure, look, terms_around, weigh

OFF = {d: ~torch.eye(d, dtype=torch.bool) for d in range(1, 7)}


def around(tables, dag, free) -> tuple[Terms, Terms]:
    """Terms of a graph [d, ...], and with each entry toggled [d, d, ...]."""
    return terms_around(look(tables, dag, free, range(len(dag))))


def gains_of(tables, dag, free):
    return weigh(tables, dag, free, *around(tables, dag, free))


def changed(dag, *edges) -> torch.Tensor:
    """Toggled at (effect, cause)."""
    after = dag.clone()
    for edge in edges:
        after[edge] ^= True
    return after


def single_moves(dag, free):
    """Every add, delete and reversal that is legal, as (kind, effect, cause), and the graph after it."""
    d = len(dag)
    for i, j in itertools.permutations(range(d), 2):
        toggled = changed(dag, (i, j))
        if free[i, j] and (dag[i, j] or not dag[j, i]) and is_acyclic(toggled):
            yield ("toggle", i, j), toggled
        reversed_ = changed(dag, (i, j), (j, i))
        if dag[i, j] and free[i, j] and free[j, i] and is_acyclic(reversed_):
            yield ("reverse", i, j), reversed_


def detours(dag, free):
    """Every reversal that would close a cycle, with an edge to a third variable removed so that it closes none."""
    allowed = free & dag
    for i, j in (allowed & free.t()).nonzero().tolist():
        if is_acyclic(changed(dag, (i, j), (j, i))):
            continue
        for k, m in allowed.nonzero().tolist():
            after = changed(dag, (i, j), (j, i), (k, m))
            if k not in (i, j) and is_acyclic(after):
                yield after


@pytest.mark.parametrize("known", [(), (1,), (0, 1)])
def test_gains_of_every_move_from_every_graph(known):
    free, counted = OFF[3], {"toggle": 0, "reverse": 0}
    for k, dag in enumerate(every_dag(3)):
        tables = Tables(3, seed=k, known=known)
        toggle, reverse = gains_of(tables, dag, free)
        expected = {"toggle": torch.full((3, 3), -math.inf), "reverse": torch.full((3, 3), -math.inf)}
        for (kind, i, j), after in single_moves(dag, free):
            expected[kind][i, j] = tables.of(after) - tables.of(dag)
            counted[kind] += 1
        torch.testing.assert_close(toggle.float(), expected["toggle"], rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(reverse.float(), expected["reverse"], rtol=1e-5, atol=1e-4)
    # Of the 25 graphs 6 have one edge, 12 two and 6 three: 48 edges to delete and as many to add back. All may be
    # turned round but, of three, the 6 from the first variable to the last.
    assert counted == {"toggle": 96, "reverse": 42}


@st.composite
def problems(draw):
    d = draw(st.integers(2, 4))
    seed = draw(st.integers(0, 10**6))
    generator = torch.Generator().manual_seed(seed)
    known = draw(st.sampled_from([(), (0,), (0, 1)]))
    price = draw(st.sampled_from([1.3, 1.3 + 3.0 * torch.randn(d, d, generator=generator)]))
    tables = Tables(d, seed=seed, spread=draw(st.sampled_from([0.3, 4.0, 300.0])), price=price, known=known)
    order = torch.randperm(d, generator=generator)
    lower = torch.bernoulli(torch.full((d, d), draw(st.sampled_from([0.0, 0.5, 1.0]))), generator=generator).tril(-1)
    dag = lower[order][:, order].bool()
    free = torch.bernoulli(torch.full((d, d), draw(st.sampled_from([0.4, 0.8, 1.0]))), generator=generator).bool()
    return tables, dag, free & OFF[d]


@given(problems())
@settings(max_examples=80, deadline=None)
def test_gains_respect_what_is_fixed_and_close_no_cycle(problem):
    tables, dag, free = problem
    toggle, reverse = gains_of(tables, dag, free)
    legal = dict(single_moves(dag, free))
    for kind, gains in (("toggle", toggle), ("reverse", reverse)):
        for i, j in itertools.product(range(len(dag)), repeat=2):
            after = legal.get((kind, i, j))
            expected = -math.inf if after is None else tables.of(after) - tables.of(dag)
            assert float(gains[i, j]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(problems())
@settings(max_examples=120, deadline=None)
def test_a_climb_ends_on_a_summit(problem):
    tables, start, free = problem
    began = start.clone()
    dag, probability, moves = climb(tables, start, free)
    assert torch.equal(start, began)
    assert dag.dtype == torch.bool
    assert is_acyclic(dag)
    assert torch.equal(dag[~free], start[~free])  # what is fixed stands still
    here, before = tables.of(dag), tables.of(start)
    slack = 1e-6 * (1 + abs(here))
    assert here >= before - slack
    assert (moves > 0) == (not torch.equal(dag, start)) == (here > before + 1e-9)
    for move, after in single_moves(dag, free):
        assert tables.of(after) <= here + slack, move
    for after in detours(dag, free):
        assert tables.of(after) <= here + slack

    # The three states of every pair, in proportion to their evidence while the rest stands still.
    d = len(dag)
    options = {(i, j): after for (kind, i, j), after in single_moves(dag, free) if kind == "toggle"}
    turned = {(i, j): after for (kind, i, j), after in single_moves(dag, free) if kind == "reverse"}
    assert not probability.diagonal().any()
    for i, j in itertools.combinations(range(d), 2):
        if dag[i, j] or dag[j, i]:
            e, c = (i, j) if dag[i, j] else (j, i)
            states = {"there": dag, "none": options.get((e, c)), "back": turned.get((e, c))}
        else:
            e, c = i, j
            states = {"there": options.get((e, c)), "none": dag, "back": options.get((c, e))}
        weight = {name: math.exp(tables.of(g) - here) if g is not None else 0.0 for name, g in states.items()}
        total = sum(weight.values())
        assert probability[e, c].item() == pytest.approx(weight["there"] / total, abs=1e-5)
        assert probability[c, e].item() == pytest.approx(weight["back"] / total, abs=1e-5)


@given(problems(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_a_climb_stays_within_the_parents_that_a_variable_may_have(problem, most):
    tables, start, free = problem
    start &= (start.cumsum(1) <= most) | ~free  # what is fixed may be more
    before = start.sum(1)
    dag, probability, _ = climb(tables, start, free, most)
    assert (dag.sum(1) <= before.clamp(min=most)).all()
    here = tables.of(dag)
    for move, after in single_moves(dag, free):
        if (after.sum(1) <= dag.sum(1).clamp(min=most)).all():
            assert tables.of(after) <= here + 1e-6 * (1 + abs(here)), move
    full = (dag.sum(1, keepdim=True) >= most) & ~dag
    assert not probability[full & ~dag.t()].any()  # there is no room for these


@pytest.mark.parametrize("seed", range(10))
def test_no_climb_is_higher_than_the_highest_of_all_graphs(seed):
    tables, dags = Tables(3, seed=seed), every_dag(3)
    assert len(dags) == 25
    highest = max(tables.of(dag) for dag in dags)
    found = [tables.of(climb(tables, dag, OFF[3]).dag) for dag in dags]
    assert all(each <= highest + 1e-6 for each in found)
    assert max(found) == pytest.approx(highest)  # from one of the graphs at least


@pytest.mark.parametrize("truth", every_dag(3)[::4])
def test_where_every_edge_speaks_for_itself_the_climb_finds_the_best_graph(truth):
    # Every true cause is worth ten nats, whatever the others, and every false one costs five; a reversal costs both.
    def score(i, parents):
        return sum(10.0 if truth[i, j] else -5.0 for j in parents)

    tables, dags = Tables.of_parents(3, score), every_dag(3)
    assert torch.equal(max(dags, key=tables.of), truth)
    for start in dags:
        assert torch.equal(climb(tables, start, OFF[3]).dag, truth)


def test_edges_within_the_spread_between_fits_are_undecided():
    tables = Tables.of_parents(3, lambda i, parents: 6.0 * (i > 0 and 0 in parents))
    start = torch.zeros(3, 3, dtype=torch.bool)
    start[1, 0] = start[2, 0] = True
    sure = climb(tables, start, OFF[3])
    tables.spread = torch.tensor([0.0, 0.0, 60.0], dtype=torch.double)
    torn = climb(tables, start, OFF[3])
    assert torch.equal(sure.dag, torn.dag)
    assert torn.edge_probability[1, 0] == sure.edge_probability[1, 0] > 0.99
    assert sure.edge_probability[2, 0] > 0.99
    assert 0.3 < torn.edge_probability[2, 0] < 0.5  # of three states that are about as good


def moves_at_once(tables, dag):
    base, other = around(tables, dag, OFF[len(dag)])
    return module._best_moves(tables, dag, weigh(tables, dag, OFF[len(dag)], base, other), base, other)


def test_several_moves_at_once_gain_no_less_than_the_best_of_them():
    # The unknown target ties variables together, so gains do not add up.
    seen = {"none": 0, "one": 0, "several": 0}
    for seed in range(60):
        tables = Tables(4, regimes=1, seed=seed, spread=8.0)
        dag = every_dag(3)[seed % 25].new_zeros(4, 4)
        dag[:3, :3] = every_dag(3)[seed % 25]
        edges = moves_at_once(tables, dag)
        best = max(tables.of(after) for _, after in single_moves(dag, OFF[4]))
        if best <= tables.of(dag):
            assert edges == []
            seen["none"] += 1
            continue
        assert len(set(edges)) == len(edges)
        after = changed(dag, *edges)
        assert is_acyclic(after)
        assert tables.of(after) >= best - 1e-9
        single = any(torch.equal(after, one) for _, one in single_moves(dag, OFF[4]))
        seen["one" if single else "several"] += 1
    assert seen["one"] and seen["several"], seen


def test_moves_of_different_variables_are_made_at_once_and_of_one_variable_one_by_one():
    def score(i, parents):
        return {1: 8.0 * (0 in parents), 2: 7.0 * (0 in parents) + 6.0 * (1 in parents)}.get(i, 0.0) - 0.5 * len(
            parents
        )

    tables, empty = Tables.of_parents(3, score), torch.zeros(3, 3, dtype=torch.bool)
    assert sorted(moves_at_once(tables, empty)) == [(1, 0), (2, 0)]
    found = climb(tables, empty, OFF[3])
    assert found.dag.int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert found.moves == 2


def test_moves_that_close_a_cycle_together_are_not_made_together():
    def score(i, parents):
        return 8.0 * ((i - 1) % 3 in parents) - len(parents)  # X0 -> X1 -> X2 -> X0

    tables, empty = Tables.of_parents(3, score), torch.zeros(3, 3, dtype=torch.bool)
    assert len(moves_at_once(tables, empty)) == 2
    assert climb(tables, empty, OFF[3]).dag.sum() == 2


def test_moves_that_explain_the_same_rows_are_not_made_together():
    # Without X2 as their cause X0 and X1 are both far off in one regime. One of them may have been hit: an edge gains
    # 40 nats by itself, and the second then only log 4, for then it is as well that nobody was hit.
    tables = Tables.of_parents(3, lambda i, parents: -99.0 * (parents not in ((), (2,)) or (i == 2 and bool(parents))))
    tables.price = torch.full((3, 3), 2.0, dtype=torch.double)
    for i, parents in ((0, ()), (1, ())):
        old = torch.tensor([-40.0, 0.0], dtype=torch.double)
        tables.table[i, parents] = tables.table[i, parents]._replace(old=old)
    empty = torch.zeros(3, 3, dtype=torch.bool)
    toggle, _ = gains_of(tables, empty, OFF[3])
    assert toggle[0, 2] > 35 and toggle[1, 2] > 35
    assert moves_at_once(tables, empty) in ([(0, 2)], [(1, 2)])
    assert climb(tables, empty, OFF[3]).dag.sum() == 1


# ---------------------------------------------------------------- exchanging a parent
def one_parent(best):
    """X2 wants exactly one parent, and any of X0 and X1 wants none; worth of each single parent of X2."""

    def score(i, parents):
        if i != 2:
            return -100.0 * len(parents)
        return {(): -50.0, (0,): best[0], (1,): best[1]}.get(parents, -50.0)

    return score


GIVEN_X0 = changed(torch.zeros(3, 3, dtype=torch.bool), (2, 0))
GIVEN_X1 = changed(torch.zeros(3, 3, dtype=torch.bool), (2, 1))


def test_an_edge_that_stands_in_the_way_goes_where_that_gains():
    graphs = {"found": [(0, 2), (1, 0), (1, 2)], "true": [(1, 0), (2, 1)]}  # (effect, cause)
    found, true = (changed(torch.zeros(3, 3, dtype=torch.bool), *edges) for edges in graphs.values())

    def score(i, parents):
        worth = {(0, (2,)): 50.0, (1, (0, 2)): 180.0, (1, (0,)): 20.0, (2, (1,)): 270.0}
        return worth.get((i, tuple(sorted(parents))), 0.0)

    tables = Tables.of_parents(3, score)
    gains = gains_of(tables, found, OFF[3])
    assert gains.toggle.max() < 0 and gains.reverse.max() < 0
    assert torch.equal(climb(tables, found, OFF[3]).dag, true)
    # Whatever is fixed of it stays.
    for edge in ((0, 2), (1, 2), (2, 1)):
        assert climb(tables, found, changed(OFF[3], edge)).dag[edge] == found[edge]


@given(problems())
@settings(max_examples=60, deadline=None)
def test_the_best_detour_is_the_best_of_all(problem):
    tables, dag, free = problem
    edges = module._best_detour(tables, dag, free, *around(tables, dag, free))
    gains = [tables.of(after) - tables.of(dag) for after in detours(dag, free)]
    best = max(gains, default=0.0)
    assert bool(edges) == (best > module.LEAST_GAIN)
    if edges:
        assert tables.of(changed(dag, *edges)) - tables.of(dag) == pytest.approx(best, rel=1e-6, abs=1e-6)


def base_of(tables, dag):
    found = [tables.terms(i, dag[i : i + 1]) for i in range(len(dag))]
    return Terms(*(torch.cat(part) for part in zip(*found, strict=True)))


def test_a_parent_is_exchanged_where_no_single_move_gains():
    tables = Tables.of_parents(3, one_parent((3.0, 5.0)))
    gains = gains_of(tables, GIVEN_X0, OFF[3])
    assert gains.toggle.max() < 0 and gains.reverse.max() < 0
    assert sorted(module._best_swap(tables, GIVEN_X0, OFF[3], base_of(tables, GIVEN_X0))) == [(2, 0), (2, 1)]
    dag, _, moves = climb(tables, GIVEN_X0, OFF[3])
    assert torch.equal(dag, GIVEN_X1)
    assert moves == 1
    assert torch.equal(climb(tables, GIVEN_X1, OFF[3]).dag, GIVEN_X1)


def test_an_exchange_is_worth_what_the_parents_cost():
    tables = Tables.of_parents(3, one_parent((3.0, 5.0)), price=torch.tensor([[0.0, 0, 0], [0, 0, 0], [1.0, 2.5, 0]]))
    assert climb(tables, GIVEN_X0, OFF[3]).dag.equal(GIVEN_X1)  # two nats for a price of one and a half
    tables.price[2, 1] = 3.5
    assert climb(tables, GIVEN_X0, OFF[3]).dag.equal(GIVEN_X0)
    assert climb(tables, GIVEN_X1, OFF[3]).dag.equal(GIVEN_X0)


def test_an_exchange_leaves_alone_what_is_fixed():
    tables = Tables.of_parents(3, one_parent((3.0, 5.0)))
    for edge in ((2, 0), (2, 1)):
        free = changed(OFF[3], edge)
        assert module._best_swap(tables, GIVEN_X0, free, base_of(tables, GIVEN_X0)) == []
        assert torch.equal(climb(tables, GIVEN_X0, free).dag, GIVEN_X0)


def test_an_exchange_closes_no_cycle():
    # X2 -> X1 is worth a lot, so X1 cannot become a cause of X2.
    def score(i, parents):
        return 200.0 * (2 in parents) - 100.0 * (0 in parents) if i == 1 else one_parent((3.0, 5.0))(i, parents)

    start = changed(GIVEN_X0, (1, 2))
    tables = Tables.of_parents(3, score)
    assert module._best_swap(tables, start, OFF[3], base_of(tables, start)) == []
    assert torch.equal(climb(tables, start, OFF[3]).dag, start)


def test_the_best_of_several_exchanges_counts_targets_too():
    for seed in range(20):
        tables, dag = Tables(4, seed=seed), torch.zeros(4, 4, dtype=torch.bool)
        dag[3, 0] = dag[1, 0] = dag[2, 1] = True
        gains = {}
        for i in range(4):
            for out, into in itertools.permutations(range(4), 2):
                after = changed(dag, (i, out), (i, into)) if i not in (out, into) else dag
                if dag[i, out] and not dag[i, into] and is_acyclic(after) and i not in (out, into):
                    gains[i, out, into] = tables.of(after) - tables.of(dag)
        found = module._best_swap(tables, dag, OFF[4], base_of(tables, dag))
        best = max(gains, key=lambda swap: gains[swap])
        if gains[best] > 0:
            i, out, into = best
            assert sorted(found) == sorted([(i, out), (i, into)])
        else:
            assert found == []


def test_the_closed_form_only_proposes():
    tables = Tables.of_parents(3, one_parent((3.0, 5.0)))
    base = base_of(tables, GIVEN_X0)
    # It thinks that the exchange loses eight nats: still worth a look.
    tables.rough = Tables.of_parents(3, one_parent((3.0, -5.0))).table
    assert len(module._best_swap(tables, GIVEN_X0, OFF[3], base)) == 2
    # Eighteen: not.
    tables.rough = Tables.of_parents(3, one_parent((3.0, -15.0))).table
    assert module._best_swap(tables, GIVEN_X0, OFF[3], base) == []
    # What it thinks much of must hold when looked at.
    tables = Tables.of_parents(3, one_parent((3.0, 2.0)))
    tables.rough = Tables.of_parents(3, one_parent((3.0, 9.0))).table
    assert module._best_swap(tables, GIVEN_X0, OFF[3], base_of(tables, GIVEN_X0)) == []
    # And where there is none, there are no exchanges.
    tables = Tables.of_parents(3, one_parent((3.0, 5.0)))
    tables.proposes = False
    assert module._best_swap(tables, GIVEN_X0, OFF[3], base) == []


# ---------------------------------------------------------------- what does not look promising
@given(problems(), st.floats(0.0, 1.0), st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_an_addition_that_is_not_promising_has_its_price_against_it_and_is_not_fitted(problem, share, seed):
    tables, dag, free = problem
    d, generator = len(dag), torch.Generator().manual_seed(seed)
    tables.dull = (torch.rand(d, d, generator=generator) < share) & (tables.price >= 0)  # what is cheap always is
    toggle, reverse = gains_of(tables, dag, free)

    def taken_for(graph):
        """Evidence of a graph where additions that are not promising change nothing but the price."""
        return tables.of(graph & (dag | ~tables.dull)) - float((tables.price * (graph & ~dag & tables.dull)).sum())

    here, legal = tables.of(dag), dict(single_moves(dag, free))
    for kind, gains in (("toggle", toggle), ("reverse", reverse)):
        for i, j in itertools.product(range(d), repeat=2):
            after = legal.get((kind, i, j))
            expected = -math.inf if after is None else taken_for(after) - here
            assert float(gains[i, j]) == pytest.approx(expected, rel=1e-6, abs=1e-6)
            if kind == "toggle" and after is not None and not dag[i, j] and tables.dull[i, j]:
                assert float(gains[i, j]) == pytest.approx(-float(tables.price[i, j]), abs=1e-9)
    allowed = {(i, parents_of(dag[i])) for i in range(d)}
    for i, j in itertools.product(range(d), repeat=2):
        if free[i, j] and (dag[i, j] or not tables.dull[i, j]):
            allowed.add((i, parents_of(changed(dag, (i, j))[i])))
    assert set(tables.asked) == allowed


def test_a_climb_adds_nothing_that_is_not_promising():
    truth = changed(torch.zeros(3, 3, dtype=torch.bool), (1, 0), (2, 1))
    tables = Tables.of_parents(3, lambda i, parents: sum(10.0 if truth[i, j] else -5.0 for j in parents), price=1.0)
    empty = torch.zeros_like(truth)
    assert torch.equal(climb(tables, empty, OFF[3]).dag, truth)
    tables.dull, tables.asked = changed(empty, (1, 0)), []
    dag, probability, _ = climb(tables, empty, OFF[3])
    assert torch.equal(dag, changed(truth, (1, 0)))
    assert not {(1, (0,)), (1, (0, 2))} & set(tables.asked)
    # No edge against one that has its price, and the other way round: worth -5 and a price.
    weight = [1.0, math.exp(-1.0), math.exp(-6.0)]
    assert probability[1, 0].item() == pytest.approx(weight[1] / sum(weight))
    assert probability[0, 1].item() == pytest.approx(weight[2] / sum(weight))
    # What is there already is judged as ever.
    assert torch.equal(climb(tables, truth, OFF[3]).dag, truth)


@given(problems(), st.floats(0.0, 1.0), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_climb_ends_where_edges_are_cheaper_than_none_and_nothing_looks_promising(problem, cheap, seed):
    tables, dag, free = problem
    d, generator = len(dag), torch.Generator().manual_seed(seed)
    tables.price = torch.where(torch.rand(d, d, generator=generator) < cheap, -tables.price, tables.price)
    tables.dull = torch.ones(d, d, dtype=torch.bool)
    found = climb(tables, dag, free)
    assert tables.of(found.dag) >= tables.of(dag) - 1e-9
    toggle, _ = gains_of(tables, found.dag, free)
    assert not (toggle[tables.price < 0] > 1e-9).any()


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_closure_has_every_path(d):
    for seed in range(20):
        torch.manual_seed(seed)
        dag = (torch.rand(d, d) < 0.3) & OFF[d]
        walks = sum(torch.linalg.matrix_power(dag.double(), k) for k in range(1, d + 1)) > 0
        assert torch.equal(closure(dag), walks)


# ---------------------------------------------------------------- where a climb begins
def test_families_are_prepared_together_before_they_are_asked_for():
    tables, start = Tables(3), torch.zeros(3, 3, dtype=torch.bool)
    climb(tables, start, OFF[3])
    first = {(i, ()) for i in range(3)} | {(i, (j,)) for i, j in itertools.permutations(range(3), 2)}
    assert set(tables.asked) >= first


def test_the_strongest_dag():
    probability = torch.tensor([[0.0, 0.9, 0.5], [0.2, 0.0, 0.8], [0.7, 0.6, 0.0]])
    # X1 -> X0 (0.9), X2 -> X1 (0.8), X0 -> X2 (0.7) and X1 -> X2 (0.6): both cycles lose their least believed edge.
    found = strongest_dag(probability)
    assert found.dtype == torch.bool
    assert found.int().tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert torch.equal(strongest_dag(torch.tensor([[0.0, 0.5], [0.51, 0.0]])), torch.tensor([[0, 0], [1, 0]]).bool())


def test_the_strongest_dag_has_the_most_believed_parents_where_there_may_be_a_few():
    probability = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.9, 0.0, 0.0, 0.0], [0.7, 0.6, 0.0, 0.0], [0.6, 0.8, 0.7, 0.0]])
    for most, kept in ((None, 6), (3, 6), (0, 0)):
        assert strongest_dag(probability, most).sum() == kept
    assert strongest_dag(probability, 1).int().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert strongest_dag(probability, 2).int().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]


def test_a_detour_rests_on_no_edge_that_is_not_promising():
    found = changed(torch.zeros(3, 3, dtype=torch.bool), (0, 2), (1, 0), (1, 2))  # (effect, cause)
    tables = Tables.of_parents(3, lambda i, parents: -5.0 * (2 in parents))
    detour = module._best_detour(tables, found, OFF[3], *around(tables, found, OFF[3]))
    assert sorted(detour) == [(0, 2), (1, 2), (2, 1)]
    tables.dull = changed(tables.dull, (2, 1))  # is taken to change nothing, which beside the other two would gain
    assert module._best_detour(tables, found, OFF[3], *around(tables, found, OFF[3])) == []

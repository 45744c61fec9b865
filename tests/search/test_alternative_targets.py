"""Retargeting on a problem that holds a wrong target up, and on made-up evidence where every step can be looked at."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from conftest import far_out, is_acyclic
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrocausal.search.alternative_targets as module
from pyrocausal.data.weights import Part
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.refitting import Descent, Refitting
from pyrocausal.evidence.terms import Terms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import cross_fit, split_rows
from pyrocausal.sdi.targets import TargetOdds, known_targets
from pyrocausal.search.alternative_targets import try_other_targets

BRIEF = Descent(100, 128, 3e-2)


def graph_of(d, *edges) -> torch.Tensor:
    """Edges (cause, effect)."""
    dag = torch.zeros(d, d, dtype=torch.bool)
    for cause, effect in edges:
        dag[effect, cause] = True
    return dag


def unhit(d, *hits) -> torch.Tensor:
    """Beliefs [R, d] from the variables that are believed to be hit in every regime."""
    return torch.tensor([[i not in hit for i in range(d)] for hit in hits])


def off_diagonal(d) -> torch.Tensor:
    return ~torch.eye(d, dtype=torch.bool)


# ---------------------------------------------------------------- mechanisms that have to extrapolate
TRUTH, WRONG = graph_of(3, (0, 1), (1, 2)), graph_of(3, (1, 0), (1, 2))
RIGHT, MISTAKEN = unhit(3, {0}, {2}), unhit(3, {1}, {2})


class Problem:
    """Joint evidence of the rows of `far_out` under some beliefs."""

    def __init__(self, natural, seed=0, targets=(None, None)) -> None:
        self.data, kinds = far_out(seed), far_out(seed).kinds
        self.split = split_rows(self.data, share_regimes=True, held_out=0.2)
        known, hit = known_targets(self.data.names, targets)
        mechanisms = NeuralMechanisms(kinds, hidden=8)
        new = NewMechanisms(kinds, [regime.rows for regime in self.data.regimes])
        self.natural, self.evidence = (
            natural,
            JointEvidence(
                RowsOfEvidence(kinds, cross_fit(self.data, self.split, natural), natural),
                TargetKnowledge(known, hit, TargetOdds(torch.zeros(hit.shape), several=False)),
                Estimators(mechanisms, new, Refitting(BRIEF, BRIEF, decays=(0.0,))),
                price=5.0,
            ),
        )

    def after(self, natural) -> JointEvidence:
        return self.evidence.after(cross_fit(self.data, self.split, natural), natural)

    def try_other_targets(self, dag, free=None):
        free = off_diagonal(3) if free is None else free
        return try_other_targets(self.evidence, dag, free, self.natural, self.after, set())


@pytest.mark.parametrize("seed", range(2))
def test_the_right_target_and_the_right_graph_are_found(seed):
    problem = Problem(MISTAKEN, seed)
    # The mistake holds itself up: with it neither the target nor the graph looks wrong.
    assert problem.evidence.targets(WRONG).argmax(1).tolist() == [1, 2]
    assert problem.evidence.of(WRONG) > problem.evidence.of(TRUTH)
    dag, natural = problem.try_other_targets(WRONG)
    assert torch.equal(dag, TRUTH) and torch.equal(natural, RIGHT)
    assert problem.after(natural).of(dag) > problem.evidence.of(WRONG) + 10
    assert problem.after(natural).targets(dag).argmax(1).tolist() == [0, 2]


def test_at_the_truth_nothing_gains():
    assert Problem(RIGHT).try_other_targets(TRUTH) is None


def test_a_target_that_is_known_stays_even_where_another_would_explain_more():
    assert Problem(MISTAKEN, targets=(("X1",), None)).try_other_targets(WRONG) is None


@pytest.mark.parametrize("edge", [(0, 1), (1, 0)])
def test_the_edge_of_the_right_change_stays_where_it_is_fixed(edge):
    free = off_diagonal(3)
    free[edge] = False
    found = Problem(MISTAKEN).try_other_targets(WRONG, free)
    assert found is None or torch.equal(found.dag, WRONG)


# ---------------------------------------------------------------- made-up evidence
class Stub:
    """Evidence by a function of the graph and of the beliefs; `changed` [d, R] is where a marginal looks changed."""

    def __init__(self, worth, natural, known=(), changed=None) -> None:
        R, d = natural.shape
        self.worth, self.natural, self.asked = worth, natural, []
        self.known = torch.tensor([r in known for r in range(R)])
        self.changed = torch.ones(d, R, dtype=torch.bool) if changed is None else changed
        self.folds = [SimpleNamespace(scoring=Part(torch.zeros(n, 0))) for n in (600, 400)]

    def of(self, dag) -> float:
        self.asked.append((dag.clone(), self.natural))
        return float(self.worth(dag, self.natural))

    def rough_terms(self, i, parents):
        assert parents.shape == (1, self.natural.shape[1]) and not parents.any()
        nothing = torch.zeros(1, len(self.natural), dtype=torch.double)
        return Terms(nothing, nothing, nothing[:, 0], 5.0 * self.changed[i].double()[None])

    def after(self, natural):
        made = Stub(self.worth, natural)
        made.asked = self.asked
        return made


@pytest.fixture(autouse=True)
def _nothing_to_prepare(monkeypatch):
    prepare = module.prepare_together

    def only_evidence(requests):
        prepare([(evidence, family) for evidence, family in requests if isinstance(evidence, JointEvidence)])

    monkeypatch.setattr(module, "prepare_together", only_evidence)


def run(stub, dag, free=None, refused=None, max_parents=None):
    free, refused = off_diagonal(len(dag)) if free is None else free, set() if refused is None else refused
    return try_other_targets(stub, dag, free, stub.natural, stub.after, refused, max_parents)


def tried(stub) -> list[tuple]:
    """Alternatives that were looked at: the regime, its target and the edges (cause, effect)."""
    found = []
    for dag, natural in stub.asked[1:]:
        ((regime, targets),) = [
            (r, [i for i, kept in enumerate(row) if not kept])
            for r, (row, before) in enumerate(zip(natural.tolist(), stub.natural.tolist(), strict=True))
            if row != before
        ]
        (target,) = targets
        found.append((regime, target, sorted((c, e) for e, c in dag.nonzero().tolist())))
    return found


CHAIN = [(0, 1), (1, 2)]


def test_the_graph_and_the_reversed_edge_are_tried_with_each_neighbour_that_looks_changed():
    dag, natural = graph_of(4, *CHAIN, (2, 3)), unhit(4, {1}, {3})
    stub = Stub(lambda *_: 0.0, natural)
    assert run(stub, dag) is None
    edges = [*CHAIN, (2, 3)]
    assert sorted(tried(stub)) == [
        (0, 0, edges),
        (0, 0, [(1, 0), (1, 2), (2, 3)]),
        (0, 2, edges),
        (0, 2, [(0, 1), (2, 1), (2, 3)]),
        (1, 2, edges),
        (1, 2, [(0, 1), (1, 2), (3, 2)]),
    ]
    changed = torch.ones(4, 2, dtype=torch.bool)
    changed[2, 0] = changed[0, 1] = changed[1, 1] = False
    stub = Stub(lambda *_: 0.0, natural, changed=changed)
    run(stub, dag)
    assert {(regime, target) for regime, target, _ in tried(stub)} == {(0, 0), (1, 2)}


def test_regimes_of_known_targets_of_none_and_of_unsure_ones_are_left_alone():
    dag = graph_of(3, *CHAIN)
    natural = unhit(3, {1}, set(), {0, 1, 2}, {0}, {1})

    def worth(dag, beliefs):  # any change is worth much
        return 100.0 * (beliefs != natural).any(1).sum()

    stub = Stub(worth, natural, known=(0, 1, 4))
    found = run(stub, dag)
    assert {regime for regime, _, _ in tried(stub)} == {3}
    assert torch.equal(found.natural, unhit(3, {1}, set(), {0, 1, 2}, {1}, {1}))
    stub = Stub(worth, natural, known=(0, 1, 3, 4))
    assert run(stub, dag) is None
    assert len(stub.asked) == 1  # what there is


@pytest.mark.parametrize("fixed", [(0, 1), (1, 0)])
def test_a_fixed_edge_is_never_reversed_but_the_target_may_move_along_it(fixed):
    dag, natural, free = graph_of(3, *CHAIN), unhit(3, {1}), off_diagonal(3)
    free[fixed] = False

    def worth(dag, beliefs):
        return 50.0 * (not beliefs[0, 0]) + 50.0 * dag[0, 1]  # X0 was hit, and X1 -> X0

    stub = Stub(worth, natural)
    found = run(stub, dag, free)
    assert (0, 0, CHAIN) in tried(stub) and (0, 0, [(1, 0), (1, 2)]) not in tried(stub)
    assert torch.equal(found.dag, dag) and torch.equal(found.natural, unhit(3, {0}))
    found = run(Stub(worth, natural), dag)
    assert torch.equal(found.dag, graph_of(3, (1, 0), (1, 2)))


def test_no_reversal_gives_a_variable_more_parents_than_it_may_have():
    dag, natural = graph_of(3, *CHAIN), unhit(3, {2})
    for most, reversed_too in ((1, False), (2, True)):
        stub = Stub(lambda dag, beliefs: 0.0, natural)
        assert run(stub, dag, max_parents=most) is None
        assert (0, 1, CHAIN) in tried(stub)
        assert ((0, 1, [(0, 1), (2, 1)]) in tried(stub)) == reversed_too  # X1 would have two causes


def test_no_reversal_closes_a_cycle():
    dag = graph_of(3, *CHAIN, (0, 2))
    stub = Stub(lambda dag, beliefs: 50.0 * dag[0, 2], unhit(3, {2}))  # X2 -> X0
    assert run(stub, dag) is None
    assert (0, 0, [(0, 1), (0, 2), (1, 2)]) in tried(stub)
    assert all(is_acyclic(dag) for dag, _ in stub.asked)


def test_two_changes_that_share_a_variable_are_not_made_at_once():
    dag, natural = graph_of(3, *CHAIN), unhit(3, {1}, {1})

    def worth(dag, beliefs):  # X0 was hit in one regime, which is worth less, and X2 in the other
        return 40.0 * (not beliefs[0, 0]) + 60.0 * (not beliefs[1, 2])

    refused = set()
    found = run(Stub(worth, natural), dag, refused=refused)
    assert torch.equal(found.dag, dag) and torch.equal(found.natural, unhit(3, {1}, {2}))
    again = run(Stub(worth, found.natural), dag, refused=refused)
    assert torch.equal(again.natural, unhit(3, {0}, {2}))
    assert run(Stub(worth, again.natural), dag, refused=refused) is None


def test_changes_of_different_variables_are_made_at_once():
    dag, natural = graph_of(4, (0, 1), (2, 3)), unhit(4, {1}, {2})

    def worth(dag, beliefs):
        return 40.0 * (not beliefs[0, 0]) + 60.0 * (not beliefs[1, 3]) + 20.0 * dag[2, 3]  # X3 -> X2

    found = run(Stub(worth, natural), dag)
    assert torch.equal(found.dag, graph_of(4, (0, 1), (3, 2)))
    assert torch.equal(found.natural, unhit(4, {0}, {3}))


def test_changes_that_close_a_cycle_together_are_not_made_together():
    # Each edge may be reversed alone; both reversed close X1 -> X0 -> X3 -> X2 -> X1.
    dag, natural = graph_of(4, (0, 1), (2, 3), (0, 3), (2, 1)), unhit(4, {1}, {3})

    def worth(dag, beliefs):
        return 40.0 * (dag[0, 1] & ~beliefs[0, 0]) + 60.0 * (dag[2, 3] & ~beliefs[1, 2])

    found = run(Stub(worth, natural), dag)
    assert torch.equal(found.dag, graph_of(4, (0, 1), (3, 2), (0, 3), (2, 1)))
    assert torch.equal(found.natural, unhit(4, {1}, {2}))  # nor does the target of the other regime move


def test_a_change_has_to_gain_more_than_fits_differ_by():
    dag, natural = graph_of(3, *CHAIN), unhit(3, {1})
    for gain, moved in ((9.9, False), (10.1, True)):  # a hundredth of a nat for each of the thousand rows that score
        stub = Stub(lambda _, beliefs, gain=gain: -777.0 + gain * (not beliefs[0, 2]), natural)
        assert (run(stub, dag) is not None) == moved


# ---------------------------------------------------------------- what was refused before
def test_what_did_not_gain_is_tried_again_only_where_its_two_variables_have_changed():
    dag, refused = graph_of(4, (0, 1), (2, 3)), set()
    for hits, edges, again in [
        (({1}, set()), [(0, 1), (2, 3)], True),  # for the first time
        (({1}, set()), [(0, 1), (2, 3)], False),
        (({1}, set()), [(0, 1)], False),  # that concerns others
        (({1}, {2}), [(0, 1)], False),
        (({1}, {0}), [(0, 1)], True),  # other rows fit X0
        (({1}, {0}), [(0, 1), (2, 1)], True),  # X1 has another parent
        (({1}, {0}), [(0, 1), (2, 1)], False),
        (({1}, set()), [(0, 1), (2, 3)], False),
    ]:
        dag, stub = graph_of(4, *edges), Stub(lambda *_: 0.0, unhit(4, *hits))
        assert run(stub, dag, refused=refused) is None
        assert any((regime, target) == (0, 0) for regime, target, _ in tried(stub)) == again, (hits, edges)


def test_what_was_tried_in_one_regime_may_be_tried_in_another():
    dag, refused = graph_of(2, (0, 1)), set()
    for hits, regimes in (({1}, set()), {0}), ((set(), {1}), {1}), (({1}, {1}), {0, 1}), (({1}, {1}), set()):
        stub = Stub(lambda *_: 0.0, unhit(2, *hits))
        assert run(stub, dag, refused=refused) is None
        assert {regime for regime, _, _ in tried(stub)} == regimes


def test_a_reversal_that_would_have_closed_a_cycle_is_tried_once_it_does_not():
    refused, natural = set(), unhit(3, {2})

    def worth(dag, beliefs):
        return 50.0 * (dag[0, 2] & ~beliefs[0, 0])  # X0 was hit, and X2 -> X0

    assert run(Stub(worth, natural), graph_of(3, *CHAIN, (0, 2)), refused=refused) is None
    found = run(Stub(worth, natural), graph_of(3, (1, 2), (0, 2)), refused=refused)
    assert found is not None and torch.equal(found.dag, graph_of(3, (1, 2), (2, 0)))


def test_what_gained_but_was_not_made_beside_another_is_tried_again():
    dag, natural, refused = graph_of(4, (0, 1), (2, 3), (0, 3), (2, 1)), unhit(4, {1}, {3}), set()

    def worth(dag, beliefs):  # as above, but X0 as a target gains without the reversed edge too
        return 40.0 * (not beliefs[0, 0]) + 5.0 * (dag[0, 1] & ~beliefs[0, 0]) + 60.0 * (dag[2, 3] & ~beliefs[1, 2])

    found = run(Stub(worth, natural), dag, refused=refused)
    assert torch.equal(found.natural, unhit(4, {1}, {2}))
    again = run(Stub(worth, found.natural), found.dag, refused=refused)
    assert again is not None and torch.equal(again.natural, unhit(4, {0}, {2}))


# ---------------------------------------------------------------- any beliefs
@st.composite
def beliefs(draw):
    """A graph, what is free, beliefs and known regimes, and evidence that is a number at random for each of them."""
    d, R = draw(st.integers(2, 5)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    order = torch.randperm(d, generator=generator)
    dag = (torch.rand(d, d, generator=generator) < 0.6).tril(-1)[order][:, order]
    free = (torch.rand(d, d, generator=generator) < 0.8) & off_diagonal(d)
    hits = [draw(st.sampled_from([set(), set(range(d)), *({i} for i in range(d))])) for _ in range(R)]
    known = [r for r in range(R) if draw(st.integers(0, 3)) == 0]
    changed = torch.rand(d, R, generator=generator) < 0.8
    numbers: dict[str, float] = {}

    def worth(dag, natural):
        key = str((dag.tolist(), natural.tolist()))
        return numbers.setdefault(key, 20.0 * float(torch.randn((), generator=generator)))

    return dag, free, Stub(worth, unhit(d, *hits), known, changed), hits


@given(beliefs(), st.sampled_from([1, 3, 16]))
@settings(max_examples=150, deadline=None)
def test_what_comes_back_is_allowed_and_has_the_best_change_among_it(problem, together):
    dag, free, stub, hits = problem
    began, beliefs, d = dag.clone(), stub.natural.clone(), len(dag)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TOGETHER", together)
        found = run(stub, dag, free)
    assert torch.equal(dag, began) and torch.equal(stub.natural, beliefs)

    gains = {}
    for r, hit in enumerate(hits):
        if len(hit) != 1 or stub.known[r]:
            continue
        (one,) = hit
        for other in range(d):
            if not (dag[one, other] or dag[other, one]) or not stub.changed[other, r]:
                continue
            natural, turned = beliefs.clone(), dag.clone()
            natural[r] = unhit(d, {other})[0]
            turned[one, other], turned[other, one] = dag[other, one].clone(), dag[one, other].clone()
            gains[r, other, False] = stub.worth(dag, natural) - stub.worth(dag, beliefs)
            if free[one, other] and free[other, one] and is_acyclic(turned):
                gains[r, other, True] = stub.worth(turned, natural) - stub.worth(dag, beliefs)
    if found is None:
        assert max(gains.values(), default=0.0) <= 10.0
        return
    r, other, turn = best = max(gains, key=lambda change: gains[change])
    assert gains[best] > 10.0
    (one,) = hits[r]
    assert torch.equal(found.natural[r], unhit(d, {other})[0])
    assert bool(found.dag[one, other]) == bool(dag[other, one] if turn else dag[one, other])
    # Whatever else changed is one target of a regime and at most its edge, which is free, and no variable twice.
    assert is_acyclic(found.dag)
    pairs = []
    for r in (found.natural != beliefs).any(1).nonzero()[:, 0].tolist():
        (one,), ((other,),) = hits[r], (~found.natural[r]).nonzero().t().tolist()
        assert max(gains.get((r, other, turn), 0.0) for turn in (False, True)) > 10.0
        pairs.append({one, other})
    assert all(not one & other for one, other in itertools.combinations(pairs, 2))
    for i, j in itertools.combinations(range(d), 2):
        here, there = (found.dag[i, j], found.dag[j, i]), (dag[i, j], dag[j, i])
        if here != there:
            assert {i, j} in pairs and here == there[::-1] and free[i, j] and free[j, i]

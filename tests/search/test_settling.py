"""Settling: from a rough fit to the right graph, always the same, and nothing else touched."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import cycle

import numpy as np
import pytest
import torch
from conftest import KINDS, LinearGaussian, every_dag, is_acyclic, small_data

from pyrocausal.copies.exact_copies import ExactCopies
from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.outliers import moved_away
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.regressors import LINEAR, PAIRS
from pyrocausal.evidence.terms import Terms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime import interruption
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.row_split import cross_fit
from pyrocausal.sdi.settings import GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.state import natural
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search import asked_networks, closed_form_rounds, rounds, settled_mechanisms
from pyrocausal.search.graph_kernel import sample_graphs
from pyrocausal.search.hill_climb import Summit, strongest_dag
from pyrocausal.search.pooled_search import search_graph
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled
from pyrocausal.search.settling import settle
from pyrocausal.simulate.experiments import linear_truth, simulate
from pyrocausal.simulate.graphs import chain as chain_graph
from pyrocausal.simulate.interventions import hard_constant, hard_normal, hard_uniform, scale, shift, soft
from pyrocausal.simulate.networks import load

FITTING = GraphFitting(warm_up=60, steps=2, rows=64, regime_rows=False)
ROUGH = SDI(  # too short to decide anything
    mechanisms=partial(NeuralMechanisms, hidden=8),
    fitting=FITTING,
    scoring=GraphScoring(graphs=12, rows=100, work=10**9, target_graphs=4),
    stopping=Stopping(max_steps=3),
)
CLOSED = Settling(refitting=None, final_steps=20)
FREE = ~torch.eye(3, dtype=torch.bool)
COPIES = Settling(closed_form=False, refitting=Refitting(Descent(60, 256, 1e-2), decays=(0.0,)), final_steps=20)
BOTH = Settling(refitting=Refitting(Descent(30, 256, 1e-2), decays=(0.0, 0.3), least_regret=0.0), final_steps=20)


def rough(data, seed=0, algorithm=ROUGH, **edges):
    """The end of three phases that decided nothing."""
    with pytest.warns(RuntimeWarning, match="have not settled"):
        state, _ = algorithm.run(data, seed=seed, **edges)
    return state


@pytest.fixture
def chain():
    """Simulated X0 -> X1 -> X2, every variable hit in one regime, nobody says which."""
    return simulate(load("chain3"), intervention=hard_uniform, rows=1000, rows_per_regime=150, seed=1)


def matrix_of(truth) -> list[list[int]]:
    d = len(truth.names)
    return [[int((truth.names[j], truth.names[i]) in truth.graph.edges) for j in range(d)] for i in range(d)]


@pytest.mark.parametrize("settling", [CLOSED, COPIES, BOTH], ids=["closed", "copies", "both"])
def test_a_chain_is_found_and_so_are_the_targets(chain, settling):
    state, heard = rough(chain.data), []
    assert strongest_dag(state.model.beliefs.edge_probability.detach()).int().tolist() != matrix_of(chain.truth)
    settled = settle(state, settling, seed=0, on_settled=heard.append)
    assert settled.dag.int().tolist() == matrix_of(chain.truth) == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    for r, regime in enumerate(chain.data.regimes):
        (target,) = chain.targets[regime.name]
        assert settled.target_probability[r, chain.data.names.index(target)] > 0.99
    torch.testing.assert_close(settled.target_probability.sum(1), torch.ones(3))
    assert settled.target_probability.dtype == torch.float32
    assert settled.stable and heard[-1] is settled
    assert [each.round for each in heard] == list(range(1, len(heard) + 1))
    assert sum(each.moves for each in heard) > 0
    assert not any(each.stable for each in heard[:-1])
    # The dag is where every pair's most probable state is.
    assert torch.equal(settled.edge_probability > 0.5, settled.dag)
    off = ~torch.eye(3, dtype=torch.bool)
    p = settled.edge_probability[off]
    assert settled.confidence == pytest.approx(torch.maximum(p, 1 - p).mean().item())
    assert math.isfinite(settled.evidence)
    assert settled.joint.of(settled.dag) == pytest.approx(settled.evidence)
    torch.testing.assert_close(settled.joint.targets(settled.dag).float(), settled.target_probability)


def test_continuous_variables_and_mechanisms_that_cannot_be_copied():
    def sample(n, target=None):
        rows = torch.randn(n, 3)
        for i in range(3):
            if target == i:
                rows[:, i] = 2.0 + torch.randn(n)
            elif i:
                rows[:, i] = 1.2 * rows[:, i - 1] + 0.5 * rows[:, i]
        return rows

    kinds = (Continuous(0.0, 1.0),) * 3
    regimes = tuple(Regime(f"r{i}", sample(60, i)) for i in range(3))
    data = InterventionalData(("X0", "X1", "X2"), kinds, sample(300), regimes)
    # Rows of regimes fit too, as they do by default where variables are continuous.
    algorithm = replace(ROUGH, mechanisms=LinearGaussian, fitting=replace(FITTING, warm_up=20, regime_rows=None))
    state = rough(data, algorithm=algorithm)
    assert (state.split.origin < 3).any()
    before = state.model.mechanisms.weight.detach().clone()
    heard = []
    settled = settle(state, Settling(final_steps=200), on_settled=heard.append)
    assert heard == [settled] and settled.stable  # without copies there is nothing more to ask
    assert settled.dag.int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert settled.target_probability.argmax(1).tolist() == [0, 1, 2]
    # In the end the mechanisms are fitted around the graph: the weights of its edges move to the truth.
    after = state.model.mechanisms.weight.detach()
    for effect, cause in ((1, 0), (2, 1)):
        assert abs(after[effect, cause] - 1.2) < abs(before[effect, cause] - 1.2)


def everything(state, settled) -> torch.Tensor:
    parameters = [p.detach().flatten().double() for p in state.model.parameters()]
    numbers = torch.tensor([settled.evidence, settled.confidence, settled.moves, settled.round], dtype=torch.double)
    ends = [settled.dag, settled.edge_probability, settled.target_probability]
    return torch.cat([*parameters, numbers, *(end.flatten().double() for end in ends)])


def test_the_same_seed_gives_the_same_bits_and_random_numbers_stay(chain):
    found, states = [], [rough(chain.data) for _ in range(3)]
    for state, seed in zip(states, (4, 4, 5), strict=True):
        torch.manual_seed(len(found))
        before = torch.get_rng_state()
        found.append(everything(state, settle(state, BOTH, seed=seed)))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])  # the last fit of the mechanisms is random


def test_beliefs_become_those_of_settling_and_mechanisms_are_fitted_around_the_graph(chain):
    states = [rough(chain.data) for _ in range(2)]
    mechanisms = {name: p.detach().clone() for name, p in states[0].model.mechanisms.named_parameters()}
    settle(states[0], replace(CLOSED, final_steps=0))
    settled = settle(states[1], replace(CLOSED, final_steps=300))
    believed = states[1].model.beliefs.edge_probability.detach()
    torch.testing.assert_close(believed, settled.edge_probability.to(believed), rtol=0, atol=1e-5)
    for name, parameter in states[0].model.mechanisms.named_parameters():
        assert torch.equal(parameter, mechanisms[name])
    graph = torch.tensor(matrix_of(chain.truth)).float()
    rows = chain.data.observational
    scores = [
        sum(
            state.model.mechanisms.conditional(i, rows, graph[i]).log_prob(rows[:, i].long()).mean().item()
            for i in range(3)
        )
        for state in states
    ]
    assert scores[1] > scores[0] + 0.005


def test_the_last_fit_draws_the_settled_graph_with_a_parent_toggled_now_and_then(chain, monkeypatch):
    state, drawn = rough(chain.data, knowledge=Knowledge(forbidden=[("X2", "X0")])), []

    def fit(state, fitting, steps, probability, schedule, unchanged):
        drawn.append((steps, probability, unchanged))
        return state

    monkeypatch.setattr(settled_mechanisms, "fit_mechanisms", fit)
    settled = settle(state, replace(CLOSED, final_steps=7))
    ((steps, probability, unchanged),) = drawn
    assert steps == 7
    expected = torch.tensor([[0.0, 1 / 3, 0.0], [2 / 3, 0.0, 1 / 3], [1 / 3, 2 / 3, 0.0]])
    assert settled.dag.int().tolist() == matrix_of(chain.truth)
    torch.testing.assert_close(probability, expected)  # X2 -> X0 is forbidden
    assert torch.equal(unchanged, natural(settled.target_probability, CLOSED.certainty))


def test_the_decay_is_chosen_once_around_the_proposed_graph(chain, monkeypatch):
    state, asked = rough(chain.data, knowledge=Knowledge(required=[("X2", "X0")])), []
    monkeypatch.setattr(PredictiveEvidence, "choose_decay", lambda self, graph: asked.append(graph.int().tolist()))
    settle(deepcopy(state), CLOSED)
    assert not asked  # closed forms alone have none
    proposed = strongest_dag(state.model.beliefs.edge_probability.detach()).int().tolist()
    settle(state, COPIES)
    assert asked == [proposed]


def test_required_and_forbidden_edges_hold(chain):
    # The truth is X0 -> X1 -> X2.
    state = rough(chain.data, knowledge=Knowledge(required=[("X2", "X0")], forbidden=[("X0", "X1")]))
    settled = settle(state, CLOSED)
    assert settled.dag[0, 2] and settled.edge_probability[0, 2] == 1.0
    assert not settled.dag[1, 0] and settled.edge_probability[1, 0] == 0.0
    assert not settled.dag[2, 0] and settled.edge_probability[2, 0] == 0.0
    assert is_acyclic(settled.dag)


def test_what_is_likely_counts_as_log_odds(chain):
    plain, likely = (
        settle(rough(chain.data, knowledge=known), CLOSED)
        for known in (None, Knowledge(probability={("X0", "X1"): 0.9, ("X0", "X2"): 0.4}))
    )
    assert torch.equal(plain.dag, likely.dag) and plain.dag[1, 0] and not plain.dag[2, 0]
    assert likely.evidence - plain.evidence == pytest.approx(math.log(9.0), abs=1e-6)


@pytest.mark.parametrize("edge", [("A", "B"), ("B", "A")])
def test_where_rows_do_not_decide_what_is_likely_does(edge):
    a = torch.bernoulli(torch.full((1200,), 0.5))
    rows = torch.stack([a, torch.where(torch.rand(1200) < 0.8, a, 1 - a)], 1)
    kinds = (Categorical((0, 1)),) * 2
    data = InterventionalData(("A", "B"), kinds, rows[:800], (Regime("placebo", rows[800:], ()),))
    settled = settle(rough(data, knowledge=Knowledge(probability={edge: 0.999})), CLOSED)
    effect, cause = ("A", "B").index(edge[1]), ("A", "B").index(edge[0])
    assert settled.dag[effect, cause] and settled.dag.sum() == 1
    assert settled.edge_probability[effect, cause] > 0.9


@pytest.mark.parametrize("settling", [CLOSED, COPIES], ids=["closed", "copies"])
def test_draws_from_what_was_settled_are_its_posterior(settling):
    # Weak effects and few rows leave several graphs possible.
    made = simulate(load("chain3"), intervention=hard_uniform, rows=60, rows_per_regime=8, seed=1)
    settled = settle(rough(made.data), settling)
    found = sample_graphs(settled.joint, settled.dag, ~torch.eye(3, dtype=torch.bool), 3000, 100)
    graphs = every_dag(3)
    share = torch.tensor([settled.joint.of(graph) for graph in graphs], dtype=torch.double).softmax(0)
    assert share.max() < 0.9
    expected = torch.einsum("k,kij->ij", share, torch.stack(graphs).double()).float()
    assert (found.edge_probability - expected).abs().max() < 0.05
    hit = sum(p * settled.joint.targets(graph) for p, graph in zip(share, graphs, strict=True)).float()
    assert (found.target_probability - hit).abs().max() < 0.05


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_what_is_asked_after_settling_is_answered_as_during_it(kind):
    # Copies start from the mechanisms as they were, not from those of the last fit.
    data, families = small_data(KINDS[kind], targets=[None, ("X1",), ()]), [(0, (1,)), (1, (2, 3)), (2, ())]
    descent = Descent(20, 32, 1e-2)
    refitting = Refitting(descent, descent, decays=(0.0,), least_regret=0.0)
    answers = []
    for final_steps in (0, 30):
        state = rough(data)
        before = [p.detach().clone() for p in state.model.mechanisms.parameters()]
        settling = Settling(refitting=refitting, draft=None, closed_form=False, final_steps=final_steps)
        settled = settle(state, settling)
        after = state.model.mechanisms.parameters()
        moved = [not torch.equal(one, other) for one, other in zip(before, after, strict=True)]
        assert any(moved) == bool(final_steps)
        fresh = settled.joint.refitted(replace(refitting, least_regret=1.0))  # keeps nothing that was found
        answers.append([fresh.terms(i, torch.tensor([[j in pa for j in range(4)]])) for i, pa in families])
    for one, other in zip(*answers, strict=True):
        assert torch.equal(one.observational, other.observational) and torch.equal(one.old, other.old)


@pytest.mark.parametrize(
    "intervention",
    [hard_normal(), hard_constant(), shift(), scale(), soft],
    ids=["normal", "do", "shift", "scale", "soft"],
)
def test_every_kind_of_intervention_on_continuous_variables_is_seen_through(intervention):
    truth = linear_truth(chain_graph(3), np.random.default_rng(0))
    # A root's mechanism is as it was when it is drawn anew.
    targets = ["X1", "X2"] if intervention is soft else None
    made = simulate(truth, intervention=intervention, rows=2000, rows_per_regime=300, targets=targets, seed=0)
    algorithm = replace(ROUGH, mechanisms=LinearGaussian, fitting=replace(FITTING, warm_up=60, regime_rows=None))
    settled = settle(rough(made.data, algorithm=algorithm), Settling(final_steps=0))
    assert settled.dag.int().tolist() == matrix_of(made.truth)
    for row, regime in zip(settled.target_probability, made.data.regimes, strict=True):
        (target,) = made.targets[regime.name]
        assert row[made.data.names.index(target)] > 0.9


def test_several_targets_of_a_regime_are_found():
    groups = [("X0",), ("X1", "X2"), ("X0", "X2"), ()]
    made = simulate(load("chain3"), intervention=hard_uniform, rows=4000, rows_per_regime=400, targets=groups, seed=0)
    settled = settle(rough(made.data, target_prior=TargetPrior(several=True)), CLOSED)
    assert settled.dag.int().tolist() == matrix_of(made.truth)
    hit = settled.target_probability > 0.5
    for row, regime in zip(hit, made.data.regimes, strict=True):
        names = {name for name, each in zip((*made.data.names, None), row.tolist(), strict=True) if each}
        assert names == (set(made.targets[regime.name]) or {None})


@pytest.mark.parametrize("known", [False, True])
def test_several_targets_of_continuous_variables_are_found(known):
    groups = [("X0",), ("X1", "X2"), ("X0", "X2"), ()]
    truth = linear_truth(chain_graph(3), np.random.default_rng(0))
    made = simulate(truth, intervention=hard_normal(), rows=2000, rows_per_regime=300, targets=groups, seed=0)
    data = made.data
    if known:  # of one, the others are to be found
        told = tuple(replace(each, targets=made.targets[each.name] or None) for each in data.regimes[:1])
        data = replace(data, regimes=(*told, *data.regimes[1:]))
    algorithm = replace(ROUGH, mechanisms=LinearGaussian, fitting=replace(FITTING, warm_up=60, regime_rows=None))
    state = rough(data, algorithm=algorithm, target_prior=TargetPrior(several=True))
    settled = settle(state, Settling(final_steps=0))
    assert settled.dag.int().tolist() == matrix_of(made.truth)
    for row, regime in zip(settled.target_probability > 0.5, data.regimes, strict=True):
        names = {name for name, each in zip((*data.names, None), row.tolist(), strict=True) if each}
        assert names == (set(made.targets[regime.name]) or {None})


def test_a_prior_decides_where_rows_do_not():
    made = simulate(load("chain3"), intervention=hard_uniform, rows=300, rows_per_regime=2, targets=["X0"], seed=0)
    for name in made.data.names:
        prior = TargetPrior(probability={"regime 0": {name: 0.998}})
        settled = settle(rough(made.data, target_prior=prior), CLOSED)
        assert settled.target_probability[0].argmax() == made.data.names.index(name)


@pytest.mark.parametrize("most", [0, 1])
def test_no_variable_gets_more_parents_than_it_may_have(most):
    made = simulate(load("confounder3"), intervention=hard_uniform, rows=3000, rows_per_regime=300, seed=0)
    settled = settle(rough(made.data, knowledge=Knowledge(max_parents=most)), CLOSED)
    assert torch.tensor(matrix_of(made.truth)).sum(1).max() == 2
    assert settled.dag.sum(1).max() == most


def test_known_targets_stay_known(chain):
    regimes = tuple(replace(regime, targets=chain.targets[regime.name]) for regime in chain.data.regimes)
    wrong = (replace(regimes[0], targets=()), replace(regimes[1], targets=("X0", "X2")), *regimes[2:])
    for known in (regimes, wrong):
        settled = settle(rough(replace(chain.data, regimes=known)), CLOSED)
        for row, regime in zip(settled.target_probability.tolist(), known, strict=True):
            assert row == [float(name in regime.targets) for name in chain.data.names] + [float(not regime.targets)]
        assert settled.stable and settled.round == 1  # nothing was to be learned of the targets


def predictive(state, settling, unhit) -> PredictiveEvidence:
    """What a round climbs on where copies decide alone."""
    data, (first, *regimes) = state.data, state.data.parts
    return PredictiveEvidence(
        RowsOfEvidence(
            data.kinds, cross_fit(data, state.split, unhit), unhit, moved_away(data.kinds, [*regimes, first])
        ),
        TargetKnowledge(state.known, state.hit, state.prior),
        Estimators(
            state.model.mechanisms,
            NewMechanisms(data.kinds, [regime.rows for regime in data.regimes]),
            settling.refitting,
            settling.closed_form,
        ),
        price=settling.price * 0.5 * math.log(450 + len(state.split.held_out.rows)),
    )


def test_rounds_go_on_while_the_targets_change(chain):
    state, copies = rough(chain.data), replace(COPIES, final_steps=0)
    undecided = replace(state, target_probability=torch.full((3, 4), 0.25))  # no regime's rows fit at first
    heard: list[Settled] = []
    last = settle(undecided, copies, on_settled=heard.append)
    assert len(heard) > 1 and last.stable and last.pooled is None and math.isnan(last.several)
    # What is believed of the targets decides which rows fit: at first no regime's, then what the first round found.
    told = [torch.zeros(3, 3, dtype=torch.bool), natural(heard[-2].target_probability, copies.certainty)]
    assert told[1].any()
    for each, unhit in zip((heard[0], last), told, strict=True):
        assert each.evidence == pytest.approx(predictive(state, copies, unhit).of(each.dag), abs=1e-2)
    assert last.evidence != pytest.approx(heard[0].evidence, abs=0.05)
    only = settle(replace(rough(chain.data), target_probability=torch.full((3, 4), 0.25)), replace(copies, rounds=1))
    assert only.round == 1 and not only.stable
    assert only.evidence == heard[0].evidence


# ---------------------------------------------------------------- closed forms first, then networks
@pytest.mark.parametrize("several", [None, False, True])
def test_the_first_round_is_a_search_on_pooled_evidence(chain, several):
    state, heard = rough(chain.data, target_prior=TargetPrior(several=several)), []
    settled = settle(state, CLOSED, on_settled=heard.append)
    assert heard == [settled] and settled.joint is settled.pooled
    targets = TargetKnowledge(state.known, state.hit, settled.joint.prior)
    evidence = PooledEvidence(chain.data, targets, edge_prices(state, CLOSED.price)).steady()
    assert settled.evidence == pytest.approx(evidence.of(settled.dag), abs=0.5)
    if several is None:  # every regime has one target
        assert settled.several < 0 and not settled.joint.prior.several
    else:
        assert math.isnan(settled.several) and settled.joint.prior.several == several


def answers(monkeypatch, gain, drift) -> list[list[list[int]]]:
    """Networks gain so many nats a row for X1, and roots drift so far; whose graph is asked about."""
    asked = []

    def gains(self, graph, some):
        asked.append(graph.int().tolist())
        return torch.eye(len(graph))[1] * gain

    monkeypatch.setattr(PredictiveEvidence, "may_gain", lambda self, graph: torch.full((len(graph),), torch.inf))
    monkeypatch.setattr(PredictiveEvidence, "networks_gain", gains)
    monkeypatch.setattr(PooledEvidence, "drift", lambda self, graph: torch.tensor([drift, 1.0, 1.0]).repeat(3, 1))
    return asked


@pytest.mark.parametrize(("nats", "drift"), [(6.0, 0.0), (4.0, 0.0), (6.0, 0.02)])
def test_networks_follow_where_they_tell_more_and_nothing_drifts(chain, monkeypatch, nats, drift):
    rows = sum(len(part.rows) for part in chain.data.parts)
    asked, heard = answers(monkeypatch, nats / rows, drift), []
    settled = settle(rough(chain.data), BOTH, on_settled=heard.append)
    assert asked == ([] if drift else [matrix_of(chain.truth)])
    assert [each.round for each in heard] == list(range(1, len(heard) + 1))
    assert [each.stable for each in heard] == [False] * (len(heard) - 1) + [True]
    assert isinstance(heard[0].joint, PooledEvidence) and settled.pooled is heard[0].pooled
    if nats > asked_networks.IN_ALL and not drift:
        assert isinstance(settled.joint, PredictiveEvidence)
    else:
        assert len(heard) == 2 and settled.joint is heard[0].joint
        assert (settled.moves, settled.switched, settled.evidence) == (0, 0, heard[0].evidence)
    assert settled.dag.int().tolist() == matrix_of(chain.truth)


def test_where_variables_are_many_networks_are_fitted_near_those_that_they_tell_more_of(monkeypatch):
    d, rng = 44, np.random.default_rng(0)
    truth = linear_truth(chain_graph(d), rng)
    made = simulate(truth, intervention=hard_normal(mean=2.0, sd=1.0), rows=400, rows_per_regime=20, seed=0)
    state, _ = ROUGH.begin(made.data, seed=0)
    settling = rounds.Rounds(state, BOTH, lambda settled: None)
    settling._pool(last=False)
    before, belief, place = settling.dag, settling._last.edge_probability, made.data.names.index("X20")
    gains = torch.zeros(d)
    gains[place] = 1.0
    monkeypatch.setattr(PredictiveEvidence, "networks_gain", lambda *_: gains)
    evidence = settling._asked_networks(settling._evidence(BOTH.refitting), gains > 0)
    near = {place, *before[place].nonzero()[:, 0].tolist(), *before[:, place].nonzero()[:, 0].tolist()}
    assert len(near) >= 3 and {i for i in range(d) if evidence.fits_copies(i)} == near
    climbed, sparsely = [], rounds.climb_sparsely

    def climb(evidence, dag, free, *more):
        climbed.append(free)
        return sparsely(evidence, dag, free, *more)

    monkeypatch.setattr(rounds, "climb_sparsely", climb)
    settling._series(evidence, last=True)
    inside = torch.zeros(d, d, dtype=torch.bool)
    inside[[*near]] = torch.tensor([j in near for j in range(d)])
    inside.fill_diagonal_(False)
    assert climbed and all(torch.equal(free, inside) for free in climbed)
    assert torch.equal(settling.dag[~inside], before[~inside])
    found = settling._last.edge_probability
    assert torch.equal(found[~inside], belief[~inside]) and not torch.equal(found[inside], belief[inside])


@pytest.mark.parametrize("offered", ["", "right", "no better"])
def test_networks_begin_as_regimes_tell_where_that_is_another_graph_and_a_better_one(monkeypatch, offered):
    truth = linear_truth(chain_graph(3), np.random.default_rng(0))
    made = simulate(truth, intervention=hard_normal(mean=2.0, sd=1.0), rows=1000, rows_per_regime=150, seed=0)
    settling = rounds.Rounds(rough(made.data), BOTH, lambda settled: None)
    settling._pool(last=False)
    right, hit = torch.tensor(matrix_of(truth)).bool(), torch.zeros(3, 3, dtype=torch.bool)
    for r, name in enumerate(made.data.regime_names):
        hit[r, made.data.names.index(made.targets[name][0])] = True
    settling.dag, settling.natural = (right.clone(), ~hit) if offered else (right.t().clone(), hit)
    evidence, asked = settling._evidence(BOTH.refitting), []
    if offered == "no better":
        settling._told = [0, 1, 2], hit.roll(1, 0)
        monkeypatch.setattr(asked_networks, "graph_of_order", lambda *_: asked.append(True) or torch.zeros_like(right))
    before = settling.dag, settling.natural
    found = settling._begun_as_regimes_tell(evidence, evidence)
    if offered:
        assert found is None and (settling.dag, settling.natural) == before
        assert bool(asked) == (offered == "no better")
    else:
        assert torch.equal(settling.dag, right) and torch.equal(settling.natural, ~hit)
        settling._series(found, last=True)
        assert settling._last.moves >= 4  # two edges went and two came before the climb


@pytest.mark.parametrize(("notably", "asked"), [(0.01, False), (1e3, False), (1e3, True)])
def test_networks_that_tell_no_more_have_to_tell_notably_more_as_regimes_tell(monkeypatch, notably, asked):
    monkeypatch.setattr(asked_networks, "NOTABLY", notably)
    state = rough(bent(), target_prior=TargetPrior(several=None))
    settling = rounds.Rounds(state, BOTH, lambda settled: None)
    settling._pool(last=False)
    one = state.prior
    settling.prior = one.otherwise or one  # as closed forms that misfit would have it
    settling.dag, settling.several = torch.zeros(3, 3, dtype=torch.bool), 900.0
    evidence = settling._evidence(BOTH.refitting)
    evidence.each(settling.dag)
    found = settling._begun_as_regimes_tell(evidence, evidence if asked else None)
    if notably > 1 and not asked:
        assert found is None and settling.several == 900.0 and settling.prior is not one
    else:
        assert found.of(settling.dag) - evidence.of(torch.zeros(3, 3).bool()) > 100.0
        assert settling.dag.int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
        assert settling.prior is one and settling.several < 0.0  # which now speak against several


def test_where_straight_lines_leave_nothing_no_network_is_fitted_whatever_regimes_tell(monkeypatch):
    made = simulate(
        linear_truth(chain_graph(3), np.random.default_rng(0)),
        intervention=hard_normal(mean=2.0, sd=1.0),
        rows=12_000,
        rows_per_regime=150,
        seed=0,
    )
    settling = rounds.Rounds(rough(made.data), BOTH, lambda settled: None)
    settling._pool(last=False)
    settling._told = [0, 1, 2], settling._told[1].roll(1, 0)
    monkeypatch.setattr(ExactCopies, "solve", lambda *_: pytest.fail("a network is fitted"))
    assert settling._begun_with_networks(BOTH.refitting) is None


def bent(rows=900, per_regime=150) -> InterventionalData:
    """X0 -> X1 -> X2 along parabolas, each set by one regime: to whom they are lines, effects look as if hit."""
    generator = torch.Generator().manual_seed(0)

    def table(n, hit=None):
        x = torch.randn(n, 3, generator=generator)
        for i in range(3):
            if i:
                x[:, i] = 0.6 * x[:, i - 1].square() + 0.3 * x[:, i]
            if i == hit:
                x[:, i] = 2.5 + 0.5 * torch.randn(n, generator=generator)
        return x

    regimes = tuple(Regime(f"r{i}", table(per_regime, i)) for i in range(3))
    return InterventionalData(("X0", "X1", "X2"), (Continuous(0.0, 1.0),) * 3, table(rows), regimes)


@pytest.mark.parametrize("then", ["begun", "no gain", "no better", "needless", "out of time"])
def test_richer_closed_forms_are_left_out_where_linear_ones_believe_in_other_targets(monkeypatch, then):
    heard, searched, search = [], [], closed_form_rounds.search_richer
    monkeypatch.setattr(closed_form_rounds, "search_richer", lambda *a: searched.append(True) or search(*a))
    if then in ("no better", "needless"):
        monkeypatch.setattr(rounds.Rounds, "_begun_as_regimes_tell", lambda *_: None)
    if then in ("no gain", "needless"):
        monkeypatch.setattr(PredictiveEvidence, "networks_gain", lambda self, graph, some: torch.zeros(len(graph)))
    budget = 0.0 if then == "out of time" else None
    settled = settle(rough(bent()), BOTH, on_settled=heard.append, budget=budget)
    assert [each.round for each in heard] == list(range(1, len(heard) + 1))
    assert heard[0].joint.level == LINEAR
    begun = then in ("begun", "no gain")  # of the wrong graph networks may tell no more
    assert len(searched) == (not begun)
    if begun:
        assert isinstance(heard[1].joint, PredictiveEvidence) and settled.pooled.level == PAIRS
        assert settled.dag.int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
        assert (settled.target_probability.argmax(1) == torch.arange(3)).all()
    else:
        assert heard[1].joint is heard[1].pooled is settled.pooled and settled.pooled.level > LINEAR
        whole = search_graph(heard[0].joint, strongest_dag(torch.zeros(3, 3)), FREE)
        assert heard[1].evidence == pytest.approx(whole.evidence.of(whole.summit.dag))
    if then in ("needless", "out of time"):
        assert settled.joint is heard[1].joint


@pytest.mark.parametrize("begun", [True, False])
def test_a_series_that_is_cut_short_leaves_nothing_behind(monkeypatch, begun):
    heard, fitted, begin, fit = [], [], rounds.Rounds._begun_as_regimes_tell, closed_form_rounds.fit_settled

    def begun_as_regimes_tell(self, evidence, asked):
        return begin(self, evidence, asked) if begun or len(heard) == 2 else None

    def out_of_time(self, *_, **__):
        self.natural = ~self.natural
        raise interruption._OutOfTime

    def kept(state, dag, natural, steps):
        fitted.append((dag, natural.clone()))
        fit(state, dag, natural, steps)

    monkeypatch.setattr(rounds.Rounds, "_begun_as_regimes_tell", begun_as_regimes_tell)
    monkeypatch.setattr(rounds.Rounds, "_series", out_of_time)
    monkeypatch.setattr(closed_form_rounds, "fit_settled", kept)
    settled = settle(rough(bent()), BOTH, on_settled=heard.append, budget=1000.0)
    assert [each.round for each in heard] == [1, 2]  # richer closed forms follow if networks have told of no graph
    whole = search_graph(heard[0].joint, heard[0].dag, FREE).summit
    assert torch.equal(settled.dag, whole.dag) and settled.moves == heard[1].moves == whole.moves
    dag, kept_natural = fitted[-1]
    assert torch.equal(dag, settled.dag)
    assert torch.equal(kept_natural, natural(settled.target_probability, BOTH.certainty, settled.joint.prior.several))


@pytest.mark.parametrize(("several", "gain"), [(None, -1.0), (None, 1.0), (True, -1.0)])
def test_networks_may_doubt_that_regimes_have_several_targets(chain, monkeypatch, several, gain):
    state = rough(chain.data, target_prior=TargetPrior(several=several))
    settling = rounds.Rounds(state, BOTH, lambda settled: None)
    settling._pool(last=False)
    one, dag = state.prior, settling.dag
    settling.prior = believed = one.otherwise or one  # as closed forms that misfit would have it
    settling.natural = before = settling.natural & ~torch.eye(3, dtype=torch.bool).roll(1, 1)[: len(settling.natural)]
    evidence = settling._evidence(BOTH.refitting)
    kept = natural(evidence.believing(one).targets(dag), BOTH.certainty)
    doubting = evidence.believing(one).after(cross_fit(chain.data, state.split, kept), kept)
    monkeypatch.setattr(asked_networks, "several_evidence", lambda *_: doubting.of(dag) + asked_networks.SEVERAL + gain)
    asked = settling._asked_for_several(evidence, dag, climbed=True)
    if several or gain > 0:
        assert asked is evidence and settling.prior is believed and settling.natural is before
    else:
        assert settling.prior is asked.prior is one and settling.several == pytest.approx(gain)
        assert torch.equal(settling.natural, kept) and asked.of(dag) == pytest.approx(doubting.of(dag))


@pytest.mark.parametrize("misfit", [True, False])
def test_rows_that_speak_against_what_they_would_fit_come_back_after_a_climb(chain, monkeypatch, misfit):
    settling = rounds.Rounds(rough(chain.data), BOTH, lambda settled: None)
    settling._pool(last=False)
    one, dag = settling.state.prior, settling.dag
    settling.prior, before = one.otherwise, settling.natural.clone()
    settling.natural = before & False  # as closed forms have it that take every variable for hit
    evidence = settling._evidence(BOTH.refitting)
    monkeypatch.setattr(asked_networks, "several_evidence", lambda *_: -torch.inf)
    monkeypatch.setattr(rounds.Rounds, "_misfits", lambda *_: torch.full_like(before, misfit))
    assert (settling._asked_for_several(evidence, dag, climbed=False) is evidence) == misfit
    assert (settling.prior is one) == (not misfit)
    settling._asked_for_several(evidence, dag, climbed=True)
    assert settling.prior is one


@pytest.mark.parametrize(("alike", "steady"), [(2, True), (1, False)])
def test_a_table_most_of_whose_variables_look_the_same_does_not_drift(chain, monkeypatch, alike, steady):
    settling = rounds.Rounds(rough(chain.data), BOTH, lambda settled: None)
    settling._pool(last=False)
    regimes = len(settling.natural)

    def drift(self, graph):
        if graph.any():
            return torch.full((regimes, 3), 0.1)  # a variable without parents that has some in truth
        return torch.tensor([0.0] * alike + [0.1] * (3 - alike)).expand(regimes, 3)

    monkeypatch.setattr(PooledEvidence, "drift", drift)
    assert settling._steady() == steady


@pytest.mark.parametrize("alike", [3, 0])
def test_where_all_that_could_show_drift_counts_as_hit_most_variables_have_to_look_the_same(chain, monkeypatch, alike):
    settling = rounds.Rounds(rough(chain.data), BOTH, lambda settled: None)
    settling._pool(last=False)
    settling.natural = torch.zeros_like(settling.natural)
    regimes = len(settling.natural)
    monkeypatch.setattr(
        PooledEvidence,
        "drift",
        lambda self, graph: torch.tensor([0.0] * alike + [0.1] * (3 - alike)).expand(regimes, 3),
    )
    assert settling._steady() == (alike == 3)


@pytest.mark.parametrize("gain", [0.02, 0.005])
def test_networks_of_numbers_have_to_tell_more_in_every_row(monkeypatch, gain):
    asked = answers(monkeypatch, gain, 0.0)
    monkeypatch.setattr(PooledEvidence, "drift", lambda self, graph: torch.zeros(3, len(graph)))
    settled = settle(rough(small_data(KINDS["continuous"], targets=[("X0",), ("X1",), ()])), BOTH)
    assert len(asked) == 1 and isinstance(settled.joint, PredictiveEvidence) == (gain > asked_networks.NOTABLY)


@pytest.mark.parametrize("kind", ["categorical", "continuous", "mixed"])
def test_continuous_variables_that_are_not_fitted_exactly_settle_on_drafts_first(kind, monkeypatch):
    exact = NeuralMechanisms.exact
    monkeypatch.setattr(NeuralMechanisms, "exact", lambda self, i: False)
    data = small_data(KINDS[kind], targets=[("X0",), ("X1",), ()])  # which leaves no doubt of the targets
    descent, draft, seen, heard = Descent(2, 16, 1e-2), Descent(1, 16, 1e-2), [], []
    final = Refitting(descent, descent, decays=(0.0,), least_regret=0.0)
    choose = PredictiveEvidence.choose_decay

    def watch(self, graph):
        seen.append(self.refitting)
        choose(self, graph)

    monkeypatch.setattr(PredictiveEvidence, "choose_decay", watch)
    monkeypatch.setattr(rounds.Rounds, "_asked_networks", lambda self, evidence, bent: evidence)
    if kind == "mixed":
        real = rounds.climb
        monkeypatch.setattr(rounds, "climb", lambda *given: real(*given)._replace(moves=1))
    settling = Settling(refitting=final, draft=draft, final_steps=0)
    settle(rough(data), settling, on_settled=heard.append)
    drafted = [replace(final, continuous=draft)] if kind != "categorical" else []
    agreed = kind == "continuous"  # drafts and closed forms do, so that nothing thorough follows
    if drafted:
        assert agreed == (heard[1].moves == heard[1].switched == 0)
    assert seen == (drafted if agreed else [*drafted, final])
    assert [each.round for each in heard] == list(range(1, len(seen) + 2))
    assert [each.stable for each in heard] == [False] * (len(heard) - 1) + [True]
    for other, expected in ((replace(settling, draft=None), [final]), (replace(settling, refitting=None), [])):
        del seen[:]
        assert settle(rough(data), other).stable
        assert seen == expected
    monkeypatch.setattr(NeuralMechanisms, "exact", exact)
    assert settling.stages(data.kinds, rough(data).model.mechanisms) == [final]


def test_settling_needs_rows_that_fitted_nothing(chain):
    algorithm = replace(ROUGH, fitting=replace(FITTING, held_out=0.0))
    state = rough(chain.data, algorithm=algorithm)
    with pytest.raises(ValueError, match=r"held-out observational rows; fit with GraphFitting.held_out above 0"):
        settle(state)
    with pytest.raises(ValueError, match=r"Settling.rounds is 0: there is nothing to do"):
        settle(rough(chain.data), Settling(rounds=0))


@pytest.mark.parametrize("kind", ["categorical", "continuous", "mixed"])
def test_every_kind_of_variable_settles(kind):
    data = small_data(KINDS[kind], targets=[None, ("X1",), ()])
    descent = Descent(5, 16, 1e-2)
    brief = Refitting(descent, descent, decays=(0.0, 1.0), least_regret=0.0)
    settled = settle(rough(data), Settling(refitting=brief, draft=descent, final_steps=5))
    assert is_acyclic(settled.dag)
    assert settled.edge_probability.shape == (4, 4)
    assert ((settled.edge_probability >= 0) & (settled.edge_probability <= 1)).all()
    assert settled.target_probability[1:].tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert math.isfinite(settled.evidence)


def test_mechanisms_that_cannot_be_copied_need_the_closed_form():
    data = small_data(KINDS["continuous"])
    algorithm = SDI(mechanisms=LinearGaussian, fitting=GraphFitting(warm_up=5))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = algorithm.init(data)
    with pytest.raises(ValueError, match="cannot be copied"):
        settle(state, Settling(closed_form=False))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Settling(certainty=2), ValueError),
        (lambda: Settling(refitting="x"), TypeError),
        (lambda: Settling(draft=5), TypeError),
        (lambda: Settling(rounds=1.5), TypeError),
        (lambda: Refitting(continuous=2.5), TypeError),
        (lambda: Descent(5, 2.5, 1e-2), TypeError),
        (lambda: Refitting(decays=0.1), TypeError),
    ],
)
def test_settings_refuse_what_they_cannot_use(wrong, error):
    with pytest.raises(error):
        wrong()


def test_after_two_rounds_of_a_series_no_rows_come_back(chain, monkeypatch):
    heard = []
    work = rounds.Rounds(rough(chain.data), replace(CLOSED, rounds=8), heard.append)
    work.natural = every = torch.ones(3, 3, dtype=torch.bool)
    fewer = every & ~torch.eye(3, dtype=torch.bool)
    beliefs = cycle([fewer, every])  # to and fro for ever
    monkeypatch.setattr(work, "_natural", lambda targets: next(beliefs))
    work._series(work._evidence(None), last=True)
    assert [each.switched for each in heard] == [3, 3, 3, 0]
    assert heard[-1].stable and torch.equal(work.natural, fewer)


@pytest.mark.parametrize("gain", [5.0, -5.0])
@pytest.mark.parametrize("against", [True, False])
def test_a_series_at_rest_climbs_on_without_rows_that_speak_against_what_they_fit(chain, monkeypatch, gain, against):
    heard, kept, d = [], [], 3
    work = rounds.Rounds(rough(chain.data), BOTH, heard.append)
    work.natural = torch.ones(3, d, dtype=torch.bool)
    resting, further = torch.zeros(d, d, dtype=torch.bool), torch.eye(d, dtype=torch.bool).roll(1, 0).tril()
    odds = torch.full((d, 3), -20.0)
    odds[1, 2] = 20.0 if against else 5.0  # of X1, in the last regime

    class Evidence:
        mechanisms, fits_copies = NeuralMechanisms(KINDS["continuous"] * 2, hidden=2), lambda self, i: True

        def each(self, dag):
            return Terms(odds, odds, odds[:, 0], odds)

        def after(self, folds, natural):
            kept.append(natural)
            return self

        def targets(self, dag):
            return torch.tensor([[0.0, 0.0, 0.0, 1.0]]).repeat(3, 1)

        def of(self, dag):
            return gain * float(dag.any())

    monkeypatch.setattr(rounds, "climb", lambda evidence, dag, *_: Summit(further, further.float(), 1))
    found = work._without_misfits(Evidence(), resting)
    assert (found is not None) == (against and gain > 0)
    if against:
        without = torch.ones(3, d, dtype=torch.bool)
        without[2, 1] = False
        assert torch.equal(kept[0], without) and bool(kept[1].all())
    if found is not None:
        assert torch.equal(found[0], further) and torch.equal(found[1], kept[1])
    assert len(kept) == 2 * against

"""The three phases: their protocol, and where they settle against an enumeration of every graph."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import FrozenInstanceError, replace
from functools import partial

import pytest
import torch
from conftest import KINDS, LinearGaussian, every_graph, make_rows, small_data

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.regime import Regime
from pyrocausal.model.edge_beliefs import IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.log_likelihood import score_graphs
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.sdi import graph_scoring
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.credit import acyclicity, conditional_difference, self_normalised, sparsity
from pyrocausal.sdi.graph_fitting import fit_mechanisms, toggled
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.state import Info
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.sdi.targets import bayes_factor, greatest_drop
from pyrocausal.simulate.experiments import simulate
from pyrocausal.simulate.interventions import hard_uniform, soft
from pyrocausal.simulate.networks import load

ADAM = partial(torch.optim.Adam, lr=0.2, betas=(0.9, 0.9))
STILL = partial(torch.optim.SGD, lr=0.0)
SMALL = partial(NeuralMechanisms, hidden=8)


def tiny(**changes) -> SDI:
    """A quick algorithm whose settings do not hang on the defaults."""
    made = {
        "mechanisms": SMALL,
        "beliefs": IndependentBeliefs,
        "fitting": GraphFitting(rows=64, warm_up=20, steps=3, every=2, regime_rows=False),
        "scoring": GraphScoring(graphs=12, rows=40, work=10**9, target_graphs=4, memory=0.5),
        "credit": CreditAssignment(optimiser=ADAM, regularisers={sparsity: 0.01}),
        "stopping": Stopping(tolerance=0.1, patience=3, max_steps=6),
    }
    return SDI(**{**made, **changes})


def run(algorithm, data, **arguments):
    """`run`, with the warning of an unsettled fit expected."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the beliefs have not settled")
        return algorithm.run(data, **arguments)


def fingerprint(state, info):
    """Everything that a fit ends with, as one flat tensor."""
    parameters = [p.detach().flatten() for p in state.model.parameters()]
    ends = [info.edge_probability.flatten(), info.target_probability.flatten(), torch.tensor([info.loss])]
    return torch.cat([*parameters, *ends])


# ---------------------------------------------------------------- where the beliefs settle
@pytest.mark.parametrize("network", ["chain3", "collider3", "confounder3"])
@pytest.mark.parametrize("intervention", [soft, hard_uniform])
def test_beliefs_settle_on_the_best_of_all_graphs(network, intervention):
    made = simulate(load(network), intervention=intervention, rows=4000, rows_per_regime=400, seed=2)
    known = tuple(replace(regime, targets=made.targets[regime.name]) for regime in made.data.regimes)
    data = replace(made.data, regimes=known)
    price, penalty = 0.01, 1.0
    algorithm = SDI(
        mechanisms=SMALL,
        beliefs=IndependentBeliefs,
        # Fitted once, on graphs of every kind, and never again: scores stand still.
        fitting=GraphFitting(rows=256, warm_up=500, steps=0, regime_rows=False),
        scoring=GraphScoring(graphs=64, rows=10**6, work=10**12),  # every row, every step
        credit=CreditAssignment(
            estimator=conditional_difference, optimiser=ADAM, regularisers={sparsity: price, acyclicity: penalty}
        ),
        stopping=Stopping(tolerance=0.1, patience=10, max_steps=200),
    )
    state, info = algorithm.run(data, seed=3)  # settles: a warning would be an error
    assert info.settled

    graphs = every_graph(3)
    scores = score_graphs(state.model, [regime.rows for regime in data.regimes], graphs, state.hit)  # [64, R, d]
    counts = (~state.hit).sum(0)  # regimes that say something of each effect
    edges = graphs.sum((1, 2))
    cycles = (torch.cosh(graphs * graphs.transpose(1, 2)) - 1.0).triu(1).sum((1, 2))
    objective = (scores.sum(1) / counts).sum(-1) - price * edges - penalty * cycles
    settled = info.edge_probability > 0.5
    (place,) = (graphs == settled.float()).all(-1).all(-1).nonzero()[:, 0].tolist()
    best, second = objective.topk(2).values
    assert best - second > 1e-4, "the problem does not tell the two best graphs apart"
    assert objective[place] == best, (settled.int().tolist(), graphs[objective.argmax()].int().tolist())
    assert objective[place] - objective[0] > 0.05  # the empty graph is far worse


# ---------------------------------------------------------------- protocol
def test_init_says_where_a_fit_begins():
    data = small_data(targets=[None, ("X1",), ()])
    state = tiny().init(data, Knowledge(required=[("X0", "X1")], forbidden=[("X2", "X3")]))
    assert state.step == 0 and math.isnan(state.loss) and state.unchanged == 0
    assert state.model.names == data.names
    assert state.known.tolist() == [False, True, True]
    assert state.hit.int().tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert torch.equal(state.target_probability, torch.full((3, 5), 0.2))
    assert state.model.beliefs.edge_probability[1, 0] == 1.0
    assert state.model.beliefs.edge_probability[0, 1] == 0.0
    assert state.model.beliefs.edge_probability[3, 2] == 0.0
    assert not state.targets.any()
    several = tiny().init(data, target_prior=TargetPrior(several=True))
    assert torch.equal(several.target_probability, torch.full((3, 5), 0.5))  # nobody is taken for natural yet
    with pytest.raises(FrozenInstanceError):
        state.step = 1
    for bad, error in (((("X0", "Z"),), ValueError), (("X0X1",), TypeError)):
        with pytest.raises(error, match="required"):
            tiny().init(data, Knowledge(required=bad))


def test_what_is_likely_beforehand_counts_as_log_odds_beside_all_rows():
    data = small_data(targets=[(), (), ()])
    algorithm = tiny(beliefs=IndependentBeliefs, credit=CreditAssignment(regularisers={}))
    for likely, log_odds in (({}, 0.0), ({("X0", "X1"): 0.9}, math.log(9.0))):
        state = algorithm.init(data, Knowledge(probability=likely))
        graphs = torch.zeros(2, 4, 4)
        algorithm.assign_credit(state, graphs, torch.zeros(2, 3, 4))
        (gamma,) = state.model.beliefs.parameters()
        expected = torch.zeros(4, 4)
        expected[1, 0] = -0.25 * log_odds / (40 + 41 + 42)  # p (1 - p) is a quarter
        torch.testing.assert_close(gamma.grad, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
def test_step_returns_the_next_state_and_what_happened(kind, beliefs):
    algorithm, data = tiny(beliefs=beliefs), small_data(KINDS[kind])
    state = algorithm.init(data)
    before = [p.detach().clone() for p in state.model.parameters()]
    after, info = algorithm.step(state)
    assert (state.step, after.step) == (0, 1)
    assert after.model is state.model  # updated in place
    moved = [not torch.equal(p, q) for p, q in zip(before, state.model.parameters(), strict=True)]
    trained = len(list(state.model.mechanisms.parameters()))
    assert all(moved[:trained]) and moved[trained]
    assert isinstance(info, Info)
    assert info.step == 1
    assert math.isfinite(info.loss) and info.loss == after.loss
    assert info.edge_probability.shape == (4, 4)
    assert torch.equal(info.edge_probability, state.model.beliefs.edge_probability)
    assert not info.edge_probability.requires_grad
    assert info.target_probability.shape == (3, 5)
    torch.testing.assert_close(info.target_probability.sum(1), torch.ones(3))
    assert torch.equal(info.target_probability, after.target_probability)
    assert info.gradient_norm > 0
    p = info.edge_probability[state.model.beliefs.free]  # but for the diagonal, and for exposures
    assert info.confidence == pytest.approx(torch.maximum(p, 1 - p).mean().item())
    assert info.edges == int((p > 0.5).sum()) == int(after.graph.sum())
    kept = info.edge_probability.clone()
    algorithm.step(after)
    assert torch.equal(info.edge_probability, kept)  # a record, not a view of the beliefs


def test_run_is_init_and_steps():
    algorithm, data = tiny(), small_data()
    heard: list[Info] = []
    whole = fingerprint(*run(algorithm, data, seed=11, on_info=heard.append))
    torch.manual_seed(11)
    state = algorithm.init(data)
    for k in range(algorithm.stopping.max_steps):
        state, info = algorithm.step(state)
        assert torch.equal(info.edge_probability, heard[k].edge_probability)
    assert torch.equal(fingerprint(state, info), whole)
    assert [info.step for info in heard] == [1, 2, 3, 4, 5, 6]


def test_mechanisms_are_refitted_when_their_turn_comes():
    algorithm = tiny(fitting=GraphFitting(rows=32, warm_up=4, steps=3, every=3, regime_rows=False))
    state = algorithm.init(small_data())
    moved = []
    for _ in range(7):
        before = [p.detach().clone() for p in state.model.mechanisms.parameters()]
        state, _ = algorithm.step(state)
        after = state.model.mechanisms.parameters()
        moved.append(any(not torch.equal(p, q) for p, q in zip(before, after, strict=True)))
    assert moved == [True, False, False, True, False, False, True]


def test_rows_of_regimes_fit_mechanisms_without_the_targets_terms():
    kinds = (Continuous(0.0, 1.0),) * 2
    observational, forced = torch.randn(400, 2), torch.randn(400, 2)
    forced[:, 0] += 50.0  # the target, far out
    forced[:, 1] += 3.0  # natural, however it came about
    data = InterventionalData(("X0", "X1"), kinds, observational, (Regime("r", forced, ("X0",)),))
    fitting = GraphFitting(
        optimiser=partial(torch.optim.Adam, lr=0.05), rows=256, warm_up=150, steps=0, regime_rows=True
    )
    algorithm = tiny(fitting=fitting, mechanisms=LinearGaussian)
    torch.manual_seed(0)
    state, _ = algorithm.step(algorithm.init(data, Knowledge(forbidden=[("X0", "X1"), ("X1", "X0")])))
    target, natural = state.model.mechanisms.bias.tolist()
    assert abs(target) < 0.4, "the target's own mechanism was fitted to rows that it did not make"
    assert natural == pytest.approx(3.0 * 200 / 600, abs=0.4)  # half of the regime's rows beside all observational


def test_held_out_rows_fit_nothing():
    data = small_data()
    algorithm = tiny(fitting=GraphFitting(rows=64, warm_up=20, steps=3, every=2, regime_rows=False, held_out=0.25))
    held_out = algorithm.init(data).split.held_out.rows
    assert len(held_out) == 10
    apart = (torch.arange(40) % 4) == 3
    changed = data.observational.clone()
    changed[apart] = make_rows(data.kinds, 10)
    assert torch.equal(held_out, data.observational[apart])
    one, two = (run(algorithm, replace(data, observational=rows)) for rows in (data.observational, changed))
    assert torch.equal(fingerprint(*one), fingerprint(*two))
    changed[~apart] = make_rows(data.kinds, 30)
    assert not torch.equal(fingerprint(*one), fingerprint(*run(algorithm, replace(data, observational=changed))))


@pytest.mark.parametrize("count", [0.0, 1.0, 3.0])
def test_toggled_is_the_probability_of_an_edge_that_may_be_toggled(count):
    p, free = torch.rand(4, 4), torch.rand(4, 4) < 0.7
    chance = min(0.5, count / 4)  # of each entry that may be
    draws = 40_000
    drawn = torch.rand(draws, 4, 4) < p
    found = (drawn ^ ((torch.rand(draws, 4, 4) < chance) & free)).float().mean(0)
    assert ((toggled(p, free, count) - found).abs() < 5 * (0.25 / draws) ** 0.5).all()
    assert torch.equal(toggled(p, free, count)[~free], p[~free])


def test_mechanisms_are_fitted_to_the_graphs_that_one_asks_for():
    algorithm, data = tiny(mechanisms=LinearGaussian), small_data(KINDS["continuous"])
    state = algorithm.init(data)
    graph = torch.zeros(4, 4)
    graph[2, 1] = 1.0  # X1 -> X2 alone
    optimiser = torch.optim.SGD(state.model.mechanisms.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.5, 10)
    after = fit_mechanisms(replace(state, mechanism_optimiser=optimiser), algorithm.fitting, 10, graph, schedule)
    assert torch.equal(after.model.mechanisms.weight != 0, graph.bool())
    assert (after.model.mechanisms.bias != 0).all()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05)  # stepped ten times
    assert math.isfinite(after.loss) and math.isnan(state.loss)


def test_mechanisms_of_your_own_find_a_linear_chain():
    def sample(n, target=None):
        rows = torch.randn(n, 3)
        for i in range(3):
            if target == i:
                rows[:, i] = 1.5 * torch.randn(n)
            elif i:
                rows[:, i] = 1.2 * rows[:, i - 1] + 0.5 * rows[:, i]
        return rows

    kinds = (Continuous(0.0, 1.0),) * 3
    regimes = tuple(Regime(f"r{i}", sample(400, i), (f"X{i}",)) for i in range(3))
    data = InterventionalData(("X0", "X1", "X2"), kinds, sample(2000), regimes)
    algorithm = tiny(
        mechanisms=LinearGaussian,
        fitting=GraphFitting(
            optimiser=partial(torch.optim.Adam, lr=0.05),
            rows=128,
            warm_up=150,
            steps=10,
            every=1,
            toggles=1.0,
            regime_rows=False,
        ),
        scoring=GraphScoring(graphs=40, rows=400, work=10**9, target_graphs=4),
        stopping=Stopping(tolerance=0.1, patience=5, max_steps=150),
    )
    state, info = algorithm.run(data, seed=0)
    assert (info.edge_probability > 0.5).int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    # The weights are 1.2; toggled graphs, in which other parents share the same weights, pull them down a little.
    for effect, cause in ((1, 0), (2, 1)):
        assert 0.7 < state.model.mechanisms.weight[effect, cause].item() < 1.4


# ---------------------------------------------------------------- fixed edges, targets
@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
def test_fixed_edges_are_as_they_were_at_the_end(beliefs):
    required, forbidden = (("X3", "X0"), ("X2", "X0")), (("X0", "X1"),)
    seen = []
    _, info = run(tiny(beliefs=beliefs), small_data(), knowledge=Knowledge(required, forbidden), on_info=seen.append)
    for each in seen:
        p = each.edge_probability
        assert p[0, 3] == p[0, 2] == 1.0
        assert p[3, 0] == p[2, 0] == p[1, 0] == 0.0
    assert 0 < info.edge_probability[2, 1] < 1


def test_known_targets_are_used():
    data = small_data(targets=[("X1",), (), ("X0", "X2")])
    algorithm = tiny()
    state, info = run(algorithm, data)
    expected = [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 1, 0, 0]]
    assert info.target_probability.tolist() == expected
    assert state.targets.int().tolist() == [row[:-1] for row in expected]
    _, scores = algorithm.score(state)
    assert scores.shape == (12, 3, 4)
    assert torch.equal(scores == 0, state.targets.expand(12, -1, -1))


@pytest.mark.parametrize("graph_known", [True, False])
def test_a_placebo_has_no_target_and_real_interventions_are_found(graph_known):
    made = simulate(load("chain3"), intervention=hard_uniform, rows=6000, rows_per_regime=300, seed=2)
    data = made.data
    placebo = Regime("placebo", data.observational[-300:])  # rows that nobody touched
    data = replace(data, observational=data.observational[:-300], regimes=(*data.regimes, placebo))
    algorithm = tiny(
        fitting=GraphFitting(rows=256, warm_up=400, steps=5, every=2, regime_rows=False),
        scoring=GraphScoring(graphs=20, rows=300, work=10**9, target_rule=bayes_factor, memory=0.5),
        stopping=Stopping(max_steps=5),
    )
    required = tuple(made.truth.graph.edges) if graph_known else ()
    every = {(a, b) for a in data.names for b in data.names if a != b}
    state, info = run(algorithm, data, knowledge=Knowledge(required, every - set(required) if graph_known else ()))
    assert info.target_probability[-1, -1] > 0.8  # none
    assert not state.targets[-1].any()
    if graph_known:  # targets and orientation are coupled: with the graph undecided, other answers explain the rows too
        for r, regime in enumerate(data.regimes[:-1]):
            (target,) = made.targets[regime.name]
            assert info.target_probability[r, data.names.index(target)] > 0.9
    else:
        assert (info.target_probability[:-1, -1] < 0.1).any()  # and not everything is none


def test_scores_are_those_of_the_sampled_graphs():
    # Packing graphs by parent sets must give back the score of each graph.
    algorithm, data = tiny(), small_data(rows=20)
    state, _ = algorithm.step(algorithm.init(data))
    graphs, scores = algorithm.score(state)
    expected = score_graphs(state.model, [regime.rows for regime in data.regimes], graphs, state.targets)
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-6)


def test_work_limits_the_rows():
    algorithm = tiny(scoring=GraphScoring(graphs=10, rows=30, work=15 * 3 * 7))
    state = algorithm.init(small_data())

    def sizes(algorithm, graphs):
        return [len(part.rows) for part in graph_scoring._rows(state, algorithm.scoring, graphs)]

    assert sizes(algorithm, 10) == [7, 7, 7]
    assert sizes(algorithm, 1) == [17, 17, 17]  # a row costs five graphs by itself
    generous = tiny(scoring=GraphScoring(graphs=10, rows=30, work=10**6))
    assert sizes(generous, 1) == [30, 30, 30]
    assert sizes(algorithm, 10_000) == [1, 1, 1]


def test_rows_that_tell_targets_are_shared_evenly():
    for limit, expected in ((10**9, [30, 30, 30]), (50, [16, 16, 16]), (2, [1, 1, 1])):
        scoring = GraphScoring(graphs=12, rows=30, work=10**9, target_graphs=4, target_rows=limit)
        state = tiny(scoring=scoring).init(small_data())
        assert [len(part.rows) for part in state.target_rows] == expected
        for (rows, _), regime in zip(state.target_rows, state.data.regimes, strict=True):
            assert all((row == regime.rows).all(1).any() for row in rows)
    assert SDI.paper().scoring.target_rows >= 10**6  # the published algorithm uses all its rows


# ---------------------------------------------------------------- isolation
def test_run_leaves_torchs_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run(tiny(), small_data_of(1), seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def small_data_of(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return small_data()


@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
def test_two_fits_in_one_process_do_not_influence_each_other(beliefs):
    algorithm, one, other = tiny(beliefs=beliefs), small_data_of(1), small_data_of(2)
    alone = fingerprint(*run(algorithm, one, seed=3))
    between = fingerprint(*run(algorithm, other, seed=4))
    again = fingerprint(*run(algorithm, one, seed=3))
    assert torch.equal(alone, again)
    assert not torch.equal(alone, between)
    assert not torch.equal(alone, fingerprint(*run(algorithm, one, seed=5)))

    # Two fits in turns, each with its own stream of random numbers.
    streams, states, ends = {}, {}, {}
    for name, data, seed in (("one", one, 3), ("other", other, 4)):
        torch.manual_seed(seed)
        states[name] = algorithm.init(data)
        streams[name] = torch.get_rng_state()
    for _ in range(algorithm.stopping.max_steps):
        for name in states:
            torch.set_rng_state(streams[name])
            states[name], ends[name] = algorithm.step(states[name])
            streams[name] = torch.get_rng_state()
    assert torch.equal(fingerprint(states["one"], ends["one"]), alone)
    assert torch.equal(fingerprint(states["other"], ends["other"]), between)


# ---------------------------------------------------------------- stopping
def believed(algorithm, data, p):
    """A state whose beliefs are p below the diagonal and 1 - p above it."""
    state, sign = algorithm.init(data), 2.0 * torch.ones(4, 4).tril(-1) - 1.0
    with torch.no_grad():
        state.model.beliefs.gamma_unconstrained.copy_(math.log(p / (1 - p)) * sign)
    return state


@pytest.mark.parametrize(("p", "decided"), [(0.89, False), (0.91, True)])
def test_beliefs_must_be_within_the_tolerance(p, decided):
    algorithm = tiny(
        credit=CreditAssignment(optimiser=STILL, regularisers={}), stopping=Stopping(tolerance=0.1, patience=1)
    )
    state, settled = believed(algorithm, small_data(), p), []
    for _ in range(3):
        state, info = algorithm.step(state)
        settled.append(info.settled)
    assert info.confidence == pytest.approx(p)
    assert info.edges == 6
    assert settled == ([False, True, True] if decided else [False] * 3)  # first the graph changes, from empty


@pytest.mark.parametrize("patience", [1, 4])
def test_the_graph_must_not_have_changed_for_the_patience(patience):
    algorithm = tiny(
        credit=CreditAssignment(optimiser=STILL, regularisers={}), stopping=Stopping(tolerance=0.1, patience=patience)
    )
    state, unchanged = believed(algorithm, small_data(), 0.95), []
    for step in range(1, patience + 2):
        state, info = algorithm.step(state)
        unchanged.append(state.unchanged)
        assert info.settled == (step == patience + 1)
    assert unchanged == list(range(patience + 1))
    with torch.no_grad():
        state.model.beliefs.gamma_unconstrained.neg_()
    state, info = algorithm.step(state)
    assert state.unchanged == 0
    assert not info.settled


def test_run_stops_as_soon_as_it_has_settled_and_without_a_warning():
    names = [f"X{i}" for i in range(4)]
    required = tuple(itertools.pairwise(names))
    forbidden = tuple((a, b) for a in names for b in names if a != b and (a, b) not in required)
    algorithm = tiny(stopping=Stopping(patience=3, max_steps=50))
    state, info = algorithm.run(small_data(), knowledge=Knowledge(required, forbidden))
    assert info.settled
    assert info.confidence == 1.0  # nothing to learn
    assert state.step == 4  # the graph changes once, from empty, then stands still for the patience
    assert info.edges == 3


def test_run_warns_when_it_ends_too_early():
    algorithm = tiny(stopping=Stopping(tolerance=0.01, patience=3, max_steps=2))
    with pytest.warns(
        RuntimeWarning, match=r"not settled after 2 steps \(confidence 0\.\d{3}\); raise max_steps"
    ) as caught:
        state, info = algorithm.run(small_data())
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert state.step == info.step == 2
    assert not info.settled


# ---------------------------------------------------------------- presets
def test_the_paper_preset_is_the_published_algorithm():
    paper = SDI.paper(max_steps=123)
    assert paper.beliefs is IndependentBeliefs
    assert paper.credit.estimator.func is self_normalised
    assert set(paper.credit.regularisers) == {sparsity, acyclicity}  # the paper has no others
    assert paper.scoring.target_rule is greatest_drop
    assert paper.scoring.rows == 500
    assert paper.scoring.memory == 0.0
    assert paper.fitting.regime_rows is False
    assert paper.fitting.toggles == 0.0
    assert paper.stopping.max_steps == 123
    assert paper.stopping.tolerance == 0.02
    parameter = [torch.nn.Parameter(torch.zeros(1))]
    for phase in (paper.fitting, paper.credit):
        assert type(phase.optimiser(parameter)) is torch.optim.Adam


def test_the_paper_preset_runs():
    paper = replace(SDI.paper(max_steps=2), mechanisms=SMALL)
    paper = replace(paper, fitting=replace(paper.fitting, warm_up=5))
    data = replace(small_data(), observational=make_rows(KINDS["categorical"], 100))
    state, info = run(paper, data)
    assert state.step == 2
    assert not info.target_probability[:, -1].any()  # the rule never says none
    assert torch.equal(info.target_probability.max(1).values, torch.ones(3))


def test_settings_are_checked_by_keyword():
    with pytest.raises(TypeError):
        SDI(SMALL)
    with pytest.raises(FrozenInstanceError):
        SDI().fitting = GraphFitting()

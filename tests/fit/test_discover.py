"""The front door: reproducible on any number of cores, checked before any work, quiet when asked."""

from __future__ import annotations

import math
import os
import re
import sys
import warnings
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from example_chains import ALGORITHM, ALONE, NAMES, SETTLING, UNSETTLED, assert_same, quick, settled, small

from pyrocausal import simulate
from pyrocausal.copies.refitting import Refitting
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.fit.discover import discover
from pyrocausal.model.drawn_graphs import DrawnGraphs
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphScoring, Stopping
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.hill_climb import strongest_dag
from pyrocausal.search.settings import Settling
from pyrocausal.search.settling import settle


@pytest.fixture
def data() -> InterventionalData:
    return small()


@pytest.mark.filterwarnings(UNSETTLED)
def test_the_same_seed_gives_the_same_bits_on_any_number_of_cores(data, capfd):
    torch.set_num_threads(2)
    one = {settling: quick(data, chains=2, seed=5, settling=settling) for settling in (ALONE, SETTLING)}
    assert torch.get_num_threads() == 2
    for settling, expected in one.items():
        spread = discover(data, chains=2, cores=2, seed=5, algorithm=ALGORITHM, settling=settling)
        assert torch.get_num_threads() == 2
        assert_same(expected, spread)
        shown = capfd.readouterr().err
        assert "2 of 2 chains done" in shown  # one line, across processes


@pytest.mark.filterwarnings(UNSETTLED)
def test_seeds(data):
    one = quick(data, chains=2, seed=5)
    assert_same(one, quick(data, chains=2, seed=5))
    first, second = one.chains
    assert first.seed != second.seed
    assert not torch.equal(first.edge_probability, second.edge_probability)
    other = quick(data, chains=2, seed=6)
    assert not torch.equal(first.edge_probability, other.chains[0].edge_probability)
    # More chains leave the first ones as they were.
    more = quick(data, chains=3, seed=5)
    assert torch.equal(more.chains[1].edge_probability, second.edge_probability)
    fresh, again = quick(data, chains=1), quick(data, chains=1)
    assert fresh.seed != again.seed
    assert_same(fresh, quick(data, chains=1, seed=fresh.seed))


@pytest.mark.filterwarnings(UNSETTLED)
def test_the_random_state_of_torch_is_left_alone(data):
    before = torch.get_rng_state()
    quick(data, chains=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings(UNSETTLED)
def test_what_comes_back(data):
    result = quick(data, chains=2, seed=0)
    assert result.data is data
    assert result.edge_probabilities.shape == (3, 3)
    assert result.targets() == {"one": ("A",), "two": ("B",)}  # they were known
    for chain in result.chains:
        assert chain.trace.index.name == "step"
        assert chain.trace.index.tolist() == [1, 2, 3, 4]
        assert list(chain.trace.columns) == ["loss", "confidence", "edges", "gradient_norm"]
        assert not chain.trace.isna().any().any()
        assert chain.cpu_seconds > 0
        assert torch.equal(chain.model.beliefs.edge_probability, chain.edge_probability)
        assert torch.equal(chain.beliefs, chain.edge_probability)
        assert torch.equal(chain.dag, strongest_dag(chain.beliefs))
        assert math.isnan(chain.evidence)
        assert chain.rounds.empty and list(chain.rounds.columns) == [
            "evidence",
            "edges",
            "moves",
            "switched",
            "predictive",
        ]
    assert set(result.dag().nodes) == set(NAMES)


def test_what_comes_back_when_settled(data):
    result = settled(data, chains=2, seed=0)  # a warning would be an error
    assert result.settled
    for chain in result.chains:
        assert chain.trace.index.tolist() == [1, 2, 3, 4]
        believed = chain.model.beliefs.edge_probability.detach()
        torch.testing.assert_close(believed, chain.edge_probability, rtol=0, atol=0.05)  # shares of 1,000 draws
        assert isinstance(chain.model.beliefs, DrawnGraphs)
        assert not torch.equal(chain.edge_probability, chain.beliefs)
        assert chain.rounds.index.name == "round"
        assert chain.rounds.index.tolist() == list(range(1, len(chain.rounds) + 1))
        assert list(chain.rounds.columns) == ["evidence", "edges", "moves", "switched", "predictive"]
        last = chain.rounds.iloc[-1]
        assert (last.evidence, last.edges) == (chain.evidence, int(chain.dag.sum()))
        assert math.isfinite(chain.evidence)
        assert chain.dag.int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]  # A -> B
    assert result.best.evidence == max(chain.evidence for chain in result.chains)
    assert list(result.dag().edges) == [("A", "B")]
    assert result.dag().edges["A", "B"]["probability"] == pytest.approx(
        result.edge_probabilities.sel(effect="B", cause="A").item()
    )
    assert result.targets() == {"one": ("A",), "two": ("B",)}


@pytest.mark.filterwarnings(UNSETTLED)
def test_without_rounds_the_three_phases_are_all_there_is(data):
    (chain,) = quick(data, chains=1, seed=3).chains
    every = replace(ALGORITHM, fitting=replace(ALGORITHM.fitting, held_out=0.0))  # nothing needs rows held out
    with pytest.warns(RuntimeWarning, match="the beliefs have not settled"):
        state, info = every.run(data, seed=chain.seed)
    assert torch.equal(chain.edge_probability, info.edge_probability)
    assert torch.equal(chain.target_probability, info.target_probability)
    for name, value in state.model.state_dict().items():
        assert torch.equal(chain.model.state_dict()[name], value), name


def test_settling_begins_where_the_three_phases_end(data):
    (chain,) = settled(data, chains=1, seed=3).chains
    with pytest.warns(RuntimeWarning, match="the beliefs have not settled"):
        state, info = ALGORITHM.run(data, seed=chain.seed)
    assert torch.equal(chain.beliefs, info.edge_probability)
    end = settle(state, SETTLING, seed=chain.seed)
    assert torch.equal(chain.dag, end.dag)
    assert torch.equal(chain.edge_probability, end.edge_probability)
    assert torch.equal(chain.target_probability, end.target_probability)
    assert (chain.evidence, len(chain.rounds)) == (end.evidence, end.round)
    for name, value in state.model.mechanisms.state_dict().items():
        assert torch.equal(chain.model.mechanisms.state_dict()[name], value), name


@pytest.mark.filterwarnings(UNSETTLED)
def test_steps_before_settling(data):
    patient = replace(ALGORITHM, stopping=Stopping(patience=100, max_steps=7))
    for settling, max_steps, expected in (
        (ALONE, None, 7),  # the algorithm's own
        (SETTLING, None, 4),  # settling asks for no more
        (replace(SETTLING, proposal=9), None, 7),  # but the algorithm may stop before
        (SETTLING, 5, 5),  # what one says counts
    ):
        result = quick(data, chains=1, seed=0, algorithm=patient, settling=settling, max_steps=max_steps)
        assert len(result.chains[0].trace) == expected


def test_settling_is_the_default_where_rows_are_held_out(data, monkeypatch):
    asked = []

    def remember(restart, *rest):
        asked.append((restart.algorithm.stopping.max_steps, restart.algorithm.fitting.warm_up, restart.settling))
        raise InterruptedError

    monkeypatch.setattr(sys.modules["pyrocausal.fit.discover"], "run_restarts", remember)
    paper = SDI.paper()
    for arguments in ({}, {"algorithm": ALGORITHM}, {"algorithm": paper}, {"algorithm": paper, "settling": ALONE}):
        with pytest.raises(InterruptedError):
            discover(data, chains=1, cores=1, progress=False, **arguments)
    brief, warm_up = Settling().proposal, Settling().warm_up
    assert brief < SDI().stopping.max_steps
    whole = paper.fitting.warm_up
    assert ALGORITHM.fitting.warm_up < warm_up < min(whole, SDI().fitting.warm_up)
    settling = [(brief, warm_up, Settling()), (brief, ALGORITHM.fitting.warm_up, Settling())]
    assert asked == [*settling, (2000, whole, ALONE), (2000, whole, ALONE)]


def test_settling_needs_rows_that_are_held_out(data):
    for algorithm in (SDI.paper(), replace(ALGORITHM, fitting=replace(ALGORITHM.fitting, held_out=0.0))):
        with pytest.raises(ValueError, match=r"settling needs held-out rows; set GraphFitting.held_out above 0 or"):
            discover(data, algorithm=algorithm, settling=Settling())
    for bad in (True, "yes", Refitting()):
        with pytest.raises(TypeError, match="settling must be a Settling, got"):
            discover(data, settling=bad)
    with pytest.raises(TypeError, match="algorithm must be an SDI, got"):
        discover(data, algorithm=Settling())


def test_a_fit_to_the_end_finds_the_edge_and_says_nothing(data, capfd):
    algorithm = replace(
        ALGORITHM,
        fitting=replace(ALGORITHM.fitting, warm_up=200),
        scoring=GraphScoring(graphs=40, rows=80, work=10**9, target_graphs=4),
        stopping=Stopping(tolerance=0.1, patience=5, max_steps=200),
    )
    result = quick(data, chains=1, seed=0, algorithm=algorithm)  # a warning is an error
    assert result.settled
    assert set(result.to_networkx().edges) == {("A", "B")}
    output = capfd.readouterr()
    assert output.out == output.err == ""


@pytest.mark.filterwarnings(UNSETTLED)
def test_required_and_forbidden_edges(data):
    result = quick(data, chains=2, seed=0, required=iter([("C", "A")]), forbidden=iter([("A", "B")]))
    edges = result.edge_probabilities
    assert edges.sel(effect="A", cause="C").item() == 1.0
    assert edges.sel(effect="C", cause="A").item() == 0.0
    assert edges.sel(effect="B", cause="A").item() == 0.0
    assert 0 < edges.sel(effect="C", cause="B").item() < 1


@pytest.mark.filterwarnings(UNSETTLED)
def test_required_and_forbidden_edges_hold_when_settled(data):
    result = settled(data, chains=2, seed=0, required=[("C", "A")], forbidden=[("A", "B")])
    edges, dag = result.edge_probabilities, result.dag()
    assert ("C", "A") in dag.edges and ("A", "B") not in dag.edges
    assert edges.sel(effect="A", cause="C").item() == 1.0
    assert edges.sel(effect="C", cause="A").item() == edges.sel(effect="B", cause="A").item() == 0.0
    for chain in result.chains:
        assert chain.dag[0, 2] and not chain.dag[1, 0]


@pytest.mark.filterwarnings(UNSETTLED)
@pytest.mark.parametrize("run", [quick, settled], ids=["phases", "settled"])
def test_knowledge_is_taken_beside_required_and_forbidden_edges(data, run):
    known = Knowledge(tiers=[["C"], ["A", "B"]], max_parents=1)
    result = run(data, chains=1, seed=0, forbidden=[("A", "B")], knowledge=known)
    edges = result.edge_probabilities
    assert not edges.sel(effect="C").any() and edges.sel(effect="B", cause="A").item() == 0.0
    assert result.chains[0].dag.sum(1).max() <= 1


@pytest.mark.filterwarnings(UNSETTLED)
def test_beliefs_are_kept_along_the_way(data):
    result = quick(data, chains=1, seed=0, max_steps=4, required=[("A", "B")])
    chain = result.chains[0]
    assert chain.belief_logits.shape == (len(chain.trace), 3, 3)
    assert torch.equal(chain.belief_logits[-1].sigmoid() > 0.5, chain.beliefs > 0.5)
    torch.testing.assert_close(chain.belief_logits[-1].sigmoid(), chain.beliefs)
    assert (chain.belief_logits[:, 1, 0] == math.inf).all()
    assert (chain.belief_logits.diagonal(dim1=1, dim2=2) == -math.inf).all()
    assert result.settings["algorithm"]["stopping"]["max_steps"] == 4
    assert result.settings["settling"] is None and result.settings["sampling"] is None


@pytest.mark.filterwarnings(UNSETTLED)
def test_graphs_are_drawn_from_the_posterior_where_asked_for(data):
    plain, result = (
        settled(data, chains=2, seed=0, sampling=sampling) for sampling in (None, Sampling(draws=30, warm_up=5))
    )
    assert plain.chains[0].graphs is None and plain.chains[0].graph_evidence is None
    for chain, before in zip(result.chains, plain.chains, strict=True):
        assert chain.graphs.shape == (30, 3, 3) and chain.graph_evidence.shape == (30,)
        assert chain.graph_targets.shape == (30, 2, 3) and 0 < chain.accepted <= 1
        assert before.graph_targets is None and before.accepted is None
        assert torch.equal(chain.edge_probability, chain.graphs.float().mean(0))
        assert torch.equal(chain.dag, before.dag) and chain.evidence == before.evidence
        torch.testing.assert_close(chain.target_probability.sum(1), torch.ones(2))
        assert not chain.graphs.equal(chain.dag.expand(30, 3, 3))
    assert not result.chains[0].graphs.equal(result.chains[1].graphs)
    # At settling's own price a draw of the settled graph has its evidence; at others the edges cost less.
    unit = 0.5 * math.log(80 + 80 + round(300 * ALGORITHM.fitting.held_out))
    for price in (1.5, 0.0):
        chain = settled(data, chains=1, seed=0, sampling=Sampling(30, 5, price)).chains[0]
        same = (chain.graphs == chain.dag).flatten(1).all(1)
        assert same.any()
        gain = (1.5 - price) * unit * int(chain.dag.sum())
        assert float(chain.graph_evidence[same][0]) == pytest.approx(chain.evidence + gain, abs=1e-6)
    with pytest.raises(ValueError, match=r"sampling begins at a settled graph; leave Settling\.rounds above 0"):
        quick(data, sampling=Sampling())
    with pytest.raises(ValueError, match="graph; take an algorithm that holds out rows to settle by"):
        discover(data, algorithm=SDI.paper(), sampling=Sampling(), progress=False)
    with pytest.raises(TypeError, match="sampling must be a Sampling or None, got 100"):
        settled(data, sampling=100)


@pytest.mark.filterwarnings(UNSETTLED)
def test_a_prior_of_targets_goes_to_every_chain(data):
    unknown = replace(data, regimes=tuple(replace(regime, targets=None) for regime in data.regimes))
    prior = TargetPrior(several=True, probability={"one": {"C": 0.999}})
    result = settled(unknown, chains=2, seed=0, target_prior=prior)
    table, none = result.target_probabilities, result.no_target_probability
    p = torch.stack([chain.target_probability for chain in result.chains]).mean(0)
    assert table.sel(regime="one", variable="C").item() == pytest.approx(p[0, 2].item())
    assert none.sel(regime="one").item() == pytest.approx(p[0, 3].item())
    assert (abs(table.sum("variable") + none - 1) > 1e-3).any()  # each for itself
    for wrong, error, message in (
        (TargetPrior(probability={"three": {"A": 0.5}}), ValueError, "names 'three', which is no regime"),
        ("multiple", TypeError, "target_prior must be a TargetPrior or None, got 'multiple'"),
    ):
        with pytest.raises(error, match=message):
            discover(unknown, target_prior=wrong)
    told = [prior, TargetPrior(several=True), TargetPrior(probability={"one": {"C": 0.5}})]
    for each in told:
        with pytest.raises(ValueError, match="greatest_drop takes no prior of targets; choose bayes_factor"):
            discover(unknown, algorithm=SDI.paper(max_steps=1), target_prior=each, chains=1, cores=1, progress=False)


@pytest.mark.parametrize("prior", [None, TargetPrior(), TargetPrior(several=False)])
def test_the_published_rule_takes_a_prior_that_says_nothing_it_does_not(data, prior):
    SDI.paper().init(data, target_prior=prior)


def test_one_warning_for_all_chains(data):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = quick(data, chains=3, seed=0)
    ours = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    assert len(ours) == 1
    text = str(ours[0].message)
    assert text.startswith("3 of 3 chains have not settled after 4 steps (confidence 0.")
    assert text.count("0.") == 3
    assert "raise max_steps" in text
    assert os.path.samefile(ours[0].filename, __file__)
    assert not result.settled


def test_one_warning_for_all_chains_that_did_not_settle_in_their_rounds(data):
    # Nothing was fitted before the first round, so it changes what is believed of the targets.
    unfitted = replace(ALGORITHM, fitting=replace(ALGORITHM.fitting, warm_up=0, steps=0))
    unknown = replace(data, regimes=tuple(replace(regime, targets=None) for regime in data.regimes))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = settled(
            unknown, chains=2, seed=0, algorithm=unfitted, settling=replace(SETTLING, rounds=1, closed_form=False)
        )
    assert not result.settled
    (ours,) = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    stuck = [chain for chain in result.chains if not chain.settled]
    assert all(chain.rounds["switched"].iloc[-1] > 0 for chain in stuck)
    text = str(ours.message)
    assert text.startswith(f"{len(stuck)} of 2 chains have not settled after 1 round of settling")
    assert f"(changed in the last: {'; '.join(chain.changed for chain in stuck)}); raise Settling.rounds" in text
    assert os.path.samefile(ours.filename, __file__)


def test_max_steps_replaces_the_algorithms_own(data):
    with pytest.warns(RuntimeWarning, match="1 of 1 chains have not settled after 2 steps"):
        result = quick(data, chains=1, max_steps=2, seed=0)
    assert len(result.chains[0].trace) == 2
    assert ALGORITHM.stopping.max_steps == 4


@pytest.mark.filterwarnings(UNSETTLED)
def test_progress_goes_to_stderr(data, capfd):
    quick(data, chains=2, seed=0, progress=True)
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.startswith("\rdiscover: 0 of 2 chains done") and "fitting" in output.err
    assert output.err.rstrip().splitlines()[-1].count("2 of 2 chains done")


def test_progress_counts_the_families_of_all_chains(data, capfd):
    settled(data, chains=2, seed=0, progress=True)
    last = capfd.readouterr().err.rstrip().split("\r")[-1]
    assert "2 of 2 chains done" in last
    assert int(re.search(r"(\d+) families", last)[1]) > 3  # of three variables


@pytest.mark.filterwarnings(UNSETTLED)
def test_threads_are_restored_after_an_error_too(data):
    torch.set_num_threads(2)

    def broken(kinds):
        raise RuntimeError("no mechanisms today")

    with pytest.raises(RuntimeError, match="no mechanisms today"):
        quick(data, chains=1, algorithm=replace(ALGORITHM, mechanisms=broken))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("name", "least"), [("chains", 1), ("cores", 1), ("max_steps", 1), ("seed", 0)])
def test_whole_numbers(data, name, least):
    with pytest.raises(ValueError, match=f"{name} must be at least {least}, got {least - 1}"):
        discover(data, **{name: least - 1})
    for value in (1.0, 2.5, "2", True):
        with pytest.raises(TypeError, match=f"{name} must be a whole number, got {value!r}"):
            discover(data, **{name: value})


def test_there_must_be_chains_and_progress_or_none(data):
    with pytest.raises(TypeError, match="chains must be a whole number, got None"):
        discover(data, chains=None)
    with pytest.raises(TypeError, match="progress must be True or False, got 'yes'"):
        discover(data, progress="yes")


def test_other_arguments(data):
    with pytest.raises(TypeError, match=r"data must be an InterventionalData, got Tensor; .*from_frame"):
        discover(data.observational)
    with pytest.raises(ValueError, match="required names 'Z'"):
        discover(data, required=[("A", "Z")])
    with pytest.raises(ValueError, match="forbidden names 'Z'"):
        discover(data, forbidden=[("Z", "A")])
    with pytest.raises(ValueError, match="both required and forbidden"):
        discover(data, required=[("A", "B")], forbidden=[("A", "B")])
    with pytest.raises(ValueError, match="required edges form the cycle"):
        discover(data, required=[("A", "B"), ("B", "A")])
    with pytest.raises(TypeError, match=r"knowledge must be a Knowledge or None, got \{\}"):
        discover(data, knowledge={})
    with pytest.raises(ValueError, match="A -> B goes from tier 2 back to tier 1"):
        discover(data, required=[("A", "B")], knowledge=Knowledge(tiers=[["B"], ["A"]]))
    with pytest.raises(TypeError, match="positional"):
        discover(data, 2)


@pytest.mark.parametrize("several", [None, False, True])
def test_beside_a_target_that_is_certain_the_other_one_is_found(several):
    graph, rng = nx.DiGraph([("A", "B"), ("B", "C"), ("A", "D")]), np.random.default_rng(0)
    truth, _ = simulate.neural_network_truth(graph, rng, states=3, min_information=0.05)
    made = simulate.simulate(
        truth,
        intervention=simulate.hard_random,
        rows=1500,
        rows_per_regime=300,
        targets=[["A"], ["B"], ["C"], ["D"], ["B", "D"]],
    )
    names = {hit: regime for regime, hit in made.targets.items()}
    told = {names["B", "D"]: AtLeast("B"), names["C",]: AtLeast("C"), names["A",]: ("A",)}
    regimes = tuple(replace(regime, targets=told.get(regime.name)) for regime in made.data.regimes)
    data, prior = replace(made.data, regimes=regimes), TargetPrior(several)
    result = discover(data, target_prior=prior, chains=1, cores=1, seed=0, progress=False)
    assert result.targets() == made.targets and set(result.dag().edges) == set(graph.edges)
    table, none = result.target_probabilities, result.no_target_probability
    assert table.sel(regime=names["B", "D"], variable="B") == 1 and table.sel(regime=names["C",], variable="C") == 1
    assert table.sel(regime=names["B", "D"], variable="D") > 0.95
    assert table.sel(regime=names["C",]).sum() == pytest.approx(1.0, abs=0.05)  # and no other
    assert not none.sel(regime=[names["B", "D"], names["C",], names["A",]]).any()
    assert table.sel(regime=names["A",]).values.tolist() == [1, 0, 0, 0]  # all are known


@pytest.mark.filterwarnings(UNSETTLED)
@pytest.mark.parametrize("several", [None, True])
def test_a_probability_of_one_is_the_same_as_a_target_that_is_stated(data, several):
    def fitted(targets, **row):
        regimes = (data.regimes[0], replace(data.regimes[1], targets=targets))
        prior = TargetPrior(several, {"two": row} if row else {})
        return settled(replace(data, regimes=regimes), target_prior=prior, chains=1, seed=3)

    one, stated = fitted(None, B=1.0, C=0.1), fitted(AtLeast("B"), C=0.1)
    assert_same(one, stated)
    assert [regime.targets for regime in one.data.regimes] == [("A",), AtLeast("B")]
    assert one.target_probabilities.sel(regime="two", variable="B") == 1
    redundant = fitted(AtLeast("B"), B=1, C=0.1)
    assert_same(redundant, stated)
    without = fitted(AtLeast("B"), C=0.0)
    assert without.target_probabilities.sel(regime="two", variable="C") == 0


def test_a_result_with_targets_that_are_certain_is_saved(data, tmp_path):
    regimes = (replace(data.regimes[0], targets=AtLeast("A")), data.regimes[1])
    result = settled(replace(data, regimes=regimes), chains=1, seed=0)
    result.save(tmp_path / "fit.zip")
    again = type(result).load(tmp_path / "fit.zip")
    assert_same(result, again)
    assert again.data.regimes[0].targets == AtLeast("A")

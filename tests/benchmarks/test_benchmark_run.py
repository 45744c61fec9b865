"""The benchmarks: problems, runs in processes of their own, and the report."""

from __future__ import annotations

import argparse
import doctest
import pickle
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from example_methods import CHAIN, FIRST_EDGE

import benchmarks.__main__
import benchmarks.run
from benchmarks import calibration, worker
from benchmarks.__main__ import main, parse_checkout, parse_seeds
from benchmarks.calibration import calibrate, summary
from benchmarks.judging import (
    Experiment,
    Found,
    expected_shd,
    experiment,
    judge,
    ranking_precision,
    visible_regimes,
    wrong_pairs,
)
from benchmarks.literature import LITERATURE
from benchmarks.methods import METHODS, find
from benchmarks.methods.base import Answer, Method, acyclic
from benchmarks.mixed import Flattened
from benchmarks.problems import Given
from benchmarks.report import report
from benchmarks.rows import COLUMNS, add_row, keys, read_rows, read_table
from benchmarks.run import Job, run
from benchmarks.suites import SUITES
from benchmarks.suites_bacadi import scale_free
from benchmarks.suites_partial import all_but
from pyrocausal import Categorical, Count, Knowledge, TargetPrior, networks, simulate
from pyrocausal.posterior.graph_metrics import average_precision, shd
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.truth_mechanisms import Distribution

PAPER = SUITES["paper"]


def example(name):
    return f"example_methods:{name}"


@pytest.fixture
def examples(monkeypatch):
    """Let the processes of the benchmarks import the methods of the tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


# ------------------------------------------------------------------ the command line
@pytest.mark.parametrize(
    ("text", "seeds"), [("0-4", [0, 1, 2, 3, 4]), ("0,3", [0, 3]), ("7", [7]), ("0-2,7,1", [0, 1, 2, 7])]
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "4-2", "0;3"])
def test_seeds_that_are_none(text):
    with pytest.raises(argparse.ArgumentTypeError, match="seeds"):
        parse_seeds(text)


def test_checkouts(tmp_path):
    assert parse_checkout(f"enco={tmp_path}") == ("enco", tmp_path)
    for wrong in (str(tmp_path), f"enco={tmp_path / 'no'}"):
        with pytest.raises(argparse.ArgumentTypeError, match="METHOD=PATH"):
            parse_checkout(wrong)


def test_examples_in_docstrings():
    assert doctest.testmod(benchmarks.__main__).failed == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--problems", "chain33"], "no problem 'chain33'"),
        (["--methods", "ourz"], "no method is called 'ourz'"),
        (["--methods", "example_methods:CHAIN"], "is no Method"),
        (["--methods", "no_module:FIT"], "no_module"),
    ],
)
def test_mistakes_are_told_before_any_run(arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmarks.run, "one", lambda job: pytest.fail(f"{job} was run"))
    with pytest.raises(SystemExit):
        main(["run", "paper", "--out", str(tmp_path), *arguments])
    assert said in capsys.readouterr().err


def test_methods_say_whether_they_can_run(tmp_path):
    assert {"ours", "phases", "paper"} <= set(METHODS)
    for name, method in METHODS.items():
        assert find(name) is method
        for checkout in (None, tmp_path):
            assert method.missing(checkout) is None or isinstance(method.missing(checkout), str)


# ------------------------------------------------------------------ problems
def test_suites_are_complete_and_named_once():
    sizes = {name: len(suite.problems) for name, suite in SUITES.items()}
    assert sizes == {
        "paper": 8, "bnlearn": 21, "gaps": 3, "synthetic25": 6, "continuous": 13, "scaling": 5, "density": 6,
        "kinds": 24, "drift": 32, "expression": 2, "bacadi": 8, "partial": 2, "escaping": 2, "large": 48,
    }  # fmt: skip
    for name, suite in SUITES.items():
        names = [problem.name for problem in suite.problems]
        assert suite.name == name
        assert len(set(names)) == len(names)
        for means in LITERATURE.get(name, {}).values():
            assert set(means) <= set(names)


@pytest.mark.parametrize(
    ("suite", "problem", "variables", "rows", "regimes", "per_regime"),
    [
        ("paper", "chain3", 3, 10_000, 9, 500),
        ("paper", "confounder3", 3, 10_000, 9, 500),
        ("bnlearn", "asia-uniform", 8, 50_000, 8, 512),
        ("bnlearn", "asia-soft6", 8, 50_000, 48, 512),
        ("bnlearn", "sachs-random", 11, 50_000, 11, 512),
        ("synthetic25", "full", 25, 5_000, 25, 200),
        ("continuous", "tanh5", 5, 10_000, 5, 500),
        ("continuous", "linear-d10-e1", 10, 909, 10, 909),
        ("continuous", "additive-d10-e4", 10, 909, 10, 909),
        ("continuous", "nonadditive-d20-e4", 20, 476, 20, 476),
        ("scaling", "random10", 10, 5_000, 10, 200),
        ("density", "full4", 4, 10_000, 12, 500),
        ("density", "full8", 8, 10_000, 24, 500),
    ],
)
def test_problems_are_what_they_say(suite, problem, variables, rows, regimes, per_regime):
    data, truth, targets = SUITES[suite].problem(problem).make(3)
    assert data.observational.shape == (rows, variables)
    assert [len(regime.rows) for regime in data.regimes] == [per_regime] * regimes
    assert all(regime.targets is None for regime in data.regimes)
    hit = [target for (target,) in targets.values()]
    assert sorted(hit) == sorted(list(truth.names) * (regimes // variables))


def test_a_seed_decides_a_problem():
    problem = PAPER.problem("collider3")
    (first, note), (second, _), (other, _) = (problem.build(seed) for seed in (1, 1, 2))
    assert (first.data.observational == second.data.observational).all()
    assert first.targets == second.targets
    assert (first.data.observational != other.data.observational).any()
    assert "0.01 nats" in note
    truth = first.truth
    assert min(truth.conditional_mutual_information(*edge) for edge in truth.graph.edges) >= 0.01


def test_information_is_lowered_where_it_cannot_be_had(monkeypatch):
    monkeypatch.setattr("benchmarks.problems.TRIES", 3)
    monkeypatch.setattr("benchmarks.problems.INFORMATION", (0.5, 0.4, 0.0))
    _, note = PAPER.problem("full8").build(0)
    assert note == "every edge 0 nats; 6 draws rejected"


# ------------------------------------------------------------------ what problems tell
KINDS = SUITES["kinds"]


@pytest.mark.parametrize(
    ("problem", "regimes", "placebos"),
    [
        ("constant-mixed", 10, 2),
        ("scale-mixed", 10, 2),
        ("scale-continuous", 10, 2),
        ("soft-mixed", 10, 2),
        ("scale-count", 10, 2),
        ("shift-count", 10, 2),
        ("placebo-categorical", 16, 8),
        ("twice-categorical", 18, 2),
        ("some-mixed", 6, 2),
    ],
)
def test_kinds_of_interventions_and_of_data(problem, regimes, placebos):
    data, truth, targets = KINDS.problem(problem).make(3)
    assert data.observational.shape == (5_000, 8) and data.observational.isfinite().all()
    assert [len(regime.rows) for regime in data.regimes] == [500] * regimes
    assert sum(hit == () for hit in targets.values()) == placebos
    assert all(regime.targets is None for regime in data.regimes)
    categorical = sum(isinstance(kind, Categorical) for kind in data.kinds)
    counts = sum(isinstance(kind, Count) for kind in data.kinds)
    expected = {"categorical": (8, 0), "continuous": (0, 0), "count": (0, 8), "mixed": (4, 2)}
    assert (categorical, counts) == expected[problem.split("-")[1]]
    assert not KINDS.problem(problem).given(Simulation(data, truth, targets), 3)


def test_two_targets_are_told_to_be_possible():
    problem = KINDS.problem("two-continuous")
    made = problem.make(3)
    hit = [name for group in made.targets.values() for name in group]
    assert sorted(map(len, made.targets.values())) == [0, 0] + [2] * 8
    assert sorted(hit) == sorted(2 * list(made.truth.names))
    assert problem.given(made, 3) == Given(target_prior=TargetPrior(several=True))


def test_half_of_the_regimes_are_labelled():
    problem = KINDS.problem("half-known-categorical")
    made = problem.make(3)
    told = problem.given(made, 3).targets
    assert len(told) == 4 and all(told.values())
    assert told == {name: made.targets[name] for name in told}
    assert told == problem.given(made, 3).targets != problem.given(made, 4).targets


def test_scales_of_categorical_targets_flatten_them_and_keep_their_parents():
    _, truth, targets = KINDS.problem("scale-mixed").make(3)
    (name,) = next(hit for hit in targets.values() if hit and truth.states[hit[0]] and truth.parents(hit[0]))
    before, rng = truth.mechanisms[name], np.random.default_rng(0)
    rows = truth.sample(200, rng)[list(truth.parents(name))].to_numpy(float)
    flat = Flattened(before, 0.25).probabilities(rows)
    assert flat.max(1).mean() < before.probabilities(rows).max(1).mean()
    np.testing.assert_allclose(flat.sum(1), 1)
    assert len(np.unique(flat.round(6), axis=0)) > 1
    drawn = Flattened(before, 0.25).sample(np.repeat(rows[:1], 20_000, 0), rng)
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 20_000, flat[0], atol=0.02)


def test_mixed_mechanisms_listen_to_every_parent():
    truth, rng = KINDS.problem("soft-mixed").make(3).truth, np.random.default_rng(0)
    table = truth.sample(2_000, rng)
    for cause, effect in truth.graph.edges:
        parents = list(truth.parents(effect))
        rows = table[parents].to_numpy(float)
        shuffled = rows.copy()
        shuffled[:, parents.index(cause)] = rng.permutation(shuffled[:, parents.index(cause)])
        for mechanism in (truth.mechanisms[effect], truth.mechanisms[effect].redraw(rng)):
            if truth.states[effect]:
                difference = mechanism.probabilities(rows) - mechanism.probabilities(shuffled)
            else:
                one, other = (mechanism.sample(each, np.random.default_rng(1)) for each in (rows, shuffled))
                difference = one - other
            assert np.abs(difference).mean() > 0.02, (cause, effect)


def test_few_rows_and_strong_interventions():
    for problem in SUITES["bacadi"].problems:
        data, truth, targets = problem.make(3)
        assert data.observational.shape == (100, 20)
        assert [len(regime.rows) for regime in data.regimes] == [10] * 20
        assert sorted(targets.values()) == sorted((name,) for name in truth.names)
        assert 20 <= truth.graph.number_of_edges() <= 60
        for regime in data.regimes:
            (target,) = targets[regime.name]
            rows = pd.DataFrame(data.decode(regime.rows), columns=data.names)[target].astype(float)
            assert abs(rows.mean()) > 3.5 and 0.2 < rows.std() < 1.5


def test_scale_free_graphs_have_hubs():
    sizes = []
    for seed in range(20):
        graph = scale_free(20, 2, np.random.default_rng(seed))
        assert list(graph) == [f"X{i}" for i in range(20)]
        assert nx.is_directed_acyclic_graph(graph)
        assert graph.number_of_edges() == 1 + 2 * 18
        assert sorted(count for _, count in graph.in_degree) == [0, 1] + [2] * 18
        sizes.append(max(count for _, count in graph.out_degree))
    assert np.mean(sizes) > 6


def test_knowledge_leaves_hidden_edges_and_as_many_pairs_open():
    graph = networks.load("sachs").graph
    known = all_but(graph, 10, seed=3)
    fixed = known.compile(list(graph)).fixed.numpy()
    unknown, true = np.isnan(fixed), nx.to_numpy_array(graph, weight=None).T > 0
    assert (unknown == unknown.T).all() and unknown.sum() == 2 * (10 + 10)
    assert (unknown & true).sum() == 10
    assert (fixed[~unknown] == true[~unknown]).all()
    assert known == all_but(graph, 10, seed=3) != all_but(graph, 10, seed=4)


def test_hidden_edges_of_a_published_network(monkeypatch):
    pytest.importorskip("pgmpy")
    chosen, sizes = SUITES["partial"].problem("alarm40"), []
    monkeypatch.setattr(simulate, "simulate", lambda truth, **how: sizes.append(how) or Simulation(None, truth, {}))
    made, _ = chosen.build(0)
    assert (sizes[0]["rows"], sizes[0]["rows_per_regime"]) == (50_000, 512)
    unknown = chosen.given(made, 0).knowledge.compile(made.truth.names).fixed.isnan().numpy()
    assert unknown.sum() == 160
    assert (unknown & (nx.to_numpy_array(made.truth.graph, weight=None).T > 0)).sum() == 40


# ------------------------------------------------------------------ judging
def test_judging_by_hand():
    simulation, note = PAPER.problem("chain3").build(0)
    true = experiment(simulation, note)
    hit = [set(true.targets[name]) for name in simulation.data.regime_names]
    wrong = next(i for i, seen in enumerate(true.visible.values()) if seen)
    hit[wrong] = set()
    verdict = judge(Found(0.9 * CHAIN, FIRST_EDGE | CHAIN.T, hit), true)
    assert (verdict["shd_dag"], verdict["shd_edges"]) == (2, 0)
    assert (verdict["false_positives"], verdict["false_negatives"]) == (2, 1)
    assert (verdict["auroc"], verdict["average_precision"]) == (1.0, 1.0)
    # The chain is right where both its edges are; X1 -> X0 beside X0 -> X1, and X2 -> X1 instead of X1 -> X2, are not.
    assert verdict["wrong"] == "X0>X1 0.90, X1>X0 0.00; X1>X2 0.90, X2>X1 0.00"
    shown = sum(true.visible.values())
    assert verdict["target_accuracy"] == pytest.approx(8 / 9)
    assert verdict["target_accuracy_visible"] == pytest.approx((shown - 1) / shown)
    right = judge(Found(0.9 * CHAIN, CHAIN, None), true)
    assert np.isnan(right["target_accuracy"])
    assert right["wrong"] == ""


def test_of_many_wrong_pairs_the_first_are_told():
    nodes = nx.empty_graph(list("ABCDEF"), create_using=nx.DiGraph)
    complete = nx.complete_graph(list("ABCDEF"), create_using=nx.DiGraph)
    told = wrong_pairs(complete, nodes, np.full((6, 6), 0.25)).split("; ")
    assert told[0] == "A>B 0.25, B>A 0.25" and told[-2:] == ["C>D 0.25, D>C 0.25", "..."]
    assert len(told) == 11


def test_an_intervention_is_visible_if_it_changes_something():
    truth = networks.load("chain3")
    nothing = simulate.simulate(truth, intervention=lambda truth, name, rng: truth.mechanisms[name], seed=0)
    assert visible_regimes(nothing) == [False] * 3
    certain = simulate.simulate(
        truth, intervention=lambda truth, name, rng: Distribution(np.array([0.02, 0.98])), seed=0
    )
    assert visible_regimes(certain) == [True] * 3
    few = simulate.simulate(truth, intervention=simulate.hard_uniform, rows_per_regime=4, seed=0)
    assert visible_regimes(few) == [False] * 3
    assert all(visible_regimes(SUITES["continuous"].problem("tanh5").make(0)))


def test_ranking_precision_is_that_of_edges():
    rng = np.random.default_rng(0)
    graph = nx.gnp_random_graph(6, 0.3, seed=1, directed=True)
    belief = rng.integers(0, 5, (6, 6)) / 4
    pairs = ~np.eye(6, dtype=bool)
    edges = nx.to_numpy_array(graph).T > 0
    assert ranking_precision(belief[pairs], edges[pairs]) == pytest.approx(average_precision(belief, graph))
    assert np.isnan(ranking_precision(np.ones(3), np.zeros(3, dtype=bool)))


def test_expected_shd_is_the_mean_over_draws():
    rng, names = np.random.default_rng(0), list("ABCDE")
    graphs = []
    for _ in range(50):
        order = rng.permutation(5)
        drawn = nx.DiGraph()
        drawn.add_nodes_from(names)
        drawn.add_edges_from(
            (names[order[i]], names[order[j]]) for j in range(5) for i in range(j) if rng.random() < 0.5
        )
        graphs.append(drawn)
    truth, probability = graphs[0], np.mean([nx.to_numpy_array(each).T for each in graphs], 0)
    assert expected_shd(probability, truth) == pytest.approx(np.mean([shd(each, truth) for each in graphs]))
    assert expected_shd(nx.to_numpy_array(truth).T, truth) == 0


def test_targets_are_judged_where_they_are_to_be_found():
    graph = nx.DiGraph([("X0", "X1"), ("X1", "X2")])
    targets = {"a": ("X0",), "b": ("X1", "X2"), "none": (), "nothing": (), "told": ("X2",)}
    visible = {name: bool(hit) for name, hit in targets.items()}
    true = Experiment(graph, targets, visible, "", frozenset({"told"}), ~np.eye(3, dtype=bool))
    belief = np.array([[0.9, 0.1, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 0.6], [0.1, 0.0, 0.0], [0.0, 0.0, 1.0]])
    hit = [{"X0"}, {"X1"}, {"X2"}, set(), {"X2"}]
    verdict = judge(Found(0.9 * FIRST_EDGE, FIRST_EDGE, hit, belief), true)
    assert true.sought == ["a", "b", "none", "nothing"] and true.n_hidden == 2
    assert verdict["hidden_found"] == 1
    assert verdict["placebo_none"] == 0.5
    assert verdict["target_accuracy"] == 0.5 and verdict["target_accuracy_visible"] == 0.5
    assert verdict["target_auprc"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert verdict["expected_shd"] == pytest.approx(1.1)
    unsought = judge(Found(0.9 * CHAIN, CHAIN, None), true)
    assert all(np.isnan(unsought[name]) for name in ("target_accuracy", "target_auprc", "placebo_none"))
    assert judge(Found(CHAIN, CHAIN, hit, belief), true._replace(open=None))["hidden_found"] is None


def test_what_is_visible_of_none_and_of_several_targets():
    made = simulate.simulate(
        networks.load("chain3"),
        intervention=lambda truth, name, rng: Distribution(np.array([0.02, 0.98])),
        targets=[(), ("X0", "X2")],
        seed=0,
    )
    assert visible_regimes(made) == [bool(made.targets[name]) for name in made.data.regime_names]


def test_the_weakest_edge_of_a_cycle_goes():
    belief = np.zeros((3, 3))
    belief[1, 0], belief[2, 1], belief[0, 2], belief[2, 0] = 0.9, 0.8, 0.6, 0.3
    np.testing.assert_array_equal(acyclic(belief), CHAIN)
    belief[0, 1] = 0.95  # two cycles: 0 <-> 1 and 0 -> 1 -> 2 -> 0
    dag = acyclic(belief)
    assert dag[0, 1] and not dag[1, 0]
    assert nx.is_directed_acyclic_graph(nx.from_numpy_array(dag, create_using=nx.DiGraph))


# ------------------------------------------------------------------ rows
def row(problem, method, seed, **more):
    return {"suite": "paper", "problem": problem, "method": method, "seed": seed, **more}


def test_rows_are_replaced_by_key(tmp_path):
    file = tmp_path / "results" / "paper.csv"
    assert keys(file) == set()
    add_row(file, row("chain3", "ours", 0, shd_dag=3, auroc=float("nan"), note="a, b\nc"))
    add_row(file, row("chain3", "ours", 1, shd_dag=1))
    add_row(file, row("chain3", "ours", 0, shd_dag=0, cpu_total=1 / 3))
    assert [(each["seed"], each["shd_dag"], each["cpu_total"]) for each in read_rows(file)] == [
        ("1", "1", ""),
        ("0", "0", "0.333333"),
    ]
    assert keys(file) == {("chain3", "ours", 0), ("chain3", "ours", 1)}
    assert list(read_rows(file)[0]) == list(COLUMNS)
    assert [path.name for path in file.parent.iterdir()] == ["paper.csv"]


def test_files_without_later_columns_are_read(tmp_path):
    file = tmp_path / "paper.csv"
    file.write_text("suite,problem,method,seed,shd_dag,status,note\npaper,chain3,ours,0,1,ok,\n")
    table = read_table(file)
    assert table.shd_dag.tolist() == [1]
    assert table[["target_auprc", "placebo_none", "expected_shd", "hidden_found"]].isna().to_numpy().all()
    add_row(file, row("chain3", "ours", 1, shd_dag=0, target_auprc=0.5))
    table = read_table(file)
    assert list(table) == list(COLUMNS) and table.shd_dag.tolist() == [1, 0]
    assert np.isnan(table.target_auprc[0]) and table.target_auprc[1] == 0.5
    for stored in sorted((Path(benchmarks.__file__).parent / "results").glob("*.csv")):
        if stored.stem in SUITES:
            assert set(COLUMNS) <= set(read_table(stored))


def test_rows_survive_writers_at_once(tmp_path):
    file = tmp_path / "paper.csv"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: add_row(file, row("chain3", "ours", seed)), range(30)))
    assert len(keys(file)) == 30


# ------------------------------------------------------------------ runs
def test_runs_in_processes(examples, tmp_path, capsys):
    names = [example(name) for name in ("ABSENT", "ENDLESS", "RIGHT")]
    run(PAPER, names, [2], tmp_path, problems=["chain3"], jobs=2, cpu_limit=2)
    assert "example_methods:ABSENT is left out: it is not here" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "paper.csv", index_col="method")
    assert set(table.index) == {example("RIGHT"), example("ENDLESS")}
    simulation, note = PAPER.problem("chain3").build(2)
    true = experiment(simulation, note)

    found = table.loc[example("RIGHT")]
    assert (found.status, found.suite, found.problem, found.seed, found.note) == ("ok", "paper", "chain3", 2, note)
    assert (found.variables, found.edges_true, found.n_regimes) == (3, 2, 9)
    assert (found.shd_dag, found.shd_edges, found.false_positives, found.false_negatives) == (0, 0, 0, 0)
    assert (found.auroc, found.average_precision) == (1, 1)
    assert found.target_accuracy == pytest.approx(3 / 9, rel=1e-5)
    assert found.n_visible == sum(true.visible.values())
    shown = [true.targets[name] == ("X0",) for name, seen in true.visible.items() if seen]
    assert found.target_accuracy_visible == pytest.approx(np.mean(shown), rel=1e-5)
    assert 0 < found.cpu_to_keep < 0.6 * found.cpu_total
    assert 20 < found.peak_memory_mb < 200
    assert found.peak_memory_total_mb > 100 + found.peak_memory_mb
    assert found.steps == 9

    killed = table.loc[example("ENDLESS")]
    assert (killed.status, killed.cpu_total) == ("cpu-limit", 2)
    assert (killed.shd_dag, killed.false_positives, killed.false_negatives) == (1, 0, 1)
    assert killed.cpu_to_keep < 1
    assert np.isnan(killed.target_accuracy)


def test_a_failed_run_says_why(examples, tmp_path, capsys, monkeypatch):
    def here(command, stdout, **settings):
        """Do in this process what another one would do."""
        try:
            worker.main(command[3:])
        except RuntimeError as error:
            stdout.write(f"Traceback\nRuntimeError: {error}\n".encode())
            stdout.flush()
        return subprocess.CompletedProcess(command, ends.pop(0))

    ends = [1, -signal.SIGKILL]
    monkeypatch.setattr(subprocess, "run", here)
    run(PAPER, [example("BROKEN")], [0, 1], tmp_path, problems=["chain3"])
    assert "the method is broken" in capsys.readouterr().err
    failed, killed = read_rows(tmp_path / "paper.csv")
    assert failed["status"] == "error: RuntimeError: the method is broken"
    assert killed["status"] == "error: ended by SIGKILL"
    assert (failed["shd_dag"], failed["cpu_total"], failed["variables"]) == ("", "", "3")


def test_runs_that_are_there_are_not_repeated(tmp_path, capsys, monkeypatch):
    jobs = []

    def one(job: Job):
        jobs.append(job)
        return row(job.problem, job.method, job.seed, shd_dag=len(jobs), status="ok")

    monkeypatch.setattr(benchmarks.run, "one", one)
    arguments = ["run", "paper", "--problems", "fork3", "--methods", "ours", "--out", str(tmp_path), "--seeds"]
    assert main([*arguments, "0,1"]) == 0
    assert main([*arguments, "0-2"]) == 0
    assert [job.seed for job in jobs] == [0, 1, 2]
    assert "1 runs to do, 2 already in" in capsys.readouterr().out
    assert main([*arguments, "1", "--again"]) == 0
    assert [(each["seed"], each["shd_dag"]) for each in read_rows(tmp_path / "paper.csv")] == [
        ("0", "1"),
        ("2", "3"),
        ("1", "4"),
    ]


def test_a_method_is_not_asked_twice_whether_it_is_made_for_a_problem(tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(benchmarks.run, "one", asked.append)
    run(PAPER, ["ours"], range(5), tmp_path, problems=["fork3"])
    assert len(asked) == 1
    assert "ours is not made for fork3" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_the_worker_tells_what_a_method_may_know(tmp_path):
    arguments = ["paper", "chain3", example("TOLD"), "0", str(tmp_path), "--checkout", str(tmp_path)]
    assert worker.main(arguments) == 0
    seen = pickle.loads((tmp_path / worker.ANSWER).read_bytes())
    assert seen.found.targets is None
    assert seen.cpu_to_keep == seen.cpu  # it never showed its graph
    assert worker.main(["paper", "chain3", example("PICKY"), "0", str(tmp_path)]) == worker.UNHANDLED


def test_the_worker_tells_what_a_problem_gives(tmp_path, monkeypatch):
    seen = []

    def fit(data, targets, seed, watch, checkout):
        assert all(regime.targets is None for regime in data.regimes)
        seen.append(targets)
        nothing = np.zeros((data.d, data.d))
        return Answer(nothing, nothing > 0, [set()] * len(data.regimes), 1, np.zeros((len(data.regimes), data.d)))

    def informed(given):
        seen.append(given)
        return fit

    problem = KINDS.problem("half-known-categorical")
    given = problem.given(problem.make(0), 0)
    for method, status in (
        (Method("it", False, lambda checkout: None, fit, lambda data: True, informed), 0),
        (Method("it", False, lambda checkout: None, fit, lambda data: True), worker.UNHANDLED),
    ):
        monkeypatch.setattr(worker.methods, "find", lambda name, method=method: method)
        assert worker.main(["kinds", problem.name, "it", "0", str(tmp_path)]) == status
    assert seen == [given, given.targets]
    true = pickle.loads((tmp_path / worker.EXPERIMENT).read_bytes())
    assert true.labelled == set(given.targets) and len(true.sought) == 6
    verdict = judge(pickle.loads((tmp_path / worker.ANSWER).read_bytes()).found, true)
    assert verdict["placebo_none"] == 1 and verdict["target_accuracy"] == pytest.approx(1 / 3)


def test_our_methods_heed_what_they_are_told():
    made = simulate.simulate(networks.load("chain3"), intervention=simulate.hard_uniform, rows=1_000, seed=0)
    data, first = replace(made.data, truth=None), made.data.regime_names[0]
    known = Given(knowledge=Knowledge(forbidden=[("X0", "X1"), ("X1", "X0")]), target_prior=TargetPrior(several=True))
    fit = METHODS["drawn"].informed(known)
    answer = fit(data, {first: ("X0", "X1")}, 0, lambda *graph: None, None)
    assert answer.edge_probability[1, 0] == answer.edge_probability[0, 1] == 0
    assert answer.targets[0] == {"X0", "X1"} and answer.target_probability[0].tolist() == [1, 1, 0]
    assert answer.target_probability.shape == (3, 3)


def test_our_methods_answer_in_the_order_of_variables_and_regimes():
    simulation = simulate.simulate(networks.load("chain3"), intervention=simulate.hard_uniform, rows=1_000, seed=0)
    data, _, targets = simulation
    shown = []
    answer = METHODS["phases"].fit(replace(data, truth=None), {}, 0, lambda *graph: shown.append(graph), None)
    np.testing.assert_array_equal(answer.dag, CHAIN)
    np.testing.assert_array_equal(answer.edge_probability > 0.5, CHAIN)
    assert answer.targets == [set(targets[name]) for name in data.regime_names]
    assert answer.steps == len(shown)


# ------------------------------------------------------------------ the report
def results(folder, suite, methods, seeds=3):
    """Rows of a suite; the second method is told targets, and the last run of the last method fails."""
    for place, problem in enumerate(SUITES[suite].problems):
        d = 4 + 3 * place
        for m, method in enumerate(methods):
            for seed in range(seeds):
                made = {
                    "suite": suite, "problem": problem.name, "method": method, "seed": seed, "variables": d,
                    "edges_true": d, "shd_dag": m + seed, "shd_edges": m, "target_accuracy": None if m else 0.5,
                    "target_accuracy_visible": None if m else 0.75, "n_regimes": 6, "n_visible": 4,
                    "cpu_to_keep": 0.5 * (1 + seed), "cpu_total": float(1 + seed), "steps": 10,
                    "peak_memory_mb": d * d, "status": "cpu-limit" if m and not seed else "ok",
                }  # fmt: skip
                add_row(folder / f"{suite}.csv", made)
    broken = {"suite": suite, "problem": problem.name, "method": method, "seed": seed, "status": "error: no"}
    add_row(folder / f"{suite}.csv", broken)


def test_report_has_tables_and_pictures(tmp_path):
    folder, page = tmp_path / "rows", tmp_path / "RESULTS.md"
    results(folder, "synthetic25", ["ours", "told"])
    results(folder, "scaling", ["ours"])
    results(folder, "density", ["ours", "their own"])
    text = report([], folder, page)
    assert page.read_text() == text
    assert "from the rows in `rows`" in text
    order = [text.index(f"## {suite}\n") for suite in ("synthetic25", "scaling", "density")]
    assert order == sorted(order)
    assert "## paper" not in text
    assert "| problem | ours | told, told targets | ENCO, told targets (literature) |" in text
    first = "**1.0** / 0.0<br>0 1 2<br>targets 9/12<br>2.0 (1.0) s<br>3 seeds"
    second = "**2.0** / 1.0<br>1 2 3<br>2.0 (1.0) s<br>3 seeds, 1 at the limit"
    assert f"| chain | {first} | {second} | 1.7 |" in text
    assert "1.5 (0.8) s<br>3 seeds, 1 at the limit, 1 failed" in text
    assert (
        "`python -m benchmarks run synthetic25 --methods ours told --seeds 0-2`: 36 runs, 6 at the CPU limit, 1 failed"
        in text
    )
    pictures = {path.name for path in folder.glob("*.png")}
    assert pictures == {
        *(f"{suite}-{what}.png" for suite in ("synthetic25", "scaling", "density") for what in ("shd", "cpu")),
        "scaling-growth.png", "density-variables.png",
    }  # fmt: skip
    for name in pictures:
        assert f"](rows/{name})" in text
        pixels = matplotlib.image.imread(folder / name)
        assert min(pixels.shape[:2]) > 200
        assert pixels[..., :3].std() > 0.01  # not empty


def test_report_lists_few_wrong_pairs_of_the_default(tmp_path):
    for method, seed, wrong, distance in (
        ("ours", 1, "X0>X1 0.26, X1>X0 0.74", 1), ("ours", 0, "", 0), ("ours", 2, "X0>X2 0.1, ...", 9),
        ("told", 0, "X1>X2 0.5", 1),
    ):  # fmt: skip
        add_row(tmp_path / "paper.csv", row("chain3", method, seed) | {"shd_dag": distance, "wrong": wrong})
    text = report(["paper"], tmp_path, tmp_path / "page.md")
    assert "\n- chain3, seed 1: X0>X1 0.26, X1>X0 0.74\n" in text
    assert text.count("seed 2:") == text.count("X1>X2") == text.count("seed 0:") == 0


def test_report_tells_what_a_suite_asks_for(tmp_path):
    for seed, auprc in ((0, 0.5), (1, 1.0)):
        found = {"shd_dag": 1, "shd_edges": 1, "target_auprc": auprc, "placebo_none": 0.75, "n_placebo": 2}
        add_row(tmp_path / "kinds.csv", row("soft-mixed", "ours", seed) | found)
    add_row(tmp_path / "kinds.csv", row("soft-mixed", "told", 0) | {"shd_dag": 0, "shd_edges": 0})
    text = report(["kinds"], tmp_path, tmp_path / "page.md")
    assert "<br>1 1<br>target AUPRC 0.75<br>placebos called none 75%<br>2 seeds" in text
    assert "| **0.0** / 0.0<br>0<br>1 seed |" in text


def test_report_of_failures_alone(tmp_path):
    add_row(tmp_path / "paper.csv", row("chain3", "ours", 0, status="error: no"))
    text = report(["paper"], tmp_path, tmp_path / "page.md")
    assert "| chain3 | 1 seed, 1 failed |" in text
    assert not list(tmp_path.glob("*.png"))


def test_report_says_what_is_missing(tmp_path):
    for names, said in (
        ([], "no results"),
        (["paper"], "suite paper has no results"),
        (["papers"], "no suite 'papers'"),
    ):
        with pytest.raises(ValueError, match=said):
            report(names, tmp_path, tmp_path / "page.md")


# ------------------------------------------------------------------ calibration
def test_a_seed_decides_a_calibration_problem():
    one, same, other = calibration.problem(4), calibration.problem(4), calibration.problem(5)
    assert (one.data.observational == same.data.observational).all() and one.targets == same.targets
    assert one.data.observational.shape != other.data.observational.shape
    for seed in range(12):
        data, truth, targets = calibration.problem(seed)
        (rows,) = {len(regime.rows) for regime in data.regimes}
        assert 20 <= rows <= 2000 and len(data.observational) == 5 * rows
        assert len(data.regimes) == 6 and targets["nothing done"] == ()
        assert sorted(target for (target,) in filter(None, targets.values())) == sorted(truth.names)
        assert all(regime.targets is None for regime in data.regimes) and data.truth is None


def test_calibration_tells_beliefs_beside_the_truth(tmp_path):
    seeds = [min(range(40), key=lambda seed: len(calibration.problem(seed).data.observational))]
    table = calibrate(seeds, tmp_path, sampling=Sampling(draws=20, warm_up=2))
    assert list(table.columns) == ["seed", "rows", "what", "probability", "happened"]
    truth = calibration.problem(seeds[0]).truth
    edges, targets = (table[table.what == what] for what in ("edge", "target"))
    assert len(edges) == 20 and edges.happened.sum() == truth.graph.number_of_edges()
    assert len(targets) == 36 and targets.happened.sum() == 6
    assert targets.probability.sum() == pytest.approx(6, abs=1e-3)
    assert table.probability.between(0, 1).all()
    again = calibrate(seeds, tmp_path, sampling=Sampling(draws=20, warm_up=2))
    pd.testing.assert_frame_equal(table, again)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "calibration.csv"), table, rtol=1e-4)


def test_calibration_is_reported(tmp_path):
    lines = [(seed, rows, "edge", 0.25, int(seed == 0)) for seed in range(4) for rows in (50, 500)]
    table = pd.DataFrame(lines, columns=["seed", "rows", "what", "probability", "happened"])
    found = summary(table)
    assert found.loc["edge", "20-2,000"].tolist() == pytest.approx([4, 8, 0.0, 0.1875, 0.1875])
    table.to_csv(tmp_path / "calibration.csv", index=False)
    text = report([], tmp_path, tmp_path / "page.md")
    assert "python -m benchmarks calibrate --seeds 0-3" in text
    assert "| edge | below 200 | 4 | 4 | 0.000 | 0.188 | 0.188 |" in text
    assert "](calibration-reliability.png)" in text
    pixels = matplotlib.image.imread(tmp_path / "calibration-reliability.png")
    assert pixels[..., :3].std() > 0.01


def test_growth_is_told_as_powers(tmp_path):
    for d in (10, 100):
        cells = {"variables": d, "cpu_total": d**1.5, "steps": d, "peak_memory_mb": d**0.5, "shd_dag": 0}
        add_row(tmp_path / "scaling.csv", row(f"random{d}", "ours", 0) | cells)
    text = report(["scaling"], tmp_path, tmp_path / "page.md")
    assert "CPU seconds grow as the number of variables to the power 1.50, memory 0.50." in text


def test_growth_is_drawn_of_graphs_of_several_sizes(tmp_path):
    for problem, d in (("random-linear-d50-all", 50), ("random-linear-d100-all", 100), ("random-linear-d50-tenth", 50)):
        cells = {"variables": d, "cpu_total": d**1.5, "steps": d, "peak_memory_mb": d**0.5, "shd_dag": 0}
        add_row(tmp_path / "large.csv", row(problem, "ours", 0) | cells)
    text = report(["large"], tmp_path, tmp_path / "page.md")
    assert "random-linear-all: `ours`: CPU seconds grow" in text and "random-linear-tenth: `ours`" not in text
    assert sorted(path.name for path in tmp_path.glob("*growth*")) == ["large-growth-random-linear-all.png"]

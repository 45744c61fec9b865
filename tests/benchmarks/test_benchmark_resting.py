"""The benchmark that asks whether the three phases come to rest."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest
import torch

from benchmarks import resting
from benchmarks.__main__ import main
from benchmarks.published_score import best_by_score, dags
from benchmarks.report import report
from benchmarks.report_sections import rest_section
from benchmarks.resting import ALGORITHMS, problem, rested
from benchmarks.suites import SUITES
from pyrocausal import SDI, GraphFitting, NeuralMechanisms, Stopping
from pyrocausal.sdi.credit import sparsity

TINY = SDI(
    mechanisms=partial(NeuralMechanisms, hidden=4),
    fitting=GraphFitting(warm_up=5, steps=1),
    stopping=Stopping(max_steps=2),
)


def test_soft_problems_are_those_of_the_suite_and_hard_ones_have_their_truths():
    for graph in resting.GRAPHS:
        ours, theirs = problem(graph, "soft", 3), SUITES["paper"].problem(graph).make(3)
        assert torch.equal(ours.data.observational, theirs.data.observational)
        assert ours.targets == theirs.targets
    hard = problem(graph, "uniform", 3)
    assert torch.equal(hard.data.observational, ours.data.observational)
    assert set(hard.truth.graph.edges) == set(ours.truth.graph.edges)
    for regime in hard.data.regimes:
        hit = regime.rows[:, hard.data.names.index(hard.targets[regime.name][0])]
        assert 0.4 < float((hit == 0).float().mean()) < 0.6


def test_the_published_score_can_like_a_wrong_graph_best():
    assert len(dags("ABC")) == 25
    assert SDI.paper().credit.regularisers[sparsity] == resting.PRICE
    for done, seed, right in (("uniform", 2, True), ("soft", 1, True), ("soft", 2, False)):
        made = problem("chain3", done, seed)
        assert (set(best_by_score(made, resting.PRICE).edges) == set(made.truth.graph.edges)) == right


def test_all_algorithms_stop_at_the_same_tolerance():
    assert {each.stopping.tolerance for each in ALGORITHMS.values()} == {resting.NEAR}
    assert ALGORITHMS["paper"] == SDI.paper(max_steps=1000)
    assert ALGORITHMS["phases"] == SDI(fitting=GraphFitting(held_out=0.0), stopping=Stopping(tolerance=resting.NEAR))


def test_fits_are_written_once_told_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resting, "ALGORITHMS", {"paper": TINY})
    monkeypatch.setattr(resting, "GRAPHS", ("chain3",))
    command = ["rest", "--seeds", "1", "--algorithms", "paper", "--done", "soft", "--out", str(tmp_path)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("`paper`, soft: right and at rest 0 of 1 (right ")
    assert "not both: chain3 1." in said
    table = pd.read_csv(tmp_path / "rest.csv")
    (row,) = table.to_dict("records")
    assert (row["steps"], row["rest"]) == (2, 0)
    assert 0.02 < row["furthest"] <= 0.5 and 0 <= row["targets_wrong"] <= 9
    monkeypatch.setattr(resting, "ALGORITHMS", {})  # nothing is fitted again
    assert main(command) == 0
    text = report([], tmp_path, tmp_path / "page.md")
    assert "## rest" in text and "python -m benchmarks rest --seeds 1" in text


def test_what_is_right_and_at_rest_is_counted():
    rows = [
        {"algorithm": "paper", "done": "soft", "graph": "chain3", "seed": seed, "right": right, "rest": rest}
        | {"liked": right, "steps": 100 + seed, "cpu_seconds": 10.0 + seed}
        for seed, right, rest in ((0, 1, 1), (1, 1, 0), (2, 0, 1))
    ]
    assert rested(pd.DataFrame(rows)) == [
        "`paper`, soft: right and at rest 1 of 3 (right 2, at rest 2), the published score likes the truth best in 2; "
        "CPU seconds 11 in the median, 12 at most; steps 101; not both: chain3 1, chain3 2."
    ]


def test_the_page_names_a_command_for_what_was_run_together():
    row = {"graph": "chain3", "right": 1, "rest": 1, "liked": 1, "steps": 9, "cpu_seconds": 2.0}
    runs = [
        ("a", "soft", 0),
        ("a", "soft", 1),
        ("b", "soft", 0),
        ("b", "soft", 1),
        ("c", "soft", 0),
        ("c", "uniform", 0),
    ]
    table = pd.DataFrame([{"algorithm": name, "done": done, "seed": seed, **row} for name, done, seed in runs])
    text = rest_section(table)[2]
    assert "rest --seeds 0-1 --algorithms a b --done soft`" in text
    assert "rest --seeds 0 --algorithms c --done soft uniform`" in text
    assert text.endswith(": 12 CPU seconds.")


@pytest.mark.parametrize("found", [0, 1, 2, 3])
def test_targets_are_told_from_none(found):
    made = problem("chain3", "soft", 0)
    probability = torch.nn.functional.one_hot(torch.full((9,), found), 4).float()
    info = TINY.step(TINY.init(made.data))[1]._replace(target_probability=probability)
    assert resting._judged(info, made)["targets_wrong"] == (9 if found == 3 else 6)

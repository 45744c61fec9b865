"""The suite `expression`: its problems, and what is left of edges and targets from a strength on."""

from __future__ import annotations

import numpy as np

from benchmarks.judging import Experiment, Found
from benchmarks.report import report
from benchmarks.rows import add_row, read_table
from benchmarks.strengths import COLUMNS, judge_strengths
from benchmarks.suites_expression import EXPRESSION, at_strengths
from pyrocausal import graphs


def test_problems_differ_in_what_cells_share_alone() -> None:
    alone, shared = (EXPRESSION.problem(name).make(1) for name in ("alone", "shared"))
    assert set(alone.truth.graph.edges) == set(shared.truth.graph.edges)
    assert alone.targets == shared.targets
    assert sorted(target for (target,) in alone.targets.values()) == sorted(alone.truth.names)
    correlated = []
    for data, _, _ in (alone, shared):
        assert data.observational.shape == (2_000, 20)
        assert [len(regime.rows) for regime in data.regimes] == [200] * 20
        correlated.append(np.median(np.abs(np.corrcoef(data.observational.T)[~np.eye(20, dtype=bool)])))
    assert correlated[0] < 0.06 and correlated[1] > 0.2


def experiment() -> Experiment:
    targets = {"a": ("X0",), "b": ("X1", "X2"), "none": (), "told": ("X2",)}
    return Experiment(graphs.chain(3), targets, dict.fromkeys(targets, True), "", frozenset({"told"}))


def test_strengths_are_judged_by_hand() -> None:
    dag = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)  # X0 -> X2 is no edge
    strength = np.array([[0, 0, 0], [0.2, 0, 0], [0.02, 0.05, 0]])
    called = [{"X0", "X1"}, {"X1", "X2"}, {"X2"}, {"X0"}]
    targets = np.array([[0.5, 0.02, 0.0], [0.0, 0.05, 0.02], [0.0, 0.0, 0.2], [0.9, 0.9, 0.9]])
    found = Found(dag.astype(float), dag, called, None, strength, targets)
    judged = judge_strengths(found, experiment())
    assert tuple(judged[name] for name in COLUMNS[:3]) == (1, 2, 3)  # from 0.01 on: SHD, false, right
    assert tuple(judged[name] for name in COLUMNS[3:6]) == (0, 1, 2)
    assert tuple(judged[name] for name in COLUMNS[6:]) == (1, 1, 1)
    assert judge_strengths(found._replace(edge_strength=None, target_strength=None), experiment()) == {}
    assert set(judge_strengths(found._replace(targets=None), experiment())) == {
        "shd_at_0.01",
        "shd_at_0.03",
        "shd_at_0.1",
    }


def test_what_is_left_is_told_strength_by_strength(tmp_path) -> None:
    found = {"method": "ours", "suite": "expression", "status": "ok", "n_regimes": 20, "cpu_total": 2.0}
    for problem, seed, edges, distance in (("shared", 1, 30, 90), ("shared", 0, 28, 80), ("alone", 0, 28, 4)):
        row = dict.fromkeys(COLUMNS, 5) | {"shd_at_0.1": edges - seed, "right_targets_at_0.1": 18}
        row |= {"problem": problem, "seed": seed, "edges_true": edges, "shd_dag": distance}
        add_row(tmp_path / "expression.csv", found | row | {"false_targets": 3, "missed_targets": 1})
    add_row(tmp_path / "expression.csv", {"problem": "alone", "method": "told", "seed": 0, "status": "error: no"})
    text = at_strengths(read_table(tmp_path / "expression.csv"))
    assert "| shared | ours | any | **85.0** (80 90) | 29.0 | 3.0 | 19.0 | 20.0 | 2.0 | 2 |" in text
    assert "| shared | ours | 0.03 | **5.0** (5 5) | 29.0 | 5.0 | 5.0 | 20.0 | 2.0 | 2 |" in text
    assert "| shared | ours | 0.1 | **28.5** (28 29) | 29.0 | 5.0 | 18.0 | 20.0 | 2.0 | 2 |" in text
    assert len(text.splitlines()) == 2 + 2 * 4
    page = report(["expression"], tmp_path, tmp_path / "page.md")
    assert text in page and "1 failed" in page

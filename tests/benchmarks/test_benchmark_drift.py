"""The suite `drift`: its problems, and what drift costs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.judging import Experiment, Found, judge
from benchmarks.problems import Given
from benchmarks.report import report
from benchmarks.rows import add_row, read_table
from benchmarks.suites_drift import DATA, DRIFT, against_clean
from pyrocausal import graphs


@pytest.mark.parametrize(
    ("data", "variables", "rows", "per_regime"),
    [("linear", 10, 900, 900), ("tanh", 10, 900, 900), ("categories", 10, 2_000, 500), ("counts", 9, 2_000, 500)],
)
def test_problems_differ_in_drift_alone(data, variables, rows, per_regime):
    (_, *drifts), made = DATA[data].drifts, {}
    for drift in ("clean", drifts[-1]):
        for targets in ("one", "some"):
            problem = DRIFT.problem(f"{data}-{drift}-{targets}")
            made[drift, targets] = problem.make(3)
            assert problem.given(made[drift, targets], 3) == Given()
    for targets in ("one", "some"):
        clean, drifted = made["clean", targets], made[drifts[-1], targets]
        assert clean.data.observational.shape == (rows, variables)
        assert [len(regime.rows) for regime in drifted.data.regimes] == [per_regime] * len(drifted.targets)
        assert clean.targets == drifted.targets and set(clean.truth.graph.edges) == set(drifted.truth.graph.edges)
        assert (clean.data.observational == drifted.data.observational).all()
        for regime, other in zip(clean.data.regimes, drifted.data.regimes, strict=True):
            assert all((regime.rows[:, i] != other.rows[:, i]).any() for i in range(variables))
    one, some = made["clean", "one"].targets, made["clean", "some"].targets
    hit = [name for name in made["clean", "one"].truth.names if name != "depth"]
    assert sorted(one.values()) == sorted((name,) for name in hit)
    assert len(some) == len(hit) and {len(group) for group in some.values()} <= {1, 2, 3}
    assert max(map(len, some.values())) > 1


def test_weights_and_noise_are_those_that_are_told():
    for seed in range(5):
        truth = DRIFT.problem("linear-clean-one").make(seed).truth
        for name in truth.names:
            if truth.parents(name):
                weights = np.abs(truth.mechanisms[name].function.weights)
                assert ((weights >= 0.5) & (weights <= 1.5)).all()
            assert truth.mechanisms[name].sd == 0.7


def test_targets_are_counted_one_by_one():
    graph = graphs.chain(3)
    targets = {"a": ("X0",), "b": ("X1", "X2"), "none": (), "told": ("X2",)}
    true = Experiment(graph, targets, dict.fromkeys(targets, True), "", frozenset({"told"}))
    nothing = np.zeros((3, 3))
    verdict = judge(Found(nothing, nothing > 0, [{"X0", "X1"}, {"X2"}, {"X0"}, set()]), true)
    assert (verdict["false_targets"], verdict["missed_targets"]) == (2, 1)
    verdict = judge(Found(nothing, nothing > 0, None), true)
    assert np.isnan(verdict["false_targets"]) and np.isnan(verdict["missed_targets"])


def test_drift_is_told_beside_the_clean_table(tmp_path):
    found = {"method": "ours", "suite": "drift", "status": "ok", "missed_targets": 0, "cpu_total": 2.0}
    for drift, seed, distance, false in (
        ("clean", 1, 1, 0), ("clean", 0, 2, 0), ("5", 0, 5, 3), ("5", 1, 1, 4), ("5", 2, 30, 5),
    ):  # fmt: skip
        made = {"problem": f"linear-{drift}-one", "seed": seed, "shd_dag": distance, "false_targets": false}
        add_row(tmp_path / "drift.csv", found | made)
    add_row(tmp_path / "drift.csv", found | {"problem": "tanh-2-some", "seed": 0, "shd_dag": 4})
    add_row(tmp_path / "drift.csv", {"problem": "tanh-5-some", "method": "ours", "seed": 0, "status": "error: no"})
    text = against_clean(read_table(tmp_path / "drift.csv"))
    assert "| linear | one | clean | ours | **1.5** (2 1) |  | 0.0 | 0.0 | 2.0 | 2 |" in text
    assert "| linear | one | 5 | ours | **12.0** (5 1 30) | +1.5 | 4.0 | 0.0 | 2.0 | 3 |" in text
    assert "| tanh | some | 2 | ours | **4.0** (4) |  |  | 0.0 | 2.0 | 1 |" in text
    assert len(text.splitlines()) == 5
    page = report(["drift"], tmp_path, tmp_path / "page.md")
    assert text in page and "1 failed" in page

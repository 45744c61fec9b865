"""The benchmark of the checks without a truth."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from example_fits import posterior, replace_fits

from benchmarks import checks
from benchmarks.__main__ import main
from benchmarks.report import report
from pyrocausal.posterior.causal_posterior import CausalPosterior


def test_a_seed_decides_a_problem():
    for kind in checks.KINDS:
        one, same, other = (checks.problem(seed, kind) for seed in (1, 1, 2))
        assert (one.data.observational == same.data.observational).all()
        assert (one.data.observational != other.data.observational).any()
        assert all(regime.targets is None for regime in one.data.regimes)
        assert len(one.data.regimes) == checks.VARIABLES
    with pytest.raises(ValueError, match="kind must be one of categorical, continuous, got 'mixed'"):
        checks.problem(0, "mixed")


def test_neighbours_are_one_edge_away_and_have_no_cycle():
    truth = nx.DiGraph([("a", "b"), ("b", "c")])
    found = checks.neighbours(truth)
    assert {name: set(graph.edges) for name, graph in found.items()} == {
        "without a b": {("b", "c")},
        "reversed a b": {("b", "a"), ("b", "c")},
        "without b c": {("a", "b")},
        "reversed b c": {("a", "b"), ("c", "b")},
        "with a c": {("a", "b"), ("b", "c"), ("a", "c")},
    }
    assert set(truth.edges) == {("a", "b"), ("b", "c")}


def test_problems_are_judged_written_and_told(tmp_path, monkeypatch, capsys):
    for name, value in (("VARIABLES", 4), ("EDGES", 1.0), ("STATES", 2), ("ROWS", 1_500), ("COPIES", 3)):
        monkeypatch.setattr(checks, name, value)
    made = checks.problem(3)
    truth = made.truth.graph
    replace_fits(monkeypatch, truth, made.targets)
    monkeypatch.setattr(checks, "discover", lambda data, **_: chains(data, truth, truth.reverse(), made.targets))
    assert main(["checks", "--seeds", "3", "--kinds", "categorical", "--out", str(tmp_path)]) == 0
    table = checks.read_checks(tmp_path / "checks.csv")
    (row,) = table.to_dict("records")
    assert (row["kind"], row["seed"], row["edges"]) == ("categorical", 3, truth.number_of_edges())
    near = checks.neighbours(truth)
    for what, shd in (("rows", "0"), ("regimes", "0+0")):
        assert row[f"{what} shd"] == shd
        assert row[f"{what} rank"] == 1
        assert row[f"{what} independent"] > 0.02
        assert row[f"{what} without edge"] == row["edges"]
        for change in checks.CHANGES:
            assert row[f"{what} {change} edge, of"] == sum(name.startswith(f"{change} ") for name in near)
    assert (row["best_chain"], row["chains_apart"]) == (0, row["edges"])
    lines = checks.told(table)
    assert capsys.readouterr().out.splitlines()[2] == lines[2]
    assert lines[1].startswith(
        "categorical, held-out regimes, 1 problem(s), SHD of the fits 0+0: the settled graph beats "
    )
    assert f"itself without one of its edges in {row['edges']} of {row['edges']}" in lines[0]
    assert lines[2].endswith(f"SHD between two at most {row['edges']}, of the best to the truth 0.")
    text = report([], tmp_path, tmp_path / "page.md")
    assert "Run with `python -m benchmarks checks --kinds categorical --seeds 3`" in text
    assert f"- {lines[2]}" in text

    monkeypatch.setattr(checks, "_one", lambda kind, seed: row | {"kind": kind, "seed": seed})
    more = checks.check_checks([3, 1], tmp_path, kinds=["continuous", "categorical"])
    assert list(zip(more.kind, more.seed, strict=True)) == [
        ("categorical", 1), ("categorical", 3), ("continuous", 1), ("continuous", 3)
    ]  # fmt: skip
    monkeypatch.setattr(checks, "_one", lambda *case: pytest.fail("a problem is repeated"))
    assert checks.check_checks([1], tmp_path, kinds=["continuous"]).equals(more)


def chains(data, graph, other, targets) -> CausalPosterior:
    one, two = (posterior(data, each, targets).chains[0] for each in (graph, other))
    return CausalPosterior(data, (replace(one, evidence=0.0), replace(two, evidence=-1.0)), 0)

"""The benchmark of `diagnose`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from example_fits import posterior

from benchmarks import diagnosing
from benchmarks.__main__ import main
from benchmarks.diagnosing import CASES, diagnose_cases, left_between, said
from benchmarks.report import report
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import ROUNDS, Chain


@pytest.mark.parametrize("name", CASES)
def test_a_seed_decides_a_case(name, monkeypatch):
    monkeypatch.setattr(diagnosing, "LEAVES", 0.01)  # which is met soon
    case = replace(CASES[name], variables=4, rows=(300, 100))
    made, pair = case.make(1)
    same, other = case.make(1)[0], case.make(2)[0]
    assert (made.data.observational == same.data.observational).all()
    assert (made.data.observational != other.data.observational).any()
    assert len(made.data.names) == 4
    assert sorted(made.targets.values()) == sorted([*((each,) for each in made.data.names), *[()] * case.placebo])
    assert all(regime.targets is None for regime in made.data.regimes)
    assert bool(pair) == case.hidden
    if pair:
        graph = made.truth.graph
        assert set(graph.successors("hidden")) == set(pair)
        assert not {pair, pair[::-1]} & set(graph.edges)
        assert list(pair) == sorted(pair)
        assert made.data.truth is None
        assert left_between(made.truth, pair, np.random.default_rng(3)) > 0.003


def test_interventions_move_their_target():
    made, _ = CASES["good"].make(0)
    names, rows = made.data.names, made.data.observational
    for regime in made.data.regimes:
        i = names.index(made.targets[regime.name][0])
        one, other = ((each[:, i, None] == np.arange(3)).float().mean(0) for each in (rows, regime.rows))
        assert float((one - other).abs().sum()) / 2 > diagnosing.CLOSEST - 0.1


def test_cases_are_judged_written_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(diagnosing, "CASES", {"placebo": CASES["placebo"], "restarts": CASES["restarts"]})
    asked = []

    def fit(data, **options):
        asked.append(options)
        graph = data.truth.copy()
        chain = posterior(data, graph, truths[len(asked) - 1]).chains[0]
        graph.remove_edge(*next(iter(graph.edges)))
        other = posterior(data, graph, truths[len(asked) - 1]).chains[0]
        return CausalPosterior(
            data, tuple(_unfinished(replace(each, evidence=e)) for each, e in ((chain, 0.0), (other, 1.0))), 0
        )

    truths = [CASES[name].make(3)[0].targets for name in ("placebo", "restarts")]
    monkeypatch.setattr(diagnosing, "discover", fit)
    found = diagnose_cases([3], tmp_path, cases=["placebo", "restarts"])
    assert [each["chains"] for each in asked] == [2, 4]
    placebo, restarts = found.to_dict("records")
    assert (placebo["case"], placebo["named"], placebo["elsewhere"], placebo["nothing-done"]) == ("placebo", 1, 0, 1)
    assert (restarts["shd"], restarts["wrong"], restarts["torn"], restarts["torn wrong"]) == (1, 1, 1, 1)
    assert (restarts["restarts-disagree"], restarts["not-converged"], restarts["undecided"]) == (1, 2, 0)
    lines = said(found)
    assert lines[0] == (
        "placebo, 1 case(s), SHD 1.00 on average: nothing-done named in 1, and 0 time(s) of something else; beside it: "
        "not-converged in 1, restarts-disagree in 1."
    )
    assert lines[1] == (
        "restarts, 1 case(s), 1 pairs of variables wrong in the settled graphs; chains differ on 1, 1 of them wrong: "
        "precision 1.00, recall 1.00."
    )
    assert lines[2].endswith("undecided are 0, 0 of them wrong: precision undefined, recall 0.00.")
    text = report([], tmp_path, tmp_path / "page.md")
    assert "`python -m benchmarks diagnose --seeds 3 --cases placebo restarts`" in text
    assert f"- {lines[1]}" in text

    monkeypatch.setattr(diagnosing, "_one", lambda *case: pytest.fail("a case is repeated"))
    assert diagnose_cases([3], tmp_path, cases=["placebo"]).equals(found)
    assert main(["diagnose", "--seeds", "3", "--cases", "placebo", "restarts", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def _unfinished(chain: Chain) -> Chain:
    """So that the rows are not looked at, to which nothing was fitted."""
    return replace(
        chain, settled=False, rounds=pd.DataFrame([(1, 0.0, 1, 1, 0, False)], columns=ROUNDS).set_index("round")
    )

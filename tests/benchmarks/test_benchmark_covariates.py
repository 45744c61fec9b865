"""The benchmark that asks what batches do to a graph, and what it helps to name them."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import covariates
from benchmarks.__main__ import main
from benchmarks.covariates import BATCH, of_covariates, problem, read_as
from benchmarks.report import report
from pyrocausal.data.kinds import Categorical, Continuous, Count


@pytest.mark.parametrize(("kind", "of_kind"), [("numbers", Continuous), ("counts", Count)])
def test_batches_go_with_regimes_and_change_the_measurement_of_four_variables(kind, of_kind):
    alike, differing = (problem(kind, batches, 3) for batches in ("alike", "differing"))
    assert alike.targets == differing.targets and set(alike.truth.graph.edges) == set(differing.truth.graph.edges)
    assert BATCH in alike.truth.graph and not alike.truth.graph.degree(BATCH)
    rows = [each.data.decode(each.data.observational) for each in (alike, differing)]
    genes = [name for name in rows[0] if name != BATCH]
    apart = {name: ~np.isclose(rows[0][name], rows[1][name], rtol=1e-4, atol=1e-4) for name in genes}
    changed = [name for name in genes if apart[name].any()]
    assert len(changed) == 4
    assert all(
        isinstance(dict(zip(alike.data.names, alike.data.kinds, strict=True))[name], of_kind) for name in changed
    )
    for name in changed:
        assert apart[name].mean() > 0.3
        if kind == "counts":  # found in one batch as a share of what there is
            assert len(set(rows[1][BATCH][apart[name]])) == 1 and (rows[1][name] <= rows[0][name]).all()
    late = [float((differing.data.decode(each.rows)[BATCH] == "late").mean()) for each in differing.data.regimes]
    assert all(min(abs(share - 0.1), abs(share - 0.9)) < 0.07 for share in late) and max(late) - min(late) > 0.5


@pytest.mark.parametrize("kind", ["numbers", "counts"])
def test_the_same_rows_are_read_with_the_batch_and_without(kind):
    made = problem(kind, "differing", 0)
    without, told = (read_as(made, how) for how in ("without", "covariate"))
    assert BATCH not in without.names and told.covariates == (BATCH,)
    assert without.nodes == told.nodes and len(told.nodes) == 8
    assert (
        {type(k) for k in told.kinds} == {Categorical, Continuous}
        if kind == "numbers"
        else told.exposures == ("depth",)
    )
    places = [told.names.index(name) for name in without.names]
    torch.testing.assert_close(told.observational[:, places], without.observational)
    assert all(regime.targets is None for regime in told.regimes)


def test_fits_are_written_once_told_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(covariates, "VARIABLES", 4)
    monkeypatch.setattr(covariates, "ROWS", 300)
    monkeypatch.setattr(covariates, "BATCHES", ("differing",))
    command = ["covariates", "--seeds", "1", "--kinds", "numbers", "--out", str(tmp_path)]
    assert main(command) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4 and all(line.startswith("| numbers | ") for line in told[2:])
    table = pd.read_csv(tmp_path / "covariates.csv").set_index(["batches", "how"])
    assert (table.regimes == 4).all() and (table.edges_true == table.edges_true.iloc[0]).all()
    differing = table.loc["differing"]
    assert differing.shd["covariate"] < differing.shd["without"] and differing.false_edges["without"] > 0
    monkeypatch.setattr(covariates, "discover", None)  # nothing is fitted again
    assert main(command) == 0
    text = report([], tmp_path, tmp_path / "page.md")
    assert "## covariates" in text and "python -m benchmarks covariates --seeds 1" in text
    assert told[-1] in text


def test_what_is_wrong_is_counted():
    class Found:
        def dag(self):
            return nx.DiGraph([("A", "B"), ("C", "B"), ("A", "C")])

        def targets(self):
            return {"one": ("A",), "two": ("B", "C"), "three": ()}

    class Truth:
        graph = nx.DiGraph([("A", "B"), ("B", "C")])

    class Made:
        truth, targets = Truth, {"one": ("A",), "two": ("B",), "three": ("C",)}

    assert covariates._judged(Found(), Made()) == {
        "shd": 2, "edges": 3, "edges_true": 2, "false_edges": 1, "right_targets": 1, "regimes": 3, "false_targets": 1,
        "missed_targets": 1,
    }  # fmt: skip


def test_the_table_has_a_row_for_every_way():
    row = {"kind": "counts", "edges": 5, "edges_true": 4, "false_edges": 1, "right_targets": 7, "regimes": 8}
    row |= {"false_targets": 1, "missed_targets": 0, "cpu_seconds": 9.0}
    rows = [row | {"batches": "differing", "how": how, "seed": seed, "shd": shd}
            for how, seed, shd in (("without", 1, 4), ("without", 0, 3), ("covariate", 0, 1))]  # fmt: skip
    lines = of_covariates(pd.DataFrame(rows)).splitlines()
    assert lines[2:] == [
        "| counts | differing | without | **3.5** (3 4) | 5.0 (4.0) | 1.0 | 14 of 16 | 1.0 | 0.0 | 9.0 | 2 |",
        "| counts | differing | covariate | **1.0** (1) | 5.0 (4.0) | 1.0 | 7 of 8 | 1.0 | 0.0 | 9.0 | 1 |",
    ]

"""Measured tables: read as they are, and told beside what is known of them."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from example_fits import posterior

from benchmarks.__main__ import main
from benchmarks.measured import fits, petshop, sachs, tap_seq
from benchmarks.measured.fits import TABLES, How, fit_measured, judge_measured, read_measured, said_of_measured
from benchmarks.measured.tables import Measured, Table, vary
from benchmarks.report import report
from pyrocausal import Categorical, Count, Exposure, Settling, networks, simulate

DATA = Path(__file__).parents[3] / "shared" / "data"


def needs(name):
    missing = TABLES[name].missing(DATA)
    return pytest.mark.skipif(bool(missing), reason=f"the measured table {', '.join(missing)} is not here")


def tiny():
    """A chain as if it had been measured, with a wrong graph and a right one."""
    made = simulate.simulate(networks.load("chain3"), intervention=simulate.hard_uniform, rows=1_000, seed=0)
    acts_on = {name: hit for name, (hit,) in made.targets.items()}
    reversed_ = nx.DiGraph([("X1", "X0"), ("X1", "X2")])
    return Measured(made.data, acts_on, {"one": reversed_, "other": made.truth.graph}, note="as it is")


# ------------------------------------------------------------------ reading
@needs("sachs-numbers")
def test_the_proteins_and_graphs_are_read():
    for read, states in ((sachs.numbers, 0), (sachs.levels, 3)):
        table = read(DATA)
        data = table.data
        assert data.d == 11 and data.n == 853 and set(data.cardinalities) == {states}
        assert set(data.regime_names) == set(sachs.REAGENTS) and all(r.targets is None for r in data.regimes)
        assert [graph.number_of_edges() for graph in table.graphs.values()] == [17, 20]
        assert all(nx.is_directed_acyclic_graph(graph) for graph in table.graphs.values())
        assert {target for target in sachs.REAGENTS.values() if target != "general"} == set(table.acts_on.values())
        assert set(table.acts_on.values()) <= set(data.names) and len(table.acts_on) == 7


@needs("sachs-levels")
def test_levels_are_of_all_rows():
    data = sachs.levels(DATA).data
    codes = np.concatenate([data.observational, *(regime.rows for regime in data.regimes)])
    shares = np.stack([(codes == level).mean(0) for level in range(3)])
    np.testing.assert_allclose(shares, 1 / 3, atol=0.02)
    assert data.kinds[0].states == ("low", "middle", "high")


@needs("tap-seq")
def test_the_cells_are_read():
    for name, batches in (("tap-seq", 0), ("tap-seq-batch", 1)):
        table = TABLES[name].read(DATA)
        data = table.data
        assert data.n == 3_000 and [len(regime.rows) for regime in data.regimes] == [300] * 11
        assert sum(isinstance(kind, Count) and kind.exposure == "umi" for kind in data.kinds) == 12
        assert sum(isinstance(kind, Exposure) for kind in data.kinds) == 1
        assert sum(isinstance(kind, Categorical) for kind in data.kinds) == batches
        assert table.acts_on["HS2"] == "HBE1" and table.acts_on["MYC"] == "MYC" and len(table.acts_on) == 11
        assert set(table.acts_on.values()) <= set(data.names) and not table.note
    known = table.knowledge.apart(data.exposures, data.names).compile(data.names)
    assert (known.fixed[data.names.index("batch")] == 0).all()


@needs("petshop-high")
def test_the_issues_are_read():
    for name, services, edges in (("petshop-low", 34, 35), ("petshop-high", 35, 38)):
        table, told = TABLES[name].read(DATA), TABLES[f"{name}-graph"].read(DATA)
        data = table.data
        assert data.d == services and data.n == 589
        assert [len(regime.rows) for regime in data.regimes] == [5] * 14
        assert set(table.acts_on) == set(data.regime_names) and set(table.acts_on.values()) <= set(data.names)
        (graph,) = table.graphs.values()
        assert graph.number_of_edges() == edges and nx.is_directed_acyclic_graph(graph)
        assert table.knowledge is None and not told.graphs
        fixed = told.knowledge.compile(data.names).fixed.numpy()
        np.testing.assert_array_equal(fixed > 0, nx.to_numpy_array(graph, nodelist=data.names).T > 0)
        assert not np.isnan(fixed).any()


def test_small_files_are_read(tmp_path):
    """The readers on tables of a few rows, wherever the measured ones are."""
    cells = pd.DataFrame({"MYC": range(8), "HBE1": [2, 3] * 4, "umi": 100, "batch": ["a", "b"] * 4, "guide": "g"})
    cells["umi"] += cells.index
    cells["guide_target"] = ["NTC"] * 4 + ["HS2"] * 2 + ["MYC"] * 2
    cells.to_csv(tmp_path / tap_seq.FILE, index=False)
    table = tap_seq.cells(tmp_path)
    assert table.data.names == ("MYC", "HBE1", "umi") and table.acts_on == {"HS2": "HBE1", "MYC": "MYC"}
    (tmp_path / "petshop").mkdir()
    shop = pd.DataFrame({"a": np.exp(np.arange(9.0)), "b": np.arange(1, 10) ** 2.0, "idle": [1.0] * 5 + [2.0] * 4})
    shop.assign(issue=["normal"] * 5 + ["one"] * 2 + ["two"] * 2).to_csv(
        tmp_path / "petshop/low_latency.csv.gz", index=False
    )
    truth = '{"low_latency": {"targets": {"one": {"root_cause": "a"}}, "edges": [["a", "b"], ["idle", "a"]]}}'
    (tmp_path / "petshop/truth.json").write_text(truth)
    table = petshop.latency(tmp_path)
    np.testing.assert_allclose(table.data.decode(table.data.observational)["a"], range(5), atol=1e-5)
    assert "idle" not in table.data.names and table.note.endswith("left out: idle")
    assert list(table.graphs["call graph"].edges) == [("a", "b")] and table.acts_on == {"one": "a"}


def test_what_does_not_vary_is_left_out():
    rows = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 3.0], "c": [np.nan, 4.0]})
    observational, regimes, note = vary(rows, {"r": rows + 1})
    assert list(observational) == list(regimes["r"]) == ["a"]
    assert note == "constant in the observational rows and left out: b, c"


# ------------------------------------------------------------------ fitting and judging
def test_what_is_asked_for_reaches_the_fit(monkeypatch, tmp_path):
    asked = []

    def discovered(data, **options):
        settling, prior = options["settling"], options["target_prior"]
        components = {kind.components for kind in data.kinds}
        asked.append((components, prior is not None and prior.several, settling == Settling(refitting=None)))
        raise RuntimeError("enough")

    made = simulate.simulate(
        simulate.linear_truth(nx.DiGraph([("A", "B")]), np.random.default_rng(0)), intervention=simulate.hard_normal()
    )
    monkeypatch.setitem(TABLES, "sachs-numbers", Table("sachs-numbers", (), lambda folder: Measured(made.data, {})))
    monkeypatch.setattr(fits, "discover", discovered)
    for options in ([], ["--several", "--components", "3"], ["--closed-form"]):
        with pytest.raises(RuntimeError, match="enough"):
            main(["measured", "DIR", "--tables", "sachs-numbers", "--out", str(tmp_path), *options])
    assert asked == [({1}, False, False), ({3}, True, False), ({1}, False, True)]
    assert str(How()) == "default" and str(How(True, 3, True)) == "several, 3 components, closed form"


def test_a_fit_is_held_against_what_is_known():
    table = tiny()
    truth, hit = table.graphs["other"], {name: (target,) for name, target in table.acts_on.items()}
    (missed,) = [name for name, target in hit.items() if target == ("X2",)]
    result = posterior(table.data, truth, hit | {missed: ("X0", "X1")})
    row = judge_measured(result, table)
    assert (row["edges"], row["shd"], row["right_pairs"], row["pair_precision"]) == (2, 1, 2, 1.0)
    assert (row["called"], row["callable"], row["right"], row["known"]) == (4, 9, 2, 3)
    assert row["note"] == "as it is; graph with other: SHD 0, 2 right pairs"
    assert row["further"] == f"{missed}: X1 1.00" and row["mean_probability"] == 1
    for regime, name in table.acts_on.items():
        assert f"{regime}: {'X0' if regime == missed else name} 1.00" in row["named"]
    empty = judge_measured(posterior(table.data, nx.empty_graph(truth, create_using=nx.DiGraph), hit), table)
    assert (empty["shd"], empty["right_pairs"], empty["pair_precision"], empty["further"]) == (2, 0, None, "")


def test_rows_are_written_once_and_told(monkeypatch, tmp_path, capsys):
    fitted = []

    def fit(self, table, seed):
        fitted.append(seed)
        if seed == 2:
            raise ValueError("no")
        return posterior(table.data, table.graphs["other"], {name: (hit,) for name, hit in table.acts_on.items()})

    monkeypatch.setattr(How, "fit", fit)
    monkeypatch.setitem(TABLES, "tap-seq", Table("tap-seq", (), lambda folder: tiny()))
    arguments = ["measured", str(tmp_path), "--tables", "tap-seq", "sachs-levels", "--out", str(tmp_path), "--seeds"]
    assert main([*arguments, "0,2"]) == 0
    assert main([*arguments, "0"]) == 0
    assert fitted == [0, 2]
    said = capsys.readouterr().out
    assert f"sachs-levels is skipped: there is no sachs_2005.csv and no sachs_2005_edges.json in {tmp_path}" in said
    assert main([*arguments, "0", "--again"]) == 0
    assert fitted == [0, 2, 0]
    rows = read_measured(tmp_path / "measured.csv")
    assert rows.status.tolist() == ["ok", "error: no"] and rows.shd[0] == 1
    text = said_of_measured(rows)
    assert "| tap-seq | default | 2.0 | 1.0 | 2.0 | 1.00 | 3.0 of 9 | 3.0 of 3 | " in text
    assert text.splitlines()[2].endswith(" | 1, 1 failed |")
    assert "- tap-seq, default, seed 0: regime 0: " in text
    page = report([], tmp_path, tmp_path / "page.md")
    assert "## measured" in page and text in page and "measured DIR --seeds 0,2" in page


def test_without_data_nothing_is_fitted(tmp_path, capsys):
    assert fit_measured(tmp_path, [0], tmp_path / "out").empty
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().out.count(" is skipped: there is no ") == len(TABLES)


def test_an_exposure_is_no_target():
    truth = simulate.count_truth(nx.DiGraph([("A", "B")]), np.random.default_rng(0), exposure="depth")
    data, _, targets = simulate.simulate(truth, intervention=simulate.hard_count(), rows=300, rows_per_regime=100)
    row = judge_measured(posterior(data, truth.graph, targets), Measured(data, {}))
    assert (row["variables"], row["callable"], row["called"], row["known"]) == (2, 4, 2, 0) and "shd" not in row

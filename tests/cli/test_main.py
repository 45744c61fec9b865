import errno
import re
import signal
import subprocess
import sys
import warnings

import matplotlib
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pytest

import pyrocausal.cli.main as cli
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.fit.channel import Channel
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.settings import Settling
from pyrocausal.simulate.experiments import simulate
from pyrocausal.simulate.interventions import soft
from pyrocausal.simulate.networks import load

matplotlib.use("Agg")

PICTURES = {f"{name}.png" for name in ("graph", "edges", "targets", "predictions", "beliefs")}
FILES = {"report.html", "report.md", "edges.csv", "targets.csv", "result.zip", *PICTURES}
QUICK = ["--chains", "1", "--cores", "1", "--max-steps", "3", "--seed", "1", "--quiet"]


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch):
    """Two predictive checks in a report, to save time."""
    monkeypatch.setattr("pyrocausal.report.sections.PANELS", 2)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    data = simulate(load("chain3"), intervention=soft, rows=300, rows_per_regime=60, seed=0).data
    parts = {"control": data.observational} | {f"drug {i}": regime.rows for i, regime in enumerate(data.regimes)}
    return pd.concat([data.decode(rows).assign(condition=name) for name, rows in parts.items()])


@pytest.fixture
def table(frame, tmp_path):
    path = tmp_path / "cells.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def fit(table, tmp_path):
    """Run `pyrocausal fit` on the table, some arguments added or overridden."""
    basic = ["--regime-column", "condition", "--observational", "control", "--out", str(tmp_path / "out"), *QUICK]
    return lambda *more, path=table: cli.main(["fit", str(path), *basic, *more])


@pytest.fixture
def briefly(monkeypatch):
    """Make settling short: closed forms alone, and hardly a last fit."""

    def brief(data, *, settling=None, **arguments):
        assert settling is None  # left to the default
        return discover(data, settling=Settling(refitting=None, final_steps=5), **arguments)

    monkeypatch.setattr(cli, "discover", brief)


def one_line(capsys) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pyrocausal: error: ") and err.count("\n") == 1
    return err


def _one_text(out: str) -> str:
    return " ".join(out.split())


def test_fit_takes_files_of_knowledge(fit, tmp_path):
    (tmp_path / "edges.csv").write_text("cause,effect,probability\nX0,X1,1\nX1,X2,0\n")
    (tmp_path / "tiers.csv").write_text("variable,tier\nX2,2\nX0,1\n")
    files = [f"--knowledge={tmp_path / name}" for name in ("edges.csv", "tiers.csv")]
    assert fit(*files, "--max-parents", "1", "--no-settling", "--quiet") == 0
    edges = pd.read_csv(tmp_path / "out" / "edges.csv").set_index(["cause", "effect"]).probability
    assert edges["X0", "X1"] == 1 and edges["X1", "X2"] == edges["X2", "X0"] == edges["X1", "X0"] == 0
    assert 0 < edges["X0", "X2"] < 1
    assert edges["X2", "X1"] == 0  # X1 has the one cause that it may have
    assert CausalPosterior.load(tmp_path / "out" / "result.zip").chains[0].dag.sum(1).max() <= 1


def test_fit_writes_a_report(fit, frame, tmp_path, capsys):
    before = plt.get_fignums()
    known = ["--required", "X0", "X1", "--forbidden", "X2", "X0", "--target", "drug 0=X2", "--target", "drug 1="]
    assert fit(*known, "--no-settling") == 0
    assert plt.get_fignums() == before
    out, err = capsys.readouterr()
    folder = tmp_path / "out"
    assert re.match(r"\d edges?; targets named in ", out)
    assert "Nothing here should be believed yet, for the fit was not finished: raise --max-steps above 3" in _one_text(
        out
    )
    assert {file.name for file in folder.iterdir()} == FILES
    assert re.search(r"X0 -> X1 +1\.00", out) and re.search(r"drug 1 +none", out) and str(folder / "report.html") in out
    assert re.fullmatch(r"pyrocausal: warning: 1 of 1 chains have not settled after 3 steps [^\n]*\n", err)
    assert "; raise --max-steps, or read" in err

    edges = pd.read_csv(folder / "edges.csv")
    assert list(edges.columns) == ["cause", "effect", "probability", "strength", "size", "measured as"]
    assert len(edges) == 6 and edges.probability.is_monotonic_decreasing
    assert tuple(edges.iloc[0, :3]) == ("X0", "X1", 1.0) and edges.strength.isna().all()  # for nothing has settled
    result = CausalPosterior.load(folder / "result.zip")
    assert result.chains[0].rounds.empty
    for cause, effect, probability, *_ in edges.itertuples(index=False):
        assert float(result.edge_probabilities.sel(cause=cause, effect=effect)) == pytest.approx(probability, abs=1e-5)

    targets = pd.read_csv(folder / "targets.csv", keep_default_na=False)
    assert list(targets.columns) == ["regime", "variable", "probability", "strength", "size", "measured as"]
    assert targets.probability.is_monotonic_decreasing and set(targets.regime) == {"drug 0", "drug 1", "drug 2"}
    for _, block in targets.groupby("regime"):
        assert set(block.variable) == {"X0", "X1", "X2", "none"}
        assert block.probability.is_monotonic_decreasing and block.probability.sum() == pytest.approx(1, abs=1e-4)
    sure = set(targets[targets.probability == 1].iloc[:, :3].itertuples(index=False, name=None))
    assert sure >= {("drug 0", "X2", 1.0), ("drug 1", "none", 1.0)}

    page = (folder / "report.md").read_text(encoding="utf-8")
    for text in ("![Causal graph](graph.png)", "| X0 | X1 | 1.000 |", "chains have not settled", "| seed | 1 |"):
        assert text in page
    assert "Structural Hamming distance" not in page and "rounds of settling" not in page
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>") and "chains have not settled" in html and "edges.csv" in html
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in PICTURES)


def test_results_alone_are_written_where_no_report_is_wanted(fit, tmp_path, capsys, briefly):
    assert fit("--no-report") == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"result.zip", "edges.csv", "targets.csv"}
    out = capsys.readouterr().out
    assert f"results: {tmp_path / 'out' / 'result.zip'}" in out
    assert "report" not in out.splitlines()[-1]


def test_a_fit_that_is_taken_up_says_so(fit, tmp_path, capsys, briefly):
    kept = ["--checkpoint", str(tmp_path / "kept"), "--resume", "--no-report"]
    assert fit(*kept) == 0
    assert "taking up" not in capsys.readouterr().out
    assert fit(*kept) == 0
    assert f"taking up the fit in {tmp_path / 'kept'}" in capsys.readouterr().out


def test_fit_settles_unless_told_otherwise(fit, tmp_path, capsys, briefly):
    assert fit() == 0
    folder = tmp_path / "out"
    (chain,) = CausalPosterior.load(folder / "result.zip").chains
    assert len(chain.rounds) > 0
    assert ("have not settled" in capsys.readouterr().err) == (not chain.settled)
    strength = pd.read_csv(folder / "edges.csv").set_index(["cause", "effect"]).strength
    for effect, cause in chain.dag.nonzero().tolist():
        assert strength[f"X{cause}", f"X{effect}"] == pytest.approx(float(chain.edge_strength[effect, cause]), abs=1e-5)
    page = (folder / "report.md").read_text(encoding="utf-8")
    told = [f"{chain.seed}", "yes" if chain.settled else "no", "3", f"{len(chain.rounds)}", "0.0", f"{chain.dag.sum()}"]
    assert "| rounds of settling | evidence, below the most (nats) | edges of its graph |" in page
    assert f"| 0 | {' | '.join(told)} |" in page


def test_fit_is_reproducible_and_replaces_reports(fit, tmp_path):
    tables = []
    for _ in range(2):
        assert fit("--categorical", "X0", "X1", "--paper") == 0
        tables.append((tmp_path / "out" / "edges.csv").read_text())
    assert tables[0] == tables[1]
    (chain,) = CausalPosterior.load(tmp_path / "out" / "result.zip").chains
    assert chain.rounds.empty  # the published algorithm does not settle


def test_kinds_from_the_command_line(fit, tmp_path, briefly):
    assert fit("--continuous", "X0", "--categorical", "X1") == 0
    kinds = CausalPosterior.load(tmp_path / "out" / "result.zip").data.kinds
    assert [kind.cardinality for kind in kinds] == [0, 2, 2]
    assert fit("--levels", "X0", "1", "0", "--levels", "X1", "0", "1", "2") == 0
    kinds = CausalPosterior.load(tmp_path / "out" / "result.zip").data.kinds
    assert kinds[:2] == (Categorical((1, 0), ordered=True), Categorical((0, 1, 2), ordered=True))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--regime-column", "arm"], "expected one column 'arm', the columns are 'X0', 'X1', 'X2', 'condition'"),
        (
            ["--observational", "placebo"],
            "no row has 'placebo' in column 'condition'; the labels are 'control', 'drug 0'",
        ),
        (["--required", "X0", "Y"], "required names 'Y', which is not a variable; variables: X0, X1, X2"),
        (["--required", "X0", "X1", "--required", "X1", "X0"], "required edges form the cycle X0 -> X1 -> X0"),
        (["--required", "X0", "X1", "--forbidden", "X0", "X1"], "the edge X0 -> X1 is both required and forbidden"),
        (["--knowledge", "nowhere.csv"], "No such file or directory: nowhere.csv"),
        (["--max-parents", "-1"], "argument --max-parents: expected a whole number of at least 0, got '-1'"),
        (["--target", "heat=X0"], "targets: 'heat' is no regime"),
        (["--target", "drug 0=Y"], "regime 'drug 0' has target 'Y', which is no variable"),
        (["--target", "drug 0"], "argument --target: expected REGIME=VARIABLE"),
        (["--target", "drug 0=", "--target", "drug 0=X0"], "both that regime 'drug 0' has no target and that it has"),
        (["--at-least", "drug 0="], "argument --at-least: expected REGIME=VARIABLE, got 'drug 0='"),
        (["--at-least", "drug 0=Y"], "regime 'drug 0' has target 'Y', which is no variable"),
        (
            ["--at-least", "drug 0=X0", "--target", "drug 0=X1"],
            "--at-least names regime 'drug 0', whose targets are given already; drop one of the two",
        ),
        (["--targets-file", "nowhere.csv"], "No such file or directory: nowhere.csv"),
        (["--continuous", "Y"], "'Y' is no variable; the variables are 'X0', 'X1', 'X2' (on the command line: --cat"),
        (["--continuous", "X0", "--categorical", "X0"], "'X0' is given both as --categorical and as --continuous"),
        (["--levels", "X0", "0"], "--levels 'X0' needs its levels, the lowest first, got ['0']"),
        (["--levels", "X0", "0", "0"], "--levels 'X0': states: 0 is listed more than once"),
        (["--levels", "X0", "0", "1", "--levels", "X0", "1", "0"], "--levels names 'X0' twice; drop one"),
        (["--levels", "X0", "0", "1", "--count", "X0"], "'X0' is given both as --levels and as --count"),
        (["--levels", "X0", "low", "high"], "which is none of the states"),
        (["--continuous", "X0", "--count", "X0"], "'X0' is given both as --continuous and as --count"),
        (["--exposure", "X0"], "--exposure is given, but no --count or --count-all that could be in proportion to it"),
        (["--components", "2"], "--components is given, but no --continuous that could be a mixture"),
        (["--components", "0", "--continuous", "X0"], "argument --components: expected a whole number of at least 1"),
        (["--count-components", "2"], "--count-components is given, but no --count or --count-all that could be a mix"),
        (["--count-components", "0", "--count", "X0"], "argument --count-components: expected a whole number of at"),
        (["--count", "X0", "--exposure", "depth"], "'depth', the exposure of 'X0', is no variable"),
        (
            ["--count", "X0", "--exposure", "depth"],
            "(on the command line: --categorical, --levels, --continuous or --count NAME, --count-all, -",
        ),
        (["--chains", "0"], "argument --chains: expected a whole number of at least 1, got '0'"),
        (["--chains", "many"], "argument --chains: expected a whole number of at least 1, got 'many'"),
        (["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got '-1'"),
        (["--speed", "9"], "unrecognized arguments: --speed 9"),
        (["--draws", "9", "--no-settling"], "--draws cannot be had with --no-settling; drop one of them"),
        (["--draws", "9", "--paper"], "--draws cannot be had with --paper; drop one of them"),
        (["--several-targets", "--paper"], "--several-targets cannot be had with --paper; drop one of them"),
        (["--several-targets", "--one-target"], "--several-targets cannot be had with --one-target; drop one of them"),
    ],
)
def test_bad_input_is_told_in_one_line(fit, capsys, arguments, message):
    assert fit(*arguments) == 2
    assert message in one_line(capsys)


@pytest.mark.parametrize("options, several", [([], None), (["--several-targets"], True), (["--one-target"], False)])
def test_evidence_is_asked_of_several_targets_unless_told(fit, monkeypatch, options, several):
    told = []

    def instead(data, *, target_prior, **arguments):
        told.append(target_prior)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "discover", instead)
    assert fit(*options) == 130
    assert told == [TargetPrior(several=several)]


def test_targets_that_are_certain_come_from_options_and_files(fit, monkeypatch, tmp_path, capsys):
    seen = []

    def instead(data, **arguments):
        seen.append([regime.targets for regime in data.regimes])
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "discover", instead)
    path = tmp_path / "told.csv"
    path.write_text("regime,target,at_least\ndrug 1,X0,yes\ndrug 1,X2,yes\ndrug 2,,\n")
    assert fit("--at-least", "drug 0=X1", "--at-least", "drug 0=X2", "--targets-file", str(path)) == 130
    assert fit("--at-least", "drug 2=X1", "--target", "drug 0=X0") == 130
    assert seen == [[AtLeast("X1", "X2"), AtLeast("X0", "X2"), ()], [("X0",), None, AtLeast("X1")]]
    capsys.readouterr()
    assert fit("--at-least", "drug 1=X1", "--targets-file", str(path)) == 2
    assert f"--targets-file {path} names regime 'drug 1', whose targets are given already" in one_line(capsys)
    path.write_text("regime,target\nheat,X0\n")
    assert fit("--targets-file", str(path)) == 2
    assert "targets: 'heat' is no regime" in one_line(capsys)


def test_a_fit_beside_a_target_that_is_certain(fit, tmp_path, capsys, briefly):
    assert fit("--at-least", "drug 0=X1") == 0
    assert re.search(r"drug 0 +.*X1", capsys.readouterr().out)
    assert "X1 (known beforehand)" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    targets = pd.read_csv(tmp_path / "out" / "targets.csv", keep_default_na=False)
    told = targets[(targets.regime == "drug 0") & targets.variable.isin(["X1", "none"])]
    assert told.probability.tolist() == [1.0, 0.0]


def test_mixtures(fit, frame, tmp_path, briefly):
    path = tmp_path / "numbers.csv"
    frame.assign(X0=[x + k % 7 / 10 for k, x in enumerate(frame.X0)]).to_csv(path, index=False)
    assert fit("--continuous", "X0", "--components", "2", path=path) == 0
    kinds = CausalPosterior.load(tmp_path / "out" / "result.zip").data.kinds
    assert isinstance(kinds[0], Continuous) and kinds[0].components == 2
    assert not any(isinstance(kind, Continuous) for kind in kinds[1:])


def test_mixtures_of_counts(fit, tmp_path, briefly):
    assert fit("--count", "X0", "--count-components", "2") == 0
    kinds = CausalPosterior.load(tmp_path / "out" / "result.zip").data.kinds
    assert isinstance(kinds[0], Count) and kinds[0].components == 2
    assert not any(isinstance(kind, Count) for kind in kinds[1:])


def test_counts_in_proportion_to_an_exposure(fit, frame, tmp_path, briefly, capsys):
    path = tmp_path / "counts.csv"
    frame.assign(depth=[100 + k % 7 for k in range(len(frame))]).to_csv(path, index=False)
    counted = ["--count", "X0", "X1", "X2", "--exposure", "depth"]
    assert fit(*counted, "--paper", path=path) == 2
    assert "--exposure cannot be had with --paper; drop one of them" in one_line(capsys)
    assert fit(*counted, path=path) == 0
    data = CausalPosterior.load(tmp_path / "out" / "result.zip").data
    assert data.exposures == ("depth",)
    assert data.kinds[:3] == tuple(Count("depth", *kind.units, place=3) for kind in data.kinds[:3])


@pytest.fixture
def seen(monkeypatch):
    """What would be fitted, and with which arguments; nothing is."""
    found = []

    def instead(data, **arguments):
        found.append((data, arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "discover", instead)
    return found


def test_tables_in_other_forms(fit, frame, tmp_path, seen):
    basic = ["--regime-column", "condition", "--out", str(tmp_path / "out")]
    frame.to_csv(tmp_path / "a.tsv", sep="\t")
    frame.assign(note="?").to_csv(tmp_path / "b.txt", sep=" ", index=False, encoding="utf-16-le")
    assert cli.main(["fit", str(tmp_path / "a.tsv"), *basic, "--observational", "control", "--index-column", ""]) == 130
    told = ["--sep", "space", "--encoding", "utf-16-le", "--ignore", "note", "--count-all", "--categorical", "X0"]
    several = ["--observational", "control", "--observational", "drug 1"]
    assert cli.main(["fit", str(tmp_path / "b.txt"), *basic, *told, *several]) == 130
    frame.assign(condition=frame.condition.replace("control", "")).to_csv(tmp_path / "c.csv", index=False)
    assert cli.main(["fit", str(tmp_path / "c.csv"), *basic]) == 130
    assert [each.names for each, _ in seen] == [("X0", "X1", "X2")] * 3
    assert [each.n for each, _ in seen] == [300, 360, 300]
    assert [type(kind) for kind in seen[1][0].kinds][1:] == [Count, Count] and seen[1][0].kinds[0].cardinality == 2


def test_a_column_of_targets(frame, tmp_path, seen):
    hit = {"control": "", "drug 0": "X0", "drug 1": "X1+X2", "drug 2": "X2"}
    path = tmp_path / "a.csv"
    frame.assign(target=frame.condition.map(hit)).drop(columns="condition").to_csv(path, index=False)
    assert cli.main(["fit", str(path), "--targets-column", "target", "--out", str(tmp_path / "out")]) == 130
    ((data, _),) = seen
    assert [regime.targets for regime in data.regimes] == [("X0",), ("X1", "X2"), ("X2",)]


def test_parquet(frame, tmp_path, fit, seen):
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    assert fit(path=tmp_path / "a.parquet") == 130
    assert seen[0][0].n == 300


def test_cells(frame, tmp_path, fit, seen):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata = pytest.importorskip("anndata", reason="the extra anndata is not installed")
        rest = np.full((len(frame), 1), 9.0)
        cells = anndata.AnnData(np.hstack([frame[["X0", "X1", "X2"]].to_numpy(dtype=float), rest]))
        cells.var_names = ["X0", "X1", "X2", "rest"]
        cells.obs["condition"] = frame.condition.to_numpy(dtype=object)
        cells.obs["batch"] = ["one", "two"] * (len(frame) // 2)
        with anndata.settings.override(allow_write_nullable_strings=True):
            cells.write_h5ad(tmp_path / "a.h5ad")
    assert fit("--genes", "X0", "X2", "--obs", "batch", path=tmp_path / "a.h5ad") == 130
    ((data, _),) = seen
    assert data.names == ("X0", "X2", "batch", "total") and data.exposures == ("total",)


def test_probable_targets(fit, seen, capsys):
    told = ["--probable-target", "drug 0", "X1", "0.9", "--probable-target", "drug 0", "X2", "0"]
    assert fit(*told) == 130
    assert seen[0][1]["target_prior"] == TargetPrior(probability={"drug 0": {"X1": 0.9, "X2": 0.0}})
    capsys.readouterr()
    assert fit("--probable-target", "drug 0", "X1", "often") == 2
    assert "--probable-target: expected a probability from 0 to 1, got 'often'" in one_line(capsys)
    assert fit(*told, "--probable-target", "drug 0", "X1", "0.2") == 2
    assert "--probable-target gives 'X1' in regime 'drug 0' twice" in one_line(capsys)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--genes", "X0"], "--genes is given, but has no meaning for cells.csv; drop it"),
        (["--ignore", "note"], "ignore: 'note' is no column"),
        (["--targets-column", "condition"], "'condition' is the column of regimes too"),
        (["--graph-file", "graph.png"], "graph.png has to end in one of .gml, .graphml"),
        (["--count-all", "--categorical", "X0", "X1", "X2"], "none of them holds whole numbers"),
    ],
)
def test_options_that_cannot_be(fit, capsys, arguments, message):
    assert fit(*arguments) == 2
    assert message in one_line(capsys)


def test_neither_regimes_nor_targets(table, tmp_path, capsys):
    assert cli.main(["fit", str(table), "--out", str(tmp_path / "out")]) == 2
    assert "--regime-column is missing: name the column" in one_line(capsys)
    assert cli.main(["fit", str(tmp_path / "a.xlsx"), "--out", str(tmp_path / "out")]) == 2
    assert "has the suffix .xlsx, which is none of .csv" in one_line(capsys)


def test_a_graph_for_other_tools(fit, tmp_path, capsys):
    path = tmp_path / "graph.graphml"
    assert fit("--no-settling", "--required", "X0", "X1", "--graph-file", str(path)) == 0
    assert f"graph: {path}" in capsys.readouterr().out
    found = nx.read_graphml(path)
    assert set(found) == {"X0", "X1", "X2"} and found["X0"]["X1"]["probability"] == 1


def test_a_folder_where_a_file_is_to_be_written_is_found_before_the_fit(fit, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_discover", None)
    (tmp_path / "graph.gml").mkdir()
    assert fit("--graph-file", str(tmp_path / "graph.gml")) == 2
    assert "graph.gml is a folder, where a file is to be written; name another one" in one_line(capsys)
    (tmp_path / "full" / "result.zip").mkdir(parents=True)
    assert fit("--out", str(tmp_path / "full")) == 2
    assert "result.zip is a folder" in one_line(capsys)
    for option in ("--out", "--checkpoint"):
        assert fit(option, "") == 2
        assert "it is empty; name a folder" in one_line(capsys)


def test_a_graph_that_cannot_be_written_does_not_lose_the_result(fit, tmp_path, capsys, monkeypatch):
    def full(graph, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(cli, "write_graph", full)
    assert fit("--no-settling", "--graph-file", str(tmp_path / "graph.gml"), "--out", str(tmp_path / "kept")) == 2
    assert "No space left on device" in capsys.readouterr().err and (tmp_path / "kept" / "result.zip").exists()


def test_missing_file(fit, tmp_path, capsys):
    assert fit(path=tmp_path / "nothing.csv") == 2
    assert one_line(capsys).endswith(f"No such file or directory: {tmp_path / 'nothing.csv'}\n")


def test_missing_values(fit, frame, table, capsys):
    frame.astype({"X1": float}).assign(X1=frame.X1.where(frame.X1 == 1)).to_csv(table, index=False)
    assert fit() == 2
    assert "variable 'X1' in the observational rows and the regimes hold whole numbers and missing" in one_line(capsys)
    assert fit("--categorical", "X1") == 2  # the rows with 0 were left empty
    assert "variable 'X1' in the observational rows and in all regimes has one state, [1.0]" in one_line(capsys)


def test_out_is_a_file(fit, table, capsys):
    assert fit("--out", str(table)) == 2
    assert f"--out: {table} is a file" in one_line(capsys)


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "the following arguments are required: COMMAND (see pyrocausal --help)"),
        (["fit"], "the following arguments are required: TABLE, --out (see"),
        (["demo"], "say which network: chain3,"),
        (["demo", "atlantis"], "name must be one of chain3, fork3,"),
        (["demo", "chain3", "--rows", "0"], "argument --rows: expected a whole number of at least 1, got '0'"),
        (["demo", "chain3", "--intervention", "surgery"], "argument --intervention: invalid choice: 'surgery'"),
    ],
)
def test_bad_commands(capsys, argv, message):
    assert cli.main(argv) == 2
    assert message in one_line(capsys)


def test_demo_tells_found_from_true(tmp_path, capsys):
    out = tmp_path / "deep" / "demo"
    assert cli.main(["demo", "chain3", "--rows", "2000", "--out", str(out), *QUICK, "--max-steps", "60"]) == 0
    text, err = capsys.readouterr()
    assert text.startswith("chain3: 3 variables, 2 edges; simulated 2,000 observational rows and 9 regimes of 500 rows")
    assert re.match(r"\d edges?.*; targets named in \d of 9 regimes", text.splitlines()[1])
    distance = re.search(r"^structural Hamming distance: (\d+)$", text, re.MULTILINE)
    assert distance and int(distance[1]) == len(re.findall(r" (extra|reversed|missing)$", text, re.MULTILINE))
    settled = shd(CausalPosterior.load(out / "result.zip").dag(), load("chain3").graph)
    assert re.search(rf"^structural Hamming distance of the settled graph: {settled}$", text, re.MULTILINE)
    right = re.search(r"^targets: (\d+) of 9 right$", text, re.MULTILINE)
    assert right and 9 - int(right[1]) == len(re.findall(r"^  regime \d: found .*, true X\d", text, re.MULTILINE))
    assert re.search(r"^wall time \d+\.\d s, processor time \d+\.\d s, chains 1, seed 1$", text, re.MULTILINE)
    assert {file.name for file in out.iterdir()} == FILES | {"effects.csv", "effects.png", "strengths.png"}  # settled
    assert cli.main(["effect", str(out), "--on", "X2", "--do", "X0=1", "--draws", "5"]) == 0
    assert "What happens to X2 if X0 = 1 is set" in capsys.readouterr().out
    assert f"Structural Hamming distance: **{distance[1]}**" in (out / "report.md").read_text(encoding="utf-8")
    assert "discover" not in err


def test_demo_explains_what_cannot_be_seen(capsys, briefly):
    sizes = ["--rows", "500", "--rows-per-regime", "50"]
    assert cli.main(["demo", "asia", *sizes, *QUICK]) == 0
    text = capsys.readouterr().out
    assert "8 regimes of 50 rows, uniform interventions" in text
    wrong = re.findall(r", true smoke.*", text)
    assert all("(smoke is uniform by itself: there is nothing to see)" in line for line in wrong)


def test_demo_lists_networks(capsys):
    assert cli.main(["demo", "--list"]) == 0
    assert capsys.readouterr().out.split() == ["chain3", "fork3", "collider3", "confounder3", "asia", "sachs"]


def test_interrupt(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "discover", interrupt)
    assert cli.main(["demo", "chain3", "--quiet"]) == 130
    assert capsys.readouterr().err == "pyrocausal: interrupted\n"


@pytest.mark.parametrize("name, sent", [("Ctrl-C", signal.SIGINT), ("SIGTERM", signal.SIGTERM)])
def test_ctrl_c_and_sigterm_leave_a_report_of_what_there_is(fit, tmp_path, capsys, monkeypatch, name, sent):
    steps = []

    def report(self, report):
        steps.append(report.done)
        if len(steps) == 6:  # after the end of the first chain, the second step of the second one
            signal.raise_signal(sent)

    monkeypatch.setattr(Channel, "report", report)
    assert fit("--no-settling", "--chains", "3") == 130
    out, err = capsys.readouterr()
    stopped = f"{name}: chain 1 was cut short after step 2, chain 2 had not made a step; 2 of 3 chains are kept"
    assert err == f"pyrocausal: warning: {stopped}\npyrocausal: interrupted\n"
    assert "edges above 0.5" in out and {file.name for file in (tmp_path / "out").iterdir()} == FILES
    assert f"{stopped}." in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    result = CausalPosterior.load(tmp_path / "out" / "result.zip")
    assert (result.stopped, [len(chain.trace) for chain in result.chains]) == (stopped, [3, 2])
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_results_are_saved_before_pictures_are_made(fit, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("pyrocausal.report.write.contents", interrupted)
    assert fit("--no-settling", "--graph-file", str(tmp_path / "graph.gml")) == 130
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"edges.csv", "targets.csv", "result.zip"}
    assert (tmp_path / "graph.gml").exists()
    assert "pyrocausal: interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("argv, text", [(["fit", "--help"], "examples:"), (["--version"], "pyrocausal 0.")])
def test_help_and_version_end_well(capsys, argv, text):
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    assert end.value.code == 0
    assert text in capsys.readouterr().out


def test_as_a_module():
    run = subprocess.run([sys.executable, "-m", "pyrocausal", "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stderr == ""
    assert "pyrocausal fit cells.csv" in run.stdout


def test_check_looks_at_a_table_and_fits_nothing(frame, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "discover", None)
    path = tmp_path / "cells.csv"
    few = frame.reset_index(drop=True).assign(dose=range(len(frame)))
    few.loc[few["condition"] != "control", "X1"] = None
    few.to_csv(path, index=False)
    asked = ["check", str(path), "--regime-column", "condition", "--observational", "control"]
    kinds = ["--continuous", "dose", "--categorical", "X1"]
    assert cli.main([*asked, *kinds]) == 0
    out, err = capsys.readouterr()
    assert not err and out.startswith("4 variables, 300 observational rows")
    assert "dangerous: X1 was not measured" in out and "dose' looks like row numbers" in out and "--target" in out


def test_a_fit_begins_with_what_is_wrong_with_the_table(fit, frame, table, capsys):
    frame.reset_index(drop=True).assign(id=[f"cell {k}" for k in range(len(frame))]).to_csv(table, index=False)
    assert fit("--no-settling", "--categorical", "id") == 0
    out, err = capsys.readouterr()
    assert out.startswith("the table: ") and "'id'" in out
    assert "can turn the answer:" not in err  # which would be the warning


def test_who_reads_no_further_is_told_nothing(tmp_path):
    """As `pyrocausal demo --list | head -1`."""
    run = [sys.executable, "-c", "from pyrocausal.cli.main import main; raise SystemExit(main(['demo', '--list']))"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(60) == 1 and process.stderr.read() == b""

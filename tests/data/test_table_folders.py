"""Folders of tables, a file for each regime; and codes for missing values in text."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from example_documented_tables import cells

import pyrocausal as pc
from pyrocausal.cli.main import main
from pyrocausal.data.table_files import read_folder
from pyrocausal.data.text_files import read_text_table

read = pc.InterventionalData.from_folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three regimes in three forms, the columns of each in another order."""
    parts = {
        arm: rows.drop(columns="arm") for arm, rows in cells({"control": 40, "drug": 20, "dose 0.5": 15}).groupby("arm")
    }
    parts["control"].to_csv(tmp_path / "control.csv", index=False)
    parts["drug"][["C", "A", "B"]].to_csv(tmp_path / "drug.tsv.gz", sep="\t", index=False)
    parts["dose 0.5"].to_csv(tmp_path / "dose 0.5.txt", sep=";", decimal=",", index=False)
    return tmp_path


def test_every_file_is_a_regime_called_like_it(runs: Path) -> None:
    data = read(runs, "control")
    assert data.names == ("A", "B", "C") and {r.name: len(r.rows) for r in data.regimes} == {"dose 0.5": 15, "drug": 20}
    long = pc.InterventionalData.from_frame(cells({"control": 40, "drug": 20, "dose 0.5": 15}), "arm", "control")
    assert data.observational.equal(long.observational)
    rows = {regime.name: regime.rows for regime in long.regimes}
    assert all(regime.rows.equal(rows[regime.name]) for regime in data.regimes)
    both = read(runs, ["control", "dose 0.5"], targets={"drug": "A"}, covariates=["C"])
    assert both.n == 55 and both.regimes[0].targets == ("A",) and both.covariates == ("C",)


def test_parquet_and_a_column_that_is_called_file(runs: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    for path in runs.iterdir():
        path.unlink()
    for arm, rows in cells().assign(file="x").groupby("arm"):
        rows.drop(columns="arm").to_parquet(runs / f"{arm}.parquet", index=False)
    table, column = read_folder(runs)
    assert column == "file_" and table.file_.unique().tolist() == ["control", "drug"]
    assert read(runs, "control", ignore=["file"]).names == ("A", "B", "C")


def test_targets_and_codes_of_every_file(runs: Path) -> None:
    for path, hit in (("control.csv", ""), ("drug.csv", "A"), ("heat.csv", "B")):
        cells({"": 10}).drop(columns="arm").assign(hit=hit, C=[-99.0, *range(9)]).to_csv(runs / path, index=False)
    for path in ("drug.tsv.gz", "dose 0.5.txt"):
        (runs / path).unlink()
    data = read(runs, "control", targets_column="hit", missing=["-99"], kinds={"C": pc.Continuous})
    assert [regime.targets for regime in data.regimes] == [("A",), ("B",)] and int(
        data.observational.isnan().sum()
    ) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("read_me.md", "?", r"read_me\.md has the suffix \.md, which is none of \.csv, "),
        ("cells.h5ad", "?", r"cells\.h5ad is no table of one regime"),
        ("drug.csv", "A,B,C\n1,2,3\n", r"holds two files called 'drug'"),
        ("heat.csv", "A,B,D\n1,2,3\n", r"of those of 'control' and 'heat' only one has 'C', 'D'"),
        ("heat.csv", "", r"heat\.csv is empty"),
    ],
)
def test_what_is_no_such_folder(runs: Path, name: str, content: str, message: str) -> None:
    (runs / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read(runs, "control")


def test_an_empty_folder_none_and_no_controls(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no table in .* is called 'placebo'; they are 'control', 'dose 0\.5'"):
        read(runs, "placebo")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read(tmp_path / "nothing", "control")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no files; expected a table for each regime"):
        read(tmp_path / "empty", "control")
    with pytest.raises(ValueError, match="is no table of one regime, delimited text or Parquet; move it elsewhere"):
        read(runs, "control")  # for there is a folder in it now


def test_the_shell_says_what_is_wrong_with_a_folder(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(runs), "--observational", "control", "--regime-column", "arm"]) == 2
    assert "--regime-column is given, but has no meaning for" in capsys.readouterr().err
    assert main(["check", str(runs)]) == 2
    assert "name that of the rows without an intervention, as in observational='control'" in capsys.readouterr().err
    assert main(["check", str(runs), "--observational", "control"]) == 0
    assert capsys.readouterr().out.startswith("3 variables, 40 observational rows, 35 rows in 2 regimes\n")


def test_codes_for_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("A,B,arm\n-999,n.d.,c\n-999.0,2.5,c\n0.5,-999,n.d.\n")
    table = read_text_table(path, ["arm"], missing=["-999", "n.d."])
    assert table.isna().to_numpy().tolist() == [[True, True, False], [True, False, False], [False, True, True]]
    assert pd.api.types.is_float_dtype(table.B) and read_text_table(path).B.dtype != float
    for wrong in ("-999", [-999]):
        with pytest.raises(TypeError, match=re.escape("as in missing=['-999'], got")):
            read_text_table(path, missing=wrong)  # type: ignore[arg-type]

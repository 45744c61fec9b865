"""Every line by which docs/tables.md says that a table is read reads such a table, in Python and in the shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_documented_tables import WRITERS, Expected
from example_tables import assert_same

import pyrocausal as pc
from pyrocausal.cli.arguments import make_parser
from pyrocausal.cli.main import main
from pyrocausal.cli.table_options import read_table
from pyrocausal.data.interventional_data import InterventionalData

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
OPTIONAL = {"Parquet": "pyarrow", "AnnData": "anndata", "an .h5ad": "anndata", "sparse": "scipy"}


def documented() -> dict[str, tuple[str, str]]:
    """What the page says one may have, and the lines of Python and of the shell, without their marks."""
    section = PAGE.read_text(encoding="utf-8").split("## Which line reads your table\n")[1].split("\n## ")[0]
    found = {}
    for line in re.findall(r"^\|(.*)\|$", section, re.M)[2:]:
        what, *codes = (cell.strip() for cell in line.split("|"))
        assert all(code == "" or re.fullmatch("`[^`]+`", code) for code in codes) and what not in found, line
        found[what] = tuple(code.strip("`") for code in codes)
    return found


LINES = documented()


def test_every_line_has_a_table_and_every_table_a_line():
    assert list(LINES) == list(dict.fromkeys(LINES)) and set(LINES) == set(WRITERS)
    assert len(LINES) >= 30 and all(len(codes) == 2 and codes[0] for codes in LINES.values())
    assert sum(bool(shell) for _, shell in LINES.values()) >= 25


def check(data: InterventionalData, expected: Expected) -> None:
    kinds = {name: type(kind).__name__ for name, kind in zip(data.names, data.kinds, strict=True)}
    assert ", ".join(f"{name}: {kind}" for name, kind in kinds.items()) == expected.kinds
    assert {"": data.n} | {regime.name: len(regime.rows) for regime in data.regimes} == expected.rows
    found = {regime.name: regime.targets for regime in data.regimes}
    assert found == dict.fromkeys(data.regime_names) | expected.targets
    assert (data.covariates, data.exposures) == (expected.covariates, expected.exposures)
    if expected.finding:
        assert data.check().named(expected.finding)


@pytest.mark.parametrize("what", LINES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:anndata", "ignore::FutureWarning:anndata")
def test_the_line_reads_the_table(what, tmp_path, monkeypatch, capsys):
    for start, package in OPTIONAL.items():
        if what.startswith(start):
            pytest.importorskip(package, reason=f"the optional package {package} is not installed")
    monkeypatch.chdir(tmp_path)
    expected, (python, shell) = WRITERS[what](), LINES[what]
    data = eval(f"pc.InterventionalData.{python}", {"pc": pc, "np": np, "pd": pd} | expected.known)
    check(data, expected)
    if shell:
        again = read_table(make_parser().parse_args(["check", *shlex.split(shell)]))
        assert_same(again, data)
        assert (again.covariates, again.exposures) == (data.covariates, data.exposures)
        assert main(["check", *shlex.split(shell)]) == 0
        told = capsys.readouterr()
        assert all(name in told.out for name in data.names) and not told.err


def test_what_the_values_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = {}
    for what in ("`;` and decimal commas", "a row for each measurement", "codes for missing values", "masked arrays"):
        expected = WRITERS[what]()
        read[what] = eval(f"pc.InterventionalData.{LINES[what][0]}", {"pc": pc} | expected.known)
    plain = WRITERS["a row for each sample, a column for each variable, one of conditions"]().known["table"]
    for what in ("`;` and decimal commas", "a row for each measurement"):
        told = read[what].decode(read[what].observational)
        np.testing.assert_allclose(told, plain[plain.arm == "control"][["A", "B", "C"]], rtol=1e-5, atol=1e-5)
    gone = {what: int(each.observational.isnan().sum()) for what, each in read.items()}
    above = int((plain[plain.arm == "control"][["A", "B", "C"]] > 1.5).to_numpy().sum())
    assert gone == {**dict.fromkeys(gone, 0), "codes for missing values": 2, "masked arrays": above} and above > 0


def test_weights_and_groups_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    totals = {}
    for what in ("weights of rows", "several rows of a patient"):
        WRITERS[what]()
        weights = eval(f"pc.InterventionalData.{LINES[what][0]}", {"pc": pc}).observational_weights
        totals[what] = float(weights.sum())
    assert totals == {"weights of rows": pytest.approx(70), "several rows of a patient": pytest.approx(8)}

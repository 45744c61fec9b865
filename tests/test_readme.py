"""The README runs, and continuous integration runs the README's commands."""

import os
import re
from pathlib import Path

import arviz as az
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
FENCED = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)

matplotlib.use("Agg")


def test_continuous_integration_runs_the_readmes_commands():
    assert [language for language, _ in FENCED[:2]] == ["sh", "sh"]
    demo, test = (text.strip() for _, text in FENCED[:2])
    script = ROOT / ".ci" / "run"
    commands = re.findall(r'^run "(.*?)"', script.read_text(encoding="utf-8"), re.M)
    assert commands[1] == test
    assert commands[-1] == demo
    assert os.access(script, os.X_OK)


@pytest.mark.filterwarnings("ignore:1 of 1 chains have not settled:RuntimeWarning")
def test_python_examples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, code in FENCED:
        if language == "python":
            exec(compile(code, "README.md", "exec"), names)
    plt.close("all")

    result = names["result"]
    assert set(result.dag().edges) == {("ligand", "kinase"), ("kinase", "reporter")}
    assert result.targets() == {"vehicle": (), "drug A": ("ligand",), "drug B": ("kinase",), "drug C": ("reporter",)}
    assert "[('kinase', 'reporter'), ('ligand', 'kinase')]" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"graph.png", "cells.html", "cells.pt", "cells.nc"}
    assert (names["sampled"].reporter == "high").mean() == pytest.approx(0.8, abs=0.1)
    assert len(names["swapped"].chains) == 1
    assert (names["check"].table().settled > names["check"].table()["independent"] + 0.05).loc["all"]
    assert (names["control"].rank, len(names["control"].permuted)) == (1, 5)
    assert set(names["informed"].dag().edges) == set(result.dag().edges)
    found = names["hits"].to_pandas()
    assert (found > 0.5).to_numpy().tolist() == [[False] * 3, *(np.eye(3) > 0).tolist()]
    assert names["diagnosis"].findings == ()
    assert names["genes"].exposures == ("depth",)
    assert names["drawn"].edge_probabilities.sel(effect="reporter", cause="kinase").item() > 0.9
    assert names["drawn"].chains[0].graphs.shape == (500, 3, 3)
    assert names["idata"]["posterior"]["edge"].shape == (2, 100, 3, 3)
    assert float(az.rhat(names["idata"], var_names=["n_edges"])["n_edges"]) < 1.2

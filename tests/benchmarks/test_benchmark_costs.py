"""Costs of fits, checks and reports are measured and told."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks import costs as module
from benchmarks.__main__ import main
from benchmarks.costs import Shape, costs, told_costs
from benchmarks.report_sections import costs_section
from pyrocausal import Settling

TINY = {
    "small": Shape(3, 60, 20, 1, Settling(refitting=None, warm_up=1, final_steps=1)),
    "large": Shape(3, 60, 20, 2, Settling(refitting=None, warm_up=1, final_steps=1), told=True),
}


def test_every_shape_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHAPES", TINY)
    monkeypatch.setattr("pyrocausal.report.sections.PANELS", 1)
    found = costs(["small"], [0], tmp_path)
    assert found[["shape", "seed", "variables", "rows", "regimes"]].values.tolist() == [["small", 0, 3, 120, 3]]
    for what in ("fit", "check", "report"):
        assert 100 < found["memory_mb"].item() < 20_000
        assert found[f"{what}_cpu"].item() > 0 and found[f"{what}_wall"].item() > 0
    monkeypatch.setattr(module, "_one", None)  # nothing is measured again
    pd.testing.assert_frame_equal(costs(["small"], [0], tmp_path), found)


def test_who_is_told_the_graph_finds_it():
    data = TINY["large"].data(1)
    known = module._knowledge(data)
    assert set(known.required) == set(data.truth.edges)
    assert len(set(known.required)) + len(set(known.forbidden)) == 6


def test_costs_are_told(tmp_path, capsys):
    row = {"shape": "wide", "seed": 0, "variables": 40, "rows": 8000, "regimes": 40}
    row |= {f"{what}_{clock}": 10.0 for what in ("fit", "check", "report") for clock in ("wall", "cpu")}
    row["memory_mb"] = 1024.0
    table = pd.DataFrame([row, row | {"seed": 1, "report_wall": 20.0, "memory_mb": 2048.0}])
    line = "| wide | 8,000 | 40 | 40 | 10.0 (10.0) | 10.0 (10.0) | 15.0 (10.0) | 1.50 |"
    assert told_costs(table)[2:] == [line]
    assert line in costs_section(table)[-1]
    table.to_csv(tmp_path / "costs.csv", index=False)
    assert main(["costs", "--shapes", "wide", "--seeds", "0-1", "--out", str(tmp_path)]) == 0
    assert line in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["costs", "--shapes", "tiny"])

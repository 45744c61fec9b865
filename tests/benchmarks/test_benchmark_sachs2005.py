"""The measured protein data: read as they are, and told beside what is known of them."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pandas as pd
import pytest

from benchmarks import sachs2005
from benchmarks.__main__ import main

DATA = Path(__file__).parents[3] / "shared" / "data"
NEEDS_DATA = pytest.mark.skipif(not (DATA / "sachs_2005.csv").exists(), reason="the Sachs 2005 data are not here")


@NEEDS_DATA
def test_the_tables_and_graphs_are_read():
    data, graphs = sachs2005.load(DATA)
    assert data.d == 11 and data.n == 853 and not any(data.cardinalities)
    assert set(data.regime_names) == set(sachs2005.REAGENTS) and all(r.targets is None for r in data.regimes)
    assert [graph.number_of_edges() for graph in graphs.values()] == [17, 20]
    assert all(nx.is_directed_acyclic_graph(graph) for graph in graphs.values())
    assert {target for target in sachs2005.REAGENTS.values() if target != "general"} <= set(data.names)


def test_what_was_found_is_told_by_seed():
    runs = pd.DataFrame(
        {"seed": [0, 1], "17 edges": [3, 4], "20 edges": [5, 7], "edges": [16, 18], "cpu": [1.2, 2.7]}
        | {"joined, 17 edges": [9, 8], "joined, 20 edges": [10, 9]}
        | {name: ["none", "akt, pka"] for name in sachs2005.REAGENTS}
    )
    text = sachs2005.tell(runs)
    assert "SHD against the graph with 17 edges: 3.5 (3 4); pairs joined in both: 9 8" in text
    assert "SHD against the graph with 20 edges: 6.0 (5 7)" in text and "edges: 16 18; CPU seconds: 1 3" in text
    assert "| pma | pkc | none; akt, pka |" in text


@NEEDS_DATA
def test_targets_and_components_reach_the_fit(monkeypatch, capsys):
    asked = []

    def discover(data, **options):
        settling = options["settling"]
        asked.append(
            (
                {kind.components for kind in data.kinds},
                options["target_prior"].several,
                settling is not None and settling.refitting is None,
            )
        )
        raise RuntimeError("enough")

    monkeypatch.setattr(sachs2005, "discover", discover)
    for options in ([], ["--several", "--components", "3"], ["--closed-form"]):
        with pytest.raises(RuntimeError, match="enough"):
            main(["sachs2005", str(DATA), "--seeds", "100", *options])
    assert asked == [({1}, False, False), ({3}, True, False), ({1}, False, True)]


def test_a_folder_without_data_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["sachs2005", str(tmp_path)])
    assert "sachs_2005.csv" in capsys.readouterr().err

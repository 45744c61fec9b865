"""Graphs as files: what other readers find in them, and what is left out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from pyrocausal.posterior.graph_writing import check_graph_path, write_graph

EDGE = {"probability": np.float32(0.5), "strength": math.nan, "size": -0.25, "note": None, "odds": math.inf}


def graph() -> nx.DiGraph:
    made = nx.DiGraph()
    made.add_nodes_from(["A", 'B "b"', "Ünï"])
    made.add_edge("A", 'B "b"', **EDGE)
    return made


READERS = {"gml": nx.read_gml, "graphml": nx.read_graphml}


@pytest.mark.parametrize("suffix", READERS)
def test_networkx_reads_them(tmp_path: Path, suffix: str) -> None:
    found = READERS[suffix](write_graph(graph(), tmp_path / f"g.{suffix}"))
    assert set(found) == set(graph())
    assert list(found.edges(data=True)) == [("A", 'B "b"', {"probability": 0.5, "size": -0.25})]


@pytest.mark.parametrize("suffix", ["json", "cyjs"])
def test_cytoscape(tmp_path: Path, suffix: str) -> None:
    text = write_graph(graph(), tmp_path / f"g.{suffix}").read_text(encoding="utf-8")
    assert "NaN" not in text and "Infinity" not in text
    found = nx.cytoscape_graph(json.loads(text))
    assert set(found) == set(graph()) and found.is_directed()
    (edge,) = found.edges(data=True)
    assert edge[2]["probability"] == 0.5 and "strength" not in edge[2]


def test_dot(tmp_path: Path) -> None:
    text = write_graph(graph(), tmp_path / "g.DOT").read_text(encoding="utf-8")
    assert text.splitlines() == [
        "digraph {", '  "A";', '  "B \\"b\\"";', '  "Ünï";',
        '  "A" -> "B \\"b\\"" [probability="0.5", size="-0.25"];', "}",
    ]  # fmt: skip


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has to end in one of \.gml, \.graphml, \.dot, "):
        check_graph_path(tmp_path / "g.png")
    with pytest.raises(TypeError, match=r"expected a networkx\.DiGraph, such as result\.dag\(\), got Graph"):
        write_graph(nx.Graph(), tmp_path / "g.gml")

"""Knowledge from what other tools write: edge lists, GML, GraphML, DOT, DAGitty, multigraphs."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import pytest

from pyrocausal.data.arrow_text import parse_arrows
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.posterior.graph_writing import write_graph

KNOWN = Knowledge(required=[("A", "B")], probability={("B", "C"): 0.8})


def graph() -> nx.DiGraph:
    return nx.DiGraph([("A", "B"), ("B", "C", {"probability": 0.8})])


@pytest.mark.parametrize("suffix", ["gml", "graphml", "dot", "gv"])
def test_graphs_are_read(tmp_path: Path, suffix: str) -> None:
    assert Knowledge.from_file(write_graph(graph(), tmp_path / f"g.{suffix}")) == KNOWN


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.gml", 'graph [ directed 1 multigraph 1 node [ id 0 label "A" ] node [ id 1 label "B" ] '
                  'node [ id 2 label "C" ] edge [ source 0 target 1 key 0 ] '
                  'edge [ source 1 target 2 key 0 probability "0.8" ] ]'),
        ("g.dagitty", 'dag {\nbb="0,0,1,1"\nA [exposure,pos="-1.2,0.3"]\nC [outcome,pos="1,-2"]\nA -> B\n'
                      "B -> C [probability=0.8]\n}"),
        ("g.txt", "dag{ B <- A; C <- B [probability=0.8] }"),
        ("g.dot", '/* c */ digraph G { rankdir=LR; node [shape=box]; A -> B; // one\n B -> "C" [probability="0.8"] }'),
        ("g.gv", "digraph { subgraph cluster_0 { A; } A -> {B}; B -> C [label=x, probability=.8]; }"),
        ("g.csv", "A,B,\nB,C,0.8\n"),
        ("g.tsv", "A\tB\t\nB\tC\t0.8\n"),
        ("h.csv", "cause;effect;probability\nA;B;\nB;C;0.8\n"),
    ],
)  # fmt: skip
def test_forms_of_other_tools(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert Knowledge.from_file(tmp_path / name) == KNOWN


def test_nodes_of_graphml_by_their_names(tmp_path: Path) -> None:
    made = nx.DiGraph([("n0", "n1")])
    nx.set_node_attributes(made, {"n0": "A", "n1": "B"}, "name")
    nx.write_graphml(made, tmp_path / "g.graphml")
    assert Knowledge.from_file(tmp_path / "g.graphml").required == (("A", "B"),)


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("dag { A -> B <- C -> D }", [("A", "B"), ("C", "B"), ("C", "D")]),
        ("dag { A -> {B C} -> D ; E }", [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]),
        ('digraph { "a \\"b\\"" -> y-2 -> z.3 }', [('a "b"', "y-2"), ("y-2", "z.3")]),
        ("dag { a<-1 }", [("1", "a")]),
        ("dag { }", []),
    ],
)
def test_arrows(text: str, edges: list[tuple[str, str]]) -> None:
    assert sorted(parse_arrows(text, "it").edges()) == sorted(edges)


@pytest.mark.parametrize("arrow", ["<->", "--", "@->"])
def test_what_is_no_arrow_is_left_out_with_a_warning(arrow: str) -> None:
    with pytest.warns(RuntimeWarning, match=f"it: U {arrow} V is no arrow from a cause to an effect, and is left out"):
        assert sorted(parse_arrows(f"dag {{ U {arrow} V A->B }}", "it").edges()) == [("A", "B")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.dot", "graph { A -- B }", "the graph is not directed; write digraph"),
        ("g.dot", "digraph { A -> ", "it does not end"),
        ("g.dot", "A -> B", "expected a graph in braces"),
        ("g.dagitty", "dag { A -> ; }", "expected the name of a variable, found ';'"),
        ("g.dot", "digraph { A -> <b>x</b> }", "cannot read '<b>x</b> }'; quote names"),
        ("g.gml", "graph [ node [ id 0 ] ]", "is no readable GML file"),
        ("g.graphml", "<xml", "is no readable GraphML file"),
        ("g.csv", "", "is empty; expected edges or tiers"),
        ("g.csv", "A\nB\n", "has the columns A; expected cause, effect"),
        ("g.csv", "A,B,often\n", "has 'often' in the column probability"),
        ("g.csv", "A,B\n,C\n", "has an empty name in line 2"),
        ("g.csv", "cause,to\nA,B\n", "has the columns cause, to; expected"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Knowledge.from_file(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["g.gml", "g.graphml", "g.dot", "g.csv"])
def test_missing_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(name)):
        Knowledge.from_file(tmp_path / name)


def test_multigraphs() -> None:
    made = nx.MultiDiGraph([("A", "B"), ("A", "B"), ("B", "C", {"probability": '"0.8"'})])
    made.add_edge("B", "C", probability=0.8)
    assert Knowledge.from_graph(made) == KNOWN
    whole = Knowledge.from_graph(made, complete=True)
    assert set(whole.forbidden) == {("A", "C"), ("B", "A"), ("C", "A"), ("C", "B")}
    made.add_edge("B", "C", probability=0.5)
    with pytest.raises(ValueError, match=r"multigraph in which B -> C occurs with different probabilities, 0\.8 and 0"):
        Knowledge.from_graph(made)
    with pytest.raises(ValueError, match=r"with different probabilities, none and 0\.3"):
        Knowledge.from_graph(nx.MultiDiGraph([("A", "B"), ("A", "B", {"probability": 0.3})]))


@pytest.mark.parametrize("text", ["high", "", "nan"])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="the probability of A -> B must be a number, got the text"):
        Knowledge.from_graph(nx.DiGraph([("A", "B", {"probability": text})]))

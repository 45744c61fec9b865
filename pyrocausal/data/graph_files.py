"""Graphs that other tools have written, as networkx graphs, and what their edges say."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx

from pyrocausal.data.arrow_text import parse_arrows
from pyrocausal.data.edge_constraints import Edge, arrow

__all__ = ["read_graph", "told_by_graph"]

ARROWS = (".dot", ".gv", ".dagitty", ".dag")
DAGITTY = re.compile(r"\s*(strict\s+)?(dag|pdag|mag|pag|digraph)\b[^{\n]*\{", re.IGNORECASE)
LABELS = ("label", "name", "id")  # attributes by which tools name nodes whose identifiers are their own


def read_graph(path: str | Path) -> nx.DiGraph | None:
    """The graph of a file, or None where it holds a table.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file whose suffix is that of a graph holds none. The message names the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".gml":
        return _read(nx.read_gml, path, "GML")
    if suffix == ".graphml":
        return _named(_read(nx.read_graphml, path, "GraphML"))
    if suffix in ARROWS or suffix in (".txt", ""):
        text = _text(path)
        if suffix in ARROWS or DAGITTY.match(text):
            return parse_arrows(text, str(path))
    return None


def told_by_graph(graph: Any) -> tuple[list[Edge], dict[Edge, float]]:
    """Edges without a probability, and the probabilities of the others; parallel edges count once.

    Raises
    ------
    TypeError
        If `graph` is no directed graph of networkx.
    ValueError
        If parallel edges differ, or a probability is a text that is no number.
    """
    if not isinstance(graph, nx.Graph) or not graph.is_directed():
        raise TypeError(f"graph must be a networkx DiGraph with edges from cause to effect, got {graph!r}")
    told: dict[Any, Any] = {}
    for cause, effect, value in graph.edges(data="probability"):
        number = _number(value, (cause, effect))
        if told.setdefault((cause, effect), number) != number:
            say = [f"{each}" if each is not None else "none" for each in (told[cause, effect], number)]
            raise ValueError(
                f"graph is a multigraph in which {arrow((cause, effect))} occurs with different probabilities, "
                f"{' and '.join(say)}; keep one of them"
            )
    likely = {edge: value for edge, value in told.items() if value is not None}
    return [edge for edge in told if edge not in likely], likely


def _number(value: Any, edge: Edge) -> Any:
    """A probability, from text too; what else it may be is left to `Knowledge`."""
    if not isinstance(value, str):
        return value
    text = value.strip().strip("\"'")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"the probability of {arrow(edge)} must be a number, got the text {value!r}")
    return number


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"path: {path} is no UTF-8 text ({error}); store it as UTF-8") from error


def _read(reader: Any, path: str | Path, form: str) -> Any:
    if not Path(path).exists():
        raise FileNotFoundError(f"path: there is no file {path}")
    try:
        return reader(path)
    except (nx.NetworkXException, ParseError, ValueError, KeyError) as error:
        raise ValueError(f"path: {path} is no readable {form} file: {error}") from error


def _named(graph: Any) -> Any:
    """Nodes under the names that an attribute gives them, if it names all of them, each differently."""
    for label in LABELS:
        names = {node: name for node, name in graph.nodes(data=label) if isinstance(name, str) and name}
        if len(names) == len(set(names.values())) == len(graph) > 0:
            return nx.relabel_nodes(graph, names)
    return graph

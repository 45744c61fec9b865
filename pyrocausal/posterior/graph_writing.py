"""Graphs as files that other tools read: GML, GraphML, DOT and Cytoscape's JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from pyrocausal.runtime.whole_files import write_text

__all__ = ["check_graph_path", "write_graph"]


def write_graph(graph: nx.DiGraph, path: str | PathLike[str]) -> Path:
    """Write a graph for other tools, in the form that the suffix of the file says.

    Attributes of nodes and edges, such as probability, strength and size, are kept; those that are NaN, infinite or
    None are left out, since these forms have no such values.

    Parameters
    ----------
    graph : networkx.DiGraph
        Such as `result.dag()` or `result.to_networkx()`.
    path : path
        Ends in .gml (GML), .graphml (GraphML: Gephi, yEd, igraph), .dot or .gv (DOT: Graphviz), .cyjs or .json
        (Cytoscape). An earlier file is replaced.

    Returns
    -------
    pathlib.Path
        Of the file.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If `graph` is no directed graph of networkx.
    ValueError
        If the suffix is none of these.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> graph = nx.DiGraph([("A", "B", {"probability": 0.9, "strength": math.nan})])
    >>> with TemporaryDirectory() as folder:
    ...     print(write_graph(graph, Path(folder) / "graph.dot").read_text())
    digraph {
      "A";
      "B";
      "A" -> "B" [probability="0.9"];
    }
    <BLANKLINE>
    """
    path = check_graph_path(path)
    if not isinstance(graph, nx.DiGraph):
        raise TypeError(f"graph: expected a networkx.DiGraph, such as result.dag(), got {type(graph).__name__}")
    write_text(path, WRITERS[path.suffix.lower()](_plain(graph)))
    return path


def check_graph_path(path: str | PathLike[str]) -> Path:
    """The path of a file that `write_graph` can write; ValueError if its suffix says nothing."""
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"path: {path} has to end in one of {', '.join(WRITERS)}, which says in what form to write")
    return path


def _plain(graph: nx.DiGraph) -> nx.DiGraph:
    """A copy whose attributes are texts and finite numbers."""
    made = type(graph)()
    made.add_nodes_from((node, _finite(told)) for node, told in graph.nodes(data=True))
    made.add_edges_from((cause, effect, _finite(told)) for cause, effect, told in graph.edges(data=True))
    return made


def _finite(attributes: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in attributes.items()}
    return {
        str(key): value
        for key, value in plain.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def _gml(graph: nx.DiGraph) -> str:
    return "\n".join(nx.generate_gml(graph, stringizer=str)) + "\n"


def _graphml(graph: nx.DiGraph) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>\n' + "\n".join(nx.generate_graphml(graph)) + "\n"


def _json(graph: nx.DiGraph) -> str:
    return json.dumps(nx.cytoscape_data(graph), allow_nan=False, ensure_ascii=False, indent=1, default=str) + "\n"


def _dot(graph: nx.DiGraph) -> str:
    def quoted(value: Any) -> str:
        text = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'

    def listed(attributes: dict[str, Any]) -> str:
        pairs = ", ".join(f"{key if key.isidentifier() else quoted(key)}={quoted(v)}" for key, v in attributes.items())
        return f" [{pairs}]" if pairs else ""

    lines = [f"  {quoted(node)}{listed(told)};" for node, told in graph.nodes(data=True)]
    lines += [f"  {quoted(cause)} -> {quoted(effect)}{listed(told)};" for cause, effect, told in graph.edges(data=True)]
    return "\n".join(["digraph {", *lines, "}"]) + "\n"


WRITERS: dict[str, Callable[[nx.DiGraph], str]] = {
    ".gml": _gml,
    ".graphml": _graphml,
    ".dot": _dot,
    ".gv": _dot,
    ".cyjs": _json,
    ".json": _json,
}

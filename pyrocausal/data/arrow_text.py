"""Graphs as arrows in text, the common part of DOT and DAGitty: ``dag { A -> B [probability=0.8]  B <- {C D} }``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from itertools import product

import networkx as nx

__all__ = ["parse_arrows"]

TOKEN = re.compile(
    r"""(?P<gap>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<quoted>"(?:\\.|[^"\\])*")
    |(?P<arrow><->|->|<-|--|@-@|@->|<-@|@--|--@)
    |(?P<sign>[{}\[\];,=])
    |(?P<name>(?:[^\W]|[.:+/*'()%&~!?^|\\]|-(?![->]))+)""",
    re.VERBOSE | re.DOTALL,
)
FORWARD, BACKWARD = "->", "<-"


def parse_arrows(text: str, where: str) -> nx.MultiDiGraph:
    """Read the nodes and arrows of DOT or DAGitty text, with the attributes of the arrows as text.

    Names may be quoted; groups in braces, chains of arrows, subgraphs and comments are understood, positions and other
    attributes of nodes are of no interest. What is between two variables but is no arrow from one to the other, such as
    `<->` or `--`, is left out with a warning.

    Parameters
    ----------
    text
        Such as "digraph { A -> B }".
    where
        What messages call it.

    Raises
    ------
    ValueError
        If it is no such text, or what it says cannot be read. The message says near what.

    Examples
    --------
    >>> sorted(parse_arrows("dag { A -> B <- C }", "the text").edges())
    [('A', 'B'), ('C', 'B')]
    """
    return _Reader(_tokens(text, where), where).graph


def _tokens(text: str, where: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"{where}: cannot read {text[place : place + 20]!r}; quote names with odd characters")
        place = match.end()
        kind = str(match.lastgroup)
        if kind == "quoted":
            found.append(("name", re.sub(r"\\(.)", r"\1", match[0][1:-1])))
        elif kind != "gap":
            found.append((kind, match[0]))
    return found


class _Reader:
    """Goes through tokens once; `graph` holds what they say."""

    def __init__(self, tokens: list[tuple[str, str]], where: str) -> None:
        self.tokens, self.where, self.place = tokens, where, 0
        self.graph: nx.MultiDiGraph = nx.MultiDiGraph()
        self.left_out: list[str] = []
        before = []
        while self._next()[1] != "{":
            before.append(self._take()[1])
        if [word for word in before if word.lower() == "graph"][:1] == before[:1] and before:
            raise ValueError(f"{where}: the graph is not directed; write digraph, and arrows from cause to effect")
        self._take()
        self._statements()
        if self.left_out:
            warnings.warn(
                f"{where}: {', '.join(self.left_out)} is no arrow from a cause to an effect, and is left out",
                RuntimeWarning,
                stacklevel=6,
            )

    def _next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise ValueError(f"{self.where}: expected a graph in braces, as in dag {{ A -> B }}, and it does not end")
        return self.tokens[self.place]

    def _take(self) -> tuple[str, str]:
        token = self._next()
        self.place += 1
        return token

    def _statements(self) -> list[str]:
        """Up to the closing brace; the nodes that occur."""
        nodes: list[str] = []
        while self._next()[1] != "}" or self._next()[0] == "name":
            if self._next()[1] in (";", ","):
                self._take()
            else:
                nodes += self._statement()
        self._take()
        return nodes

    def _statement(self) -> list[str]:
        """A chain of nodes or groups with arrows between them, or an attribute of the graph."""
        kind, word = self._next()
        following = self.tokens[self.place + 1 : self.place + 2]
        if kind == "name" and following == [("sign", "=")]:
            self.place += 3
            return []
        if kind == "name" and word.lower() in ("node", "edge", "graph") and following == [("sign", "[")]:
            self._take()
            self._attributes()
            return []
        group = self._group()
        nodes, links = [*group], []
        while self._next()[0] == "arrow":
            arrow = self._take()[1]
            other = self._group()
            links.append((group, arrow, other))
            nodes, group = [*nodes, *other], other
        attributes = self._attributes()
        for causes, arrow, effects in links:
            self._connect(causes, arrow, effects, attributes)
        return nodes

    def _group(self) -> list[str]:
        """One node, or several in braces."""
        kind, word = self._take()
        if kind == "name" and word.lower() == "subgraph":
            if self._next()[1] != "{":
                self._take()
            kind, word = self._take()
        if (kind, word) == ("sign", "{"):
            return self._statements()
        if kind != "name":
            raise ValueError(f"{self.where}: expected the name of a variable, found {word!r}")
        self.graph.add_node(word)
        return [word]

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._next() == ("sign", "["):
            self._take()
            while self._next() != ("sign", "]"):
                key = self._take()[1]
                if self._next() == ("sign", "="):
                    self._take()
                    found[key] = self._take()[1]
            self._take()
        return found

    def _connect(self, left: Iterable[str], arrow: str, right: Iterable[str], attributes: dict[str, str]) -> None:
        for one, other in product(left, right):
            if arrow == FORWARD:
                self.graph.add_edge(one, other, **attributes)
            elif arrow == BACKWARD:
                self.graph.add_edge(other, one, **attributes)
            else:
                self.left_out.append(f"{one} {arrow} {other}")

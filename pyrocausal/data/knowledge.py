"""What is known of the graph before any data: edges that are there, that cannot be, that are likely, and how many.

`Knowledge` holds it by the names of the variables, whoever said it: Python, a networkx graph or a file. The algorithm
takes it as beliefs that never move (`fixed_edges`), as prior log odds, and as a limit on the number of parents.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import networkx as nx
import torch

from pyrocausal.data.edge_constraints import Constraints, Edge, arrow, check_variables, edge_pairs, fixed_edges
from pyrocausal.data.graph_files import read_graph, told_by_graph
from pyrocausal.data.knowledge_files import read_knowledge
from pyrocausal.runtime.checked_settings import check, number, whole

__all__ = ["Knowledge"]


@dataclass(frozen=True)
class Knowledge:
    """What is known of a graph beforehand; edges are (cause, effect).

    Pieces are put together by `|`, as in `Knowledge(required=[("dose", "PKA")]) | Knowledge.from_file("tiers.csv")`.

    Parameters
    ----------
    required, forbidden
        Edges that are there, and edges that cannot be. A required edge excludes its reverse.
    probability
        How likely edges are, in [0, 1], say from the literature: p makes the odds of an edge p / (1 - p) times those of
        one of which nothing is known, whose price is against it (see `pyrocausal.evidence.joint_evidence`). So 0.9
        makes them nine times as large, 0.5 leaves them as they are, 0 forbids and 1 requires.
    tiers
        Groups of variables from the first to the last: nothing causes a variable of an earlier group. Variables in none
        are free.
    max_parents
        Direct causes that a variable may have. Settled graphs and draws keep to it, and so does `Chain.dag` of the
        three phases alone; their beliefs, which hold every edge for itself, keep to it only where required causes leave
        no room.

    Raises
    ------
    TypeError
        If something is no edge, no group of names or no number.
    ValueError
        If a probability is outside [0, 1], a variable causes itself or is in two tiers, or `max_parents` is negative.

    Examples
    --------
    >>> known = Knowledge(tiers=[["age"], ["dose"], ["PKA", "Raf"]], probability={("PKA", "Raf"): 0.9})
    >>> known.compile(["age", "dose", "PKA", "Raf"]).fixed[0]
    tensor([0., 0., 0., 0.])
    """

    required: Iterable[Edge] = ()
    forbidden: Iterable[Edge] = ()
    probability: Mapping[Edge, float] = field(default_factory=dict)
    tiers: Sequence[Sequence[str]] = ()
    max_parents: int | None = None

    def __post_init__(self) -> None:
        for name in ("required", "forbidden"):
            object.__setattr__(self, name, tuple(edge_pairs(name, getattr(self, name))))
        if not isinstance(self.probability, Mapping):
            raise TypeError(f"probability must map (cause, effect) to a number, got {self.probability!r}")
        edges = edge_pairs("probability", self.probability)
        for edge, value in zip(edges, self.probability.values(), strict=True):
            check(f"the probability of {arrow(edge)}", value, number(0, most=1))
        object.__setattr__(self, "probability", dict(zip(edges, map(float, self.probability.values()), strict=True)))
        groups = self.tiers if isinstance(self.tiers, Iterable) and not isinstance(self.tiers, str) else [self.tiers]
        if any(isinstance(tier, str) or not isinstance(tier, Iterable) for tier in groups):
            raise TypeError(f"tiers must be groups of names, as [['age'], ['dose', 'PKA']]; got {self.tiers!r}")
        object.__setattr__(self, "tiers", tuple(tuple(tier) for tier in self.tiers))
        placed: dict[str, int] = {}
        for place, name in ((place, name) for place, tier in enumerate(self.tiers) for name in tier):
            if placed.setdefault(name, place) != place:
                raise ValueError(f"{name!r} is in two tiers; leave it in one")
        check("max_parents", self.max_parents, whole(optional=True))

    def apart(self, names: Sequence[str], variables: Sequence[str], covariates: Sequence[str] = ()) -> Knowledge:
        """The same, and some of the variables, by `names`, are exposures of counts: neither causes nor effects.

        Nothing acts on `covariates`, which may be causes.

        Raises
        ------
        ValueError
            If an edge from or to an exposure, or one to a covariate, is required or likely.
        """
        known = self._without_causes(covariates, variables)
        return known._without_edges(names, variables)

    def _without_causes(self, covariates: Sequence[str], variables: Sequence[str]) -> Knowledge:
        if not covariates:
            return self
        for edge in (*self.required, *(edge for edge, value in self.probability.items() if value)):
            if edge[1] in covariates:
                raise ValueError(
                    f"the edge {arrow(edge)} cannot be: {edge[1]!r} is a covariate, on which nothing acts; drop the "
                    f"edge, or take {edge[1]!r} out of the covariates"
                )
        into = [(other, each) for each in covariates for other in variables if other != each]
        return self | Knowledge(forbidden=[edge for edge in into if edge not in self.probability])

    def _without_edges(self, names: Sequence[str], variables: Sequence[str]) -> Knowledge:
        if not names:
            return self
        for edge in (*self.required, *(edge for edge, value in self.probability.items() if value)):
            if held := [each for each in names if each in edge]:
                raise ValueError(
                    f"the edge {arrow(edge)} cannot be: {held[0]!r} is the exposure of counts, neither cause nor "
                    "effect of anything; drop the edge, or take the exposure out of the counts' kinds"
                )
        pairs = [(each, other) for each in names for other in variables if other != each]
        apart = dict.fromkeys([*pairs, *((effect, cause) for cause, effect in pairs)])
        impossible = [edge for edge in apart if edge not in self.probability]  # those have a probability of 0
        return self | Knowledge(forbidden=impossible)

    @classmethod
    def from_graph(cls, graph: nx.DiGraph, *, complete: bool = False) -> Knowledge:
        """Take a graph's edges as required, those with an attribute "probability" as so likely.

        Parameters
        ----------
        graph
            Its nodes are names of variables, its edges go from cause to effect; a DiGraph, or a MultiDiGraph whose
            parallel edges say the same. A probability may be a text, such as "0.8".
        complete
            Whether the graph has all edges between its nodes, so that any other between them is forbidden.

        Raises
        ------
        TypeError
            If the graph is not directed.
        ValueError
            If parallel edges have different probabilities, or one is no number.

        Examples
        --------
        >>> Knowledge.from_graph(nx.MultiDiGraph([("A", "B", {"probability": "0.8"})])).probability
        {('A', 'B'): 0.8}
        """
        required, likely = told_by_graph(graph)
        absent = [pair for pair in product(graph, repeat=2) if pair[0] != pair[1] and not graph.has_edge(*pair)]
        return cls(required=required, forbidden=absent if complete else (), probability=likely)

    @classmethod
    def from_file(cls, path: str | Path) -> Knowledge:
        """Read edges or tiers from a file that people or other tools write; its suffix says which form it has.

        - Delimited text (any other suffix than these below): edges in the columns `cause`, `effect` and, if wanted,
          `probability`: 1 requires an edge, 0 forbids it, an empty cell or no such column requires it. Without a header
          these are the two or three columns in this order. Tiers have the columns `variable` and `tier`, a number;
          lower ones come first.
        - Graphs, GML (.gml), GraphML (.graphml), DOT (.dot, .gv) and DAGitty (.dagitty, or a .txt that begins with
          `dag {`): edges as in :meth:`from_graph`. What is no arrow, such as `A <-> B`, is left out with a warning.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError
            If a graph is not directed.
        ValueError
            If the file has other columns, an empty name, an edge twice, or something that is no number, or is no graph
            of its form.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "known.dagitty"
        ...     _ = path.write_text("dag { A -> B  B <- C }")
        ...     Knowledge.from_file(path).required
        (('A', 'B'), ('C', 'B'))
        """
        graph = read_graph(path)
        return cls(**read_knowledge(path)) if graph is None else cls.from_graph(graph)

    def __or__(self, other: Knowledge) -> Knowledge:
        """Both pieces of knowledge.

        Raises
        ------
        ValueError
            If they give an edge two probabilities, or both have tiers.
        """
        if not isinstance(other, Knowledge):
            return NotImplemented
        for edge in self.probability.keys() & other.probability.keys():
            if self.probability[edge] != other.probability[edge]:
                one, two = self.probability[edge], other.probability[edge]
                raise ValueError(f"the edge {arrow(edge)} is given the probabilities {one:g} and {two:g}; drop one")
        if self.tiers and other.tiers:
            raise ValueError("tiers are given twice; put them in one list, since groups of two lists have no order")
        limits = [most for most in (self.max_parents, other.max_parents) if most is not None]
        return Knowledge(
            required=dict.fromkeys((*self.required, *other.required)),
            forbidden=dict.fromkeys((*self.forbidden, *other.forbidden)),
            probability={**self.probability, **other.probability},
            tiers=self.tiers or other.tiers,
            max_parents=min(limits, default=None),
        )

    def compile(self, names: Sequence[str]) -> Constraints:
        """For variables in their order.

        Parameters
        ----------
        names
            The variables, length d.

        Returns
        -------
        Constraints

        Raises
        ------
        ValueError
            If a name is unknown, or pieces contradict each other: an edge is both required and forbidden, tiers forbid
            a required or likely edge, required edges form a cycle, a variable has more required causes than allowed, or
            as many as allowed and a likely one besides.
        """
        place = {name: number for number, tier in enumerate(self.tiers) for name in tier}
        check_variables("tiers", place, names)
        required = [*self.required, *(edge for edge, value in self.probability.items() if value == 1)]
        forbidden = [*self.forbidden, *(edge for edge, value in self.probability.items() if value == 0)]
        likely = {edge: value for edge, value in self.probability.items() if 0 < value < 1}
        check_variables("probability", (name for edge in likely for name in edge), names)
        for cause, effect in likely:
            for word, edges in (("required", required), ("forbidden", forbidden)):
                if (cause, effect) in edges:
                    raise ValueError(f"{cause} -> {effect} is {word} and has a probability too; drop one of the two")
            if (effect, cause) in required:
                raise ValueError(f"{cause} -> {effect} has a probability although {effect} -> {cause} is required")
        for edge in (*required, *likely):
            if all(name in place for name in edge) and place[edge[0]] > place[edge[1]]:
                raise ValueError(
                    f"the edge {arrow(edge)} goes from tier {place[edge[0]] + 1} back to tier {place[edge[1]] + 1}; "
                    "drop the edge or mend the tiers"
                )
        backward = [(cause, effect) for cause, effect in product(place, repeat=2) if place[cause] > place[effect]]
        fixed = fixed_edges(names, required, [*forbidden, *backward])
        if self.max_parents is not None:
            self._fill(fixed, names, likely)
        log_odds = torch.zeros_like(fixed)
        index = {name: i for i, name in enumerate(names)}
        for (cause, effect), value in likely.items():
            log_odds[index[effect], index[cause]] = math.log(value) - math.log1p(-value)
        return Constraints(fixed, log_odds, self.max_parents)

    def _fill(self, fixed: torch.Tensor, names: Sequence[str], likely: Iterable[Edge]) -> None:
        """Forbid, in place, further causes of variables whose required ones are as many as are allowed."""
        for i, causes in enumerate((fixed == 1).sum(1).tolist()):
            told = f"{names[i]!r} has {causes} required causes"
            if causes > self.max_parents:
                raise ValueError(f"{told}, more than max_parents = {self.max_parents}")
            if causes == self.max_parents:
                if more := [cause for cause, effect in likely if effect == names[i]]:
                    raise ValueError(
                        f"{told}, as many as max_parents = {self.max_parents} allows, and {more[0]} -> {names[i]} is "
                        "given a probability; drop it or raise max_parents"
                    )
                fixed[i][fixed[i].isnan()] = 0.0

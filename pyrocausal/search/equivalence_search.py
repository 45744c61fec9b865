"""Greedy search over classes of graphs that observation cannot tell apart, where few variables were hit.

A climb over DAGs has to guess the direction of every edge that it adds, and a wrong guess asks for further edges. Here
an edge is added to a class, in which it has a direction only where observation gives it one: first edges that gain, the
best first, and then those go that do not. In the limit of many rows that finds the true class ([1]_). Operators are
those of Chickering; they concern few variables, so that after each of them few are looked at anew.

Vocabulary: d variables. An operator on an effect y: its edge with x, and k, the neighbours of y that come before it.

References
----------
.. [1] D. M. Chickering, "Optimal structure identification with greedy search", 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import torch

from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.family_worths import FamilyWorths
from pyrocausal.model.mechanisms import Family
from pyrocausal.search.equivalence import Completed

__all__ = ["search_classes"]

TRIED = 32  # further causes of a variable that are weighed, those that the screen likes best
NEIGHBOURS = 8  # of a variable, of which some are tried as its causes
LEAST_GAIN = 1e-6  # nats


class _Operator(NamedTuple):
    gain: float
    effect: int
    other: int
    before: frozenset[int]


Operators: TypeAlias = Callable[[Iterable[int]], dict[int, list[_Operator]]]


def search_classes(
    local: FamilyWorths,
    screen: CauseScreen,
    free: torch.Tensor,
    early: Sequence[float],
    max_parents: int | None = None,
) -> torch.Tensor:
    """Search from no edge.

    Parameters
    ----------
    local
        What is climbed.
    screen
        Says which edges are worth a try.
    free
        Edges that may be there, boolean, shape [d, d] (effect, cause).
    early
        A number for every variable: where observation leaves a direction open, from less to more.
    max_parents
        Parents that a variable may get; None: any number.

    Returns
    -------
    torch.Tensor
        A DAG of the class, without edges that may not be there; boolean, shape [d, d].
    """
    search = _Search(local, screen, free, len(free) if max_parents is None else max_parents)
    search.run(search.additions, add=True)
    search.run(search.removals, add=False)
    found = torch.zeros_like(free)
    for i, parents in enumerate(search.graph.member(early)):
        found[i, list(parents)] = True
    return found & free


class _Search:
    def __init__(self, local: FamilyWorths, screen: CauseScreen, free: torch.Tensor, most: int) -> None:
        self.local, self.screen, self.most = local, screen, most
        self.may = free | free.t()
        self.d = len(free)
        self.graph = Completed([()] * self.d)

    def run(self, look: Operators, *, add: bool) -> None:
        """Make operators that gain until there is none."""
        found: dict[int, list[_Operator]] = {}
        stale = set(range(self.d))
        while True:
            found |= look(stale)
            stale = set()
            operators = sorted((each for some in found.values() for each in some), key=lambda each: -each.gain)
            for operator in operators:
                if operator.effect in stale or operator.other in stale or not self._valid(operator, add):
                    continue
                stale |= self._make(operator, add)
            if not stale:
                return

    # ------------------------------------------------------------------ operators
    def additions(self, effects: Iterable[int]) -> dict[int, list[_Operator]]:
        """Edges that gain if they are added, by their effects."""
        graph = self.graph
        asked = [(y, k) for y in effects for k in self._cliques(graph.neighbours[y])]
        asked = [(y, k) for y, k in asked if len(graph.parents[y]) + len(k) < self.most]
        if not asked:
            return {y: [] for y in effects}
        families = [(y, tuple(sorted(graph.parents[y] | k))) for y, k in asked]
        tried: list[tuple[int, frozenset[int], int, Family, Family]] = []
        for (y, k), family, gains in zip(asked, families, self.screen.gains(families), strict=True):
            value, place = torch.where(self.may[y], gains, -torch.inf).topk(min(self.d, TRIED + len(graph.all_near(y))))
            likely = [x for x in place[value > -torch.inf].tolist() if not graph.adjacent(x, y)]
            for x in likely[:TRIED]:
                if {j for j in graph.neighbours[y] if graph.adjacent(j, x)} <= k:
                    tried.append((y, k, x, family, (y, tuple(sorted((*family[1], x))))))
        return self._weighed(effects, tried)

    def removals(self, effects: Iterable[int]) -> dict[int, list[_Operator]]:
        """Edges that gain if they go, by their effects."""
        graph, tried = self.graph, list[tuple[int, frozenset[int], int, Family, Family]]()
        for y in effects:
            for x in graph.parents[y] | graph.neighbours[y]:
                common = {j for j in graph.neighbours[y] if j != x and graph.adjacent(j, x)}
                for k in self._cliques(common):
                    rest = (graph.parents[y] | k) - {x}
                    tried.append((y, k, x, (y, tuple(sorted(rest | {x}))), (y, tuple(sorted(rest)))))
        return self._weighed(effects, tried)

    def _weighed(
        self, effects: Iterable[int], tried: Sequence[tuple[int, frozenset[int], int, Family, Family]]
    ) -> dict[int, list[_Operator]]:
        self.local.prepare(family for *_, now, then in tried for family in (now, then))
        found: dict[int, list[_Operator]] = {y: [] for y in effects}
        for y, k, x, now, then in tried:
            if (gain := self.local.worth(then) - self.local.worth(now)) > LEAST_GAIN:
                found[y].append(_Operator(gain, y, x, k))
        return found

    def _cliques(self, some: Iterable[int]) -> list[frozenset[int]]:
        """Of some variables none, each, and every two that have an edge."""
        some = sorted(some)[:NEIGHBOURS]
        pairs = [frozenset(pair) for pair in combinations(some, 2) if self.graph.adjacent(*pair)]
        return [frozenset(), *(frozenset([each]) for each in some), *pairs]

    def _valid(self, operator: _Operator, add: bool) -> bool:
        """Whether a class has a DAG for an operator, as it may have had no more since it was found."""
        graph, (_, y, x, k) = self.graph, operator
        if add:
            common = {j for j in graph.neighbours[y] if graph.adjacent(j, x)}
            if graph.adjacent(x, y) or not common <= k <= graph.neighbours[y] or not graph.clique(k):
                return False
            return not graph.semi_directed(y, x, set(k))
        if x not in graph.parents[y] | graph.neighbours[y]:
            return False
        common = {j for j in graph.neighbours[y] if j != x and graph.adjacent(j, x)}
        return k <= common and graph.clique(k)

    def _make(self, operator: _Operator, add: bool) -> set[int]:
        """Make an operator; the variables whose operators may be others now."""
        before, (_, y, x, k) = self.graph, operator
        first = [*sorted(k), *([x] if x in before.neighbours[y] else []), y]
        parents = [set(each) for each in before.member([0.0] * self.d, first)]
        if add:
            parents[y].add(x)
        else:
            parents[y].discard(x)
        self.graph = after = Completed(parents)
        changed = {
            i for i in range(self.d)
            if before.parents[i] != after.parents[i] or before.neighbours[i] != after.neighbours[i]
        }  # fmt: skip
        return changed | {x, y} | after.all_near(x) | after.all_near(y)

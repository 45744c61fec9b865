"""Graphs that observation alone cannot tell apart, as one graph some of whose edges have no direction.

All DAGs with the same adjacent pairs and the same colliders are Markov equivalent. Their completed graph has a
direction where all of them agree. Its edges without one fall into components, in each of which any variable may come
first.

Vocabulary: d variables.

References
----------
D. M. Chickering, "Optimal structure identification with greedy search", 2002. C. Meek, "Causal inference and causal
explanation with background knowledge", 1995. A. Hauser, P. Buehlmann, "Characterization and greedy learning of
interventional Markov equivalence classes of directed acyclic graphs", 2012.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Completed"]

Parents = Sequence[Iterable[int]]


class Completed:
    """The completed graph of the DAGs that are equivalent to one.

    Parameters
    ----------
    parents
        Of every variable of a DAG, length d.
    directed
        Edges (cause, effect) of it whose direction is told otherwise, as interventions do: the graph is then that of
        the DAGs that these do not tell apart either (Hauser and Buehlmann 2012).

    Attributes
    ----------
    parents, children, neighbours
        Of every variable: causes and effects in all of these DAGs, and others that it has an edge with.
    """

    def __init__(self, parents: Parents, directed: Iterable[tuple[int, int]] = ()) -> None:
        of = [set(each) for each in parents]
        self.parents: list[set[int]] = [set() for _ in of]
        self.children: list[set[int]] = [set() for _ in of]
        self.neighbours: list[set[int]] = [set() for _ in of]
        for i, each in enumerate(of):
            for j in each:
                self.neighbours[i].add(j)
                self.neighbours[j].add(i)
        open_ = [edge for edge in directed if self._direct(*edge)]
        for i, each in enumerate(of):
            for j in each:
                if any(k != j and not self.adjacent(j, k) for k in each) and self._direct(j, i):
                    open_.append((j, i))
        self._follow(open_)

    def adjacent(self, i: int, j: int) -> bool:
        """Whether two variables have an edge."""
        return j in self.neighbours[i] or j in self.parents[i] or j in self.children[i]

    def all_near(self, i: int) -> set[int]:
        """Variables that one has an edge with."""
        return self.neighbours[i] | self.parents[i] | self.children[i]

    def _direct(self, cause: int, effect: int) -> bool:
        """Give an edge its direction, if it has none yet."""
        if cause not in self.neighbours[effect]:
            return False
        self.neighbours[effect].discard(cause)
        self.neighbours[cause].discard(effect)
        self.parents[effect].add(cause)
        self.children[cause].add(effect)
        return True

    def _follow(self, open_: list[tuple[int, int]]) -> None:
        """Directions that follow from others: no further collider, no cycle (Meek's first three rules)."""
        while open_:
            a, b = open_.pop()
            for c in list(self.neighbours[b]):
                if c != a and not self.adjacent(a, c) and self._direct(b, c):  # a -> b - c
                    open_.append((b, c))
            for c in list(self.neighbours[a] & self.children[b]):  # a -> b -> c, a - c
                if self._direct(a, c):
                    open_.append((a, c))
            for c in list(self.neighbours[b] & self.parents[a]):  # c -> a -> b, c - b
                if self._direct(c, b):
                    open_.append((c, b))
            for c in list(self.neighbours[b]):  # c - b, c - a, c - e, a -> b <- e
                for e in self.parents[b] - {a}:
                    if {a, e} <= self.neighbours[c] and not self.adjacent(a, e) and self._direct(c, b):
                        open_.append((c, b))

    def semi_directed(self, start: int, end: int, around: set[int]) -> bool:
        """Whether a path leads from a variable to another, against no direction and through none of some others."""
        seen, open_ = {start}, [start]
        while open_:
            i = open_.pop()
            if i == end:
                return True
            for j in self.neighbours[i] | self.children[i]:
                if j not in seen and j not in around:
                    seen.add(j)
                    open_.append(j)
        return False

    def clique(self, some: Iterable[int]) -> bool:
        """Whether every two of some variables have an edge."""
        some = list(some)
        return all(self.adjacent(i, j) for k, i in enumerate(some) for j in some[:k])

    def member(self, early: Sequence[float], first: Sequence[int] = ()) -> list[tuple[int, ...]]:
        """Parents in one of the DAGs, in which variables that are early come before the others where they may.

        Parameters
        ----------
        early
            A number for every variable: in every component the one with the least comes first, and of those that might
            come next too.
        first
            Variables of one component every two of which have an edge, to come first and in this order.
        """
        found = [set(each) for each in self.parents]
        place: dict[int, int] = {}
        starts = sorted((i for i, near in enumerate(self.neighbours) if near), key=lambda i: early[i])
        wanted = [i for i in first if self.neighbours[i]]
        for start in [*wanted[:1], *starts]:
            if start in place:
                continue
            seen = {start: 0}  # how many neighbours have a place: the most comes next, so that no collider follows
            while seen:
                if wanted:
                    i = wanted.pop(0)
                    seen.pop(i, None)
                else:
                    i = max(seen, key=lambda k: (seen[k], -early[k]))
                    del seen[i]
                place[i] = len(place)
                for j in self.neighbours[i]:
                    if j in place:
                        found[i].add(j)
                    else:
                        seen[j] = seen.get(j, 0) + 1
        return [tuple(sorted(each)) for each in found]

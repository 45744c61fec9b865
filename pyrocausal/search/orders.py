"""A walk over orders of the variables: the best parents under an order, and variables moved while evidence grows.

Greedy climbs over graphs end far from the best graph where edges are many. Under an order no cycle is to be feared, so
every variable chooses its parents among those before it for itself, and a move of one variable changes many edges at
once ([1]_). The walk begins at an order that the regimes suggest: who changes in few of them comes first.

Each variable counts as hit or not for itself here, whatever is believed of several targets, so that evidence is a sum
over variables.

References
----------
.. [1] M. Teyssier, D. Koller, "Ordering-based search: a simple and effective algorithm for learning Bayesian networks",
   UAI 2005.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import parents_of
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.search.moves import closure
from pyrocausal.search.so_far import SoFar

__all__ = ["first_order", "order_by", "walk_over_orders"]

STEPS = -1, 1, -2, 2, -4, 4  # places that a variable is moved by
NEAR = -1, 1  # likewise where a graph is known to begin with
LEAST_GAIN = 1e-6  # nats


def first_order(evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor) -> list[int]:
    """Variables by the number of regimes in which their distribution changes, parents that are given before children.

    Parameters
    ----------
    evidence
        Joint evidence in which a regime may have several targets.
    dag, free
        A DAG and the edges that may change, boolean, shape [d, d] (effect, cause): the other edges of it are given.
    """
    changed = evidence.each(torch.zeros_like(dag)).odds > 0  # [d, R]
    return order_by((changed | (evidence.hit & ~evidence.known[:, None]).t()).sum(1).tolist(), dag & ~free)


def order_by(size: Sequence[float], given: torch.Tensor) -> list[int]:
    """Variables by size [d], the least first, but parents that are given, boolean [d, d], before children."""
    order = list[int]()
    while len(order) < len(given):
        ready = [i for i in range(len(given)) if i not in order and set(parents_of(given[i])) <= set(order)]
        order.append(min(ready, key=lambda i: size[i]))
    return order


def walk_over_orders(
    evidence: JointEvidence,
    order: Sequence[int],
    dag: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None = None,
    so_far: SoFar | None = None,
    begin: torch.Tensor | None = None,
) -> torch.Tensor:
    """Walk from an order until no variable finds a better place.

    Parameters
    ----------
    evidence
        Joint evidence in which a regime may have several targets.
    order
        Where to begin; parents that are given come before children.
    dag, free
        A DAG and the edges that may change, boolean, shape [d, d] (effect, cause): the other edges of it are given.
    max_parents
        Parents that a variable may get; None: any number.
    so_far
        Is offered the graphs on the way; None: nobody is.
    begin
        A graph to begin with, of this order, boolean, shape [d, d], which is only bettered nearby; None: no edges.

    Returns
    -------
    torch.Tensor
        The best parents under the last order, boolean, shape [d, d].
    """
    walk = _Walk(evidence, dag & ~free, free, max_parents, so_far)
    order, steps = list(order), STEPS if begin is None else NEAR
    known = {} if begin is None else {i: frozenset(parents_of(row)) for i, row in enumerate(begin)}
    found = walk.select({i: set(order[:place]) for place, i in enumerate(order)}, known)
    moved = True
    while moved:
        moved = False
        for i in list(order):
            here = order.index(i)
            for there in (here + step for step in steps):
                if not 0 <= there < len(order):
                    continue
                tried = [j for j in order if j != i]
                tried.insert(there, i)
                low, high = min(here, there), max(here, there) + 1
                among = {tried[place]: set(tried[:place]) for place in range(low, high)}
                if not walk.allows(among):
                    continue
                better = walk.select(among, found)
                if sum(walk.worth(j, better[j]) - walk.worth(j, found[j]) for j in among) > LEAST_GAIN:
                    order, found, moved = tried, found | better, True
                    walk.offer(found)
                    break
    return walk.graph(found)


class _Walk:
    """Best parents of variables among some."""

    def __init__(
        self,
        evidence: JointEvidence,
        given: torch.Tensor,
        free: torch.Tensor,
        max_parents: int | None,
        so_far: SoFar | None,
    ) -> None:
        self.evidence, self.so_far = evidence, so_far
        self.given = [frozenset(parents_of(row)) for row in given]
        self.free = [frozenset(parents_of(row)) for row in free]
        self.most = len(given) if max_parents is None else max_parents
        self._worth: dict[tuple[int, frozenset[int]], float] = {}

    def allows(self, before: Mapping[int, set[int]]) -> bool:
        """Whether all parents that are given come before their children."""
        return all(self.given[i] <= first for i, first in before.items())

    def select(self, before: Mapping[int, set[int]], found: Mapping[int, frozenset[int]]) -> dict[int, frozenset[int]]:
        """The best parents of some variables among those before each, one edge at a time from those found so far."""
        parents = {i: (found.get(i, frozenset()) & first) | self.given[i] for i, first in before.items()}
        open_ = set(before)
        while open_:
            checkpoint()
            tried = {i: self._around(i, parents[i], before[i]) for i in open_}
            self._weigh((i, each) for i in open_ for each in (parents[i], *tried[i]))
            for i in sorted(open_):
                best = max(tried[i], key=lambda each: self.worth(i, each), default=parents[i])
                if self.worth(i, best) - self.worth(i, parents[i]) > LEAST_GAIN:
                    parents[i] = best
                else:
                    open_.remove(i)
            if len(parents) == len(self.given):  # all variables, at the very beginning
                self.offer(parents)
        return parents

    def graph(self, found: Mapping[int, frozenset[int]]) -> torch.Tensor:
        """Parents of all variables as a graph, boolean, shape [d, d]."""
        graph = torch.zeros(len(found), len(found), dtype=torch.bool)
        for i, parents in found.items():
            graph[i, sorted(parents)] = True
        return graph

    def offer(self, found: Mapping[int, frozenset[int]]) -> None:
        """Offer a graph to who keeps the best one."""
        if self.so_far is not None:
            value = sum(self.worth(i, parents) for i, parents in found.items())
            self.so_far.offer(value, self.evidence, self.graph(found), partial(self._believed, dict(found)))

    def _believed(self, found: Mapping[int, frozenset[int]]) -> torch.Tensor:
        """Probability of every edge while the rest stands still, [d, d]; of those that were not weighed 0 or 1."""
        graph = self.graph(found)
        belief, odds, reach = graph.float(), torch.zeros(graph.shape), closure(graph)
        for i, parents in found.items():
            for j in self.free[i]:
                if (other := self._worth.get((i, parents ^ {j}))) is None:
                    continue
                gain = torch.tensor(other - self.worth(i, parents))
                if j in parents:
                    belief[i, j] = (-gain).sigmoid()
                elif not reach[j, i]:  # it would close no cycle
                    odds[i, j] = gain.clamp(max=30.0).exp()
        return torch.where(graph, belief, odds / (1 + odds + odds.t()))

    def _around(self, i: int, parents: frozenset[int], before: set[int]) -> list[frozenset[int]]:
        tried = [parents ^ {j} for j in sorted(before & self.free[i])]
        return [each for each in tried if len(each) <= self.most or len(each) < len(parents)]

    def worth(self, i: int, parents: frozenset[int]) -> float:
        """Evidence of a variable given some parents, nats."""
        return self._worth[i, parents]

    def _weigh(self, families: Iterable[tuple[int, frozenset[int]]]) -> None:
        missing = [(i, parents) for i, parents in families if (i, parents) not in self._worth]
        self.evidence.prepare((i, tuple(sorted(parents))) for i, parents in missing)
        d = len(self.given)
        for i, parents in missing:
            row = torch.zeros(1, d, dtype=torch.bool)
            row[0, sorted(parents)] = True
            terms = self.evidence.terms(i, row)
            price = float(self.evidence.price[i, sorted(parents)].sum())
            self._worth[i, parents] = float(terms.old.sum() + terms.observational.sum()) - price

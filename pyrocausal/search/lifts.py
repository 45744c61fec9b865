"""Moves of several edges: a variable is lifted above some of its parents, or sinks below some of its children.

Edges among variables that determine each other may all point the wrong way, as those of a clique do whose last variable
is the first one in truth; then every single reversal loses. A variable is lifted above the last of its parents, in an
order that the graph allows, so that no cycle can close, and each of these becomes a child if that gains. It sinks below
several children at once where a regime speaks against the mechanisms of all of them, as it does where it hits their
supposed cause and they do not follow. Only what the variable itself is then is new to be asked.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import Terms, parents_of
from pyrocausal.search.moves import within

__all__ = ["best_lift", "best_sink"]

AGAINST = 10.0  # nats by which a regime speaks against a mechanism


def best_lift(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    base: Terms,
    other: Terms,
    max_parents: int | None,
    least: float,
) -> list[tuple[int, int]]:
    """The lift that gains most, as edges to toggle; nothing where none gains.

    Parameters
    ----------
    evidence
        Joint evidence.
    dag
        Boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    base, other
        Terms of the parents as they are [d, ...] and with each entry toggled [d, d, ...], see `terms_around`.
    max_parents
        Parents that a variable may get; None: any number.
    least
        Nats that it has to gain.
    """
    lifts = [(u, below) for u in range(len(dag)) for below in _above(dag, free, u)]
    rows = [dag[u] & ~_row(len(dag), below) for u, below in lifts]
    evidence.prepare((u, parents_of(row)) for (u, _), row in zip(lifts, rows, strict=True))
    may, best, found = within(free, dag, max_parents), least, list[tuple[int, int]]()
    now = evidence.total(base)
    for (u, below), row in zip(lifts, rows, strict=True):
        terms = Terms(*(part.clone() for part in base))
        _put(terms, u, Terms(*(part[0] for part in evidence.terms(u, row[None]))))
        edges, gain = [(u, j) for j in below], evidence.total(terms) - now + float(evidence.price[u, below].sum())
        for j in below:
            if not (may[j, u] and evidence.promising(j, dag[j])[u]):
                continue
            tried = Terms(*(part.clone() for part in terms))
            _put(tried, j, Terms(*(part[j, u] for part in other)))
            more = evidence.total(tried) - evidence.total(terms) - float(evidence.price[j, u])
            if more > 0:
                terms, gain, edges = tried, gain + more, [*edges, (j, u)]
        if gain > best:
            best, found = gain, edges
    return found


def best_sink(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    base: Terms,
    other: Terms,
    max_parents: int | None,
    least: float,
) -> list[tuple[int, int]]:
    """The sinking that gains most, as edges to toggle; nothing where none gains. See `best_lift`."""
    sinks, most = list[tuple[int, list[int]]](), len(dag) if max_parents is None else max_parents
    against = base.odds > AGAINST  # [d, R]
    for u in range(len(dag)):
        children = _below(dag, free, u)
        for told in {tuple(column) for column in against.t().tolist()}:
            last = max((k for k, j in enumerate(children) if told[j]), default=-1)
            some = children[: last + 1]
            if sum(told[j] for j in some) > 1 and (u, some) not in sinks and int(dag[u].sum()) + len(some) <= most:
                sinks.append((u, some))
    rows = [dag[u] | _row(len(dag), above) for u, above in sinks]
    evidence.prepare((u, parents_of(row)) for (u, _), row in zip(sinks, rows, strict=True))
    best, found, now = least, list[tuple[int, int]](), evidence.total(base)
    for (u, above), row in zip(sinks, rows, strict=True):
        terms = Terms(*(part.clone() for part in base))
        _put(terms, u, Terms(*(part[0] for part in evidence.terms(u, row[None]))))
        for j in above:
            _put(terms, j, Terms(*(part[j, u] for part in other)))
        saved = float((evidence.price[above, u] - evidence.price[u, above]).sum())
        if (gain := evidence.total(terms) - now + saved) > best:
            best, found = gain, [edge for j in above for edge in ((u, j), (j, u))]
    return found


def _below(dag: torch.Tensor, free: torch.Tensor, u: int) -> list[int]:
    """Children below which a variable might sink, the first ones in order, until one must stay."""
    first = [j for j in _order(dag) if dag[j, u]]
    stays = next((k for k, j in enumerate(first) if not (free[u, j] and free[j, u])), len(first))
    return first[:stays]


def _order(dag: torch.Tensor) -> list[int]:
    """Variables in an order that the graph allows."""
    return list(nx.lexicographical_topological_sort(nx.from_numpy_array(dag.t().numpy(), create_using=nx.DiGraph)))


def _above(dag: torch.Tensor, free: torch.Tensor, u: int) -> list[list[int]]:
    """Parents above which a variable might be lifted: the last two in order, three and so on, until one must stay."""
    last = [j for j in reversed(_order(dag)) if dag[u, j]]
    stays = next((k for k, j in enumerate(last) if not free[u, j]), len(last))
    return [last[:k] for k in range(2, stays + 1)]


def _row(d: int, members: Sequence[int]) -> torch.Tensor:
    found = torch.zeros(d, dtype=torch.bool)
    found[list(members)] = True
    return found


def _put(terms: Terms, i: int, mine: Terms) -> None:
    for part, each in zip(terms, mine, strict=True):
        part[i] = each

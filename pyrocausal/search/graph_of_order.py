"""A graph of an order, by fits that are exact, to begin with where closed forms misfit.

Each variable chooses its parents among those before it. All that promise notable gains come at once, if a fit with them
predicts better, or else the better half of them, and so on; then those that seem to be worth least go in the same way.
To begin with all and leave out takes longer and ends worse, for a fit of many parents is seldom a good one.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import parents_of

__all__ = ["graph_of_order"]

SHARE = 0.3  # of what the best further parent promises, that others have to


def graph_of_order(
    evidence: PredictiveEvidence,
    order: Sequence[int],
    given: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None = None,
) -> torch.Tensor:
    """Parents among the variables before each, boolean, shape [d, d] (effect, cause).

    Parameters
    ----------
    evidence
        In which every mechanism is fitted exactly.
    order
        All variables.
    given, free
        Edges that are there, and edges that may be, boolean, shape [d, d].
    max_parents
        Parents that a variable may get; None: any number.
    """
    most = len(order) if max_parents is None else max_parents
    before = {i: {j for j in order[:place] if free[i, j] and not given[i, j]} for place, i in enumerate(order)}
    parents = {i: parents_of(given[i]) for i in order}

    def come(i: int) -> list[int]:
        gains = evidence.promises((i, parents[i])).tolist()
        open_ = before[i] - set(parents[i])
        least = SHARE * max((gains[j] for j in open_), default=0.0)
        found = [j for j in open_ if gains[j] > max(least, float(evidence.price[i, j]))]
        return sorted(found, key=lambda j: -gains[j])[: max(most - len(parents[i]), 0)]

    def go(i: int) -> list[int]:
        needed = dict(zip(parents[i], evidence.needed((i, parents[i])).tolist(), strict=True))
        open_ = sorted(before[i] & set(parents[i]), key=lambda j: needed[j])
        return open_[: (len(open_) + 1) // 2]

    for propose in (come, go):
        _toggle(evidence, parents, propose)
    graph = torch.zeros_like(given)
    for i, some in parents.items():
        graph[i, list(some)] = True
    return graph


def _toggle(
    evidence: PredictiveEvidence, parents: dict[int, tuple[int, ...]], propose: Callable[[int], list[int]]
) -> None:
    """Change parents of variables as is proposed, the best first, as long as that predicts better, price paid."""
    evidence.prepare(parents.items())
    changed = {i: propose(i) for i in parents}
    while open_ := [i for i in parents if changed[i]]:
        tried = {i: tuple(sorted({*parents[i]} ^ {*changed[i]})) for i in open_}
        evidence.prepare(tried.items())
        for i in open_:
            if _worth(evidence, i, tried[i]) > _worth(evidence, i, parents[i]):
                parents[i] = tried[i]
                changed[i] = propose(i)
            else:
                changed[i] = changed[i][: len(changed[i]) // 2]


def _worth(evidence: PredictiveEvidence, i: int, parents: tuple[int, ...]) -> float:
    return evidence.predicted((i, parents)) - float(evidence.price[i, list(parents)].sum())

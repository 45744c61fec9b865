"""A graph that regimes suggest, to begin with where closed forms misfit, and with them what they find.

Whoever is hit changes, and so does whoever lies below. So variables that change in few regimes come before those that
change in many, and in every regime the first of those that change was hit, if one was hit alone. With that each
variable has all before it for its parents to begin with. The half that seems to be worth least is left out, as long as
a fit without it predicts no worse, or else half of that half, and so on.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part
from pyrocausal.evidence.changed_tables import CHANGED, changes
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.search.orders import order_by

__all__ = ["graph_of_order", "order_and_targets"]


def order_and_targets(
    kinds: Sequence[Kind], parts: Sequence[Part], targets: TargetKnowledge, given: torch.Tensor
) -> tuple[list[int], torch.Tensor]:
    """An order of the variables, and who was hit in every regime, where one at the most was.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, encoded, the observational one last; on the CPU.
    targets
        What is known of targets.
    given
        Edges that are given, boolean, shape [d, d] (effect, cause): causes come before effects.

    Returns
    -------
    tuple
        The order, and boolean, shape [R, d].
    """
    gains = changes(kinds, parts)
    changed = (gains > CHANGED) & (targets.prior.log_odds.cpu() > -torch.inf) | targets.hit.cpu()
    most = gains.clamp(min=0.0).sum(0)
    order = order_by((changed.sum(0) + most / (most.max() + 1.0)).tolist(), given)
    place = torch.tensor(order).argsort()
    first = torch.where(changed, place, len(order)).argmin(1)
    found = torch.nn.functional.one_hot(first, len(order)).bool() & changed
    told = targets.known | targets.hit.any(1)
    return order, torch.where(told.cpu()[:, None], targets.hit.cpu(), found)


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
    may = [given[i] | free[i] for i in range(len(order))]
    parents = {i: tuple(sorted(j for j in order[:place] if may[i][j])) for place, i in enumerate(order)}
    evidence.prepare(parents.items())
    dropped = {i: _weak(evidence, i, parents[i], given[i], most) for i in order}
    while open_ := [i for i in order if dropped[i]]:
        tried = {i: tuple(j for j in parents[i] if j not in dropped[i]) for i in open_}
        evidence.prepare(tried.items())
        for i in open_:
            if len(parents[i]) > most or _worth(evidence, i, tried[i]) > _worth(evidence, i, parents[i]):
                parents[i] = tried[i]
                dropped[i] = _weak(evidence, i, parents[i], given[i], most)
            else:
                dropped[i] = dropped[i][: len(dropped[i]) // 2]
    graph = torch.zeros_like(given)
    for i, some in parents.items():
        graph[i, list(some)] = True
    return graph


def _worth(evidence: PredictiveEvidence, i: int, parents: tuple[int, ...]) -> float:
    return evidence.predicted((i, parents)) - float(evidence.price[i, list(parents)].sum())


def _weak(evidence: PredictiveEvidence, i: int, parents: tuple[int, ...], given: torch.Tensor, most: int) -> list[int]:
    """Half of the parents that may go, the weakest first, or as many as are too many."""
    open_ = [
        (float(needed), j) for needed, j in zip(evidence.needed((i, parents)), parents, strict=True) if not given[j]
    ]
    return [j for _, j in sorted(open_)[: max((len(open_) + 1) // 2, len(parents) - most)]]

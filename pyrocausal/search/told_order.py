"""An order of the variables that regimes tell, and who was hit in each.

Whoever is hit changes, and so does whoever lies below. So in every regime the variable that was hit, if one was hit
alone, comes before all others that change, and mostly it changes most. Variables that change in few regimes come before
those that change in many. Of the answers that come of that, those with the most different targets are taken, for
experiments seldom repeat one and leave out another, and of these the one against which the least speaks; then targets
of single regimes are told anew as long as less speaks against it.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part
from pyrocausal.evidence.changed_tables import changes_of_form
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.search.orders import order_by

__all__ = ["order_and_targets"]

Answer: TypeAlias = tuple[list[int], torch.Tensor]  # an order, and who was hit in every regime, [R, d]

CHANGED = 7.0  # nats against a change that is chance: one in a thousand
LEAST = 1e-3  # nats of a target that is told and has not changed
TRIED = 10  # other targets of a regime, those that change most in it
TURNS = 20  # at the most, in which targets of single regimes are told anew


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
    found = changes_of_form(kinds, parts)
    changed = (found > CHANGED) & (targets.prior.log_odds.cpu() > -torch.inf) | targets.hit.cpu()
    against, most = torch.where(changed, found.clamp(min=LEAST), 0.0), found.sum(0)
    told = (targets.known | targets.hit.any(1)).cpu()[:, None]

    def hit_by(which: torch.Tensor) -> torch.Tensor:
        alone = torch.nn.functional.one_hot(which, len(given)).bool() & changed
        return torch.where(told, targets.hit.cpu(), alone)

    seldom = order_by((changed.sum(0) + most / (most.max() + 1.0)).tolist(), given)
    hits = hit_by(_first(against, seldom)), hit_by(against.argmax(1))
    answers = [(seldom, hits[0]), *((_before_what_changes(hit, against, seldom, given), hit) for hit in hits)]
    speaks = partial(_against, against)
    best = min(answers, key=speaks)
    for _ in range(TURNS):
        if not any(speaks(best)) or (better := _with_another_target(best, against, told, seldom, given)) is None:
            break
        best = better
    return best


def _costs(against: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """What speaks against each having been hit in every regime: changes before, and that others change more; [R, d].

    Nats of changes, 0 where there are none, shape [R, d]; an order; and the weight of the second. Infinite for those
    that do not change.
    """
    some = against[:, order]
    cost = some.cumsum(1) - some + some.max(1, keepdim=True).values - some
    return torch.where(against > 0, cost[:, torch.tensor(order).argsort()], torch.inf)


def _first(against: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """The first variable of an order that changes, in every regime, [R]."""
    place = torch.tensor(order).argsort()
    return torch.where(against > 0, place, len(place)).argmin(1)


def _against(against: torch.Tensor, answer: Answer) -> tuple[int, float]:
    """What speaks against an order and targets [R, d]: variables that nobody has hit, and then nats."""
    order, hit = answer
    return int((~hit.any(0)).sum()), float(_costs(against, order)[hit & (against > 0)].sum())


def _with_another_target(
    answer: Answer, against: torch.Tensor, told: torch.Tensor, seldom: Sequence[int], given: torch.Tensor
) -> Answer | None:
    """An answer with other targets of single regimes, against which less speaks; None where there is none."""
    (_, hit), best, value = answer, None, _against(against, answer)
    for r in (~told[:, 0] & hit.any(1)).nonzero()[:, 0].tolist():
        for j in against[r].argsort(descending=True, stable=True)[:TRIED].tolist():
            if not against[r, j] or hit[r, j]:
                continue
            tried = hit.clone()
            tried[r] = torch.nn.functional.one_hot(torch.tensor(j), hit.shape[1]).bool()
            other = _before_what_changes(tried, against, seldom, given), tried
            if (now := _against(against, other)) < value:
                best, value, hit = other, now, tried
    return best


def _before_what_changes(
    hit: torch.Tensor, against: torch.Tensor, seldom: Sequence[int], given: torch.Tensor
) -> list[int]:
    """An order of those that were hit before those that changed then, as far as that can be.

    Who was hit, and nats of changes, [R, d] each; an order that decides between equals; edges that are given, [d, d].
    """
    after = (hit.double().t() @ against).fill_diagonal_(0.0)  # [hit, changed]
    after, given = after[seldom][:, seldom], given[seldom][:, seldom]
    order, open_ = list[int](), torch.ones(len(seldom), dtype=torch.bool)  # places in `seldom`
    for _ in seldom:
        ready = open_ & ~(given & open_).any(1)
        order.append(int(torch.where(ready, after[open_].sum(0), torch.inf).argmin()))  # of equals the first
        open_[order[-1]] = False
    return [seldom[place] for place in order]

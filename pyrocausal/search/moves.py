"""Moves between DAGs, and what each of them gains in joint evidence.

A move adds, deletes or reverses an edge. The terms of a variable depend on its parents alone, so the gains of all moves
follow from the terms of parent sets one edge away.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import Terms, parents_of

__all__ = ["Moves", "closure", "look", "terms_around", "weigh", "within"]


class Moves(NamedTuple):
    """Gains in nats, shape [d, d] (effect, cause); -inf where a move is not allowed.

    Attributes
    ----------
    toggle
        Of adding or deleting each edge.
    reverse
        Of reversing each edge.
    """

    toggle: torch.Tensor
    reverse: torch.Tensor


def look(
    evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, effects: Iterable[int], *, screen: bool = True
) -> dict[int, Terms]:
    """Terms of some effects with each entry of their parents toggled, and last as they are: leading shape [d + 1].

    With `screen` an addition that does not look promising is taken to change nothing, so that it has its price against
    it.
    """
    effects, candidates = list(effects), {}
    evidence.prepare((i, parents_of(dag[i])) for i in effects)
    for i in effects:
        toggled = free[i] & (dag[i] | evidence.promising(i, dag[i])) if screen else free[i]
        candidates[i] = torch.cat([dag[i] ^ torch.diag(toggled), dag[i : i + 1]])
    evidence.prepare((i, parents_of(row)) for i in effects for row in candidates[i])
    return {i: evidence.terms(i, candidates[i]) for i in effects}


def terms_around(looked: Mapping[int, Terms]) -> tuple[Terms, Terms]:
    """Terms of the parents as they are [d, ...] and with each entry toggled [d, d, ...], from `look` at all effects."""
    d = len(looked)
    together = list(zip(*(looked[i] for i in range(d)), strict=True))
    base = Terms(*(torch.stack([each[d] for each in part]) for part in together))
    return base, Terms(*(torch.stack([each[:d] for each in part]) for part in together))


def weigh(evidence: JointEvidence, dag: torch.Tensor, may: torch.Tensor, base: Terms, other: Terms) -> Moves:
    """Gain of every move in nats, exactly.

    Parameters
    ----------
    evidence
        Joint evidence.
    dag
        Boolean, shape [d, d] (effect, cause).
    may
        Edges that may change, boolean, shape [d, d].
    base, other
        Terms of the parents as they are [d, ...] and with each entry toggled [d, d, ...], see `terms_around`.
    """
    d = len(dag)
    gain = base.new - base.old  # [d, R]
    padded = torch.nn.functional.pad(gain, (0, 0, 0, 1))  # [d + 1, R]
    total = padded.logsumexp(0)  # [R]

    def without(*members: torch.Tensor) -> torch.Tensor:
        """Mixture over targets other than the members, [m, R]."""
        left = padded.expand(len(members[0]), -1, -1).clone()
        for member in members:
            left[torch.arange(len(member)), member] = -torch.inf
        return left.logsumexp(1)

    rest = without(torch.arange(d))  # [d, R]
    mixed = torch.logaddexp(rest[:, None], other.new - other.old)  # [d, d, R]
    toggle = (other.old - base.old[:, None] + mixed - total).sum(-1) + other.observational - base.observational[:, None]
    sign = 1.0 - 2.0 * dag.double()
    toggle = toggle - evidence.price * sign
    reach = closure(dag)  # [effect, cause]: a path from cause to effect
    legal = may & (dag | ~(dag.t() | reach.t()))
    toggle = torch.where(legal, toggle, -torch.inf)

    reverse = torch.full((d, d), -torch.inf, dtype=torch.double)
    around = (reach.double() @ dag.double()) > 0  # another path from cause to effect
    effects, causes = (dag & may & may.t() & ~around).nonzero().unbind(1)
    if len(effects):
        a = Terms(*(part[effects, causes] for part in other))  # the effect without the cause
        b = Terms(*(part[causes, effects] for part in other))  # the cause with the effect
        both = torch.stack([without(effects, causes), a.new - a.old, b.new - b.old]).logsumexp(0)
        change = a.old + b.old - base.old[effects] - base.old[causes] + both - total
        observed = a.observational + b.observational - base.observational[effects] - base.observational[causes]
        saved = evidence.price[effects, causes] - evidence.price[causes, effects]
        reverse[effects, causes] = change.sum(-1) + observed + saved
    return Moves(toggle, reverse)


def closure(dag: torch.Tensor) -> torch.Tensor:
    """Whether there is a path from cause to effect: [..., d, d] -> [..., d, d]."""
    reach = dag.float()
    for _ in range(max(1, math.ceil(math.log2(max(2, dag.shape[-1]))))):
        reach = ((reach + reach @ reach) > 0).float()
    return reach > 0


def within(free: torch.Tensor, dag: torch.Tensor, max_parents: int | None) -> torch.Tensor:
    """Edges that may change where a variable has room for no more than some parents: shapes [d, d]."""
    return free if max_parents is None else free & (dag | (dag.sum(1, keepdim=True) < max_parents))

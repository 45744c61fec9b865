"""A climb over DAGs on joint evidence: the best moves, again and again, until none gains.

Moves add, delete or reverse an edge; where none of these gains, an edge is reversed while another that stands in its
way goes, a parent is exchanged for another variable, or a variable is lifted above several of its parents or sinks
below several of its children (`pyrocausal.search.lifts`). The terms of a variable depend on its parents alone, so a
move asks only for parent sets one edge away from those of the variables that it changed, and all moves are compared at
once.

Vocabulary: d variables, R regimes.

References
----------
D. J. C. MacKay, "The evidence framework applied to classification networks", 1992.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import Terms, parents_of
from pyrocausal.model.acyclic import break_cycles
from pyrocausal.search.lifts import best_lift, best_sink
from pyrocausal.search.moves import Moves, closure, look, terms_around, weigh, within
from pyrocausal.search.so_far import SoFar

__all__ = ["Summit", "climb", "strongest_dag"]

LEAST_GAIN = 1e-6  # nats


class Summit(NamedTuple):
    """Where a climb ended.

    Attributes
    ----------
    dag
        Boolean, shape [d, d] (effect, cause).
    edge_probability
        Of the three states of every pair of variables (no edge, either direction), each in proportion to its evidence
        while the rest of the graph stands still; shape [d, d]. Where an edge was not promising enough to be tried, its
        price alone speaks against it.
    moves
        How often edges were changed.
    """

    dag: torch.Tensor
    edge_probability: torch.Tensor
    moves: int


def climb(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None = None,
    so_far: SoFar | None = None,
) -> Summit:
    """Climb from a DAG.

    Parameters
    ----------
    evidence
        What is climbed.
    dag
        Where to begin, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    max_parents
        Parents that a variable may get; None: any number.
    so_far
        Is offered every graph on the way; None: nobody is.

    Returns
    -------
    Summit
    """
    dag, free, done = dag.clone().cpu(), free.cpu(), 0
    looked = look(evidence, dag, within(free, dag, max_parents), range(len(dag)))
    while True:
        base, other = terms_around(looked)
        may = within(free, dag, max_parents)
        moves = weigh(evidence, dag, may, base, other)
        if so_far is not None:
            so_far.offer(
                evidence.of(dag), evidence, dag, partial(_local_posterior, dag.clone(), moves, evidence.spread)
            )
        changed = (
            _best_moves(evidence, dag, moves, base, other)
            or _best_detour(evidence, dag, may, base, other)
            or _best_swap(evidence, dag, free, base)
            or best_sink(evidence, dag, free, base, other, max_parents, LEAST_GAIN)
            or best_lift(evidence, dag, free, base, other, max_parents, LEAST_GAIN)
        )
        if not changed:
            return Summit(dag, _local_posterior(dag, moves, evidence.spread), done)
        for effect, cause in changed:
            dag[effect, cause] ^= True
        effects = sorted({effect for effect, _ in changed})
        looked |= look(evidence, dag, within(free, dag, max_parents), effects)
        done += 1


def _best_moves(
    evidence: JointEvidence, dag: torch.Tensor, moves: Moves, base: Terms, other: Terms
) -> list[tuple[int, int]]:
    """The edges to toggle: of all moves that gain, the best ones that concern different effects and close no cycle.

    Terms factorise over effects, so gains nearly add up; they interact through the unknown targets alone. Where they
    come to less than the best move by itself, that is made.
    """
    gains = torch.stack([moves.toggle, moves.reverse])
    order = gains.flatten().argsort(descending=True, stable=True)  # of equal moves the simpler one
    order = order[gains.flatten()[order] > LEAST_GAIN]
    after, changed, busy = dag.clone(), list[tuple[int, int]](), set[int]()
    first: list[tuple[int, int]] = []
    for which in order.tolist():
        kind, i, j = (int(k) for k in torch.unravel_index(torch.tensor(which), gains.shape))
        edges = [(i, j)] if kind == 0 else [(i, j), (j, i)]
        if busy & {effect for effect, _ in edges}:
            continue
        tried = after.clone()
        for effect, cause in edges:
            tried[effect, cause] ^= True
        if closure(tried).diagonal().any():
            continue
        after, changed = tried, changed + edges
        busy |= {effect for effect, _ in edges}
        first = first or changed
    if changed == first:
        return first

    gain, alone = (_gain(evidence, dag, base, other, edges) for edges in (changed, first))
    return changed if gain > alone else first


def _gain(
    evidence: JointEvidence, dag: torch.Tensor, base: Terms, other: Terms, edges: Sequence[tuple[int, int]]
) -> float:
    """Nats that toggling edges of different effects gains, from the terms as they are and with each entry toggled."""
    parts = [part.clone() for part in base]
    for effect, cause in edges:
        for part, toggled in zip(parts, other, strict=True):
            part[effect] = toggled[effect, cause]
    then, paid = Terms(*parts), sum(float(evidence.price[edge]) * (1 - 2 * int(dag[edge])) for edge in edges)
    sums = (
        float(terms.old.sum() + evidence.mixture(terms.new - terms.old).sum() + terms.observational.sum())
        for terms in (then, base)
    )
    return next(sums) - next(sums) - paid


def _best_detour(
    evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, base: Terms, other: Terms
) -> list[tuple[int, int]]:
    """The reversal that gains most together with the removal of an edge without which it would close a cycle.

    Either alone may lose: 2 -> 1 beside 2 -> 0 -> 1 is two moves away from 0 -> 1 -> 2. The edge that goes leads to a
    third variable, so that all terms are known.
    """
    reach = closure(dag)
    around = (reach.double() @ dag.double()) > 0  # another path from cause to effect
    best, found = LEAST_GAIN, []
    onward = reach | torch.eye(len(dag), dtype=torch.bool)
    for i, j in (dag & free & free.t() & around).nonzero().tolist():
        if not evidence.promising(j, dag[j])[i]:  # its terms are a guess, on which no move should rest
            continue
        between = dag & free & onward[i][:, None] & onward[:, j][None, :]  # edges of the paths from j to i
        for k, m in between.nonzero().tolist():
            tried, edges = dag.clone(), [(i, j), (j, i), (k, m)]
            for edge in edges:
                tried[edge] ^= True
            if k in (i, j) or bool(closure(tried).diagonal().any()):
                continue
            if (gain := _gain(evidence, dag, base, other, edges)) > best:
                best, found = gain, edges
    return found


def _best_swap(
    evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, base: Terms, tries: int = 32, slack: float = 10.0
) -> list[tuple[int, int]]:
    """The exchange of a parent that gains most, as two toggled edges; nothing where none gains.

    There are many exchanges, so the closed form proposes: those that it thinks lose less than `slack` nats, and of
    these the best `tries`, are looked at closely.
    """
    reach = closure(dag)
    proposals = []
    for i in range(len(dag)):
        out = (dag[i] & free[i]).nonzero()[:, 0]
        into = (free[i] & ~dag[i] & ~reach[:, i]).nonzero()[:, 0]
        pairs = torch.cartesian_prod(out, into).reshape(-1, 2)
        if not len(pairs) or not evidence.proposes:
            continue
        sets = _exchanged(dag[i], pairs)
        now = Terms(*(part[0] for part in evidence.rough_terms(i, dag[i : i + 1])))
        gains = _swap_gains(base, i, now, evidence.rough_terms(i, sets)) + _saved(evidence, i, pairs)
        proposals += [(float(g), i, pair) for g, pair in zip(gains, pairs, strict=True) if g > -slack]
    best, found = LEAST_GAIN, []
    proposals = sorted(proposals, key=lambda proposal: -proposal[0])[:tries]
    tried = [(i, pair, _exchanged(dag[i], pair[None])) for _, i, pair in proposals]
    evidence.prepare((i, parents_of(sets[0])) for i, _, sets in tried)
    for i, pair, sets in tried:
        terms = evidence.terms(i, sets)
        gain = float(
            (_swap_gains(base, i, Terms(*(part[i] for part in base)), terms) + _saved(evidence, i, pair[None]))[0]
        )
        if gain > best:
            best, found = gain, [(i, int(pair[0])), (i, int(pair[1]))]
    return found


def _exchanged(row: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Parents [d] without the first and with the second of each pair [S, 2]: [S, d]."""
    sets = row.repeat(len(pairs), 1)
    sets.scatter_(1, pairs, torch.tensor([False, True]).expand(len(pairs), 2))
    return sets


def _saved(evidence: JointEvidence, i: int, pairs: torch.Tensor) -> torch.Tensor:
    """What the second parent of each pair [S, 2] costs less than the first, nats: [S]."""
    return evidence.price[i, pairs[:, 0]] - evidence.price[i, pairs[:, 1]]


def _swap_gains(base: Terms, i: int, now: Terms, then: Terms) -> torch.Tensor:
    """Gain of other parents of one variable, from its terms now and then [S, ...], the rest as it is: [S]."""
    gain = base.new - base.old
    rest = torch.nn.functional.pad(torch.cat([gain[:i], gain[i + 1 :]]), (0, 0, 0, 1)).logsumexp(0)  # [R]
    before, after = (torch.logaddexp(rest, terms.new - terms.old) for terms in (now, then))
    return (then.old - now.old + after - before).sum(-1) + then.observational - now.observational


def _local_posterior(dag: torch.Tensor, moves: Moves, spread: torch.Tensor) -> torch.Tensor:
    """Probabilities of the states of each pair while the rest stands still, from the gains of leaving a DAG.

    A gain is known to the nats that lie between fits of the mechanisms concerned, [d]. On average over a normal error
    of so many, a logistic function of it is about that of the gain over sqrt(1 + pi spread^2 / 8) (MacKay 1992).
    """
    error = spread.square()
    apart = (1 + math.pi / 8 * error)[:, None].sqrt(), (1 + math.pi / 8 * (error[:, None] + error[None, :])).sqrt()
    moves = Moves(moves.toggle / apart[0], moves.reverse / apart[1])
    stay = torch.zeros_like(moves.toggle)
    there = torch.stack([stay, moves.toggle, moves.reverse]).softmax(0)  # where this edge is: stay, delete, reverse
    absent = torch.stack([stay, moves.toggle, moves.toggle.t()]).softmax(
        0
    )  # where neither is: stay, add, add the other
    return torch.where(dag, there[0], torch.where(dag.t(), there[2].t(), absent[1])).float().fill_diagonal_(0.0)


def strongest_dag(probability: torch.Tensor, max_parents: int | None = None) -> torch.Tensor:
    """Edges believed with more than one half, without the least believed of every cycle and of too many parents.

    Shape [d, d] (effect, cause) -> boolean, the same.
    """
    believed = (probability > 0.5).float()
    if max_parents is not None:
        rank = (-probability).argsort(dim=1, stable=True).argsort(1)
        believed = believed * (rank < max_parents)
    dag, _ = break_cycles(believed, probability)
    return dag.bool().cpu()

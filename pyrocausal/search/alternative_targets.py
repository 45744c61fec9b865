"""Other targets, tried with mechanisms that are fitted as if they were right.

Rows of a regime fit the mechanisms of the variables that are believed not to have been hit there. Where interventions
leave the observational range such a belief holds itself up: a mechanism that has seen no row of the regime has to
extrapolate there, does it badly, and so its variable looks as if it had been hit. Summing over targets does not help,
because the mechanisms under the sum stay the same. So once a climb has ended, every regime is asked whether a neighbour
of its target, or a neighbour and the reversed edge, would explain it better if the rows were counted accordingly.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

import torch

from pyrocausal.data.weights import total
from pyrocausal.evidence.joint_evidence import JointEvidence, prepare_together
from pyrocausal.evidence.terms import parents_of
from pyrocausal.search.moves import closure, within

__all__ = ["OtherTargets", "least_gain", "try_other_targets"]

LEAST_GAIN = 0.01  # nats per row that scores; two fits of the same network differ by as much
TOGETHER = 16  # alternatives at a time: what they hold of the rows takes memory


class OtherTargets(NamedTuple):
    """Beliefs with more evidence.

    Attributes
    ----------
    dag
        Boolean, shape [d, d] (effect, cause).
    natural
        Where a variable is believed to have kept its observational mechanism, shape [R, d].
    """

    dag: torch.Tensor
    natural: torch.Tensor


class _Alternative(NamedTuple):
    regime: int
    pair: tuple[int, int]  # who was believed to be hit, and who may have been hit instead
    dag: torch.Tensor
    evidence: JointEvidence


def try_other_targets(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    natural: torch.Tensor,
    after: Callable[[torch.Tensor], JointEvidence],
    refused: set[Hashable],
    max_parents: int | None = None,
) -> OtherTargets | None:
    """Look for regimes that another target explains better.

    Parameters
    ----------
    evidence
        Joint evidence under the present beliefs.
    dag
        The graph, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    natural
        Where a variable is believed to have kept its observational mechanism, shape [R, d].
    after
        From other such beliefs to `evidence` under them.
    refused
        Keys of what was tried before and did not gain, which is not tried again; what is tried now is added.
    max_parents
        Parents that a variable may get; None: any number.

    Returns
    -------
    OtherTargets or None
        The changes that gain most, of different regimes and pairs of variables; None where no change gains.
    """
    may = within(free, dag, max_parents)
    now, best, gained = evidence.of(dag), dict[int, tuple[float, _Alternative]](), set[tuple[int, int, int]]()
    least = least_gain(evidence)
    doubts = {
        (regime, hit, other): list(_graphs(dag, may, hit, other))
        for regime, hit, other in _doubts(evidence, dag, natural)
    }
    keys = {doubt: (doubt, len(tried), _told(dag, natural, *doubt[1:])) for doubt, tried in doubts.items()}
    waiting = [doubt for doubt, key in keys.items() if key not in refused]
    for start in range(0, len(waiting), TOGETHER):
        alternatives = []
        for regime, hit, other in waiting[start : start + TOGETHER]:
            instead = natural.clone()
            instead[regime, hit], instead[regime, other] = True, False
            under = after(instead)
            alternatives += [_Alternative(regime, (hit, other), graph, under) for graph in doubts[regime, hit, other]]
        prepare_together((a.evidence, (i, parents_of(a.dag[i]))) for a in alternatives for i in a.pair)
        for each in alternatives:
            if (gain := each.evidence.of(each.dag) - now) <= least:
                continue
            gained.add((each.regime, *each.pair))
            if each.regime not in best or gain > best[each.regime][0]:
                best[each.regime] = gain, each
    refused.update(key for doubt, key in keys.items() if doubt not in gained)
    if not best:
        return None
    dag, natural, busy = dag.clone(), natural.clone(), set[int]()
    for _, (regime, (hit, other), graph, _) in sorted(best.values(), key=lambda found: -found[0]):
        if busy & {hit, other}:
            continue
        changed = dag.clone()
        changed[[hit, other], [other, hit]] = graph[[hit, other], [other, hit]]
        if bool(closure(changed).diagonal().any()):
            continue
        dag, busy = changed, busy | {hit, other}
        refused.add(keys[regime, hit, other])  # should the next climb undo it, it is not made again
        natural[regime, hit], natural[regime, other] = True, False
    return OtherTargets(dag, natural)


def least_gain(evidence: JointEvidence) -> float:
    """Nats by which other beliefs have to be better: `LEAST_GAIN` for every row that scores."""
    return LEAST_GAIN * sum(total(*fold.scoring) for fold in evidence.folds)


def _doubts(evidence: JointEvidence, dag: torch.Tensor, natural: torch.Tensor) -> Iterator[tuple[int, int, int]]:
    """Regimes with a believed target, that target, and neighbours of it whose rows look changed there.

    A regime that may have several is asked too where one variable alone is not sure to have been let alone.
    """
    d, nothing = len(dag), torch.zeros(1, len(dag), dtype=torch.bool)
    marginals = [evidence.rough_terms(i, nothing) for i in range(d)]
    changed = torch.stack([terms.odds[0] for terms in marginals]) > math.log(d + 1)  # [d, R]
    for regime, kept in enumerate(natural.tolist()):
        hit = [i for i in range(d) if not kept[i]]
        if bool(evidence.known[regime]) or len(hit) != 1:  # known, none, or not sure of any
            continue
        neighbours = dag[hit[0]] | dag[:, hit[0]]
        for other in (neighbours & changed[:, regime]).nonzero()[:, 0].tolist():
            yield regime, hit[0], other


def _told(dag: torch.Tensor, natural: torch.Tensor, one: int, other: int) -> Hashable:
    """All that the evidence on a pair depends on: their parents, and where rows of them count."""
    return tuple((parents_of(dag[i]), tuple(natural[:, i].tolist())) for i in (one, other))


def _graphs(dag: torch.Tensor, free: torch.Tensor, one: int, other: int) -> Iterator[torch.Tensor]:
    """The graph as it is, and with the edge between two neighbours reversed where that is allowed."""
    yield dag
    turned = dag.clone()
    turned[[one, other], [other, one]] = dag[[other, one], [one, other]]
    if bool(free[one, other] & free[other, one]) and not bool(closure(turned).diagonal().any()):
        yield turned

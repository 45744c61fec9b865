"""The graph with the most pooled evidence, and whether regimes have one target at the most or several.

Closed forms are cheap, so the search is generous: it climbs from what the three phases propose and from where a walk
over orders ends, under each belief about targets that is open. Numbers begin with linear mechanisms; richer ones
follow where they have more evidence. Smooth tables are climbed from where plain ones have ended: they can afford many
parents, of which several would stand for each cause that is still an effect.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR
from pyrocausal.model.acyclic import topological_order
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search.hill_climb import Summit, climb
from pyrocausal.search.many_variables import search_many
from pyrocausal.search.orders import first_order, walk_over_orders
from pyrocausal.search.so_far import SoFar

__all__ = ["Found", "hit_rate", "search_graph", "search_richer", "several_evidence"]

WALKED = 40  # variables at the most for a walk over orders
OPEN = WALKED * (WALKED - 1)  # edges at the most that are all weighed after every move
DENSE = 200  # variables at the most, likewise
SEVERAL = 3.0  # nats against several targets beforehand, odds of one to twenty: ties are for one
RICHER = 3.0  # nats that richer mechanisms gain at least to be searched
RATES = torch.linspace(-8.0, 2.0, 41, dtype=torch.double)  # log odds of being hit
SETTLED = 0.1  # change of the log odds of being hit that asks for no further climb


class Found(NamedTuple):
    """Where a search has ended.

    Attributes
    ----------
    evidence
        What was climbed, with the belief about targets that has more evidence.
    summit
        Where the climb ended.
    several
        Nats for several targets against one at the most, which 3 nats favour beforehand; NaN where that was not asked.
    """

    evidence: PooledEvidence
    summit: Summit
    several: float


class _Problem(NamedTuple):
    start: torch.Tensor  # boolean, [d, d]
    free: torch.Tensor  # edges that may change, [d, d]
    max_parents: int | None
    so_far: SoFar | None

    @classmethod
    def of(cls, start: torch.Tensor, free: torch.Tensor, max_parents: int | None, so_far: SoFar | None) -> _Problem:
        return cls(start.cpu(), free.cpu() & ~torch.eye(len(start), dtype=torch.bool), max_parents, so_far)


def search_graph(
    evidence: PooledEvidence,
    start: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None = None,
    so_far: SoFar | None = None,
    suffices: Callable[[Found], bool] | None = None,
) -> Found:
    """Search.

    Parameters
    ----------
    evidence
        With what is believed of targets beforehand.
    start
        A DAG to begin at among others, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    max_parents
        Parents that a variable may get; None: any number.
    so_far
        Is offered the graphs on the way; None: nobody is.
    suffices
        Asked of the best graph where numbers act linearly: whether richer mechanisms may be left out, of which
        `search_richer` can ask later. It is not asked where variables are many. None: they may not.
    """
    problem = _Problem.of(start, free, max_parents, so_far)
    if are_many(evidence.kinds) and (len(free) > DENSE or int(problem.free.sum()) > OPEN):
        return _search_many(evidence, problem)
    if (plain := evidence.plain()) is None:
        found = _search(evidence, problem, [problem.start])
    else:
        ended = _search(plain, problem, [problem.start])
        found = _search(evidence, problem, [ended.summit.dag], walk=False)
        moves = ended.summit.moves + found.summit.moves
        found = found._replace(summit=found.summit._replace(moves=moves))
    if suffices is not None and suffices(found):
        return found
    return _search_richer(found, evidence.prior, problem)


def search_richer(
    found: Found,
    prior: TargetOdds,
    free: torch.Tensor,
    max_parents: int | None = None,
    so_far: SoFar | None = None,
) -> Found:
    """Go on with richer mechanisms of numbers, from where linear ones sufficed.

    Parameters
    ----------
    found
        What `search_graph` has found.
    prior
        What was believed of targets beforehand there.
    free, max_parents, so_far
        As there.
    """
    return _search_richer(found, prior, _Problem.of(found.summit.dag, free, max_parents, so_far))


def _search_richer(found: Found, prior: TargetOdds, problem: _Problem) -> Found:
    """Richer mechanisms, one level after the other, as far as they have more evidence."""
    for level in range(ADDITIVE, found.evidence.levels + 1):
        richer = found.evidence.at_level(level)
        here, starts = found.summit.dag, [found.summit.dag]
        gain = richer.of(here) - found.evidence.of(here)
        if level == ADDITIVE:
            # A mechanism that misfits may have asked for several targets, which then keep its edges as they are.
            first = [] if found.evidence.prior is prior else [prior]
            for belief in (found.evidence.prior, *first):
                believing = richer.believing(belief)
                starts.append(climb(believing, here, *problem[1:]).dag)
                gain = max(gain, believing.of(starts[-1]) - found.evidence.believing(belief).of(here))
        if gain >= RICHER:
            found = _search(richer.believing(prior), problem, starts, walk=level == ADDITIVE)
    return found


def _search(evidence: PooledEvidence, problem: _Problem, starts: Sequence[torch.Tensor], *, walk: bool = True) -> Found:
    """Search under every belief about targets and drift that is open."""
    found = _search_targets(evidence, problem, starts, walk=walk)
    if (steady := evidence.steady()) is None:
        return found
    other = _search_targets(steady, problem, [*starts, found.summit.dag], walk=False)
    return max(found, other, key=lambda each: each.evidence.of(each.summit.dag))


def _search_many(evidence: PooledEvidence, problem: _Problem) -> Found:
    """Search where variables are many: each is hit or not for itself, and then beliefs about targets are weighed."""
    several = evidence.prior.otherwise or evidence.prior
    for_itself = evidence.believing(_for_itself(several, evidence))
    apart, alone = search_many(for_itself, *problem, None if evidence.prior.several else evidence.prior)
    evidence = evidence.at_level(apart.level) if apart.level > LINEAR else evidence
    if apart.steady and (other := evidence.steady()) is not None:
        evidence = other
    one = _at_its_rate(evidence, Summit(*alone[:3]))
    if (asked := evidence.prior.otherwise) is None:
        return one
    more = _at_its_rate(evidence.believing(asked), Summit(*apart[:3]))
    gain = several_evidence(more.evidence, more.summit.dag) - one.evidence.of(one.summit.dag) - SEVERAL
    return (more if gain > 0 else one)._replace(several=gain)


def _at_its_rate(evidence: PooledEvidence, summit: Summit) -> Found:
    """Of one graph, under one belief, whose rate of being hit is learned."""
    for _ in range(3):
        rate = hit_rate(evidence, summit.dag)
        if rate is None or abs(rate.log_odds - evidence.prior.log_odds).nan_to_num().max() < SETTLED:
            break
        evidence = evidence.believing(rate)
    return Found(evidence, summit, math.nan)


def _search_targets(
    evidence: PooledEvidence, problem: _Problem, starts: Sequence[torch.Tensor], *, walk: bool
) -> Found:
    """Search under every belief about targets that is open."""
    asked = evidence.prior.otherwise
    several = asked or evidence.prior
    starts = list(starts)
    if walk and len(problem.free) <= WALKED:
        apart = evidence.believing(_for_itself(several, evidence))
        # Richer mechanisms are dear, and go on from where simpler ones have ended.
        begin = None if evidence.level == LINEAR else max(starts, key=apart.of)
        order = None if begin is None else topological_order(begin)
        order = order or first_order(apart, problem.start, problem.free)
        starts.append(walk_over_orders(apart, order, *problem, begin))
    one = _climb_all(evidence, problem, starts)
    if asked is None:
        return one
    more = _climb_all(evidence.believing(asked), problem, [*starts, one.summit.dag])
    gain = several_evidence(more.evidence, more.summit.dag) - one.evidence.of(one.summit.dag) - SEVERAL
    return (more if gain > 0 else one)._replace(several=gain)


def _for_itself(prior: TargetOdds, evidence: PooledEvidence) -> TargetOdds:
    """A belief under which each variable is hit or not for itself."""
    if prior.several:
        return prior
    return TargetOdds(prior.log_odds - math.log(len(evidence.kinds)), several=True)


def _climb_all(evidence: PooledEvidence, problem: _Problem, starts: Sequence[torch.Tensor]) -> Found:
    """Climb from several graphs under one belief, whose rate of being hit is learned."""
    best: Summit | None = None
    value = -math.inf
    distinct = {tuple(start.flatten().tolist()): start for start in starts}.values()
    for start in distinct:
        summit = climb(evidence, start, *problem[1:])
        if (now := evidence.of(summit.dag)) > value:
            best, value = summit, now
    assert best is not None
    for _ in range(3):
        rate = hit_rate(evidence, best.dag)
        if rate is None or abs(rate.log_odds - evidence.prior.log_odds).nan_to_num().max() < SETTLED:
            break
        evidence = evidence.believing(rate)
        best = climb(evidence, best.dag, *problem[1:])
    return Found(evidence, best, math.nan)


def hit_rate(evidence: PooledEvidence, dag: torch.Tensor) -> TargetOdds | None:
    """What is believed of targets at the most probable rate of being hit, which is Beta(1, d) beforehand.

    None where no rate is to be learned.
    """
    prior = evidence.prior
    if prior.learned is None:
        return None
    open_ = prior.learned & ~evidence.known[:, None]
    hits, tries, d = float(evidence.targets(dag)[:, :-1][open_].sum()), int(open_.sum()), len(evidence.kinds)
    rate = (hits + 0.5) / (tries + d)
    return prior.at_rate(min(max(rate, 1e-3), 0.5))


def several_evidence(evidence: JointEvidence, dag: torch.Tensor) -> float:
    """Evidence of a graph where regimes may have several targets, the rate of being hit being integrated out."""
    d = len(evidence.kinds)
    values = [evidence.believing(evidence.prior.at_rate(float(odds.sigmoid()))).of(dag) for odds in RATES]
    rates = RATES.sigmoid()
    # Beta(1, d) in log odds, on an even grid
    prior = (rates.log() + d * (-rates).log1p()).log_softmax(0)
    return float((torch.tensor(values, dtype=torch.double) + prior).logsumexp(0))

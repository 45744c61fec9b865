"""The graph of many variables with the most evidence, in closed form.

Whoever changes when X is hit lies below X: a variable that changes in fewer regimes than another is none of its
children. The first climb adds edges along that order alone, and the second whatever gains. Where edges are left between
variables that nobody hit, a search over classes of graphs begins from none (`equivalence_search`), and the better end
counts. Then all regimes are asked who was hit; where somebody was who had not changed to be seen, variables look at
that regime by itself too, and climb on. Simple mechanisms come first: linear ones, and richer ones where they have more
evidence; tables that know each cell by its own rows alone, and smooth ones from where these have ended. Smooth tables
can afford many parents, of which several would stand for each cause that is still an effect.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import torch

from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.changed_tables import CHANGED, changes
from pyrocausal.evidence.local_evidence import LocalEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search.equivalence_search import search_classes
from pyrocausal.search.open_directions import try_other_directions
from pyrocausal.search.parent_choice import STEPS
from pyrocausal.search.so_far import SoFar
from pyrocausal.search.sparse_belief import edge_probability
from pyrocausal.search.sparse_climb import SparseClimb

__all__ = ["ManyFound", "search_many"]

RICHER = 3.0  # nats that richer mechanisms gain at least to be searched
MAY_BE_HIT = 0.01  # probability of a target that is looked at by itself
FEW = 2  # steps where variables choose among smooth tables, which are dear
AGAIN = 3  # climbs at the most after somebody was hit who had not changed to be seen
SURELY = 0.5  # probability of a target that tells directions
SEEN = 1.0  # nats, of such a change


At: TypeAlias = Callable[[LocalEvidence, torch.Tensor], SparseClimb[LocalEvidence]]


class ManyFound(NamedTuple):
    """Where the search has ended.

    Attributes
    ----------
    dag
        Boolean, shape [d, d] (effect, cause).
    edge_probability
        See `pyrocausal.search.hill_climb.Summit`; 0 where an edge was not worth a try.
    moves
        How often edges were changed.
    level
        How numbers enter as causes.
    steady
        Whether tables have more evidence where they do not drift.
    """

    dag: torch.Tensor
    edge_probability: torch.Tensor
    moves: int
    level: int
    steady: bool


def search_many(
    evidence: PooledEvidence,
    start: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None = None,
    so_far: SoFar | None = None,
    one: TargetOdds | None = None,
) -> tuple[ManyFound, ManyFound]:
    """Search.

    Parameters
    ----------
    evidence
        In which each variable is hit or not for itself.
    start, free
        A DAG and the edges that may change, boolean, shape [d, d] (effect, cause): of the first only those edges that
        are given count.
    max_parents
        Parents that a variable may get; None: any number.
    so_far
        Is offered graphs on the way; None: nobody is.
    one
        What is believed where regimes have one target at the most; None: they may have several.

    Returns
    -------
    tuple of ManyFound
        Where each variable is hit or not for itself, and where regimes have one target at the most; the same if that is
        not open.
    """
    changed = changes(evidence.kinds, evidence.parts) - CHANGED
    count = ((changed > 0) | (evidence.hit & ~evidence.known[:, None])).sum(0)
    local = LocalEvidence(evidence, changed)
    climb = _climb(local, start & ~free, free, max_parents, so_far)
    moves = climb.run(count[None, :] <= count[:, None]) + climb.run()
    if not bool((start & ~free).any()) and bool(_undirected(evidence, climb.dag).any()):
        found = search_classes(local, climb.screen, free, count.tolist(), max_parents)
        other = _climb(local, found, free, max_parents, so_far, climb.screen)
        moves += other.run()
        climb = max(climb, other, key=lambda each: each.value)
    climb, more = try_other_directions(climb, evidence.targets(climb.dag)[:, :-1] > SURELY)
    moves += more
    if any(kind.closed_form == "table" for kind in evidence.kinds):
        climb = _climb(climb.local.smoothed(), climb.dag, free, max_parents, so_far, climb.screen)
        moves += climb.run()
    for _ in range(AGAIN):
        unseen = (evidence.targets(climb.dag)[:, :-1] > MAY_BE_HIT) & (changed <= 0) & ~evidence.known[:, None]
        if not bool(unseen.any()):
            break
        changed = torch.where(unseen, SEEN, changed)
        climb = _climb(climb.local.looking_at(changed), climb.dag, free, max_parents, so_far, climb.screen)
        moves += climb.run()
    at = partial(_climb, free=free, max_parents=max_parents, so_far=so_far, screen=climb.screen)
    apart, climb = _otherwise(climb, moves, at)
    return apart, apart if one is None else _one_each(climb, apart, one, at)


def _undirected(evidence: PooledEvidence, dag: torch.Tensor) -> torch.Tensor:
    """Edges between variables that no regime has hit, whose direction is for observation to say: [d, d]."""
    hit = (evidence.targets(dag)[:, :-1] > SURELY).any(0)
    return dag & ~hit[:, None] & ~hit[None, :]


def _climb(
    local: LocalEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None,
    so_far: SoFar | None,
    screen: CauseScreen | None = None,
) -> SparseClimb[LocalEvidence]:
    """A climb from a graph, with what the screen of another climb has found, or with a new one."""
    pooled = local.pooled
    if screen is None:
        screen = CauseScreen(pooled.kinds, pooled.parts, local.tables)
    else:
        screen = screen.looking_at(local.tables)
    climb = SparseClimb(local, screen, dag, free, max_parents, steps=FEW if local.smooth else STEPS)
    if so_far is not None:
        climb.offer = lambda value: so_far.offer(value, pooled, climb.dag, lambda: edge_probability(climb))
    return climb


def _otherwise(climb: SparseClimb[LocalEvidence], moves: int, at: At) -> tuple[ManyFound, SparseClimb[LocalEvidence]]:
    """Where a climb has ended, or ends with richer mechanisms or with tables that do not drift, if that is better."""
    kinds, steady = climb.local.pooled.kinds, False
    forms = {kind.closed_form for kind in kinds}
    level = ADDITIVE if "table" in forms and len(forms) > 1 else LINEAR  # logistic regressions among them
    if climb.local.pooled.levels > LINEAR:
        richer = at(climb.local.at_level(ADDITIVE), climb.dag)
        if richer.value > climb.value + RICHER:
            moves, climb, level = moves + richer.run(), richer, ADDITIVE
    if (evidence := climb.local.pooled.steady()) is not None:
        other = at(climb.local.believing(evidence), climb.dag)
        more = other.run()
        if other.value > climb.value:
            moves, climb, steady = moves + more, other, True
    return ManyFound(climb.dag, edge_probability(climb), moves, level, steady), climb


def _one_each(climb: SparseClimb[LocalEvidence], found: ManyFound, one: TargetOdds, at: At) -> ManyFound:
    """Climb on where regimes have one target at the most, from where each variable was hit or not for itself."""
    evidence, moves = climb.local.pooled.believing(one), 0
    for _ in range(AGAIN):
        dag = climb.dag
        climb = at(climb.local.given_others(evidence, dag), dag)
        moves += climb.run()
        if torch.equal(climb.dag, dag):
            break
    return found._replace(dag=climb.dag, edge_probability=edge_probability(climb), moves=found.moves + moves)

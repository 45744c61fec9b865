"""A climb on predictive evidence where variables are many, over the parents of each that are worth a try.

Predictive evidence couples variables through the unknown targets of regimes. Given who else was hit it is a sum over
variables, which `pyrocausal.search.sparse_climb` climbs; then it is asked anew who was.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part
from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.local_evidence import odds_given_others
from pyrocausal.model.mechanisms import Family
from pyrocausal.search.hill_climb import Summit
from pyrocausal.search.sparse_belief import edge_probability
from pyrocausal.search.sparse_climb import SparseClimb

__all__ = ["climb_sparsely"]

AGAIN = 3  # climbs at the most, each with who was hit given the graph that the last one has found


def climb_sparsely(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    max_parents: int | None,
    kinds: Sequence[Kind],
    parts: Sequence[Part],
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
    kinds, parts
        Kind of each variable, and all rows of every table, the observational one last, for a screen of causes.
    """
    moves, free = 0, free.cpu() & ~torch.eye(len(dag), dtype=torch.bool)
    for _ in range(AGAIN):
        hit = evidence.targets(dag)[:, :-1] > 0.5
        screen = CauseScreen(kinds, parts, [each.nonzero()[:, 0] for each in hit.t()])
        climb = SparseClimb(_Given(evidence, dag), screen, dag, free, max_parents, coming=1)
        moves += climb.run()
        if torch.equal(climb.dag, dag):
            break
        dag = climb.dag
    return Summit(climb.dag, edge_probability(climb), moves)


class _Given:
    """Evidence of families, given who else was hit."""

    def __init__(self, evidence: JointEvidence, dag: torch.Tensor) -> None:
        self.evidence, self._known = evidence, set[Family]()
        believed = evidence.prior.log_odds.double().cpu()
        self._odds = believed if evidence.prior.several else odds_given_others(evidence, dag)

    def weighed(self, family: Family) -> bool:
        """Whether a family is known."""
        return family in self._known

    def fits(self, family: Family) -> bool:
        """Whether there is a mechanism of a family; networks take any parents."""
        return True

    def prepare(self, families: Iterable[Family]) -> None:
        """Find the evidence of families."""
        families = list(families)
        self.evidence.prepare(families)
        self._known |= set(families)

    def worth(self, family: Family) -> float:
        """Nats of a family that was prepared, its price paid."""
        (i, parents), evidence = family, self.evidence
        old, new, observational = evidence.family(i, parents)
        either = torch.logaddexp(old, new + self._odds[:, i])
        either = torch.where(evidence.hit[:, i], new, torch.where(evidence.known, old, either))
        return float(either.sum() + observational) - float(evidence.price[i, list(parents)].sum())

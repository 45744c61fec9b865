"""Where settling stands, after a round or in the middle of the first.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.sdi.state import State, confidence
from pyrocausal.search.so_far import SoFar

__all__ = ["Settled", "settled_so_far"]


class Settled(NamedTuple):
    """Where settling stands, and what a person may look at.

    Attributes
    ----------
    round
        Rounds done, counted through all series; 0 where the first one was cut short.
    dag
        The graph, boolean, shape [d, d] (effect, cause).
    evidence
        Its log E(G), nats.
    edge_probability
        Of the three states of every pair of variables (no edge, either direction), each in proportion to its evidence
        while the rest of the graph stands still; shape [d, d].
    target_probability
        Posterior over targets given the graph, shape [R, d + 1]; the last column is none.
    confidence
        Mean over learned edges of max(p, 1 - p).
    moves
        Edges added, deleted or reversed, and parents exchanged, in this round.
    switched
        Regimes whose rows fit mechanisms of other variables in the round to come, for other targets are believed.
    stable
        Whether another round would change nothing.
    joint
        The joint evidence that was climbed, to ask it for other graphs.
    pooled
        Pooled evidence, which knows drift; None where closed forms do not count.
    several
        Nats for several targets in a regime against one at the most; NaN where that was not asked.

    Examples
    --------
    Going on from the example of `settle`:

    >>> settled.stable, settled.several < 0  # nats for several targets
    (True, True)
    >>> settled.edge_probability.shape, settled.target_probability.shape
    (torch.Size([3, 3]), torch.Size([3, 4]))
    """

    round: int
    dag: torch.Tensor
    evidence: float
    edge_probability: torch.Tensor
    target_probability: torch.Tensor
    confidence: float
    moves: int
    switched: int
    stable: bool
    joint: JointEvidence
    pooled: PooledEvidence | None
    several: float


def settled_so_far(found: SoFar, state: State) -> Settled | None:
    """The best graph of a search that was cut short, as round 0; None where there was none yet.

    Parameters
    ----------
    found
        What the search was offered.
    state
        The end of the three phases.
    """
    if found.evidence is None:
        return None
    belief = found.edge_probability.fill_diagonal_(0.0)
    return Settled(
        round=0,
        dag=found.dag,
        evidence=found.value,
        edge_probability=belief,
        target_probability=found.evidence.targets(found.dag).to(state.target_probability),
        confidence=confidence(belief, state.model.beliefs.free.cpu()),
        moves=0,
        switched=0,
        stable=False,
        joint=found.evidence,
        pooled=found.evidence if isinstance(found.evidence, PooledEvidence) else None,
        several=math.nan,
    )

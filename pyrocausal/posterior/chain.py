"""What one independent restart ends with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
import torch

from pyrocausal.data.columns import number_of
from pyrocausal.model.causal_model import CausalModel

__all__ = ["KEPT", "ROUNDS", "Chain"]

ROUNDS = ("round", "evidence", "edges", "moves", "switched", "predictive")  # of every round of settling, see `Chain`
KEPT = 500  # steps of the three phases whose beliefs a chain keeps


@dataclass(frozen=True)
class Chain:
    """One independent restart.

    Attributes
    ----------
    seed
        Seed of everything random in it.
    model
        The fitted program.
    edge_probability
        Probability of every edge at the end, shape [d, d] (effect, cause): its share of the draws where graphs were
        drawn, else after settling that of `Settled`, else the beliefs.
    beliefs
        Beliefs at the end of the three phases, shape [d, d].
    target_probability
        Posterior over targets, shape [R, d + 1]; the last column is none.
    dag
        The settled graph, boolean, shape [d, d]; without settling the edges believed with more than one half, less the
        least believed one of every cycle and the least believed ones of a variable with too many causes.
    evidence
        log E(dag) in nats, up to a constant of the data; NaN without settling.
    trace
        One row per step of the three phases: loss, confidence, edges, gradient_norm.
    rounds
        One row per round of settling: evidence, edges, moves, switched (see `Settled`), and predictive, as below of its
        evidence; empty without settling.
    settled
        Whether the stopping rule held at the end: of settling that a refit changed nothing, of the three phases alone
        that every belief was near 0 or 1.
    cpu_seconds
        Processor time of the restart.
    predictive
        Whether `evidence` is of rows that no estimate has fitted, as where networks were asked, or of all rows in
        closed form. The two cannot be compared.
    several
        Whether a regime may have several targets, as told or as evidence has it.
    several_gain
        Nats for that against one target at the most, which 3 nats favour beforehand; NaN where it was told.
    drift
        How far the mechanism of each variable was from the common one in each regime, had it been let alone (see
        `pyrocausal.evidence.pooled_evidence.PooledEvidence.drift`), shape [R, d]; None where closed forms do not count.
    edge_strength, target_strength
        Nats per row that are lost without an edge of `dag`, shape [d, d], or without a target, shape [R, d] (see
        `pyrocausal.evidence.strength`); None without settling.
    graphs
        Graphs drawn from the posterior, boolean, shape [draws, d, d], None where none were.
    graph_evidence
        log E of each of them in nats at `Sampling.price`, so not to be compared with `evidence`; shape [draws].
    graph_targets
        Targets drawn from their posterior given each of them, boolean, shape [draws, R, d].
    accepted
        Share of the proposals that the walk accepted.
    belief_logits
        Log odds of the beliefs after the last steps of the three phases (at most `KEPT`), infinite where an edge is not
        learned; shape [steps, d, d].

    Examples
    --------
    Going on from the example of `discover`:

    >>> chain = result.best
    >>> chain.settled, chain.several
    (True, False)
    >>> chain.dag.int().tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    """

    seed: int
    model: CausalModel
    edge_probability: torch.Tensor
    beliefs: torch.Tensor
    target_probability: torch.Tensor
    dag: torch.Tensor
    evidence: float
    trace: pd.DataFrame
    rounds: pd.DataFrame
    settled: bool
    cpu_seconds: float
    predictive: bool = False
    several: bool = False
    several_gain: float = math.nan
    drift: torch.Tensor | None = None
    edge_strength: torch.Tensor | None = None
    target_strength: torch.Tensor | None = None
    graphs: torch.Tensor | None = None
    graph_evidence: torch.Tensor | None = None
    graph_targets: torch.Tensor | None = None
    accepted: float | None = None
    belief_logits: torch.Tensor | None = None

    @property
    def changed(self) -> str:
        """What the last round of settling still changed, in words."""
        last = self.rounds.iloc[-1]
        return f"{number_of(int(last.moves), 'edge')} and the targets of {number_of(int(last.switched), 'regime')}"

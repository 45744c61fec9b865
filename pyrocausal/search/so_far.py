"""The best graph that a search has met, for a search that is asked to stop before it has ended."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.runtime.interruption import best_so_far

__all__ = ["SoFar"]


class SoFar:
    """The best graph so far, empty at first.

    Attributes
    ----------
    value
        Its evidence, nats.
    evidence
        What was asked for it; None as long as there is no graph.
    dag
        Boolean, shape [d, d] (effect, cause).
    """

    def __init__(self) -> None:
        self.value = -math.inf
        self.evidence: JointEvidence | None = None
        self.dag = torch.zeros(0, 0, dtype=torch.bool)
        self._believed: Callable[[], torch.Tensor] = lambda: self.dag.float()

    def offer(
        self, value: float, evidence: JointEvidence, dag: torch.Tensor, believed: Callable[[], torch.Tensor]
    ) -> None:
        """Keep a graph if it has more evidence than those before.

        Parameters
        ----------
        value
            Its evidence, nats.
        evidence
            What was asked.
        dag
            The graph; it is copied.
        believed
            Makes probabilities of edges around it, shape [d, d], if they are asked for.
        """
        if value > self.value:
            self.value, self.evidence, self.dag, self._believed = value, evidence, dag.clone(), believed
            best_so_far(value, int(dag.sum()))

    @property
    def edge_probability(self) -> torch.Tensor:
        """Probabilities of edges around the graph, float, shape [d, d]."""
        return self._believed()

"""Strength of edges and targets: nats per row that are lost without them.

Evidence grows with rows, so that with many of them everything that there is becomes certain, weak or not. What a row
tells of an edge or a target does not grow.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import Terms, parents_of

__all__ = ["edge_strengths", "target_strengths"]


def edge_strengths(evidence: JointEvidence, graph: torch.Tensor) -> torch.Tensor:
    """What every edge of a graph [d, d] (effect, cause) tells, nats per row of all tables, prices left out.

    Parameters
    ----------
    evidence
        Joint evidence, unknown targets being summed out with and without the edge.
    graph
        Boolean, shape [d, d].

    Returns
    -------
    torch.Tensor
        Double, shape [d, d]; 0 where there is no edge. Below 0 is an edge that its price or what is known has bought.
    """
    strength = torch.zeros(graph.shape, dtype=torch.double)
    without = [(i, j) for i, j in graph.nonzero().tolist()]
    evidence.prepare_wholly((i, tuple(k for k in parents_of(graph[i]) if k != j)) for i, j in without)
    terms, rows = evidence.each(graph), max(float(evidence.rows.sum()), 1.0)
    whole, less = evidence.total(terms), graph.clone()
    for i, j in without:  # one variable's terms are others then
        less[i, j] = False
        parts = zip(terms, evidence.terms(i, less[i : i + 1]), strict=True)
        changed = Terms(*(part.index_copy(0, torch.tensor([i]), other) for part, other in parts))
        strength[i, j] = (whole - evidence.total(changed)) / rows
        less[i, j] = True
    return strength


def target_strengths(evidence: JointEvidence, graph: torch.Tensor) -> torch.Tensor:
    """What a new mechanism tells of every variable in every regime, nats per row of the regime.

    Parameters
    ----------
    evidence
        Joint evidence.
    graph
        Boolean, shape [d, d] (effect, cause).

    Returns
    -------
    torch.Tensor
        Double, shape [R, d]: how much better rows fit a mechanism of their own than the common one; below 0 where they
        fit it worse.
    """
    families = [(i, parents_of(row)) for i, row in enumerate(graph)]
    evidence.prepare(families)
    gains = [evidence.family(*family).new - evidence.family(*family).old for family in families]
    return torch.stack(gains, 1) / evidence.rows[:-1].clamp(min=1.0)[:, None]

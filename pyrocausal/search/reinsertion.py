"""Optimal reinsertion: a climb that takes variables out of the graph and lets them grow in again.

With few rows far outside the observational range a climb soon sits on a summit that no single move leaves: an ancestor
that came in first explains most of what the parents would, and a wrong direction at one variable holds its neighbours'
in place. Taking all edges of one variable away and climbing again undoes many of them at once ([1]_). The terms of most
parent sets are known by then, so it costs little beside the first climb.

References
----------
.. [1] A. Moore, W.-K. Wong, "Optimal Reinsertion: a new search operator for accelerated and more accurate Bayesian
   network structure learning", ICML 2003.
"""

from __future__ import annotations

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.search.hill_climb import LEAST_GAIN, climb

__all__ = ["reinsert"]


def reinsert(
    evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, max_parents: int | None = None
) -> torch.Tensor:
    """Climb, then reinsert one variable after another until none of them gains.

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

    Returns
    -------
    torch.Tensor
        The DAG with the most evidence, boolean, shape [d, d].
    """
    free, best = free.cpu(), climb(evidence, dag, free, max_parents).dag
    value, variable, failures = evidence.of(best), 0, 0
    while failures < len(best):
        bare = best.clone()
        bare[variable, free[variable]] = False
        bare[free[:, variable], variable] = False
        grown = climb(evidence, bare, free, max_parents).dag
        failures += 1
        if (reached := evidence.of(grown)) > value + LEAST_GAIN:
            best, value, failures = grown, reached, 0
        variable = (variable + 1) % len(best)
    return best

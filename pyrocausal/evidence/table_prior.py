"""Priors of tables: Dirichlet distributions around even probabilities, or around a variable's marginal distribution.

Of either, the strength is the one under which the counts are most probable (MacKay and Peto 1995). The marginal
distribution is read from the same counts, which costs what a variable without parents pays for it.

References
----------
D. J. C. MacKay, L. C. B. Peto, "A hierarchical Dirichlet language model", 1995.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

__all__ = ["TablePrior", "best_prior", "dirichlet"]

STRENGTHS = 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0, 100_000.0


class TablePrior(NamedTuple):
    """A Dirichlet prior of the distribution of every cell."""

    marginal: bool  # whether it is around the marginal distribution, or around even probabilities
    strength: float

    def of(self, common: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Its parameters [states] for counts [cells, states], and what these have cost: nats, scalar."""
        states = common.shape[1]
        even = torch.full_like(common[0], 1 / states)
        if not self.marginal:
            return self.strength * even, common.new_zeros(())
        whole = common.sum(0)
        strength, value = _best_strength(whole[None], even)
        found = (whole + strength * even) / (whole.sum() + strength)
        cost = (whole * found.log()).sum() - value
        return self.strength * found, cost


def best_prior(common: torch.Tensor) -> TablePrior:
    """The prior under which counts [cells, states] are most probable."""
    even = torch.full_like(common[0], 1 / common.shape[1])
    strength, value = _best_strength(common, even)
    found = TablePrior(False, strength)
    if len(common) == 1:
        return found
    around, cost = TablePrior(True, 1.0).of(common)
    strength, other = _best_strength(common, around)
    return TablePrior(True, strength) if other - cost > value else found


def _best_strength(common: torch.Tensor, around: torch.Tensor) -> tuple[float, float]:
    """The strength of a prior around some probabilities [states] with the most evidence, and that: nats."""
    best, value = STRENGTHS[0], -math.inf
    for strength in STRENGTHS:
        if (now := float(dirichlet(common, strength * around))) < value:
            break
        best, value = strength, now
    return best, value


def dirichlet(common: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Log evidence of counts [cells, states] under a Dirichlet prior [states] in every cell: scalar."""
    totals, strength = common.sum(1), prior.sum()
    some = totals > 0
    entries = torch.lgamma(prior + common[some]) - torch.lgamma(prior)
    return entries.sum() - (torch.lgamma(strength + totals[some]) - torch.lgamma(strength)).sum()

"""Priors of tables: Dirichlet distributions around even probabilities, the variable's marginal ones, or a smooth model.

Of each, the strength is the one under which the counts are most probable (MacKay and Peto 1995). What a prior is
around is read from the same counts, and costs what a variable pays for it that has nothing else: the marginal
distribution what one without causes pays, and a smooth model (`pyrocausal.evidence.log_linear`) what its coefficients
cost. A strong prior around a smooth model is that model; a weak one leaves each cell its own distribution.

Vocabulary: C cells, which are configurations of the causes, perhaps those alone that occur; s states.

References
----------
D. J. C. MacKay, L. C. B. Peto, "A hierarchical Dirichlet language model", 1995.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.evidence.log_linear import LogLinear

__all__ = ["TablePrior", "best_prior", "dirichlet"]

STRENGTHS = 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0, 100_000.0


class TablePrior(NamedTuple):
    """A Dirichlet prior of the distributions of all cells, given some counts.

    Attributes
    ----------
    around
        A smooth model, or whether it is around the marginal distribution, rather than around even probabilities.
    share
        What it is around, shape [s] or [C, s].
    cost
        Of reading that from the counts, nats.
    strength
        As how many rows in every cell it counts.
    evidence
        Log probability of the counts, less the cost: nats.
    """

    around: bool | LogLinear
    share: torch.Tensor
    cost: float
    strength: float
    evidence: float

    @classmethod
    def of(cls, common: torch.Tensor, around: bool | LogLinear, strength: float | None = None) -> TablePrior:
        """Given counts [C, s]; the strength that makes them most probable, unless one is given."""
        share, cost = common.new_full(common.shape[1:], 1 / common.shape[1]), 0.0
        if isinstance(around, LogLinear):
            share = around.share
            cost = float(torch.xlogy(common, share).sum()) - around.found.evidence
        elif around:
            whole = common.sum(0)
            spread, value = _best_strength(whole[None], share)
            share = (whole + spread * share) / (whole.sum() + spread)
            cost = float((whole * share.log()).sum()) - value
        if strength is None:
            strength, value = _best_strength(common, share)
        else:
            value = float(dirichlet(common, strength * share))
        return cls(around, share, cost, strength, value - cost)

    @property
    def concentration(self) -> torch.Tensor:
        """Its parameters, shape [s] or [C, s]."""
        return self.strength * self.share

    def again(self, common: torch.Tensor) -> TablePrior:
        """Of the same kind and strength, read from other counts [C, s]."""
        around = self.around.again(common) if isinstance(self.around, LogLinear) else self.around
        return TablePrior.of(common, around, self.strength)

    def discounted(self, common: torch.Tensor) -> TablePrior:
        """The same at the same cost, where counts [C, s] say less than they did."""
        return self._replace(evidence=float(dirichlet(common, self.concentration)) - self.cost)


def best_prior(
    common: torch.Tensor,
    levels: tuple[int, ...] = (),
    enough: float = -math.inf,
    cells: torch.Tensor | None = None,
) -> TablePrior:
    """The prior under which counts are most probable.

    Parameters
    ----------
    common
        Counts, shape [C, s], double.
    levels
        States of every cause; the last one's run fastest through the cells. Without any there is no smooth model.
    enough
        Nats: where the counts do not promise as much, pairs of causes are not looked at.
    cells
        Numbers of the cells, shape [C]; None: all there are.
    """
    tried = [TablePrior.of(common, False)]
    if len(common) > 1:
        tried.append(TablePrior.of(common, True))
    if (smooth := LogLinear.of(common, levels, enough, cells)) is not None:
        tried.append(TablePrior.of(common, smooth))
    return max(tried, key=lambda prior: prior.evidence)


def _best_strength(common: torch.Tensor, around: torch.Tensor) -> tuple[float, float]:
    """The strength of a prior around some probabilities, [s] or [C, s], with the most evidence, and that: nats."""
    best, value = STRENGTHS[0], -math.inf
    for strength in STRENGTHS:
        if (now := float(dirichlet(common, strength * around))) < value:
            break
        best, value = strength, now
    return best, value


def dirichlet(common: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Log evidence of counts [C, s] under a Dirichlet prior in every cell, [s] or [C, s]: scalar."""
    some = common.sum(1) > 0
    common, prior = common[some], prior[some] if prior.dim() == 2 else prior
    entries, strength = torch.lgamma(prior + common) - torch.lgamma(prior), prior.sum(-1)
    return entries.sum() - (torch.lgamma(strength + common.sum(1)) - torch.lgamma(strength)).sum()

"""Interventions that reach a part of the rows: counts of cells that a guide has silenced beside cells that escaped it.

Rows that were not reached keep the common mechanism, and of the others its mean is multiplied:

    y ~ e NB(m, s) + (1 - e) NB(f m, s)        m = exp(offset + x w), s: those of the rows without intervention

How many escaped, e, is uniform beforehand, and so is the factor f over the few of `FACTORS`; both are summed out on a
grid. The common mechanism stands at its most probable value, which is what rows without intervention say of it: so
rows of a regime help by nothing to fit what they are then judged by.

Such a mechanism is one of those that an intervention may put in place of a variable's own, if the variable is a
`Count` with two components or more.

References
----------
A. Dixit et al., "Perturb-Seq: dissecting molecular circuits with scalable single-cell RNA profiling of pooled genetic
screens", Cell 2016: cells that carry a guide and are not perturbed, found by their expression.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from pyrocausal.data.count import Count
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import filled
from pyrocausal.data.negative_binomial import LOG_MEAN, negative_binomial
from pyrocausal.model.count_regression import CountRegression

__all__ = ["FACTORS", "SHARES", "Common", "PartlyHit", "may_be_partly_hit", "partly_hit"]

FACTORS = tuple(math.log(factor) for factor in (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 2.0, 4.0, 8.0))
SHARES = tuple((k + 0.5) / 20 for k in range(20))  # of rows that escape, the middle of twenty equal parts
FARTHER = 2.0  # by how much the logarithm of a mean may be beyond that of the greatest count without intervention


class PartlyHit(NamedTuple):
    """What tables say of an intervention that reached a part of their rows.

    Attributes
    ----------
    evidence
        Log probability of all counts of a table, nats; shape [...].
    gain
        By how much that is more than if all rows had escaped; shape [...].
    escaped
        Expected share of rows that were not reached, if there was one; shape [...].
    factor
        Expected logarithm of the factor of the mean in the others; shape [...].
    """

    evidence: torch.Tensor
    gain: torch.Tensor
    escaped: torch.Tensor
    factor: torch.Tensor


def may_be_partly_hit(kind: Kind) -> bool:
    """Whether interventions on a variable may reach a part of the rows."""
    return isinstance(kind, Count) and kind.components > 1


class Common(NamedTuple):
    """The common mechanism as rows without intervention have it.

    Attributes
    ----------
    weights, log_size
        Of its regression, shape [p] and a scalar.
    most
        Logarithm of a mean at the most: an exponential of a polynomial runs away where no row has been.
    """

    weights: torch.Tensor
    log_size: torch.Tensor
    most: float

    @classmethod
    def of(cls, fit: CountRegression, table: int, counts: torch.Tensor, keep: torch.Tensor) -> Common:
        """From the regressions of several tables, one of which it is, and their counts and weights [tables, n]."""
        greatest = float(filled(counts[table])[keep[table] > 0].max()) if bool((keep[table] > 0).any()) else 0.0
        return cls(fit.weights[table], fit.log_size[table], math.log1p(greatest) + FARTHER)

    def partly_hit(
        self, design: torch.Tensor, counts: torch.Tensor, offset: torch.Tensor, keep: torch.Tensor
    ) -> PartlyHit:
        """As the function of this name, of rows with regressors [..., n, p] and what is added to log means [..., n]."""
        log_mean = (offset + design @ self.weights).clamp(max=self.most)
        return partly_hit(counts, log_mean, self.log_size, keep)


def partly_hit(counts: torch.Tensor, log_mean: torch.Tensor, log_size: torch.Tensor, keep: torch.Tensor) -> PartlyHit:
    """Evidence of an intervention that reached a part of the rows.

    Parameters
    ----------
    counts
        Shape [..., n].
    log_mean
        Logarithms of the means that rows have under the common mechanism, shape [..., n].
    log_size
        Of the common mechanism, a scalar.
    keep
        Whether a row counts, or how many rows it counts as; shape [..., n].

    Returns
    -------
    PartlyHit
        Double.
    """
    log_mean, kept = log_mean.double().clamp(*LOG_MEAN), keep.double()
    size = log_size.double().expand_as(log_mean)
    usual = negative_binomial(log_mean, size).log_prob(counts)
    share = torch.tensor(SHARES, dtype=torch.double).view(-1, *[1] * counts.dim())
    whole = (usual * kept).sum(-1)  # if all escaped
    found = []
    for factor in FACTORS:
        other = negative_binomial(log_mean + factor, size).log_prob(counts)
        mixed = torch.logaddexp(share.log(), torch.log1p(-share) + (other - usual))  # [shares, ..., n]
        found.append((mixed * kept).sum(-1))
    every = torch.stack(found, 1)  # [shares, factors, ...]
    flat = every.flatten(0, 1)
    belief = flat.softmax(0).view_as(every)
    factors = torch.tensor(FACTORS, dtype=torch.double).view(-1, *[1] * whole.dim())
    escaped = (belief.sum(1) * share[..., 0]).sum(0)
    gain = flat.logsumexp(0) - math.log(len(flat))
    return PartlyHit(whole + gain, gain, escaped, (belief.sum(0) * factors).sum(0))

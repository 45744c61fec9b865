"""Which further parents are worth a fit: those that tell something of a mechanism's residuals.

A mechanism that is right given its parents leaves residuals that only descendants can tell anything of. So before a
network is fitted to every parent set with one more member, the residuals of the one that is there are grouped by each
other variable; where their means do not differ between the groups by more than chance would have it, that variable is
left alone. This takes a matrix product where a fit takes hundreds of steps. It misses causes that shift no mean by
themselves, as both of two under an exclusive or.

Residuals of a categorical variable are its states as they are less as they were expected, which makes this a score
test much like Pearson's; those of a continuous one its quantile residual, standard normal where the mechanism is right,
and the absolute value of that; those of a count its score in the logarithms of the mean and of the size.

Vocabulary: d variables, n rows, M mechanisms, S residuals of a row, T groups of all variables together.

References
----------
C. R. Rao, "Large sample tests of statistical hypotheses concerning several parameters", 1948. P. K. Dunn, G. K. Smyth,
"Randomized quantile residuals", 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyro.distributions as dist
import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.negative_binomial import NegativeBinomial, NegativeBinomials
from pyrocausal.data.weights import Part

__all__ = ["Residuals", "Screen"]


class Residuals(NamedTuple):
    """Of some mechanisms on one table.

    Attributes
    ----------
    values
        Shape [M, S, n].
    weight
        What each counts, so that a mechanism's weights add up to its degrees of freedom; shape [M, S].
    """

    values: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(
        cls, conditional: dist.TorchDistribution, given: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Residuals | None:
        """Of given values [M, n] under their distributions, of rows that may have weights [n].

        None where the distributions have no `cdf`.
        """
        if isinstance(conditional, NegativeBinomial | NegativeBinomials):
            scores = conditional.scores(given).transpose(0, 1)
            return cls(scores, scores.new_ones(scores.shape[:2]))
        if isinstance(conditional, dist.Categorical):
            expected = conditional.probs  # [M, n, states]
            seen = torch.nn.functional.one_hot(given.long(), expected.shape[-1]).to(expected.dtype)
            if weights is None:
                mean = expected.mean(1)
            else:
                mean = (expected * (weights / weights.sum()).to(expected.dtype)[:, None]).sum(1)
            return cls((seen - expected).transpose(1, 2), (expected.sum(1) > 0).to(expected.dtype) - mean)
        try:
            below = conditional.cdf(given).clamp(1e-6, 1 - 1e-6)  # single precision ends there
        except NotImplementedError:
            return None
        quantile = torch.special.ndtri(below)
        return cls(torch.stack([quantile, quantile.abs()], 1), quantile.new_ones(len(quantile), 2))


class Screen:
    """Groups of rows by every variable.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    tables
        Rows whose residuals will be looked at.
    """

    groups = 8  # of a continuous variable, equally large
    least = 3.0  # nats above what chance gives on average
    enough = 50  # rows that tell; with fewer nothing is left alone

    def __init__(self, kinds: Sequence[Kind], tables: Sequence[Part]) -> None:
        entered = [Part(entering(kinds, part.rows), part.weights) for part in tables]
        together, weight = Part.of(entered)
        device = together.device
        sizes = [kind.levels(self.groups) for kind in kinds]
        self.owner = torch.arange(len(kinds), device=device).repeat_interleave(
            torch.tensor(sizes, device=device)
        )  # [T]
        self.freedom = torch.tensor(sizes, device=device) - 1.0  # [d]
        cuts = [kind.cuts(together[:, j], self.groups, weight) for j, kind in enumerate(kinds)]
        self.members = []
        for rows, _ in entered:
            blocks = []
            for j, cut in enumerate(cuts):
                codes = kinds[j].codes(rows[:, j], cut)
                blocks.append(torch.nn.functional.one_hot(codes, sizes[j]).to(rows.dtype))
            self.members.append(torch.cat(blocks, 1))  # [n, T]

    def promising(self, residuals: Sequence[Residuals], counts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Whether a variable tells something of a mechanism's residuals.

        Parameters
        ----------
        residuals
            Of every mechanism on each table.
        counts
            Whether a row tells of a mechanism, or how many rows it counts as; shape [M, n] for each table.

        Returns
        -------
        torch.Tensor
            Boolean, shape [M, d].
        """
        weight = torch.stack([each.weight for each in residuals]).mean(0)  # [M, S]
        gain = (self._gain([each.values for each in residuals], counts) * weight[..., None]).sum(1)  # [M, d]
        # Twice a gain is chi-square; half its freedom is what chance gives.
        tells = gain - 0.5 * weight.sum(1, keepdim=True) * self.freedom > self.least
        rows = torch.stack([count.sum(1) for count in counts]).sum(0)  # [M]
        return tells | (rows < self.enough)[:, None]

    def _gain(self, values: Sequence[torch.Tensor], counts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Log-likelihood that a mean per group gains over one mean, nats: [M, S, n] each -> [M, S, d]."""
        sums, sizes, total, square, n = (torch.zeros(()) for _ in range(5))
        for each, count, members in zip(values, counts, self.members, strict=True):
            kept = count.to(each.dtype)
            residual, each = each, each * kept[:, None]
            sums = sums + each @ members  # [M, S, T]
            sizes = sizes + kept @ members  # [M, T]
            total = total + each.sum(-1)  # [M, S]
            square = square + (each * residual).sum(-1)  # [M, S]
            n = n + kept.sum(-1, keepdim=True)  # [M, 1]
        n = n.clamp(min=1.0)
        within = sums.new_zeros(*total.shape, len(self.freedom))
        within.index_add_(2, self.owner, sums.square() / sizes.clamp(min=1.0)[:, None])
        between = within - (total.square() / n)[..., None]
        spread = square - total.square() / n
        # Where residuals are all but the same, as of a state that never occurs, differences are nothing but rounding.
        share = torch.where((spread > 1e-3 * square)[..., None], between / spread[..., None], 0.0)
        return -0.5 * n[..., None] * torch.log1p(-share.clamp(0.0, 1.0 - 1e-6))

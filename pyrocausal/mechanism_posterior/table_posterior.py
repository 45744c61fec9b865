"""Tables of states: a Dirichlet posterior in every cell of the parents' states. Numbers are cut into bins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.data.kind import Kind, entering
from pyrocausal.evidence.log_linear import LogLinear
from pyrocausal.evidence.table_prior import best_prior
from pyrocausal.evidence.telling_rows import TellingRows
from pyrocausal.mechanism_posterior.family_posterior import Conditional, FamilyPosterior

__all__ = ["TablePosterior"]

BINS = 6
ENTRIES = 200_000  # of a table, at the most: all its cells are drawn, and above that a network is


class TablePosterior(FamilyPosterior):
    """Dirichlet posteriors, one in each cell, around the posterior of a smooth model where that is their prior.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    telling
        Rows.
    effect, parents
        The variable, which has states, and its parents.
    """

    def __init__(self, kinds: Sequence[Kind], telling: TellingRows, effect: int, parents: tuple[int, ...]) -> None:
        self.kinds, self.parents = tuple(kinds), parents
        self.states = kinds[effect].cardinality
        entered, weights = entering(kinds, telling.rows), telling.weights[:, effect]
        bins = max(2, min(BINS, round(float(weights.sum()) ** 0.3)))
        self.cuts = [kinds[j].cuts(entered[:, j], bins, weights) for j in parents]
        self.levels = [kinds[j].levels(bins) for j in parents]
        keys = self._cells(telling.rows) * self.states + telling.rows[:, effect].long()
        counts = torch.bincount(keys, weights, int(np.prod(self.levels, dtype=np.int64)) * self.states)
        common = counts.double().view(-1, self.states)
        self.prior = best_prior(common, tuple(self.levels))
        self.evidence, self.common = self.prior.evidence, common

    @classmethod
    def fits(cls, kinds: Sequence[Kind], effect: int, parents: tuple[int, ...]) -> bool:
        """Whether there is such a table."""
        entries = np.prod([kinds[j].levels(BINS) for j in (*parents, effect)], dtype=object)
        return kinds[effect].closed_form == "table" and entries <= ENTRIES

    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """See `FamilyPosterior.draw`."""
        shares = (self.common + self._added(rng)).numpy()
        drawn = np.log(np.maximum(shares if rng is None else rng.standard_gamma(shares), 1e-300))
        return partial(self._conditional, torch.from_numpy(drawn))  # normalised by the distribution

    def _added(self, rng: np.random.Generator | None) -> torch.Tensor:
        """What the prior adds to the counts, of a smooth model one whose coefficients are drawn: [cells, states]."""
        smooth = self.prior.around
        if rng is None or not isinstance(smooth, LogLinear):
            return self.prior.concentration
        return self.prior.strength * smooth.drawn(torch.from_numpy(rng.standard_normal(len(smooth.found.root))))

    def _conditional(self, logits: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        return dist.Categorical(logits=logits.to(values)[self._cells(values)])

    def _cells(self, values: torch.Tensor) -> torch.Tensor:
        """The cell of each row: [*batch, d] -> [*batch]."""
        entered = entering(self.kinds, values)
        cells = torch.zeros_like(values[..., 0], dtype=torch.long)
        for j, cuts, levels in zip(self.parents, self.cuts, self.levels, strict=True):
            cells = cells * levels + self.kinds[j].codes(entered[..., j], None if cuts is None else cuts.to(entered))
        return cells

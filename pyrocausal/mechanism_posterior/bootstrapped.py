"""Networks and mechanisms of the user: a Bayesian bootstrap of fitted copies.

Every draw is a copy of the fitted mechanism, fitted anew to the rows with random weights, which are a draw from the
posterior of the rows' distribution under no model of it at all (Rubin 1981).

References
----------
D. B. Rubin, "The Bayesian Bootstrap", 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.copies.refitting import Refitting, fit_copies
from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part
from pyrocausal.evidence.telling_rows import TellingRows
from pyrocausal.mechanism_posterior.family_posterior import Conditional, FamilyPosterior
from pyrocausal.model.mechanisms import Copies, Mechanisms

__all__ = ["BootstrappedPosterior"]

LEAST_PRICE = 0.1  # nats that a free parameter costs where weights are as good as tied to each other
COPIES = 24  # that are fitted; draws take one of them


class BootstrappedPosterior(FamilyPosterior):
    """The fitted mechanism, and copies of it fitted to rows with random weights, as soon as one is drawn.

    Parameters
    ----------
    mechanisms
        Fitted.
    kinds
        Kind of each variable, length d.
    telling
        Rows.
    effect, parents
        The variable and its parents.

    Attributes
    ----------
    promise
        Nats, about the most that it may be found to predict (`FamilyPosterior.predictive`), which needs the copies.
    """

    def __init__(
        self,
        mechanisms: Mechanisms,
        kinds: Sequence[Kind],
        telling: TellingRows,
        effect: int,
        parents: tuple[int, ...],
    ) -> None:
        self.mechanisms, self.kinds, self.telling = mechanisms, tuple(kinds), telling
        self.family = effect, parents
        self.mask = torch.zeros(len(kinds))
        self.mask[list(parents)] = 1.0
        self._copies: Copies | None = None
        some = telling.weights[:, effect].nonzero()[:, 0]
        rows, weights = telling.rows[some], telling.weights[some, effect]
        with torch.no_grad():
            fn = self._fitted(rows)
            likelihood = float((fn.log_prob(kinds[effect].typed(rows[:, effect])).double() * weights).sum())
        copies = mechanisms.copies([self.family])
        free = 0 if copies is None else copies.free_parameters
        self.promise = likelihood - LEAST_PRICE * free

    def draw(self, rng: np.random.Generator | None) -> Conditional:
        """See `FamilyPosterior.draw`; of mechanisms that cannot be copied always the fitted one."""
        if rng is None:
            return self._fitted
        if self._copies is None:
            self._copies = self._fit(rng)
        copies = self._copies
        if copies is None:
            return self._fitted
        return partial(copies.conditional, int(rng.integers(COPIES)))

    def _fitted(self, values: torch.Tensor) -> dist.TorchDistribution:
        return self.mechanisms.conditional(self.family[0], values, self.mask.to(values))

    def _fit(self, rng: np.random.Generator) -> Copies | None:
        effect, _ = self.family
        some = self.telling.weights[:, effect].nonzero()[:, 0]
        rows, weights = self.telling.rows[some], self.telling.weights[some, effect]
        counts = weights[:, None].numpy() * rng.standard_exponential((len(some), COPIES))
        counted = torch.from_numpy(counts / counts.mean(0) * float(weights.mean())).to(rows)
        families = [self.family] * COPIES
        found = self.mechanisms.bootstrapped(self.family, rows, counted)
        if found is not None:
            return found.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            copies = fit_copies(self.mechanisms, self.kinds, families, Part(rows, None), counted, Refitting(), 0.0)
        return None if copies is None else copies.requires_grad_(False)

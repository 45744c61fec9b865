"""Missing values drawn from what the rest of their row says, so that graphs can be compared on the same rows.

A gap among the causes cannot just be one more state when graphs are compared: where a mediator is missing, the cause
behind it does tell something of the effect, and would be taken for a direct cause. So values are drawn, as in multiple
imputation by chained equations: each variable's from a model of it given all others and the regime, first from what is
there, then a few times more given all the others. Numbers have regressions (`pyrocausal.evidence.imputed_numbers`);
categories and counts networks, which are fitted with some of their inputs left out at random. A network takes a regime
to be like the observational one unless the values that were recorded there say otherwise: where there are none, nothing
speaks for another mechanism. Every chain of `discover` has draws of its own, so that what hangs on them differs between
chains.

Models are fitted to rows in proportion to their weights. A row with gaps is drawn once, whatever its weight, so equal
rows with gaps are better left apart than collapsed to one and their count.

This is right where values are missing at random: what is missing may depend on what is there, not on itself.

References
----------
S. van Buuren, K. Groothuis-Oudshoorn, "mice: multivariate imputation by chained equations in R", 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyro
import torch
from pyro import poutine
from torch.distributions import Distribution

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Exposure
from pyrocausal.data.missing import any_missing, present
from pyrocausal.data.weights import Part, drawing
from pyrocausal.evidence.imputed_numbers import Regressions
from pyrocausal.model.causal_model import observe_blocks
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["impute"]

STEPS, ROWS, LEARNING_RATE = 1_500, 512, 1e-2
LEFT_OUT = 0.2  # of the inputs that are there, while fitting
SWEEPS = 5  # redraws of every missing value
OWN = 5.0  # nats by which recorded values of a regime have to be more probable in it than in the observational one


def impute(data: InterventionalData, *, seed: int = 0, hidden: int = 64) -> InterventionalData:
    """Draw the missing values of a data set. Torch's global random state is left as it was.

    Parameters
    ----------
    data
        Observational rows and regimes.
    seed
        Of the fit and the draws.
    hidden
        Hidden units of the networks.

    Returns
    -------
    InterventionalData
        The same, complete; `data` itself where nothing is missing.
    """
    if not any_missing(data.kinds):
        return data
    recorded, weights = Part.of(data.parts)
    sizes = [len(part.rows) for part in data.parts]
    with reproducible_torch(), torch.random.fork_rng(), pyro.validation_enabled(False):
        torch.manual_seed(seed)
        draw = _Draws(data, recorded, weights, sizes, hidden)
        gaps, rows = ~present(recorded), recorded.clone()
        for sweep in range(1 + SWEEPS):
            for i in gaps.any(0).nonzero()[:, 0].tolist():
                checkpoint()
                rows[gaps[:, i], i] = draw(i, rows if sweep else recorded).to(rows)
    complete = rows.split(sizes)
    regimes = tuple(replace(old, rows=new) for old, new in zip(data.regimes, complete[1:], strict=True))
    whole = tuple(replace(kind, missing=False) for kind in data.kinds)
    return replace(data, kinds=whole, observational=complete[0], regimes=regimes)


class _Draws:
    """A model of every variable that has gaps."""

    def __init__(
        self,
        data: InterventionalData,
        recorded: torch.Tensor,
        weights: torch.Tensor | None,
        sizes: Sequence[int],
        hidden: int,
    ) -> None:
        self.kinds, self.gaps = data.kinds, ~present(recorded)
        counted = recorded.new_ones(len(recorded), dtype=torch.double) if weights is None else weights
        self.regressions = Regressions(data.kinds, recorded, counted, sizes)
        self.regime = Part.numbers(data.parts).to(recorded)[:, None]  # [N, 1]
        self.networks: NeuralMechanisms | None = None
        if any(self.gaps[:, i].any() for i, kind in enumerate(data.kinds) if kind.closed_form != "regression"):
            regime = Categorical(tuple(range(len(sizes))))
            kinds = (*(replace(kind, missing=True) for kind in data.kinds), regime)
            self.networks = NeuralMechanisms(kinds, hidden).to(recorded.device)
            _fit(self.networks, torch.cat([recorded, self.regime], 1), weights)
        self._taken: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def __call__(self, i: int, given: torch.Tensor) -> torch.Tensor:
        """Values of a variable where it is missing, given rows [N, d]."""
        if self.networks is None or self.kinds[i].closed_form == "regression":
            return self.regressions.draw(i, given)
        at = self.gaps[:, i]
        if i not in self._taken:
            self._taken[i] = self._taken_for(i, given)
        return self._distribution(i, given[at], self._taken[i][at]).sample()

    def _distribution(self, i: int, given: torch.Tensor, regime: torch.Tensor) -> Distribution:
        assert self.networks is not None
        others = (torch.arange(len(self.kinds) + 1, device=given.device) != i).to(given)
        return self.networks.conditional(i, torch.cat([given, regime], 1), others)

    def _taken_for(self, i: int, given: torch.Tensor) -> torch.Tensor:
        """For each row the regime that it is taken for when a variable is drawn, [N, 1]: its own or the first table."""
        seen = ~self.gaps[:, i]
        rows, regime, first = given[seen], self.regime[seen], torch.zeros_like(self.regime)
        value = self.kinds[i].typed(rows[:, i])
        own, other = (self._distribution(i, rows, each).log_prob(value) for each in (regime, first[seen]))
        gain = own.new_zeros(int(self.regime.max()) + 1).index_add_(0, regime[:, 0].long(), own - other)
        return torch.where((gain > OWN)[self.regime.long()], self.regime, first)


def _fit(networks: NeuralMechanisms, rows: torch.Tensor, weights: torch.Tensor | None) -> None:
    """Fit every variable's network to all others, some of them left out, drawing rows in proportion to weights [N]."""
    width = rows.shape[1]
    edges = (1.0 - torch.eye(width, device=rows.device)).expand(ROWS, width, width)
    exposures = [j for j, kind in enumerate(networks.kinds) if isinstance(kind, Exposure)]
    optimiser = torch.optim.Adam(networks.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, STEPS)
    draw = drawing(len(rows), weights, rows.device)
    for _ in range(STEPS):
        checkpoint()
        batch = rows[draw(ROWS)]
        seen = batch.clone()
        left_out = torch.rand_like(seen[:, :-1]) < LEFT_OUT  # the regime is always known
        left_out[:, exposures] = False  # so are they
        seen[:, :-1] = seen[:, :-1].masked_fill(left_out, torch.nan)

        def program(seen: torch.Tensor = seen, batch: torch.Tensor = batch) -> None:
            with pyro.plate("rows", len(batch), dim=-1):
                observe_blocks(networks.blocks(seen, edges), batch, range(width), networks.kinds)

        trace = poutine.trace(program).get_trace()
        trace.compute_log_prob()
        terms = [site["log_prob_sum"] for site in trace.nodes.values() if "log_prob_sum" in site]
        loss = -torch.stack(terms).sum() / len(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()

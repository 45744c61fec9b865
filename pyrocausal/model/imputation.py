"""Missing values drawn from what the rest of their row says, so that graphs can be compared on the same rows.

A gap among the causes cannot just be one more state when graphs are compared: where a mediator is missing, the cause
behind it does tell something of the effect, and would be taken for a direct cause. So values are drawn, as in multiple
imputation by chained equations, from a network per variable that is fitted to all other variables and the regime, with
some of its inputs left out at random; they are drawn again a few times, each given all the others. Every chain of
`discover` has draws of its own, so that what hangs on them differs between chains.

Networks are fitted to rows in proportion to their weights. A row with gaps is drawn once, whatever its weight, so equal
rows with gaps are better left apart than collapsed to one and their count.

This is right where values are missing at random: what is missing may depend on what is there, not on itself.

References
----------
S. van Buuren, K. Groothuis-Oudshoorn, "mice: multivariate imputation by chained equations in R", 2011.
"""

from __future__ import annotations

from dataclasses import replace

import pyro
import torch
from pyro import poutine

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Exposure
from pyrocausal.data.missing import any_missing, present
from pyrocausal.data.weights import Part, drawing
from pyrocausal.model.causal_model import observe_blocks
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.runtime.threads import one_thread

__all__ = ["impute"]

STEPS, ROWS, LEARNING_RATE = 1_500, 512, 1e-2
LEFT_OUT = 0.2  # of the inputs that are there, while fitting
SWEEPS = 5  # redraws of every missing value


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
    regime = Part.numbers(data.parts).to(recorded)  # [N]
    rows = torch.cat([recorded, regime[:, None]], 1)  # [N, d + 1]
    kinds = (*(replace(kind, missing=True) for kind in data.kinds), Categorical(tuple(range(len(sizes)))))
    with one_thread(), torch.random.fork_rng(), pyro.validation_enabled(False):
        torch.manual_seed(seed)
        networks = NeuralMechanisms(kinds, hidden).to(rows.device)
        _fit(networks, rows, weights)
        rows = _draw(networks, rows)
    complete = rows[:, :-1].split(sizes)
    regimes = tuple(replace(old, rows=new) for old, new in zip(data.regimes, complete[1:], strict=True))
    whole = tuple(replace(kind, missing=False) for kind in data.kinds)
    return replace(data, kinds=whole, observational=complete[0], regimes=regimes)


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


@torch.no_grad()
def _draw(networks: NeuralMechanisms, rows: torch.Tensor) -> torch.Tensor:
    """Rows [N, d + 1] with every gap drawn, first given what is there and then given all the others."""
    gaps, complete, all_others = ~present(rows), rows.clone(), 1.0 - torch.eye(rows.shape[1], device=rows.device)
    for sweep in range(1 + SWEEPS):
        given = complete if sweep else rows
        for i in gaps.any(0).nonzero()[:, 0].tolist():
            at = gaps[:, i]
            complete[at, i] = networks.conditional(i, given[at], all_others[i]).sample().to(rows.dtype)
    return complete

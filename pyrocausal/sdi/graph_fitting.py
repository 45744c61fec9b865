"""Phase 1, graph fitting: mechanisms maximise the log-likelihood of rows, each under a graph of its own.

    max over theta of the sum over rows x of E[log p(x | C, theta)],  C ~ Bernoulli(p)

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.2.
"""

from __future__ import annotations

from dataclasses import replace

import pyro
import torch
from pyro import poutine

from pyrocausal.data.weights import drawing
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.sdi.state import State, natural

__all__ = ["fit_mechanisms", "toggled"]


def fit_mechanisms(
    state: State,
    fitting: GraphFitting,
    steps: int,
    probability: torch.Tensor | None = None,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    unchanged: torch.Tensor | None = None,
) -> State:
    """Maximise the log-likelihood of rows, each under its own sampled graph.

    Rows are observational, drawn in proportion to their weights; see `pyrocausal.sdi.row_split` for when rows of
    regimes join them.

    Parameters
    ----------
    state
        Where the fit stands.
    fitting
        Settings.
    steps
        Gradient steps.
    probability
        Of every edge in the graphs that are drawn, shape [d, d]; None: the beliefs, with some edges toggled.
    schedule
        Stepped after every gradient step.
    unchanged
        Where rows of a regime come from a variable's natural mechanism, shape [R, d]; None: as the targets are
        believed, see `natural`.

    Returns
    -------
    State
        With the last loss.
    """
    model, loss = state.model, torch.tensor(state.loss)
    (rows, weights), origin = state.split.fitting, state.split.origin
    masked = bool((origin < len(state.data.regimes)).any())
    if unchanged is None:
        unchanged = natural(state.target_probability, fitting.certainty, state.prior.several, state.told)
    keep = torch.cat([unchanged, torch.ones_like(unchanged[:1])])  # [R + 1, d]
    if probability is None:
        probability = toggled(model.beliefs.edge_probability.detach(), model.beliefs.free, fitting.toggles)
    draw = drawing(len(rows), weights, rows.device)
    for _ in range(steps):
        checkpoint()
        chosen = draw(fitting.rows)
        batch, counts = rows[chosen], keep[origin[chosen]]  # [n, d] each
        edges = (torch.rand(len(batch), *probability.shape, device=rows.device) < probability).to(rows.dtype)
        given = pyro.condition(model.together, {"edges": edges})
        trace = poutine.trace(given).get_trace(batch, counts if masked else None)
        trace.compute_log_prob(lambda name, site: name != "edges")
        blocks = [site["log_prob_sum"] for name, site in trace.nodes.items() if name.startswith("block_")]
        loss = -torch.stack(blocks).sum() / len(batch)
        state.mechanism_optimiser.zero_grad()
        loss.backward()
        state.mechanism_optimiser.step()
        if schedule is not None:
            schedule.step()
    return replace(state, loss=float(loss.detach()))


def toggled(probability: torch.Tensor, free: torch.Tensor, count: float) -> torch.Tensor:
    """Probability of an edge that is drawn, then perhaps toggled, `count` free edges of a variable on average."""
    toggle = min(0.5, count / len(probability)) * free
    return probability + toggle - 2 * probability * toggle

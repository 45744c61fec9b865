"""Phase 3, credit assignment: scores become a score-function gradient of the beliefs, beside regularisers.

Estimators and regularisers are in `pyrocausal.sdi.credit`.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.4.
"""

from __future__ import annotations

import torch

from pyrocausal.sdi.settings import CreditAssignment
from pyrocausal.sdi.state import State

__all__ = ["assign_credit"]


def assign_credit(state: State, credit: CreditAssignment, graphs: torch.Tensor, scores: torch.Tensor) -> float:
    """One step of the structural parameters.

    Parameters
    ----------
    state
        Where the fit stands; its beliefs are updated in place.
    credit
        Settings.
    graphs, scores
        From phase 2, [K, d, d] and [K, R, d].

    Returns
    -------
    float
        Norm of the gradient.
    """
    beliefs, optimiser = state.model.beliefs, state.belief_optimiser
    gradient = credit.estimator(graphs, scores, beliefs.edge_probability.detach())  # [R, d, d]
    optimiser.zero_grad()
    beliefs.assign_credit(gradient, state.targets)
    existence = beliefs.probability(orientation=False)
    penalty = sum(weight * regulariser(existence) for regulariser, weight in credit.regularisers.items())
    if bool((log_odds := state.constraints.log_odds.to(existence)).any()):
        # Scores are means per row, and so is what was known before the rows.
        penalty = penalty - (existence * log_odds).sum() / sum(len(part.rows) for part in state.split.scoring)
    if isinstance(penalty, torch.Tensor):
        penalty.backward()
    norm = torch.stack([p.grad.norm() for p in beliefs.parameters() if p.grad is not None]).norm()
    optimiser.step()
    beliefs.confine()
    return float(norm)

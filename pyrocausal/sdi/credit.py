"""Credit assignment: from scores of sampled graphs to a gradient for the edge beliefs, and the regularisers beside it.

Graphs C_k ~ Bernoulli(p) were scored; score terms factorise over effects, so the credit of edge (i, j) comes from the
terms of X_i alone. Every estimator has the same signature, `(graphs [K, d, d], scores [K, R, d], probability [d, d])
-> [R, d, d]`, and returns the ascent direction with respect to the log odds of p_ij, per regime. With S_i the score of
effect i under a random graph,

- `conditional_difference` and `leave_one_out` are unbiased for the gradient of E[S_i], which is
  p_ij (1 - p_ij) (E[S_i | edge on] - E[S_i | edge off]);
- `self_normalised` is the paper's: it follows the gradient of log E[exp S_i] with a bias of order 1/K.

Regularisers map edge probabilities [d, d] to a penalty.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, equations 3-5.
.. [2] P. Lippe et al., "Efficient Neural Causal Discovery without Acyclicity Constraints", arXiv:2107.10483.
.. [3] W. Kool et al., "Buy 4 REINFORCE Samples, Get a Baseline for Free!", 2019.

Examples
--------
>>> import torch
>>> import pyrocausal as pc
>>> graphs = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])  # with the edge 0 -> 1, and without it
>>> scores = torch.tensor([[[0.0, -1.0]], [[0.0, -2.0]]])  # of either, in one regime: with it X1 is better predicted
>>> pc.credit.leave_one_out(graphs, scores, torch.full((2, 2), 0.5))[0, 1, 0].item() > 0
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

__all__ = [
    "Credit",
    "acyclicity",
    "conditional_difference",
    "cycles",
    "leave_one_out",
    "self_normalised",
    "sparsity",
    "uncertainty",
]

Credit: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def conditional_difference(graphs: torch.Tensor, scores: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
    """Mean score with the edge minus mean score without it, on the scale of the log odds (ENCO, equations 4-5).

    Scores are centred over graphs first, which changes nothing but rounding. An edge that is on in every graph, or in
    none, gets no credit; the estimate is divided by the probability that this does not happen, which makes it unbiased.

    Parameters
    ----------
    graphs
        Sampled graphs, 0/1, shape [K, d, d] (effect, cause).
    scores
        Mean log-likelihood per effect, shape [K, R, d].
    probability
        The probabilities that the graphs were sampled with, shape [d, d].

    Returns
    -------
    torch.Tensor
        Shape [R, d, d].
    """
    K = len(graphs)
    centred = scores - scores.mean(0)
    on = graphs.sum(0)  # [d, d]
    off = K - on
    # With centred scores the sum over graphs without the edge is minus the sum over graphs with it.
    total = torch.einsum("kri,kij->rij", centred, graphs)
    difference = total / on.clamp(min=1.0) + total / off.clamp(min=1.0)
    seen = (on > 0) & (off > 0)
    chance = 1.0 - probability**K - (1.0 - probability) ** K
    weight = torch.where(seen, probability * (1.0 - probability) / chance.clamp(min=1e-12), torch.zeros_like(chance))
    return difference * weight


def leave_one_out(graphs: torch.Tensor, scores: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
    """REINFORCE with the mean score of the other graphs as baseline.

    Parameters and returns as for `conditional_difference`.

    Raises
    ------
    ValueError
        If there is only one graph, which has no other to compare with.
    """
    if len(graphs) < 2:
        raise ValueError("leave_one_out needs at least 2 graphs; raise the number of graphs per step")
    centred = scores - scores.mean(0)
    return torch.einsum("kri,kij->rij", centred, graphs - probability) / (len(graphs) - 1)


def self_normalised(
    graphs: torch.Tensor, scores: torch.Tensor, probability: torch.Tensor, rows: float = 1.0
) -> torch.Tensor:
    """The paper's estimator: sum_k (c_ij^k - p_ij) w_i^k with likelihood weights w that sum to one over graphs.

    A self-normalised importance estimate of the gradient of log E[exp(rows S_i)]. The weights are computed in log
    space and per graph. Parameters and returns as for `conditional_difference`; in addition

    Parameters
    ----------
    rows
        Rows that the likelihood counts for; scores are means per row.
    """
    weights = (rows * scores).softmax(0)  # [K, R, d]
    return torch.einsum("kri,kij->rij", weights, graphs - probability)


def sparsity(probability: torch.Tensor) -> torch.Tensor:
    """Expected number of edges: its weight is the price of an edge in nats per row."""
    return probability.sum()


def acyclicity(probability: torch.Tensor) -> torch.Tensor:
    """Penalty on 2-cycles, sum over i < j of cosh(p_ij p_ji) (Ke et al., section 3.4; zero where none is believed)."""
    return (torch.cosh(probability * probability.t()) - 1.0).triu(1).sum()


def cycles(probability: torch.Tensor) -> torch.Tensor:
    """Expected number of edges that close a directed cycle with edges believed with more than one half.

    Its weight is what such an edge must pay on top of `sparsity`: the weakest edge of a cycle gives way, and then the
    others pay no longer. Where nothing is believed yet, nothing is paid. `acyclicity` sees cycles of length two alone.
    """
    reach = (probability.detach() > 0.5).to(probability.dtype)  # [d, d], effect reached from cause
    for _ in range((len(reach) - 1).bit_length()):  # paths of up to 2, 4, 8, ... edges
        reach = (reach + reach @ reach).clamp(max=1.0)
    return (probability * reach.t()).sum()


def uncertainty(probability: torch.Tensor) -> torch.Tensor:
    """Negative spread of the beliefs, -sum p (1 - p): penalises certainty, the paper's maximum-entropy term."""
    return -(probability * (1.0 - probability)).sum()

"""Graphs drawn from the posterior of a chain, whether it has drawn some or not.

Without draws it is the local posterior around the settled graph: every pair of variables has no edge, one or the other
direction, with the probabilities that settling found for it while all else stood still, and pairs are independent. A
graph with a cycle is drawn again.
"""

from __future__ import annotations

import numpy as np
import torch

from pyrocausal.model.acyclic import break_cycles, topological_order
from pyrocausal.model.drawn_graphs import DrawnGraphs
from pyrocausal.posterior.chain import Chain

__all__ = ["graphs_of", "local_graphs"]

AGAIN = 100  # times that a graph is drawn, before its weakest edges go


def graphs_of(chain: Chain, draws: int, seed: int) -> torch.Tensor:
    """Graphs, boolean, [draws, d, d]: some of those drawn, evenly spread, or of the local posterior."""
    beliefs = chain.model.beliefs
    if chain.graphs is None and isinstance(beliefs, DrawnGraphs):
        return beliefs.draw(draws, torch.Generator().manual_seed(seed))
    if chain.graphs is None:
        return local_graphs(chain.edge_probability, draws, seed)
    return chain.graphs[torch.linspace(0, len(chain.graphs) - 1, draws).round().long()].cpu()


def local_graphs(edge_probability: torch.Tensor, draws: int, seed: int) -> torch.Tensor:
    """Acyclic graphs whose pairs of variables are independent, boolean, [draws, d, d].

    Parameters
    ----------
    edge_probability
        Shape [d, d] (effect, cause); both directions of a pair add up to 1 at the most, or are scaled to do so.
    draws, seed
        How many, and of the random numbers.
    """
    p = edge_probability.detach().cpu().double()
    p = p / (p + p.t()).clamp(min=1.0)
    rng = np.random.default_rng(seed)
    upper = torch.ones_like(p, dtype=torch.bool).triu(1)
    found = []
    for _ in range(draws):
        for _ in range(AGAIN):
            u = torch.from_numpy(rng.random(p.shape))
            one = upper & (u < p)  # row from column, above the diagonal
            other = upper & (u >= p) & (u < p + p.t())
            graph = one | other.t()
            if topological_order(graph) is not None:
                break
        else:
            graph = break_cycles(graph.double(), p)[0].bool()
        found.append(graph)
    return torch.stack(found)

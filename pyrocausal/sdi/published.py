"""The algorithm as published, in numbers: what `SDI.paper()` is made of.

The three phases, independent beliefs, the greatest drop as target, self-normalised credit and both penalties are the
paper's. The numbers are chosen so that beliefs come to rest on three variables (`python -m benchmarks rest` measures
it). With the weights of the released code (sparsity 0.1, 2-cycles 0.5) they do not, whatever a likelihood counts for.
To rest is not to be right: wrong targets can mislead a fit, and under soft interventions the score of regimes without
the terms of their targets may like a wrong graph best (`benchmarks/published_score.py`).

- *Rows that a likelihood counts for.* Credit follows the mean over regimes of log E[exp(rows S_r)]. An edge that is
  hardly believed is pulled by the mean over regimes of exp(rows gain_r) - 1: a gain grows without bound, and a loss
  counts as one at most. With many rows a reversed edge that is worse on average, but better in one regime, is held on
  to. With one row, the mean over rows, gains and losses weigh about alike.
- *Sparsity.* In nats per row. In the benchmark real edges gain 0.014 or more, and pairs without an edge 0.001.
- *2-cycles.* A reversed edge may gain 0.05 nats on average. The slope of its penalty, weight p_ij sinh(p_ij p_ji),
  vanishes with p_ji, so its belief comes to stand where that slope balances the gain: with a weight of 0.5 at 0.1, with
  10 at 0.005.
- *Optimiser.* With a memory of a thousand steps Adam divides what is left of the gradient by how large it was at first.
  With a short memory alone it moves all beliefs equally fast, and weak evidence under wrong targets decides as soon as
  strong evidence does. With `eps` above the size of the gradient, steps are in proportion to it: strong edges are
  decided first, and then fewer targets are wrong when the others are.
- *Graphs.* Credit is as noisy as a mean of so many draws, which near 0 and 1 is far more than what it estimates. Equal
  parent sets are scored once, so with few variables many graphs cost little; with many variables `work` bounds it.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
"""

from __future__ import annotations

from functools import partial

import torch

from pyrocausal.sdi.credit import acyclicity, self_normalised, sparsity
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.targets import greatest_drop

__all__ = ["CREDIT", "FITTING", "SCORING", "STOPPING"]

FITTING = GraphFitting(
    optimiser=partial(torch.optim.Adam, lr=1e-2, betas=(0.9, 0.999)),
    rows=512,
    warm_up=1500,
    every=10,
    steps=10,
    toggles=0.0,
    regime_rows=False,
    held_out=0.0,
)
SCORING = GraphScoring(
    graphs=10_000,
    rows=500,
    work=2_000_000,
    target_rule=greatest_drop,
    target_graphs=2000,
    target_rows=10**9,
    memory=0.0,
)
CREDIT = CreditAssignment(
    estimator=partial(self_normalised, rows=1.0),
    optimiser=partial(torch.optim.Adam, lr=1.5, betas=(0.1, 0.9), eps=0.1),
    regularisers={sparsity: 0.008, acyclicity: 10.0},
)
STOPPING = Stopping(tolerance=0.02, patience=20, max_steps=2000)

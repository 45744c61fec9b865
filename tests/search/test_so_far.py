"""A search that is cut short has the best graph that it has met."""

from __future__ import annotations

import torch

from pyrocausal.runtime.interruption import interruptible
from pyrocausal.search.so_far import SoFar


def test_the_best_graph_is_kept():
    so_far, evidence = SoFar(), object()
    assert so_far.evidence is None
    dag = torch.zeros(2, 2, dtype=torch.bool)
    with interruptible(lambda: False) as work:
        so_far.offer(-10.0, evidence, dag, lambda: torch.full((2, 2), 0.3))
        dag[1, 0] = True
        assert not so_far.dag.any() and work.edges == 0
        so_far.offer(-4.0, evidence, dag, lambda: torch.full((2, 2), 0.7))
        so_far.offer(-5.0, evidence, torch.zeros_like(dag), lambda: torch.zeros(2, 2))
    assert so_far.value == -4.0 and so_far.evidence is evidence and torch.equal(so_far.dag, dag)
    torch.testing.assert_close(so_far.edge_probability, torch.full((2, 2), 0.7))
    assert (work.evidence, work.edges) == (-4.0, 1)

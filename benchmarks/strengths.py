"""What is left of edges and targets where weak ones are left out: distance and targets from a least strength on."""

from __future__ import annotations

import networkx as nx
import numpy as np

from benchmarks.judging import Experiment, Found
from pyrocausal.posterior.graph_metrics import shd

__all__ = ["COLUMNS", "CUTS", "judge_strengths"]

CUTS = 0.01, 0.03, 0.1  # nats a row, at least

COLUMNS = tuple(f"{what}_at_{cut:g}" for cut in CUTS for what in ("shd", "false_targets", "right_targets"))


def judge_strengths(found: Found, true: Experiment) -> dict[str, object]:
    """Compare with the truth what is at least so strong: columns of a result, none where a method tells no strengths.

    Targets count in regimes where they are to be found.
    """
    judged: dict[str, object] = {}
    for cut in CUTS:
        if found.edge_strength is not None:
            kept = nx.from_numpy_array((found.dag & (found.edge_strength >= cut)).T, create_using=nx.DiGraph)
            judged[f"shd_at_{cut:g}"] = shd(nx.relabel_nodes(kept, dict(enumerate(true.graph))), true.graph)
        if found.target_strength is not None and found.targets is not None:
            right, false = _targets(found.targets, found.target_strength >= cut, true)
            judged |= {f"false_targets_at_{cut:g}": false, f"right_targets_at_{cut:g}": right}
    return judged


def _targets(called: list[set[str]], strong: np.ndarray, true: Experiment) -> tuple[int, int]:
    """How many of those that are called, and strong [R, d], are right and how many are not."""
    right = false = 0
    for (regime, real), names, row in zip(true.targets.items(), called, strong, strict=True):
        if regime in true.sought:
            said = names & {name for name, on in zip(true.graph, row, strict=True) if on}
            right += len(said & set(real))
            false += len(said - set(real))
    return right, false

"""Results made by hand for verdicts and advice: four variables, three regimes, and how they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from conftest import KINDS, make_chain, make_model, small_data

from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import ROUNDS, Chain

EDGES = {("X0", "X1"): 1.0, ("X1", "X2"): 0.9}
STRENGTHS = {("X0", "X1"): 0.3, ("X1", "X2"): 0.1}


def matrix(of: Mapping[tuple[str, str], float]) -> torch.Tensor:
    """From (cause, effect) to [4, 4]."""
    made = torch.zeros(4, 4)
    for (cause, effect), value in of.items():
        made[int(effect[1]), int(cause[1])] = value
    return made


def settled_chain(
    edges=EDGES, strengths=STRENGTHS, targets=(0, 1, 2), kinds="continuous", known=None, **changes
) -> Chain:
    """A restart that has settled; targets by number, 4 for none, or as [3, 5]; strengths None for unknown."""
    hit = targets if isinstance(targets, torch.Tensor) else torch.eye(5)[list(targets)]
    made = {
        "rounds": pd.DataFrame([(1, 0.0, 2, 0, 0, False)], columns=ROUNDS).set_index("round"),
        "edge_strength": None if strengths is None else matrix(strengths).double(),
        "target_strength": torch.full((3, 4), 0.5).double(),
        "drift": torch.zeros(3, 4),
        "several_gain": -5.0,
    }
    return make_chain(make_model(KINDS[kinds], **(known or {})), matrix(edges), hit, **(made | changes))


def asked(several: bool | None = None, rounds: int | None = 6, rule: str = "bayes_factor") -> dict[str, Any]:
    """Settings as a result writes them down; without rounds nothing settles."""
    return {
        "algorithm": {"scoring": {"target_rule": rule}, "stopping": {"max_steps": 60}, "fitting": {"held_out": 0.2}},
        "settling": None if rounds is None else {"rounds": rounds, "price": 1.5},
        "target_prior": {"several": several, "probability": {}},
    }


def made_result(*chains: Chain, kinds="continuous", rows=2_000, told=None, settings=None, **more) -> CausalPosterior:
    data = small_data(KINDS[kinds], rows, targets=told)
    return CausalPosterior(data, chains or (settled_chain(kinds=kinds),), 0, settings or asked(), **more)

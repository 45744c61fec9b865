"""Results by hand: some of what is believed alone, some with programs, beliefs along the steps and drawn graphs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from conftest import KINDS, acyclic_graphs, make_chain, make_model, small_data
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.regime import Regime
from pyrocausal.plots.graph import graph_size
from pyrocausal.posterior.causal_posterior import CausalPosterior

DIAMOND = {("A", "B"): 0.99, ("A", "C"): 0.6, ("B", "D"): 0.9, ("C", "D"): 0.8, ("A", "D"): 0.3, ("D", "C"): 0.05}


def believe(names, edges, targets) -> CausalPosterior:
    """A result by hand: probabilities by (cause, effect), and by regime a pair of target and probability."""
    d = len(names)
    edge = torch.zeros(d, d)
    for (cause, effect), probability in edges.items():
        edge[names.index(effect), names.index(cause)] = probability
    target = torch.zeros(len(targets), d + 1)
    for row, (name, probability) in zip(target, targets.values(), strict=True):
        row[names.index(name) if name else d] = probability
        row[d] += 1 - probability
    rows = torch.tensor([[0.0] * d, [1.0] * d])
    regimes = tuple(Regime(name, rows) for name in targets)
    data = InterventionalData(tuple(names), (Categorical((0, 1)),) * d, rows, regimes)
    return CausalPosterior(data, (make_chain(make_model((Categorical((0, 1)),) * d), edge, target),), 0)


def diamond() -> CausalPosterior:
    targets = {"drug": ("B", 0.9), "heat": (None, 1.0), "cold": ("B", 0.7), "salt": ("A", 0.4)}
    return believe(["A", "B", "C", "D"], DIAMOND, targets)


def axes(result, size=graph_size):
    figure = Figure(figsize=size(result))
    FigureCanvasAgg(figure)
    return figure.add_subplot()


R, D, N = 3, 4, 12


def logits(steps, seed=0) -> torch.Tensor:
    """Log odds of a fit of four variables, infinite on the diagonal."""
    made = torch.randn(steps, D, D, generator=torch.Generator().manual_seed(seed))
    return made.masked_fill(torch.eye(D, dtype=torch.bool), -torch.inf)


def trace(steps) -> pd.DataFrame:
    step = np.arange(1, steps + 1)
    columns = {"step": step, "loss": 3.0 / step, "confidence": 0.5 + step / 100, "edges": step % 5}
    return pd.DataFrame(columns | {"gradient_norm": 1.0 / step}).set_index("step")


def chain(kinds, seed=0, steps=8, draws=N, model=None, **changes):
    torch.manual_seed(seed)
    model = make_model(kinds) if model is None else model
    hit = torch.zeros(R, D + 1)
    hit[0, 1], hit[1, D], hit[2, [0, 2]] = 1.0, 1.0, 0.9
    made = {"seed": seed, "trace": trace(steps), "belief_logits": logits(steps, seed)}
    made |= {"dag": acyclic_graphs(D, 1)[0].bool()}
    if draws:
        graphs = acyclic_graphs(D, draws).bool()
        graphs[draws // 2 :] = graphs[: draws - draws // 2].clone()  # some come twice
        made |= {"graphs": graphs, "graph_evidence": torch.randn(draws).double(), "accepted": 0.25}
        made |= {"graph_targets": torch.rand(draws, R, D) < 0.4}
    return make_chain(model, 0.5 * (1 - torch.eye(D)), hit, **(made | changes))


def posterior(kinds="categorical", rows=20, **options) -> CausalPosterior:
    kinds = KINDS[kinds]
    return CausalPosterior(small_data(kinds, rows), (chain(kinds, 0, **options), chain(kinds, 1, **options)), 7)

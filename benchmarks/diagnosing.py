"""Does `diagnose` name what is wrong with a fit? Asked where it is known, because it was made so.

Every case is a random graph of six categorical variables of three states with neural tables, whose edges carry at least
0.01 nats or as much as can be had, one hard intervention a variable whose target is hidden, and a fit with two chains.
Interventions draw the target from another distribution, at least 0.2 in total variation from the one it had.

- good: 4,000 rows without intervention and 400 a regime;
- little-data: 100 and 20;
- hidden-cause: as good, but a seventh variable acts on two that no edge joins, and its column is dropped; it leaves at
  least 0.03 nats between the two;
- stopped-early: as good, but the three phases alone are stopped after 30 steps;
- placebo: as good, and in one more regime nothing is done.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.problems import informative_truth
from pyrocausal.data import Regime
from pyrocausal.graphs import random_dag
from pyrocausal.ground_truth import GroundTruth
from pyrocausal.simulate import Simulation, neural_network_truth, simulate
from pyrocausal.truth_mechanisms import Distribution, Mechanism

VARIABLES, EDGES, STATES = 6, 1.0, 3
ROWS, FEW = (4_000, 400), (100, 20)  # without intervention, and of a regime
HIDDEN, LEAVES = "hidden", 0.03  # nats between the effects of the hidden cause
CLOSEST = 0.2  # an intervention is at least so far from what was, in total variation


def problem(kind: str, seed: int) -> tuple[Simulation, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    graph, pair = random_dag(VARIABLES, EDGES, rng), ()
    if kind == "hidden-cause":
        truth, pair = confounded_truth(graph, rng)
    else:
        truth, _ = informative_truth(graph, STATES, seed, embedding=4)
    rows, per_regime = FEW if kind == "little-data" else ROWS
    targets = [(name,) for name in graph] + [()] * (kind == "placebo")
    made = simulate(
        truth, intervention=clearly, rows=rows, rows_per_regime=per_regime, targets=targets, seed=seed
    )
    return without(made, HIDDEN) if pair else made, pair


def clearly(truth: GroundTruth, target: str, rng: np.random.Generator, /) -> Mechanism:
    """Draw a target from a distribution at random that is not too close to the one it has without intervention."""
    usual = truth.sample(5_000, rng)[target].value_counts(normalize=True).reindex(truth.states[target], fill_value=0.0)
    while True:
        weights = rng.dirichlet(np.ones(truth.card(target)))
        if 0.5 * np.abs(weights - usual.to_numpy()).sum() >= CLOSEST:
            return Distribution(weights)


def confounded_truth(graph: nx.DiGraph, rng: np.random.Generator) -> tuple[GroundTruth, tuple[str, str]]:
    """A cause more, of two variables that no edge joins, which leaves them clearly dependent."""
    apart = [(a, b) for a in graph for b in graph if a < b and not graph.has_edge(a, b) and not graph.has_edge(b, a)]
    while True:
        pair = apart[rng.integers(len(apart))]
        made = graph.copy()
        made.add_edges_from((HIDDEN, name) for name in pair)
        truth, _ = neural_network_truth(made, rng, states=STATES, min_information=0, embedding=4)
        if left_between(truth, pair, rng) >= LEAVES:
            return truth, pair


def left_between(truth: GroundTruth, pair: tuple[str, str], rng: np.random.Generator, rows: int = 20_000) -> float:
    """I(one; other | their other causes) in nats, estimated."""
    given = sorted({*truth.parents(pair[0]), *truth.parents(pair[1])} - {HIDDEN, *pair})
    table = truth.sample(rows, rng)
    total = 0.0
    for _, part in table.groupby(given) if given else [((), table)]:
        counts = pd.crosstab(part[pair[0]], part[pair[1]]).to_numpy().astype(float)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum()
        seen = counts > 0
        gain = (counts[seen] * np.log(counts[seen] / expected[seen])).sum()
        total += gain - 0.5 * (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return total / rows


def without(made: Simulation, name: str) -> Simulation:
    """The same with a column dropped, and regimes that act on it."""
    place = made.data.names.index(name)
    keep = [i for i in range(len(made.data.names)) if i != place]
    regimes = [
        replace(regime, rows=regime.rows[:, keep]) for regime in made.data.regimes if made.targets[regime.name] != (name,)
    ]
    data = replace(
        made.data,
        names=tuple(made.data.names[i] for i in keep),
        kinds=tuple(made.data.kinds[i] for i in keep),
        observational=made.data.observational[:, keep],
        regimes=tuple(regimes),
        truth=None,
    )
    return Simulation(data, made.truth, {regime.name: made.targets[regime.name] for regime in regimes})

"""The suite `drift`: regimes that differ in everything a little, and in their targets a lot.

Numbers and their settings: 10 variables, 1.35 edges a variable expected, 900 observational rows and 900 a regime, noise
of standard deviation 0.7, weights U(0.5, 1.5) with a random sign (`linear`) or a hidden layer of 8 tanh units with
weights N(0, 1.2) and N(0, 1) (`tanh`), targets N(2, 1). Categories: 10 variables of 3 states, 2,000 and 500 rows, every
table of every regime drawn around its own. Counts: 8 variables in proportion to a log-normal depth, 2,000 and 500 rows.
The truth, the observational rows and the targets of a seed are the same whatever the drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator

from benchmarks.problems import Problem, Suite, informative_truth
from pyrocausal import graphs, simulate
from pyrocausal.simulate.continuous_truths import Function, HiddenLayer, Linear, Normal, PlusNoise
from pyrocausal.simulate.drifts import Drift
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import Intervention
from pyrocausal.simulate.truth_mechanisms import Mechanism

__all__ = ["DRIFT", "against_clean"]

EDGES_PER_NODE, NOISE, UNITS, MOST_TARGETS = 1.35, 0.7, 8, 3
CLEAN = "clean"


# ------------------------------------------------------------------ what drifts
def _linear(p: int, rng: Generator) -> Function:
    return Linear(rng.choice((-1.0, 1.0), p) * rng.uniform(0.5, 1.5, p))


def _tanh(p: int, rng: Generator) -> Function:
    return HiddenLayer(1.2 * rng.standard_normal((p, UNITS)), np.zeros(UNITS), rng.standard_normal(UNITS), 0.0)


def _numbers(function: Callable[[int, Generator], Function]) -> Callable[[nx.DiGraph, int], tuple[GroundTruth, str]]:
    def draw(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
        rng, mechanisms = np.random.default_rng(seed), dict[str, Mechanism]()
        for name in graph:
            p = graph.in_degree(name)
            mechanisms[name] = PlusNoise(function(p, rng), NOISE) if p else Normal(0.0, NOISE)
        return GroundTruth(graph, mechanisms, dict.fromkeys(graph)), ""

    return draw


def _categories(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return informative_truth(graph, 3, seed, embedding=4)


def _counts(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return simulate.count_truth(graph, np.random.default_rng(seed), exposure="depth"), ""


@dataclass(frozen=True)
class Drifting:
    """A kind of table, and how much its regimes differ.

    Attributes
    ----------
    truth
        From a graph and a seed to a ground truth and a remark.
    intervention
        On a target.
    drifts
        By their names, the least one first, which is none.
    variables, rows, rows_per_regime
        How many.
    """

    truth: Callable[[nx.DiGraph, int], tuple[GroundTruth, str]]
    intervention: Intervention
    drifts: dict[str, Drift | None]
    variables: int = 10
    rows: int = 2_000
    rows_per_regime: int = 500


def _measurement(*percents: int) -> dict[str, Drift | None]:
    return {CLEAN: None} | {str(percent): simulate.drifting_measurement(percent / 100) for percent in percents}


NORMAL = simulate.hard_normal(mean=2.0, sd=1.0)
TABLES: dict[str, Drift | None] = {str(k): simulate.drifting_tables(float(k)) for k in (1000, 200, 50)}
DATA = {
    "linear": Drifting(_numbers(_linear), NORMAL, _measurement(2, 5, 10), rows=900, rows_per_regime=900),
    "tanh": Drifting(_numbers(_tanh), NORMAL, _measurement(2, 5, 10), rows=900, rows_per_regime=900),
    "categories": Drifting(_categories, simulate.hard_random, {CLEAN: None} | TABLES),
    "counts": Drifting(_counts, simulate.hard_count(), _measurement(5, 10, 20), variables=8),
}


# ------------------------------------------------------------------ what is hit
def _one(names: Sequence[str], rng: Generator) -> list[tuple[str, ...]]:
    return [(name,) for name in names]


def _some(names: Sequence[str], rng: Generator) -> list[tuple[str, ...]]:
    """As many regimes as variables, each with one to three targets at random."""
    return [tuple(rng.choice(names, int(rng.integers(1, MOST_TARGETS + 1)), replace=False).tolist()) for _ in names]


TARGETS = {"one": _one, "some": _some}


def _problem(data: str, drift: str, targets: str) -> Problem:
    made_of = DATA[data]

    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        graph = graphs.random_dag(made_of.variables, EDGES_PER_NODE, rng)
        truth, note = made_of.truth(graph, seed)
        made = simulate.simulate(
            truth,
            intervention=made_of.intervention,
            rows=made_of.rows,
            rows_per_regime=made_of.rows_per_regime,
            targets=TARGETS[targets](list(graph), rng),
            drift=made_of.drifts[drift],
            seed=seed,
        )
        return made, note

    return Problem(f"{data}-{drift}-{targets}", build)


DRIFT = Suite(
    "drift",
    "Regimes that differ in everything a little. *linear* and *tanh*: 10 continuous variables, values of every "
    "variable of every regime scaled and shifted by 0 (*clean*), 2, 5 or 10 percent (of its standard deviation) at "
    "random. *categories*: 10 variables of 3 states, every table of every regime drawn from Dirichlet(1000 p), "
    "(200 p) or (50 p) around its own. *counts*: 8 variables in proportion to a depth; that depth, and how much of "
    "every variable is found, are log-normal over regimes, with a standard deviation of 5, 10 or 20 percent. Targets "
    "are hard: *one* a regime, one regime a variable, or *some*, one to three at random in as many regimes, of which "
    "methods are told nothing.",
    tuple(
        _problem(data, drift, targets) for data, each in DATA.items() for targets in TARGETS for drift in each.drifts
    ),
)


# ------------------------------------------------------------------ what drift costs
def against_clean(runs: pd.DataFrame) -> str:
    """Markdown of what drift costs: a row for every problem and method, SHD beside that of the clean table.

    Runs that failed are left out; those at a limit count with their last graph.

    Parameters
    ----------
    runs
        Rows of the suite, as `benchmarks.rows.read_table` gives them.
    """
    lines = [["data", "targets", "drift", "method", "SHD", "SHD less that of the clean table"]]
    lines[0] += ["false targets a fit", "missed targets a fit", "CPU s", "seeds"]
    lines.append(["---"] * len(lines[0]))
    judged = runs[runs.shd_dag.notna()].sort_values("seed").set_index("seed")
    for (data, each), targets in product(DATA.items(), TARGETS):
        for method, drift in product(dict.fromkeys(judged.method), each.drifts):
            ours = judged[judged.method == method]
            here, clean = (ours[ours.problem == f"{data}-{which}-{targets}"] for which in (drift, CLEAN))
            if len(here):
                more = math.nan if drift == CLEAN else float((here.shd_dag - clean.shd_dag).mean())  # seeds of both
                lines.append([data, targets, drift, str(method), *_cells(here, more)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(runs: pd.DataFrame, more: float) -> list[str]:
    distances = f"**{runs.shd_dag.mean():.1f}** ({' '.join(f'{each:.0f}' for each in runs.shd_dag)})"
    means = (runs.false_targets.mean(), runs.missed_targets.mean(), runs.cpu_total.median())
    return [distances, _number(more, "+.1f"), *(_number(mean, ".1f") for mean in means), str(len(runs))]


def _number(value: float, how: str) -> str:
    return "" if math.isnan(value) else format(value, how)

"""The suite `large`: how far the method goes with variables, at a fixed number of edges a variable.

Random graphs, and graphs whose numbers of children are scale-free, with one edge a variable expected (a degree of 2, in
and out together). Numbers: linear mechanisms and interventions N(2, 1) in raw units, 10,000 observational rows and 100
a regime. Categories: neural tables of 5 states as they are drawn, hard random interventions, 100,000 observational rows
and 512 a regime. A regime for every variable (`all`), or for a tenth of them at random (`tenth`). Nobody is told the
targets.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator

from benchmarks.problems import Problem, Suite
from pyrocausal import graphs, simulate
from pyrocausal.simulate.experiments import Simulation

__all__ = ["LARGE", "by_family"]

SIZES = 50, 100, 200, 500, 1000, 2000
TENTH = 10  # one variable in so many is hit


def _random(d: int, rng: Generator) -> nx.DiGraph:
    return graphs.random_dag(d, 1.0, rng)


def _scale_free(d: int, rng: Generator) -> nx.DiGraph:
    """As many edges as variables, each from a cause that was chosen in proportion to its children so far, and one."""
    order = rng.permutation(d)
    children, edges = np.zeros(d), set[tuple[int, int]]()
    while len(edges) < d:
        place = int(rng.integers(1, d))
        share = (children[:place] + 1) / (children[:place] + 1).sum()
        cause = int(rng.choice(place, p=share))
        if (cause, place) not in edges:
            edges.add((cause, place))
            children[cause] += 1
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(f"X{i}" for i in range(d))
    graph.add_edges_from((f"X{order[cause]}", f"X{order[effect]}") for cause, effect in sorted(edges))
    return graph


GRAPHS: dict[str, Callable[[int, Generator], nx.DiGraph]] = {"random": _random, "scale-free": _scale_free}
DATA = "linear", "states"


def _problem(graph: str, data: str, d: int, hit: str) -> Problem:
    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        drawn = GRAPHS[graph](d, rng)
        targets = None if hit == "all" else rng.choice(list(drawn), max(1, d // TENTH), replace=False).tolist()
        if data == "linear":
            made = simulate.simulate(
                simulate.linear_truth(drawn, rng),
                intervention=simulate.hard_normal(mean=2.0, sd=1.0),
                rows=10_000,
                rows_per_regime=100,
                targets=targets,
                seed=seed,
            )
        else:
            truth, _ = simulate.neural_network_truth(drawn, rng, states=5, min_information=0, embedding=4)
            made = simulate.simulate(
                truth,
                intervention=simulate.hard_random,
                rows=100_000,
                rows_per_regime=512,
                targets=targets,
                seed=seed,
            )
        return made, ""

    return Problem(f"{graph}-{data}-d{d}-{hit}", build)


LARGE = Suite(
    "large",
    "Many variables (d), random graphs and graphs with scale-free numbers of children, one edge a variable. *linear*: "
    "linear mechanisms, interventions N(2, 1), 10,000 observational rows and 100 a regime. *states*: neural tables of "
    "5 states, hard random interventions, 100,000 observational rows and 512 a regime. One regime for every variable "
    "(*all*) or for a *tenth* of them at random.",
    tuple(
        _problem(graph, data, d, hit) for d in SIZES for data in DATA for graph in GRAPHS for hit in ("all", "tenth")
    ),
    tells=("precision", "recall", "wall_total", "peak_memory_total_mb"),
)


def by_family(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows of the suite by all but the number of variables, such as "random-linear-all", in the order of the suite."""
    family = runs.problem.str.replace(r"-d\d+", "", regex=True)
    order = dict.fromkeys(re.sub(r"-d\d+", "", problem.name) for problem in LARGE.problems)
    return [(name, runs[family == name]) for name in order if (family == name).any()]

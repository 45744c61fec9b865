"""The problems: simulated experiments with a known truth, in suites that each ask one question.

A problem and a seed decide all data. Seeds are public: what is tuned on seeds 0 to 4 is to be reported on others.

References
----------
Ke et al. (2019), arXiv:1910.01075: the suite `paper`. Lippe et al. (2022), Efficient neural causal discovery without
acyclicity constraints, arXiv:2107.10483: `synthetic25`, and the hard interventions of `bnlearn`. Brouillard et al.
(2020), arXiv:2007.01754: `continuous`.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from numpy.random import Generator

from benchmarks.problems import Problem, Suite, informative_truth
from benchmarks.suites_bacadi import BACADI
from benchmarks.suites_drift import DRIFT
from benchmarks.suites_escaping import ESCAPING
from benchmarks.suites_expression import EXPRESSION
from benchmarks.suites_kinds import KINDS
from benchmarks.suites_large import LARGE
from benchmarks.suites_partial import PARTIAL
from pyrocausal import simulate
from pyrocausal.simulate import graphs, networks
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import Intervention

__all__ = ["PAPER", "SUITES", "Problem", "Suite"]

Graph = Callable[[Generator], nx.DiGraph]
Truths = Callable[[nx.DiGraph, Generator], GroundTruth]


def _named(graph: nx.DiGraph) -> Graph:
    return lambda rng: graph


def _random(d: int, edges_per_node: float) -> Graph:
    return lambda rng: graphs.random_dag(d, edges_per_node, rng)


def _soft(name: str, graph: nx.DiGraph, informative: bool = True) -> Problem:
    """The paper's settings: two states, soft interventions, 3 regimes a variable."""

    def build(seed: int) -> tuple[Simulation, str]:
        if informative:
            truth, note = informative_truth(graph, 2, seed)
        else:
            truth, _ = simulate.neural_network_truth(graph, np.random.default_rng(seed), min_information=0)
            note = ""
        made = simulate.simulate(
            truth,
            intervention=simulate.soft,
            rows=10_000,
            rows_per_regime=500,
            regimes_per_variable=3,
            seed=seed,
        )
        return made, note

    return Problem(name, build)


def _network(
    network: str, name: str, intervention: Intervention, per_variable: int = 1, missing: float = 0.0
) -> Problem:
    """A published network; a share of all values is missing completely at random."""

    def build(seed: int) -> tuple[Simulation, str]:
        made = simulate.simulate(
            networks.load(network),
            intervention=intervention,
            rows=50_000,
            rows_per_regime=512,
            regimes_per_variable=per_variable,
            missing=missing,
            seed=seed,
        )
        return made, ""

    return Problem(f"{network}-{name}", build)


def _tables(name: str, graph: Graph, states: int, intervention: Intervention) -> Problem:
    """Neural tables as they are drawn, 5,000 observational rows and one regime of 200 rows a variable."""

    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        truth, _ = simulate.neural_network_truth(graph(rng), rng, states=states, min_information=0, embedding=4)
        made = simulate.simulate(truth, intervention=intervention, rows=5_000, rows_per_regime=200, seed=seed)
        return made, ""

    return Problem(name, build)


def _continuous(name: str, d: int, edges_per_node: float, truths: Truths) -> Problem:
    """DCDI's settings: 10,000 rows in d + 1 equal blocks, one observational and one with N(2, 1) for every variable."""

    def build(seed: int) -> tuple[Simulation, str]:
        rng, rows = np.random.default_rng(seed), 10_000 // (d + 1)
        truth = truths(graphs.random_dag(d, edges_per_node, rng), rng)
        normal = simulate.hard_normal(mean=2.0, sd=1.0)
        return simulate.simulate(truth, intervention=normal, rows=rows, rows_per_regime=rows, seed=seed), ""

    return Problem(name, build)


def _tanh5(seed: int) -> tuple[Simulation, str]:
    """Five variables, standardised tanh networks, hard interventions two standard deviations off, plenty of rows."""
    rng = np.random.default_rng(seed)
    truth = simulate.additive_noise_truth(graphs.random_dag(5, 1.2, rng), rng)
    made = simulate.simulate(truth, intervention=simulate.hard_normal(), rows=10_000, rows_per_regime=500, seed=seed)
    return made, ""


PAPER = {
    "chain3": graphs.chain(3),
    "fork3": graphs.fork(3),
    "collider3": graphs.collider(3),
    "confounder3": graphs.confounder3(),
    "chain8": graphs.chain(8),
    "jungle8": graphs.jungle(8),
    "collider8": graphs.collider(8),
    "full8": graphs.full(8),
}
NETWORKS = "cancer", "earthquake", "survey", "asia", "sachs", "child", "alarm"
INTERVENTIONS: dict[str, tuple[Intervention, int]] = {
    "uniform": (simulate.hard_uniform, 1),
    "random": (simulate.hard_random, 1),
    "soft6": (simulate.soft, 6),
}
GRAPHS25: dict[str, Graph] = {
    "chain": _named(graphs.chain(25)),
    "bidiag": _named(graphs.bidiag(25)),
    "collider": _named(graphs.collider(25)),
    "jungle": _named(graphs.jungle(25)),
    "random": _random(25, 0.3 * 24 / 2),
    "full": _named(graphs.full(25)),
}
TRUTHS: dict[str, Truths] = {
    "linear": simulate.linear_truth,
    "additive": simulate.additive_network_truth,
    "nonadditive": simulate.nonadditive_network_truth,
}

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "paper",
            "Two states, neural tables, soft interventions, 3 regimes of 500 rows a variable, 10,000 observational "
            "rows.",
            tuple(_soft(name, graph) for name, graph in PAPER.items()),
        ),
        Suite(
            "bnlearn",
            "Published networks, 50,000 observational rows, 512 a regime; *uniform* and *random* (drawn from "
            "Dirichlet(1)) are hard, one regime a variable, *soft6* draws the mechanism anew, six regimes a variable.",
            tuple(_network(name, kind, *how) for name in NETWORKS for kind, how in INTERVENTIONS.items()),
        ),
        Suite(
            "gaps",
            "The problem *sachs-uniform* of *bnlearn* with 0 (the same data, for comparison), 10 and 30 percent of all "
            "values missing completely at random.",
            tuple(
                _network("sachs", f"gaps{percent}", simulate.hard_uniform, missing=percent / 100)
                for percent in (0, 10, 30)
            ),
        ),
        Suite(
            "synthetic25",
            "25 variables of 10 states, neural tables over embedded states, hard uniform interventions, one regime of "
            "200 rows a variable, "
            "5,000 observational rows.",
            tuple(_tables(name, graph, 10, simulate.hard_uniform) for name, graph in GRAPHS25.items()),
        ),
        Suite(
            "continuous",
            "Continuous variables (10 or 20, d), 1 or 4 edges a variable (e), 10,000 rows in d + 1 blocks, hard "
            "interventions N(2, 1) on every variable in raw units, as in DCDI. *tanh5*: 5 variables, standardised "
            "networks, 10,000 observational rows and 500 a regime.",
            (
                Problem("tanh5", _tanh5),
                *(
                    _continuous(f"{kind}-d{d}-e{e}", d, e, truths)
                    for d in (10, 20)
                    for e in (1, 4)
                    for kind, truths in TRUTHS.items()
                ),
            ),
        ),
        Suite(
            "scaling",
            "Random graphs with one edge a variable (an expected degree of 2, in and out together), 5 states, neural "
            "tables, hard random interventions, one regime of 200 rows a variable, 5,000 observational rows.",
            tuple(_tables(f"random{d}", _random(d, 1.0), 5, simulate.hard_random) for d in (10, 25, 50, 100, 200)),
        ),
        Suite(
            "density",
            "Full graphs in the settings of *paper*; beyond 6 variables nothing is asked of an edge's information.",
            tuple(_soft(f"full{d}", graphs.full(d), informative=d <= 6) for d in (4, 6, 8, 10, 12, 15)),
        ),
        KINDS,
        DRIFT,
        EXPRESSION,
        ESCAPING,
        BACADI,
        PARTIAL,
        LARGE,
    )
}

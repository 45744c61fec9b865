"""The suite `bacadi`: few rows, 20 continuous variables, unknown targets.

The settings are those of the paper's figures, in numbers as the released code has them: 100 observational rows and a
regime of 10 rows for every variable; Erdos-Renyi graphs with 40 edges expected, or scale-free ones in which each new
variable is caused by two earlier ones, popular causes being the more popular (37 edges); noise of variance
U(0.05, 0.15) in every variable; a target is drawn from N(m, 0.5), a variance again, with m = v + 5 sign(v) and v from
N(0, 4). Edges of linear mechanisms weigh U(0.5, 2) with a random sign, neural ones have 5 sigmoid units with weights
and biases from N(0, 1). The published method knows how many edges to expect; in problems whose name ends in `-density`
so does who fits: each edge is given the probability 40 / 380, or 37 / 380.

References
----------
Haegele et al. (2023), BaCaDI: Bayesian causal discovery with unknown interventions, arXiv:2206.01665. Code:
https://github.com/haeggee/bacadi.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import networkx as nx
import numpy as np
from numpy.random import Generator

from benchmarks.problems import Given, Problem, Suite
from pyrocausal import Knowledge, graphs, simulate
from pyrocausal.simulate.continuous_truths import Function, HiddenLayer, Linear, Normal, PlusNoise
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.truth_mechanisms import Floats, Mechanism

__all__ = ["BACADI", "scale_free"]

D, EDGES_PER_NODE, ROWS, ROWS_PER_REGIME, UNITS = 20, 2, 100, 10, 5


def scale_free(d: int, edges_per_node: int, rng: Generator) -> nx.DiGraph:
    """Draw a graph X0, X1, ... by preferential attachment, then shuffle its variables.

    Each variable is caused by `edges_per_node` earlier ones (or all, where there are fewer), drawn without replacement
    in proportion to one more than their number of effects.
    """
    label, effects = rng.permutation(d), np.zeros(d)
    graph: nx.DiGraph = nx.empty_graph((f"X{i}" for i in range(d)), create_using=nx.DiGraph)
    for new in range(1, d):
        weight = effects[:new] + 1
        causes = rng.choice(new, min(edges_per_node, new), replace=False, p=weight / weight.sum())
        effects[causes] += 1
        graph.add_edges_from((f"X{label[cause]}", f"X{label[new]}") for cause in causes)
    return graph


def _sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))


def _linear(p: int, rng: Generator) -> Function:
    return Linear(rng.choice((-1.0, 1.0), p) * rng.uniform(0.5, 2.0, p))


def _neural(p: int, rng: Generator) -> Function:
    inputs, bias, outputs = rng.standard_normal((p, UNITS)), rng.standard_normal(UNITS), rng.standard_normal(UNITS)
    return HiddenLayer(inputs, bias, outputs, float(rng.standard_normal()), _sigmoid)


def _far(truth: GroundTruth, target: str, rng: Generator) -> Mechanism:
    v = rng.normal(0.0, 2.0)
    return Normal(float(v + 5 * np.sign(v)), 0.5**0.5)


GRAPHS: dict[str, Callable[[Generator], nx.DiGraph]] = {
    "er": lambda rng: graphs.random_dag(D, EDGES_PER_NODE, rng),
    "sf": lambda rng: scale_free(D, EDGES_PER_NODE, rng),
}
FUNCTIONS: dict[str, Callable[[int, Generator], Function]] = {"linear": _linear, "neural": _neural}


EDGES = {"er": 40, "sf": 37}  # expected


def _problem(graph: str, function: str, density_known: bool) -> Problem:
    def density(made: Simulation, seed: int) -> Given:
        pairs = list(permutations(made.truth.graph, 2))
        return Given(knowledge=Knowledge(probability=dict.fromkeys(pairs, EDGES[graph] / len(pairs))))

    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        drawn, mechanisms = GRAPHS[graph](rng), dict[str, Mechanism]()
        for name in drawn:
            p, sd = drawn.in_degree(name), float(np.sqrt(rng.uniform(0.05, 0.15)))
            mechanisms[name] = PlusNoise(FUNCTIONS[function](p, rng), sd) if p else Normal(0.0, sd)
        truth = GroundTruth(drawn, mechanisms, dict.fromkeys(drawn))
        made = simulate.simulate(truth, intervention=_far, rows=ROWS, rows_per_regime=ROWS_PER_REGIME, seed=seed)
        return made, ""

    name = f"{function}-{graph}"
    return Problem(f"{name}-density", build, density) if density_known else Problem(name, build)


BACADI = Suite(
    "bacadi",
    "Few rows: 20 continuous variables, Erdos-Renyi (*er*) and scale-free (*sf*) graphs with about 2 edges a variable, "
    "linear and neural mechanisms with additive noise, 100 observational rows and 10 for a regime of each variable, "
    "targets unknown and drawn far off, as in BaCaDI. Where a name ends in *-density*, methods are told how many "
    "edges to expect.",
    tuple(_problem(*each) for each in product(GRAPHS, FUNCTIONS, (False, True))),
    tells=("expected_shd", "average_precision", "target_auprc"),
)

"""The suite `partial`: most of a graph is known, and some edges of it are to be found.

As many edges as a problem says are hidden at random. The rest of the graph is known, edges and absent edges, but for as
many pairs of variables that have no edge: were only hidden edges left open, "all of them" would be right. Whoever fits
is told which pairs are open, and not which of them hold an edge, nor its direction; both directions of all of them are
open, and with targets unknown each is a question of no edge, one or the other.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: partial graph recovery,
40 edges of alarm and 50 of barley.
"""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np

from benchmarks.problems import Given, Problem, Suite
from pyrocausal import Knowledge, networks, simulate
from pyrocausal.data.edge_constraints import Edge
from pyrocausal.simulate.experiments import Simulation

__all__ = ["PARTIAL", "all_but"]

HIDDEN = {"alarm": 40, "barley": 50}


def all_but(graph: nx.DiGraph, hidden: int, seed: int) -> Knowledge:
    """Know a graph but for some of its edges and as many pairs without one, drawn by a seed.

    Parameters
    ----------
    graph
        The true graph, cause -> effect.
    hidden
        Edges that are to be found.
    seed
        Decides which.

    Returns
    -------
    Knowledge
        The other edges are required, both directions of the other pairs without one forbidden.
    """
    rng, edges = np.random.default_rng(seed), list(graph.edges)
    apart: list[Edge] = [
        pair for pair in combinations(graph, 2) if not graph.has_edge(*pair) and not graph.has_edge(*pair[::-1])
    ]
    closed_edges = sorted(rng.permutation(len(edges))[hidden:])
    closed_pairs = sorted(rng.permutation(len(apart))[hidden:])
    forbidden = [each for i in closed_pairs for each in (apart[i], apart[i][::-1])]
    return Knowledge(required=[edges[i] for i in closed_edges], forbidden=forbidden)


def _problem(network: str, hidden: int) -> Problem:
    def build(seed: int) -> tuple[Simulation, str]:
        made = simulate.simulate(
            networks.load(network),
            intervention=simulate.hard_random,
            rows=50_000,
            rows_per_regime=512,
            seed=seed,
        )
        return made, ""

    def given(made: Simulation, seed: int) -> Given:
        return Given(knowledge=all_but(made.truth.graph, hidden, seed))

    return Problem(f"{network}{hidden}", build, given)


PARTIAL = Suite(
    "partial",
    "Networks of which all is known but 40 edges of alarm and 50 of barley, and as many pairs without an edge, in the "
    "settings of *bnlearn*'s *random*. All errors are among these pairs: SHD counts edges that are missing, reversed "
    "or between pairs that have none.",
    tuple(_problem(network, hidden) for network, hidden in HIDDEN.items()),
    tells=("hidden_found",),
)

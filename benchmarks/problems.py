"""What a benchmark problem is: data with a known truth, and what a method is told beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from pyrocausal import Knowledge, TargetPrior, simulate
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.ground_truth import GroundTruth

__all__ = ["Given", "Problem", "Suite", "informative_truth"]

INFORMATION = 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.0  # nats an edge carries at least: the first that can be met
TRIES = 1_000


@dataclass(frozen=True)
class Given:
    """What a problem tells every method beside the data, as a user who knows it would.

    Attributes
    ----------
    targets
        Targets of regimes that are labelled; the others are to be found.
    knowledge
        Of the graph.
    target_prior
        Of the targets to be found; None is a method's own default, one or none.
    """

    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    knowledge: Knowledge | None = None
    target_prior: TargetPrior | None = None

    def __bool__(self) -> bool:
        return bool(self.targets) or self.knowledge is not None or self.target_prior is not None


def _nothing(made: Simulation, seed: int) -> Given:
    return Given()


@dataclass(frozen=True)
class Problem:
    """A simulated experiment for every seed.

    Attributes
    ----------
    name
        Unique in its suite.
    build
        From a seed to the experiment and a remark on how it came about.
    given
        From an experiment and its seed to what methods are told of it; nothing by default. A method that cannot take it
        is not made for the problem.
    """

    name: str
    build: Callable[[int], tuple[Simulation, str]]
    given: Callable[[Simulation, int], Given] = _nothing

    def make(self, seed: int) -> Simulation:
        """Simulate the experiment of a seed."""
        return self.build(seed)[0]


@dataclass(frozen=True)
class Suite:
    """Problems that are reported together, and what to say of them.

    Attributes
    ----------
    name, about
        Of the suite: in a word, and in a sentence or two.
    problems
        Each with a name of its own.
    tells
        Columns of the results that the report shows beside those it always does.
    """

    name: str
    about: str
    problems: tuple[Problem, ...]
    tells: tuple[str, ...] = ()

    def problem(self, name: str) -> Problem:
        """Find a problem by name."""
        return next(each for each in self.problems if each.name == name)


def informative_truth(
    graph: nx.DiGraph, states: int, seed: int, embedding: int | None = None
) -> tuple[GroundTruth, str]:
    """Neural tables whose edges carry as much information as can be asked of this graph."""
    for level, information in enumerate(INFORMATION):
        rng = np.random.default_rng(seed)
        try:
            truth, rejected = simulate.neural_network_truth(
                graph, rng, states=states, min_information=information, max_tries=TRIES, embedding=embedding
            )
        except ValueError:
            continue
        return truth, f"every edge {information:g} nats; {level * TRIES + rejected} draws rejected"
    raise AssertionError("the last level accepts everything")

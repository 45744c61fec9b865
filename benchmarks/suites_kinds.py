"""The suite `kinds`: what can be done to a variable, against what a variable can be.

Random graphs of 8 variables with 1.5 edges a variable (12 expected), 5,000 observational rows and 500 a regime. Every
problem but one has a regime for every variable, and two more in which nothing is done; nobody is told which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.random import Generator

from benchmarks.mixed import Flattened, mixed_truth
from benchmarks.problems import Given, Problem, Suite, informative_truth
from pyrocausal import TargetPrior, graphs, simulate
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import Intervention
from pyrocausal.simulate.truth_mechanisms import Discrete, Mechanism

__all__ = ["KINDS"]

D, EDGES_PER_NODE, ROWS, ROWS_PER_REGIME = 8, 1.5, 5_000, 500
Groups = list[tuple[str, ...]]


# ------------------------------------------------------------------ what a variable can be
def _categorical(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return informative_truth(graph, 3, seed, embedding=4)


def _continuous(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return simulate.additive_noise_truth(graph, np.random.default_rng(seed)), ""


def _count(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return simulate.count_truth(graph, np.random.default_rng(seed)), ""


def _mixed(graph: nx.DiGraph, seed: int) -> tuple[GroundTruth, str]:
    return mixed_truth(graph, np.random.default_rng(seed)), ""


DATA: dict[str, Callable[[nx.DiGraph, int], tuple[GroundTruth, str]]] = {
    "categorical": _categorical,
    "continuous": _continuous,
    "count": _count,
    "mixed": _mixed,
}


NUMBERS, QUICK = ("continuous", "count", "mixed"), ("categorical",)


# ------------------------------------------------------------------ what can be done to it
def _by_kind(categorical: Intervention, continuous: Intervention, count: Intervention) -> Intervention:
    def intervene(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        numbers = count if target in truth.counts else continuous
        return (numbers if truth.states[target] is None else categorical)(truth, target, rng)

    return intervene


def _flatten(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
    """Make states more alike."""
    mechanism = truth.mechanisms[target]
    assert isinstance(mechanism, Discrete)
    return Flattened(mechanism, 0.25)


STOCHASTIC = _by_kind(simulate.hard_random, simulate.hard_normal(), simulate.hard_count())
SCALE = _by_kind(_flatten, simulate.scale(), simulate.scale())


def _each(names: Sequence[str], rng: Generator) -> Groups:
    return [(name,) for name in names]


def _twice(names: Sequence[str], rng: Generator) -> Groups:
    return 2 * _each(names, rng)


def _half(names: Sequence[str], rng: Generator) -> Groups:
    return _each(rng.permutation(names).tolist()[: len(names) // 2], rng)


def _pairs(names: Sequence[str], rng: Generator) -> Groups:
    """Every variable twice, with another one each time."""
    ring = rng.permutation(names).tolist()
    return list(zip(ring, ring[1:] + ring[:1], strict=True))


def _unlabelled(made: Simulation, seed: int) -> Given:
    return Given()


def _several(made: Simulation, seed: int) -> Given:
    return Given(target_prior=TargetPrior(several=True))


def _half_labelled(made: Simulation, seed: int) -> Given:
    """Label half of the regimes in which something is done, at random."""
    done = [name for name, hit in made.targets.items() if hit]
    chosen = np.random.default_rng(seed).permutation(done)[: len(done) // 2].tolist()
    return Given(targets={name: made.targets[name] for name in made.targets if name in chosen})


@dataclass(frozen=True)
class Doing:
    """What is done in a problem.

    Attributes
    ----------
    intervention
        On a target.
    groups
        From the variables to the targets of every regime in which something is done.
    placebos
        Regimes in which nothing is done.
    given
        What methods are told.
    tables
        What it is done to, names of `DATA`: all, or `NUMBERS` where no such thing can be done to categories alone, or
        `QUICK` where fits of other tables, which take ten times as long, have told no more than those of categories.
    """

    intervention: Intervention = STOCHASTIC
    groups: Callable[[Sequence[str], Generator], Groups] = _each
    placebos: int = 2
    given: Callable[[Simulation, int], Given] = _unlabelled
    tables: tuple[str, ...] = tuple(DATA)


DONE: dict[str, Doing] = {
    "constant": Doing(simulate.hard_constant()),
    "stochastic": Doing(tables=QUICK),
    "soft": Doing(simulate.soft),
    "shift": Doing(simulate.scale(0.25), tables=("count",)),
    "scale": Doing(SCALE, tables=NUMBERS),
    "two": Doing(groups=_pairs, given=_several),
    "placebo": Doing(placebos=D, tables=QUICK),
    "half-known": Doing(given=_half_labelled, tables=QUICK),
    "twice": Doing(groups=_twice, tables=QUICK),
    "some": Doing(groups=_half),
}


def _problem(done: str, data: str) -> Problem:
    doing = DONE[done]

    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        truth, note = DATA[data](graphs.random_dag(D, EDGES_PER_NODE, rng), seed)
        made = simulate.simulate(
            truth,
            intervention=doing.intervention,
            rows=ROWS,
            rows_per_regime=ROWS_PER_REGIME,
            targets=[*doing.groups(truth.names, rng), *[()] * doing.placebos],
            seed=seed,
        )
        return made, note

    return Problem(f"{done}-{data}", build, doing.given)


KINDS = Suite(
    "kinds",
    "What is done against what variables are: 8 variables of 3 states, continuous (standardised tanh networks), counts "
    "(negative binomial, a tanh network of logarithms), or four of states, two continuous and two counts (*mixed*), "
    "1.5 edges a variable, 5,000 observational rows and 500 a regime, one regime a variable and two in which nothing "
    "is done. Targets are set to a value (*constant*), drawn from another distribution (*stochastic*, "
    "and all that follow but the next three), get a new mechanism of the same parents (*soft*), are moved "
    "(*shift*) or stretched threefold (*scale*). *two*: pairs of targets, which methods are told "
    "is possible; *placebo*: eight regimes in which nothing is done; *half-known*: half of the targets are told; "
    "*twice*: two regimes a variable; *some*: half of the variables have none. What tables of categories tell as well "
    "is left to them, for they take a tenth of the time. The mean of a count is a quarter under *shift* and threefold "
    "under *scale*, which takes the fourth root of the probabilities of a categorical target. Where *told* has fewer "
    "seeds than *ours*, they are those in which *ours* is not 0: on the others it could not do better.",
    tuple(_problem(done, data) for done, doing in DONE.items() for data in doing.tables),
    tells=("target_auprc", "placebo_none"),
)

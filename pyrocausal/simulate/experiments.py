"""Simulated experiments: random ground truths, and the data that interventions on them give.

All randomness comes from the generators and seeds passed in.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: the neural categorical
ground truths.
Brouillard et al. (2020), Differentiable causal discovery from interventional data, NeurIPS, arXiv:2007.01754, and the
code released with it: the linear and neural continuous ground truths in raw units.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.simulate.continuous_truths import (
    AdditiveNoise,
    HiddenLayer,
    Linear,
    Noise,
    NoiseAmongInputs,
    Normal,
    PlusNoise,
    leaky_relu,
    normal_noise,
)
from pyrocausal.simulate.drifts import Drift
from pyrocausal.simulate.expression import Measurement
from pyrocausal.simulate.ground_truth import REFERENCE_ROWS, GroundTruth, draw_along
from pyrocausal.simulate.interventions import (
    Intervention,
)
from pyrocausal.simulate.truth_mechanisms import Floats, Mechanism, NeuralCategorical

__all__ = [
    "Simulation", "additive_network_truth", "additive_noise_truth", "linear_truth", "neural_network_truth",
    "nonadditive_network_truth", "simulate",
]  # fmt: skip


def neural_network_truth(
    graph: nx.DiGraph,
    rng: Generator,
    *,
    states: int = 2,
    min_information: float = 0.01,
    max_tries: int = 1_000,
    embedding: int | None = None,
) -> tuple[GroundTruth, int]:
    """Draw neural categorical mechanisms until every edge carries information.

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of randomness.
    states
        States of each variable, labelled 0, 1, ...
    min_information
        Least I(cause; effect | other parents) of any edge, in nats; 0 accepts the first draw.
    max_tries
        Draws of all mechanisms before giving up.
    embedding
        Dimension of the random vectors that parents' states enter a network of 48 hidden units as (4 in Lippe et al.
        2022: strong edges); None: one-hot (Ke et al. 2019: the more states, the weaker the edges).

    Returns
    -------
    tuple of GroundTruth and int
        The truth, and how many draws were rejected before it.

    Raises
    ------
    ValueError
        When states < 2, min_information is negative, or no draw of max_tries had the information.
    """
    if states < 2 or min_information < 0:
        raise ValueError(f"states must be >= 2 and min_information >= 0; got {states} and {min_information}")
    d = len(graph)
    labels: dict[str, tuple | None] = {name: tuple(range(states)) for name in graph}
    for rejections in range(max_tries):
        mechanisms: dict[str, Mechanism] = {
            name: NeuralCategorical.draw(
                [states] * graph.in_degree(name),
                states,
                d * states,
                4 * max(d, states) if embedding is None else 48,
                rng,
                embedding,
            )
            for name in graph
        }
        truth = GroundTruth(graph, mechanisms, labels)
        if min_information == 0:
            return truth, rejections
        rows = truth.sample(REFERENCE_ROWS, rng)
        carried = (truth.conditional_mutual_information(cause, effect, rows) for cause, effect in graph.edges)
        if all(each >= min_information for each in carried):
            return truth, rejections
    raise ValueError(
        f"no draw in max_tries={max_tries} gave each of {graph.number_of_edges()} edges min_information="
        f"{min_information} nats: lower min_information, or take a sparser graph"
    )


def additive_noise_truth(
    graph: nx.DiGraph,
    rng: Generator,
    *,
    activation: Callable[[Floats], Floats] = np.tanh,
    noise: Noise = normal_noise,
) -> GroundTruth:
    """Draw continuous mechanisms with additive noise, scaled on rows of their own parents.

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of randomness.
    activation
        Of the hidden layers; `numpy.positive` makes all mechanisms linear.
    noise
        `normal_noise`, `heavy_tailed`, `two_humped` or what draws n values of mean 0 and standard deviation 1.
    """
    mechanisms = draw_along(graph, rng, lambda _, rows: AdditiveNoise.draw(rows, rng, activation, noise=noise))
    return GroundTruth(graph, mechanisms, dict.fromkeys(graph))


def linear_truth(graph: nx.DiGraph, rng: Generator) -> GroundTruth:
    """Draw linear mechanisms as in DCDI: weights from U(0.25, 1) with random signs, additive Gaussian noise.

    In this truth and the two that follow nothing is standardised, so that the spread of a variable grows along the
    causal order. The noise of a variable is 0.4 N(0, s) with its variance s from U(1, 2); a variable without parents is
    N(0, s). The code released with the paper draws s anew for every regime; here it belongs to the variable, as in the
    paper.

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of randomness.

    References
    ----------
    Brouillard et al. (2020), arXiv:2007.01754, appendix.
    """
    return _raw_truth(graph, rng, lambda p, sd: PlusNoise(Linear.draw(p, rng), sd))


def additive_network_truth(graph: nx.DiGraph, rng: Generator) -> GroundTruth:
    """Draw neural mechanisms with additive noise as in DCDI: 10 leaky ReLU units with weights from N(0, 1).

    Parameters, noise and reference are those of `linear_truth`.
    """
    return _raw_truth(graph, rng, lambda p, sd: PlusNoise(HiddenLayer.draw(p, 10, rng, leaky_relu), sd))


def nonadditive_network_truth(graph: nx.DiGraph, rng: Generator) -> GroundTruth:
    """Draw neural mechanisms of parents and noise together as in DCDI: 20 tanh units with weights from N(0, 1).

    Parameters, noise and reference are those of `linear_truth`; the noise is one more input of the network.
    """
    return _raw_truth(graph, rng, lambda p, sd: NoiseAmongInputs(HiddenLayer.draw(p + 1, 20, rng), sd))


def _raw_truth(graph: nx.DiGraph, rng: Generator, draw: Callable[[int, float], Mechanism]) -> GroundTruth:
    mechanisms = dict[str, Mechanism]()
    for name in graph:
        p, sd = graph.in_degree(name), float(np.sqrt(rng.uniform(1.0, 2.0)))
        mechanisms[name] = draw(p, 0.4 * sd) if p else Normal(0.0, sd)
    return GroundTruth(graph, mechanisms, dict.fromkeys(graph))


class Simulation(NamedTuple):
    """A simulated experiment: data whose targets are unknown, and what is true of it."""

    data: InterventionalData
    truth: GroundTruth
    targets: dict[str, tuple[str, ...]]


def simulate(
    truth: GroundTruth,
    *,
    intervention: Intervention,
    rows: int = 10_000,
    rows_per_regime: int = 500,
    regimes_per_variable: int = 1,
    targets: Sequence[str | Sequence[str]] | None = None,
    missing: float = 0.0,
    drift: Drift | None = None,
    measurement: Measurement | None = None,
    seed: int = 0,
) -> Simulation:
    """Sample observational rows and regimes, in random order under neutral names.

    Parameters
    ----------
    truth
        Where the rows come from.
    intervention
        `soft`, `hard_uniform`, `hard_random`, `hard_normal()`, `hard_constant()`, `hard_count()`, `shift()`, `scale()`
        or any function of the same signature; called once per target of a regime.
    rows
        Observational rows.
    rows_per_regime
        Rows of each regime.
    regimes_per_variable
        Regimes per target.
    targets
        Variables to intervene on, one a regime, or groups of them, one group a regime; an empty group is a regime in
        which nothing is done. None means every variable by itself, but for an exposure.
    missing
        Share of all values that are then removed, completely at random; from 0 to less than 1.
    drift
        What else differs between regimes: `drifting_measurement()`, `drifting_tables()` or any function of the same
        signature, called once a regime. It draws from a generator of its own, so that observational rows and the
        order of the targets are those without it. None for nothing.
    measurement
        How what is true is seen: `cell_counts()` or any function of a table and a generator to a table with the same
        columns. It too draws from a generator of its own. None for seeing it as it is.
    seed
        Of all randomness.

    Returns
    -------
    Simulation
        The data carry `truth.graph` and no targets; those are beside them, per regime.

    Raises
    ------
    ValueError
        When a count is too small, targets is empty or names an unknown variable or the exposure, missing is out of
        range, or a sampled column is constant.
    TypeError
        When intervention makes interventions instead, as `hard_normal` does, which is called first.
    """
    if not 0 <= missing < 1:
        raise ValueError(f"missing must be at least 0 and less than 1; got {missing!r}")
    least = {"rows": 2, "rows_per_regime": 2, "regimes_per_variable": 1}
    for what, count in zip(least, (rows, rows_per_regime, regimes_per_variable), strict=True):
        if count < least[what]:
            raise ValueError(f"{what} must be at least {least[what]}; got {count}")
    groups = _groups(truth, targets)
    _check_intervention(intervention)
    rng = np.random.default_rng(seed)
    apart, seeing = rng.spawn(2)
    seen = measurement or (lambda table, rng: table)
    observational = seen(truth.sample(rows, rng), seeing)
    wanted = groups * regimes_per_variable
    hit, regimes = dict[str, tuple[str, ...]](), dict[str, pd.DataFrame]()
    for index, which in enumerate(rng.permutation(len(wanted))):
        regime, group = f"regime {index}", wanted[which]
        hit[regime] = group
        put = {name: intervention(truth, name, rng) for name in group}
        if drift is not None:
            put = drift(truth, {**truth.mechanisms, **put}, apart)
        regimes[regime] = seen(truth.sample(rows_per_regime, rng, put), seeing)
    if missing:
        observational = _with_gaps(observational, missing, rng, truth.exposure)
        regimes = {name: _with_gaps(table, missing, rng, truth.exposure) for name, table in regimes.items()}
    kinds = {name: _kind(truth, name) for name in truth.names}
    data = InterventionalData.from_frames(observational, regimes, kinds=kinds)
    return Simulation(replace(data, truth=truth.graph), truth, hit)


def _check_intervention(intervention: Intervention) -> None:
    """Complain of what has to be called first, such as `hard_normal`, which takes a mean and a deviation."""
    try:
        inspect.signature(intervention).bind(None, "", None)
    except TypeError as error:
        name = getattr(intervention, "__name__", repr(intervention))
        raise TypeError(
            f"intervention must be a function of a truth, a target and a random generator, which {name} is not; "
            f"if it makes one, call it first: {name}(...)"
        ) from error


def _groups(truth: GroundTruth, targets: Sequence[str | Sequence[str]] | None) -> list[tuple[str, ...]]:
    """Targets of every regime, checked."""
    targets = [name for name in truth.names if name != truth.exposure] if targets is None else targets
    if isinstance(targets, str) or not len(targets):
        raise ValueError(f"targets must be a list of variables among {truth.names}; got {targets!r}")
    groups = [(each,) if isinstance(each, str) else tuple(dict.fromkeys(each)) for each in targets]
    if not {name for group in groups for name in group} <= set(truth.names):
        raise ValueError(f"targets must be a list of variables among {truth.names}; got {targets!r}")
    if any(truth.exposure in group for group in groups):
        raise ValueError(f"targets must not hold the exposure, {truth.exposure!r}")
    return groups


def _kind(truth: GroundTruth, name: str) -> Kind:
    if name == truth.exposure:
        return Exposure()
    if name in truth.counts:
        return Count(truth.exposure)
    states = truth.states[name]
    return Continuous() if states is None else Categorical(states)


def _with_gaps(table: pd.DataFrame, share: float, rng: Generator, whole: str | None) -> pd.DataFrame:
    """A table without a share of its values, but for one column."""
    gaps = pd.DataFrame(rng.random(table.shape) < share, table.index, table.columns)
    if whole is not None:
        gaps[whole] = False
    return table.mask(gaps)

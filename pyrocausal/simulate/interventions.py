"""Interventions on a ground truth: what takes the place of a target's mechanism.

An intervention is a function of the truth, the target's name and a generator, and makes the mechanism of one regime.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: the soft intervention (a
redrawn mechanism with the same parents).
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from pyrocausal.simulate.continuous_truths import Normal
from pyrocausal.simulate.count_truths import Counting, Partly
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.truth_mechanisms import Changed, Constant, Distribution, Mechanism

__all__ = [
    "Intervention", "hard_constant", "hard_count", "hard_normal", "hard_random", "hard_uniform", "partly", "scale",
    "shift", "soft",
]  # fmt: skip

MOMENT_ROWS = 1_000  # observational rows that a mean and a standard deviation are taken of


class Intervention(Protocol):
    """Makes the mechanism to put in place of a target's own."""

    def __call__(self, truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        """Make a mechanism for one regime."""
        ...


def soft(truth: GroundTruth, target: str, rng: Generator) -> Mechanism:
    """Redraw the target's mechanism; it keeps its parents."""
    return truth.mechanisms[target].redraw(rng)


def hard_uniform(truth: GroundTruth, target: str, rng: Generator) -> Mechanism:
    """Draw a categorical target uniformly over its states."""
    return Distribution(np.full(truth.card(target), 1 / truth.card(target)))


def hard_random(truth: GroundTruth, target: str, rng: Generator) -> Mechanism:
    """Draw a categorical target from a distribution that is itself drawn from Dirichlet(1)."""
    return Distribution(rng.dirichlet(np.ones(truth.card(target))))


def hard_normal(mean: float | None = None, sd: float = 1.0) -> Intervention:
    """Draw a continuous target from a normal distribution.

    Parameters
    ----------
    mean
        In the target's units; None takes its observational mean plus or minus two standard deviations, at random.
    sd
        Standard deviation, in the target's units.

    Raises
    ------
    ValueError
        When sd is negative; when the intervention is applied to a categorical target.
    """
    if sd < 0:
        raise ValueError(f"sd must not be negative; got {sd}")

    def replace_by_normal(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        if mean is not None and truth.states[target] is None and target not in truth.counts:
            return Normal(mean, sd)
        centre, deviation = _moments(truth, target, rng)
        return Normal(centre + float(rng.choice((-2.0, 2.0))) * deviation, sd)

    return replace_by_normal


def hard_count(mean: float | None = None, size: float = 5.0) -> Intervention:
    """Draw a count from a negative binomial distribution, in proportion to the exposure if there is one.

    Parameters
    ----------
    mean
        At a typical exposure; None takes the observational mean times or over four, at random.
    size
        Variance is mean + mean^2 / size.

    Raises
    ------
    ValueError
        When mean or size is not positive; when the intervention is applied to what is no count.
    """
    if size <= 0 or (mean is not None and mean <= 0):
        raise ValueError(f"mean and size must be positive; got {mean} and {size}")

    def replace_by_count(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        if target not in truth.counts:
            raise ValueError(f"target {target!r} is no count; this intervention needs one")
        if mean is not None:
            return Counting.around(mean, size)
        usual = max(float(truth.sample(MOMENT_ROWS, rng)[target].mean()), 0.1)
        return Counting.around(usual * 4.0 ** float(rng.choice((-1.0, 1.0))), size)

    return replace_by_count


def hard_constant(value: Any = None) -> Intervention:
    """Set a target to a value, do(x = value).

    Parameters
    ----------
    value
        A state, or a number in the target's units. None takes a state at random, or the observational mean plus or
        minus two standard deviations, at random; for a count, nothing or the mean plus two standard deviations.

    Raises
    ------
    ValueError
        When the intervention is applied to a target that has no such state, or to a continuous one and `value` is no
        number.
    """

    def replace_by_constant(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        states = truth.states[target]
        if states is not None:
            if value is not None and value not in states:
                raise ValueError(f"target {target!r} has no state {value!r}; its states are {states}")
            return Constant(int(rng.integers(len(states))) if value is None else states.index(value))
        number = isinstance(value, Real) and not isinstance(value, bool)
        if target in truth.counts:
            if value is not None and not (number and float(value) >= 0 and float(value).is_integer()):
                raise ValueError(
                    f"target {target!r} is a count and cannot be set to {value!r}; give a whole number of at least 0"
                )
            column = truth.sample(MOMENT_ROWS, rng)[target]
            high = float(rng.integers(2)) * float(column.mean() + 2 * column.std())
            return Constant(float(round(high)) if value is None else float(value))
        if value is not None and not number:
            raise ValueError(f"target {target!r} is continuous and cannot be set to {value!r}; give a number")
        mean, sd = _moments(truth, target, rng)
        return Constant(mean + float(rng.choice((-2.0, 2.0))) * sd if value is None else float(value))

    return replace_by_constant


def shift(by: float = 2.0) -> Intervention:
    """Move a continuous target's values; it listens to its parents as before.

    Parameters
    ----------
    by
        In the target's observational standard deviations.

    Raises
    ------
    ValueError
        When the intervention is applied to a categorical target.
    """

    def move(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        _, sd = _moments(truth, target, rng)
        return Changed(truth.mechanisms[target], 0.0, 1.0, by * sd)

    return move


def scale(by: float = 3.0) -> Intervention:
    """Stretch a continuous target's values around their observational mean; it listens to its parents, more or less.

    A count's mean is multiplied, so that less than one is a knock-down; it listens to its parents as before.

    Parameters
    ----------
    by
        Factor; more than one stretches, less squeezes.

    Raises
    ------
    ValueError
        When `by` is not positive, or the intervention is applied to a categorical target.
    """
    if not by > 0:
        raise ValueError(f"by must be positive; got {by}")

    def stretch(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        if isinstance(mechanism := truth.mechanisms[target], Counting):
            return replace(mechanism, factor=mechanism.factor * by)
        mean, _ = _moments(truth, target, rng)
        return Changed(truth.mechanisms[target], mean, by, 0.0)

    return stretch


def partly(intervention: Intervention, reached: float = 0.5) -> Intervention:
    """Let an intervention reach a share of the rows, such as the cells that a guide silences; the others escape it.

    Parameters
    ----------
    intervention
        What is done to the target in the rows that are reached.
    reached
        Their share, above 0 and at most 1; which rows they are is drawn at random.

    Raises
    ------
    ValueError
        When the share is out of range.
    """
    if not 0 < reached <= 1:
        raise ValueError(f"reached must be above 0 and at most 1; got {reached}")

    def reach(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        return Partly(truth.mechanisms[target], intervention(truth, target, rng), reached)

    return reach


def _moments(truth: GroundTruth, target: str, rng: Generator) -> tuple[float, float]:
    """Observational mean and standard deviation of a continuous variable."""
    if truth.states[target] is not None:
        raise ValueError(f"target {target!r} is categorical; this intervention needs a continuous variable")
    if target in truth.counts or target == truth.exposure:
        raise ValueError(f"target {target!r} is no continuous variable; for a count take hard_count, scale or soft")
    column = truth.sample(MOMENT_ROWS, rng)[target]
    return float(column.mean()), float(column.std())

"""The mechanisms of a ground truth's counts: negative binomial around a function of the parents' logarithms.

References
----------
S. Anders, W. Huber, "Differential expression analysis for sequence count data", 2010: counts of molecules, whose
mean is in proportion to a sample's size factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.continuous_truths import AdditiveNoise
from pyrocausal.simulate.truth_mechanisms import Floats, Mechanism

__all__ = ["Counting", "LogNormal", "Partly"]

MEANS = (0.05, 20_000.0)  # of counts per exposure, kept within


@dataclass(frozen=True, eq=False)
class LogNormal:
    """Positive values whose logarithm is normal, whatever the parents."""

    median: float
    sd: float

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return self.median * np.exp(rng.normal(0.0, self.sd, len(parents)))

    def redraw(self, rng: Generator) -> LogNormal:
        """Move the median by a factor between 1/4 and 4."""
        return replace(self, median=self.median * 4.0 ** rng.uniform(-1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Counting:
    """x ~ negative binomial with mean exposure * factor * exp(f(entering(parents / exposure))).

    Attributes
    ----------
    function
        f is its expected value.
    size
        Variance is mean + mean^2 / size.
    factor
        Of the mean, as an intervention may change it.
    entering
        How parents, relative to the exposure, enter f: [n, p] to [n, columns].
    """

    function: AdditiveNoise
    size: float
    factor: float = 1.0
    entering: Callable[[Floats], Floats] = np.log1p

    @classmethod
    def draw(cls, reference: Floats, rng: Generator, activation: Callable[[Floats], Floats] = np.tanh) -> Counting:
        """Draw f on logarithms of the parents [m, p].

        Its mean is U(log 5, log 50), its standard deviation U(0.6, 1); the size is U(3, 10).
        """
        found = AdditiveNoise.draw(reference, rng, activation)
        gain = rng.uniform(0.6, 1.0) if reference.shape[1] else 0.0
        function = replace(found, centre=rng.uniform(np.log(5.0), np.log(50.0)), gain=gain)
        return cls(function, rng.uniform(3.0, 10.0))

    @classmethod
    def around(cls, mean: float, size: float) -> Counting:
        """Make one with a mean that does not depend on parents."""
        nothing = np.empty((0, 0))
        return cls(AdditiveNoise(nothing, nothing, np.empty(0), np.empty(0), centre=float(np.log(mean))), size)

    def sample(self, parents: Floats, rng: Generator, exposure: Floats | float = 1.0) -> NDArray:
        """Draw counts [n] given parents [n, p] and what counts are in proportion to [n]."""
        logs = self.function.mean(self.entering(parents / np.reshape(exposure, (-1, 1))))  # [n]
        mean = exposure * self.factor * np.clip(np.exp(logs), *MEANS)
        return rng.poisson(mean * rng.gamma(self.size, 1.0 / self.size, len(parents))).astype(np.float64)

    def redraw(self, rng: Generator) -> Counting:
        """Draw another f around the same mean; without parents, another mean, 2 to 10 times as large or small."""
        if not self.function.gain:
            by = float(rng.choice((-1.0, 1.0))) * rng.uniform(np.log(2.0), np.log(10.0))
            return replace(self, function=replace(self.function, centre=self.function.centre + by))
        found = AdditiveNoise.draw(self.function.reference, rng, self.function.activation)
        return replace(self, function=replace(found, centre=self.function.centre, gain=self.function.gain))


@dataclass(frozen=True, eq=False)
class Partly:
    """Another mechanism in a share of the rows, drawn at random, and the usual one in the others."""

    usual: Mechanism
    other: Mechanism
    reached: float

    def sample(self, parents: Floats, rng: Generator, exposure: Floats | float = 1.0) -> NDArray:
        """Draw values [n] given parents [n, p], and what counts are in proportion to [n]."""
        one, other = (
            each.sample(parents, rng, exposure) if isinstance(each, Counting | Partly) else each.sample(parents, rng)
            for each in (self.usual, self.other)
        )
        return np.where(rng.random(len(parents)) < self.reached, other, one)

    def redraw(self, rng: Generator) -> Partly:
        """Draw the mechanism of the rows that are reached anew."""
        return replace(self, other=self.other.redraw(rng))

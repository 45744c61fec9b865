"""The mechanisms of a ground truth's continuous variables: a function of the parents and noise.

Noise is standard: mean 0, standard deviation 1.

References
----------
Brouillard et al. (2020), Differentiable causal discovery from interventional data, NeurIPS, arXiv:2007.01754, appendix,
and the code released with it: the linear and neural mechanisms in raw units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.truth_mechanisms import Floats

__all__ = [
    "AdditiveNoise", "Function", "HiddenLayer", "Linear", "Noise", "NoiseAmongInputs", "Normal", "PlusNoise",
    "heavy_tailed", "leaky_relu", "normal_noise", "two_humped",
]  # fmt: skip


Noise: TypeAlias = Callable[[int, Generator], Floats]


def normal_noise(n: int, rng: Generator) -> Floats:
    """Draw [n] from N(0, 1)."""
    return rng.standard_normal(n)


def heavy_tailed(n: int, rng: Generator) -> Floats:
    """Draw [n] from Student's t with 3 degrees of freedom, scaled to a standard deviation of 1."""
    return rng.standard_t(3.0, n) / np.sqrt(3.0)


def two_humped(n: int, rng: Generator) -> Floats:
    """Draw [n] from two normal distributions at -0.95 and 0.95, equally likely, with a standard deviation of 1."""
    return rng.choice((-0.95, 0.95), n) + np.sqrt(1 - 0.95**2) * rng.standard_normal(n)


@dataclass(frozen=True, eq=False)
class Normal:
    """Gaussian values around a mean, in the variable's units, whatever the parents."""

    mean: float = 0.0
    sd: float = 1.0

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return rng.normal(self.mean, self.sd, len(parents))

    def redraw(self, rng: Generator) -> Normal:
        """Move the mean by a draw from N(0, 2 sd) and scale sd by U(0.5, 2)."""
        return Normal(rng.normal(self.mean, 2 * self.sd), self.sd * rng.uniform(0.5, 2.0))


@dataclass(frozen=True, eq=False)
class AdditiveNoise:
    """x = centre + gain * f(parents) + sd * noise, with f a random hidden layer.

    Attributes
    ----------
    reference
        Rows of the parents [m, p] on which f is scaled to mean 0 and standard deviation 1.
    inputs, bias, outputs
        Weights [p, H], [H] and [H] over the parents in standard units.
    activation
        `numpy.tanh`, `numpy.sin` and so on; `numpy.positive` makes the mechanism linear.
    noise
        Draws n values of mean 0 and standard deviation 1.
    """

    reference: Floats
    inputs: Floats
    bias: Floats
    outputs: Floats
    centre: float = 0.0
    gain: float = 0.0
    sd: float = 1.0
    activation: Callable[[Floats], Floats] = np.tanh
    noise: Noise = normal_noise

    @classmethod
    def draw(
        cls,
        reference: Floats,
        rng: Generator,
        activation: Callable[[Floats], Floats] = np.tanh,
        hidden: int = 16,
        noise: Noise = normal_noise,
    ) -> AdditiveNoise:
        """Draw f with gain U(1, 1.5) and noise sd U(0.4, 0.8); without parents, N(0, 1).

        Weights of parents that hardly matter on the reference rows are drawn again.
        """
        p = reference.shape[1]
        inputs = rng.standard_normal((p, hidden)) / np.sqrt(max(p, 1))  # [p, H]
        bias, outputs = rng.uniform(-1.0, 1.0, hidden), rng.standard_normal(hidden)
        if p == 0:
            return cls(reference, inputs, bias, outputs, activation=activation, noise=noise)
        gain, sd = rng.uniform(1.0, 1.5), rng.uniform(0.4, 0.8)
        for _ in range(1_000):
            found = cls(reference, inputs, bias, outputs, 0.0, gain, sd, activation, noise)
            weak = [j for j in range(p) if found._leverage(j, rng) < 0.5 / np.sqrt(p)]
            if not weak:
                return found
            inputs[weak] = rng.standard_normal((len(weak), hidden)) / np.sqrt(p)
        raise ValueError("reference leaves some parent without influence under this activation; vary its columns")

    def _features(self, parents: Floats) -> Floats:
        spread = self.reference.std(0)
        standard = (parents - self.reference.mean(0)) / np.where(spread > 0, spread, 1.0)
        return self.activation(standard @ self.inputs + self.bias) @ self.outputs  # [n]

    def _leverage(self, parent: int, rng: Generator) -> float:
        shuffled = self.reference.copy()
        shuffled[:, parent] = rng.permutation(shuffled[:, parent])
        return float((self.mean(shuffled) - self.mean(self.reference)).std() / self.gain)

    def mean(self, parents: Floats) -> Floats:
        """Expected value [n] given parents [n, p]."""
        if self.gain == 0.0:
            return np.full(len(parents), self.centre)
        reference = self._features(self.reference)
        return self.centre + self.gain * (self._features(parents) - reference.mean()) / max(reference.std(), 1e-12)

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return self.mean(parents) + self.sd * self.noise(len(parents), rng)

    def redraw(self, rng: Generator) -> AdditiveNoise:
        """Draw another f and noise scale; without parents, another mean from N(0, 2) and sd from U(0.5, 2)."""
        found = AdditiveNoise.draw(self.reference, rng, self.activation, len(self.bias), self.noise)
        return found if found.gain else replace(found, centre=rng.normal(0.0, 2.0), sd=rng.uniform(0.5, 2.0))


class Function(Protocol):
    """A function of rows, in raw units: nothing is standardised before it or after it."""

    def __call__(self, rows: Floats) -> Floats:
        """Value [n] of rows [n, p]."""
        ...

    def redraw(self, rng: Generator) -> Function:
        """Draw another function of the same class and shape."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """rows @ weights, with weights [p]."""

    weights: Floats

    @classmethod
    def draw(cls, p: int, rng: Generator) -> Linear:
        """Draw weights from U(0.25, 1) with a random sign each."""
        return cls(rng.choice((-1.0, 1.0), p) * rng.uniform(0.25, 1.0, p))

    def __call__(self, rows: Floats) -> Floats:
        """Value [n] of rows [n, p]."""
        return rows @ self.weights

    def redraw(self, rng: Generator) -> Linear:
        """Draw other weights."""
        return Linear.draw(len(self.weights), rng)


def leaky_relu(values: Floats) -> Floats:
    """Values where positive, a quarter of them elsewhere."""
    return np.where(values > 0, values, 0.25 * values)


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """activation(rows @ inputs + bias) @ outputs + shift.

    Attributes
    ----------
    inputs, bias, outputs, shift
        Weights [p, H], [H] and [H], and a number.
    activation
        Of the hidden layer.
    """

    inputs: Floats
    bias: Floats
    outputs: Floats
    shift: float
    activation: Callable[[Floats], Floats] = np.tanh

    @classmethod
    def draw(cls, p: int, hidden: int, rng: Generator, activation: Callable[[Floats], Floats] = np.tanh) -> HiddenLayer:
        """Draw weights from N(0, 1), and biases as PyTorch does: from U(-1, 1) over the root of a layer's inputs."""
        inputs, outputs = rng.standard_normal((p, hidden)), rng.standard_normal(hidden)
        bias = rng.uniform(-1.0, 1.0, hidden) / np.sqrt(max(p, 1))
        return cls(inputs, bias, outputs, float(rng.uniform(-1.0, 1.0) / np.sqrt(hidden)), activation)

    def __call__(self, rows: Floats) -> Floats:
        """Value [n] of rows [n, p]."""
        return self.activation(rows @ self.inputs + self.bias) @ self.outputs + self.shift

    def redraw(self, rng: Generator) -> HiddenLayer:
        """Draw other weights and biases."""
        p, hidden = self.inputs.shape
        return HiddenLayer.draw(p, hidden, rng, self.activation)


@dataclass(frozen=True, eq=False)
class PlusNoise:
    """x = function(parents) + sd * noise, with standard normal noise."""

    function: Function
    sd: float

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return self.function(parents) + self.sd * rng.standard_normal(len(parents))

    def redraw(self, rng: Generator) -> PlusNoise:
        """Draw another function; the noise stays."""
        return replace(self, function=self.function.redraw(rng))


@dataclass(frozen=True, eq=False)
class NoiseAmongInputs:
    """x = function(parents, sd * noise), with standard normal noise as the last of p + 1 inputs."""

    function: Function
    sd: float

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        noise = self.sd * rng.standard_normal((len(parents), 1))
        return self.function(np.concatenate([parents, noise], 1))

    def redraw(self, rng: Generator) -> NoiseAmongInputs:
        """Draw another function; the noise stays."""
        return replace(self, function=self.function.redraw(rng))

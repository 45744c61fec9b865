"""How simulated variables come by their values: the mechanisms of a ground truth, `x ~ p(x | parents)`.

Values of a categorical variable are state indices 0, 1, ...; parents [n, p] come in the order of the graph's nodes.
All randomness comes from the generators passed in.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: the neural categorical
mechanisms and the ranges from which weights and logits are drawn.
Brouillard et al. (2020), Differentiable causal discovery from interventional data, NeurIPS, arXiv:2007.01754, appendix,
and the code released with it: the linear and neural mechanisms in raw units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "AdditiveNoise", "Constant", "Discrete", "Distribution", "Floats", "Function", "HiddenLayer", "Linear", "Mechanism",
    "NeuralCategorical", "NoiseAmongInputs", "Normal", "PlusNoise", "TabularMechanism", "leaky_relu", "softmax",
]  # fmt: skip

Floats = NDArray[np.float64]


class Mechanism(Protocol):
    """How a variable comes by its values, given those of its parents."""

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw one value per row [n]; parents [n, p] holds state indices for categorical parents."""
        ...

    def redraw(self, rng: Generator) -> Mechanism:
        """Draw another mechanism of the same class with the same parents."""
        ...


@runtime_checkable
class Discrete(Protocol):
    """A mechanism over states."""

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for parents' states [n, p]."""
        ...


def _draw_states(probabilities: Floats, rng: Generator) -> NDArray[np.int64]:
    cumulative = probabilities.cumsum(-1)[:, :-1]  # [n, card - 1]
    return (rng.random((len(probabilities), 1)) >= cumulative).sum(-1)


def softmax(logits: Floats) -> Floats:
    """Probabilities [..., card] of logits [..., card]."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class TabularMechanism:
    """A conditional probability table, [*cards of the parents, card]."""

    table: Floats

    def __post_init__(self) -> None:
        table = np.asarray(self.table, dtype=np.float64)
        if table.ndim == 0 or (table < 0).any() or not np.allclose(table.sum(-1), 1.0, atol=1e-6):
            raise ValueError("table must hold probabilities >= 0 that sum to 1 along its last axis")
        object.__setattr__(self, "table", table)

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for parents' states [n, p]."""
        if parents.shape[1] != self.table.ndim - 1:
            raise ValueError(f"parents must have {self.table.ndim - 1} columns, as table has axes; got {parents.shape}")
        chosen = self.table[tuple(parents.astype(np.int64).T)]  # [n, card], or [card] without parents
        return np.broadcast_to(chosen, (len(parents), self.table.shape[-1]))

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw state indices [n]."""
        return _draw_states(self.probabilities(parents), rng)

    def redraw(self, rng: Generator) -> TabularMechanism:
        """Draw a table of the same shape: softmax of logits from U(-2.5, 2.5)."""
        return TabularMechanism(softmax(rng.uniform(-2.5, 2.5, self.table.shape)))


@dataclass(frozen=True, eq=False)
class Distribution:
    """A distribution over the states, [card], that ignores all parents."""

    weights: Floats

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card], the same in each row."""
        return np.broadcast_to(self.weights, (len(parents), len(self.weights)))

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw state indices [n]."""
        return _draw_states(self.probabilities(parents), rng)

    def redraw(self, rng: Generator) -> Distribution:
        """Draw another distribution from Dirichlet(1)."""
        return Distribution(rng.dirichlet(np.ones(len(self.weights))))


@dataclass(frozen=True, eq=False)
class Constant:
    """The same value in every row (a state index for a categorical variable), whatever the parents."""

    value: float

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Repeat the value, [n]."""
        return np.full(len(parents), self.value)

    def redraw(self, rng: Generator) -> Constant:
        """Refuse: nothing about a constant is random.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(f"Constant({self.value}) has nothing to redraw; intervene with another mechanism instead")


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


def _orthogonal(rows: int, columns: int, rng: Generator) -> Floats:
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = 2.5 * q * np.sign(np.diag(r))  # the gain of Ke et al.
    return q if rows >= columns else q.T


@dataclass(frozen=True, eq=False)
class NeuralCategorical:
    """One hidden layer over one-hot parents: softmax(leaky_relu(onehot @ inputs + bias) @ outputs + shift).

    Attributes
    ----------
    cards
        States of each parent.
    width
        One-hot inputs of *all* variables together: the orthogonal matrix is drawn over them all.
    inputs, bias, outputs, shift
        Weights [sum of cards, H], [H], [H, card] and [card].
    embedding
        Dimension of the random vectors that states enter as (Lippe et al. 2022); None: one-hot (Ke et al. 2019).
    """

    cards: tuple[int, ...]
    width: int
    inputs: Floats
    bias: Floats
    outputs: Floats
    shift: Floats
    embedding: int | None = None

    @classmethod
    def draw(
        cls, cards: Sequence[int], card: int, width: int, hidden: int, rng: Generator, embedding: int | None = None
    ) -> NeuralCategorical:
        """Draw a network: orthogonal weights with gain 2.5, biases from U(-1.1, 1.1).

        With embeddings these are standard normal, biases from U(-1/2, 1/2), none on the outputs; the outputs of a
        variable without parents are standard normal.
        """
        if embedding is not None:
            if not cards:
                nothing = np.zeros((0, hidden))
                return cls(
                    (), width, nothing, nothing.sum(0), np.zeros((hidden, card)), rng.standard_normal(card), embedding
                )
            weights = _orthogonal(embedding * len(cards), hidden, rng)  # [embedding * p, H]
            vectors = [rng.standard_normal((states, embedding)) for states in cards]
            parts = np.split(weights, len(cards))
            inputs = np.concatenate([vector @ part for vector, part in zip(vectors, parts, strict=True)])
            bias, outputs = rng.uniform(-0.5, 0.5, hidden), _orthogonal(hidden, card, rng)
            return cls(tuple(cards), width, inputs, bias, outputs, np.zeros(card), embedding)
        return cls(
            tuple(cards), width, _orthogonal(width, hidden, rng)[: sum(cards)], rng.uniform(-1.1, 1.1, hidden),
            _orthogonal(hidden, card, rng), rng.uniform(-1.1, 1.1, card),
        )  # fmt: skip

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for parents' states [n, p]."""
        hidden = np.tile(self.bias, (len(parents), 1))  # [n, H]
        offsets = np.cumsum([0, *self.cards])
        for states, offset in zip(parents.T.astype(np.int64), offsets[:-1], strict=True):
            hidden += self.inputs[states + offset]
        return softmax(np.where(hidden > 0, hidden, 0.1 * hidden) @ self.outputs + self.shift)

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw state indices [n]."""
        return _draw_states(self.probabilities(parents), rng)

    def redraw(self, rng: Generator) -> NeuralCategorical:
        """Draw a network of the same shape."""
        return NeuralCategorical.draw(self.cards, len(self.shift), self.width, len(self.bias), rng, self.embedding)


@dataclass(frozen=True, eq=False)
class AdditiveNoise:
    """x = centre + gain * f(parents) + sd * noise, with f a random hidden layer and standard normal noise.

    Attributes
    ----------
    reference
        Rows of the parents [m, p] on which f is scaled to mean 0 and standard deviation 1.
    inputs, bias, outputs
        Weights [p, H], [H] and [H] over the parents in standard units.
    activation
        `numpy.tanh`, `numpy.sin` and so on; `numpy.positive` makes the mechanism linear.
    """

    reference: Floats
    inputs: Floats
    bias: Floats
    outputs: Floats
    centre: float = 0.0
    gain: float = 0.0
    sd: float = 1.0
    activation: Callable[[Floats], Floats] = np.tanh

    @classmethod
    def draw(
        cls, reference: Floats, rng: Generator, activation: Callable[[Floats], Floats] = np.tanh, hidden: int = 16
    ) -> AdditiveNoise:
        """Draw f with gain U(1, 1.5) and noise sd U(0.4, 0.8); without parents, N(0, 1).

        Weights of parents that hardly matter on the reference rows are drawn again.
        """
        p = reference.shape[1]
        inputs = rng.standard_normal((p, hidden)) / np.sqrt(max(p, 1))  # [p, H]
        bias, outputs = rng.uniform(-1.0, 1.0, hidden), rng.standard_normal(hidden)
        if p == 0:
            return cls(reference, inputs, bias, outputs, activation=activation)
        gain, sd = rng.uniform(1.0, 1.5), rng.uniform(0.4, 0.8)
        for _ in range(1_000):
            found = cls(reference, inputs, bias, outputs, 0.0, gain, sd, activation)
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
        return self.mean(parents) + self.sd * rng.standard_normal(len(parents))

    def redraw(self, rng: Generator) -> AdditiveNoise:
        """Draw another f and noise scale; without parents, another mean from N(0, 2) and sd from U(0.5, 2)."""
        found = AdditiveNoise.draw(self.reference, rng, self.activation, len(self.bias))
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

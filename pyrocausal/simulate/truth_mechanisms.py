"""How simulated variables come by their values: the mechanisms of a ground truth, `x ~ p(x | parents)`.

Here: what they have in common, constants, and those of categorical variables; `continuous_truths` holds the others.
Values of a categorical variable are state indices 0, 1, ...; parents [n, p] come in the order of the graph's nodes.
All randomness comes from the generators passed in.

References
----------
Ke et al. (2019), Learning neural causal models from unknown interventions, arXiv:1910.01075: the neural categorical
mechanisms and the ranges from which weights and logits are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "Changed", "Constant", "Discrete", "Distribution", "Floats", "Mechanism", "NeuralCategorical", "TabularMechanism",
    "softmax",
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
class Changed:
    """Another mechanism's values, stretched around a centre and moved: centre + scale (x - centre) + shift.

    Attributes
    ----------
    mechanism
        Whose values; its parents stay.
    centre, scale, shift
        In the variable's units, but for the scale.
    """

    mechanism: Mechanism
    centre: float
    scale: float
    shift: float

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return self.centre + self.scale * (self.mechanism.sample(parents, rng) - self.centre) + self.shift

    def redraw(self, rng: Generator) -> Changed:
        """Change another mechanism of the same class in the same way."""
        return Changed(self.mechanism.redraw(rng), self.centre, self.scale, self.shift)


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

"""Ground truths of categorical variables, continuous ones and counts together, and changes of a categorical mechanism.

A mechanism here sees its parents as a regression would: states one-hot, numbers as they are, counts as logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import networkx as nx
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.continuous_truths import AdditiveNoise
from pyrocausal.simulate.count_truths import Counting
from pyrocausal.simulate.ground_truth import GroundTruth, draw_along
from pyrocausal.simulate.truth_mechanisms import Discrete, Distribution, Floats, Mechanism, softmax

__all__ = ["Choice", "Encoded", "Flattened", "mixed_truth"]

LOGIT = 2.0  # standard deviations of an additive function to a logit


@dataclass(frozen=True, eq=False)
class Choice:
    """States in proportion to exp(LOGIT f(parents)), with a random function f for each state."""

    functions: tuple[AdditiveNoise, ...]

    @classmethod
    def draw(cls, reference: Floats, states: int, rng: Generator) -> Choice:
        """Draw the functions, normalised on rows of the parents [m, p]."""
        return cls(tuple(AdditiveNoise.draw(reference, rng) for _ in range(states)))

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for encoded parents [n, p]."""
        return softmax(LOGIT * np.stack([function.mean(parents) for function in self.functions], -1))

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw state indices [n]."""
        return _draw(self.probabilities(parents), rng)

    def redraw(self, rng: Generator) -> Choice:
        """Draw other functions."""
        return Choice(tuple(function.redraw(rng) for function in self.functions))


@dataclass(frozen=True, eq=False)
class Encoded:
    """Another mechanism, fed with encoded parents.

    Attributes
    ----------
    mechanism
        Of the encoded parents.
    cards
        States of every parent, None for a continuous one, 0 for a count.
    """

    mechanism: Mechanism
    cards: tuple[int | None, ...]

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for parents [n, p]; of a categorical variable alone."""
        if not isinstance(self.mechanism, Discrete):
            raise TypeError(f"a {type(self.mechanism).__name__} has no probabilities over states")
        return self.mechanism.probabilities(_encode(parents, self.cards))

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n]."""
        return self.mechanism.sample(_encode(parents, self.cards), rng)

    def redraw(self, rng: Generator) -> Encoded:
        """Draw another mechanism of the same parents."""
        return replace(self, mechanism=self.mechanism.redraw(rng))


@dataclass(frozen=True, eq=False)
class Flattened:
    """A categorical mechanism whose probabilities are raised to a power, parents kept: what a scale is to numbers."""

    mechanism: Discrete
    power: float

    def probabilities(self, parents: Floats) -> Floats:
        """State probabilities [n, card] for parents [n, p]."""
        flat = self.mechanism.probabilities(parents) ** self.power
        return flat / flat.sum(-1, keepdims=True)

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw state indices [n]."""
        return _draw(self.probabilities(parents), rng)

    def redraw(self, rng: Generator) -> Flattened:
        """Refuse: a change of a mechanism is not drawn.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError("Flattened has nothing to redraw; redraw the mechanism that it changes")


def mixed_truth(graph: nx.DiGraph, rng: Generator, *, states: int = 3) -> GroundTruth:
    """Draw mechanisms for half the variables categorical, a quarter counts, the rest continuous, which ones at random.

    Continuous variables have a random tanh layer and additive noise, standardised as in
    `pyrocausal.simulate.additive_noise_truth`; categorical ones a logit of that kind for every state, counts a
    logarithm of their mean, as in `pyrocausal.simulate.count_truth`. Every parent has some influence. Continuous
    variables without parents are N(0, 1); categorical ones draw their probabilities from Dirichlet(3).

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of randomness.
    states
        States of a categorical variable.
    """
    order = rng.permutation(list(graph)).tolist()
    half = len(order) // 2
    categorical, counts = set(order[:half]), frozenset(order[half : half + len(order) // 4])
    cards = {name: states if name in categorical else 0 if name in counts else None for name in graph}

    def draw(name: str, raw: Floats) -> Mechanism:
        of_parents = tuple(cards[parent] for parent in graph if graph.has_edge(parent, name))
        rows = _encode(raw, of_parents)  # [m, columns]
        if name in counts:
            return replace(Counting.draw(rows, rng), entering=partial(_encode, cards=of_parents))
        if name not in categorical:
            return Encoded(AdditiveNoise.draw(rows, rng), of_parents)
        if of_parents:
            return Encoded(Choice.draw(rows, states, rng), of_parents)
        return Distribution(rng.dirichlet(np.full(states, 3.0)))

    labels = {name: tuple(range(card)) if card else None for name, card in cards.items()}
    return GroundTruth(graph, draw_along(graph, rng, draw), labels, counts)


def _encode(parents: Floats, cards: Sequence[int | None]) -> Floats:
    """States one-hot, counts as logarithms: [n, p] -> [n, sum of columns]."""
    columns = [_columns(column, card) for column, card in zip(parents.T, cards, strict=True)]
    return np.concatenate(columns, 1) if columns else np.empty((len(parents), 0))


def _columns(column: Floats, card: int | None) -> Floats:
    if card is None:
        return column[:, None]
    return np.eye(card)[column.astype(np.int64)] if card else np.log1p(column)[:, None]


def _draw(probabilities: Floats, rng: Generator) -> NDArray[np.int64]:
    return (rng.random((len(probabilities), 1)) >= probabilities.cumsum(-1)[:, :-1]).sum(-1)

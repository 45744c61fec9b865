"""What else differs between the regimes of a simulated experiment: batches, staining, depth.

A drift is a function of the truth, the mechanisms that a regime has, those of its targets in place already, and a
generator. It makes the mechanisms that the regime's rows come from. Nobody counts what it changes as a target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.count_truths import Counting, LogNormal
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import MOMENT_ROWS
from pyrocausal.simulate.truth_mechanisms import Discrete, Distribution, Floats, Mechanism, TabularMechanism

__all__ = ["Drift", "drifting_measurement", "drifting_tables"]


class Drift(Protocol):
    """Makes the mechanisms of one regime of those that it would have had."""

    def __call__(
        self, truth: GroundTruth, mechanisms: Mapping[str, Mechanism], rng: Generator, /
    ) -> dict[str, Mechanism]:
        """Make a mechanism for every variable."""
        ...


def drifting_measurement(by: float = 0.05) -> Drift:
    """Measure numbers and counts a little differently in every regime; what goes on beneath stays the same.

    A continuous variable is multiplied by exp(by z) and moved by `by` z' of its observational standard deviations, a
    count is found exp(by z) times as often, and a typical exposure is exp(by z) times as large; every z is drawn from
    N(0, 1). Effects follow what their causes were before that. Categories, and counts set to a value, stay.

    Parameters
    ----------
    by
        How much; 0 changes nothing.

    Raises
    ------
    ValueError
        When `by` is negative.
    """
    if not by >= 0:
        raise ValueError(f"by must not be negative; got {by}")

    def measure(truth: GroundTruth, mechanisms: Mapping[str, Mechanism], rng: Generator, /) -> dict[str, Mechanism]:
        usual = truth.sample(MOMENT_ROWS, rng)
        scales = {name: _Scale(float(np.exp(by * rng.standard_normal())), 0.0) for name in truth.names}
        for name in truth.names:
            if truth.states[name] is not None or (name in truth.counts and not isinstance(mechanisms[name], Counting)):
                scales[name] = _Scale(1.0, 0.0)
            elif name not in truth.counts and name != truth.exposure:
                scales[name] = scales[name]._replace(shift=by * float(usual[name].std() * rng.standard_normal()))
        return {
            name: _measured(mechanism, scales[name], [scales[cause] for cause in truth.parents(name)])
            for name, mechanism in mechanisms.items()
        }

    return measure


class _Scale(NamedTuple):
    """A value x is measured as factor x + shift."""

    factor: float
    shift: float


@dataclass(frozen=True, eq=False)
class _Measured:
    """Another mechanism's values as they are measured, of causes as they were before they were measured."""

    mechanism: Mechanism
    own: _Scale
    restore: Callable[[Floats], Floats]

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw values [n] given measured parents [n, p]."""
        return self.own.factor * self.mechanism.sample(self.restore(parents), rng) + self.own.shift

    def redraw(self, rng: Generator) -> _Measured:
        """Draw another mechanism, measured in the same way."""
        return replace(self, mechanism=self.mechanism.redraw(rng))


def _measured(mechanism: Mechanism, own: _Scale, causes: list[_Scale]) -> Mechanism:
    if isinstance(mechanism, LogNormal):
        return replace(mechanism, median=own.factor * mechanism.median)
    if isinstance(mechanism, Counting):
        entering = partial(_restored, causes=causes, then=mechanism.entering)
        return replace(mechanism, factor=own.factor * mechanism.factor, entering=entering)
    if {own, *causes} == {_Scale(1.0, 0.0)}:
        return mechanism
    return _Measured(mechanism, own, partial(_restored, causes=causes))


def _restored(parents: Floats, causes: list[_Scale], then: Callable[[Floats], Floats] = np.positive) -> Floats:
    """Parents [n, p] before they were measured, as they enter a function."""
    shift, factor = (np.array([getattr(cause, what) for cause in causes]) for what in ("shift", "factor"))
    return then((parents - shift) / factor)


def drifting_tables(concentration: float = 200.0) -> Drift:
    """Draw the table of every categorical variable around its own in every regime, from Dirichlet(concentration p).

    p are the probabilities of the states under one configuration of the causes; each is drawn by itself. That of a
    target which listens to no cause any more is drawn likewise. Other variables, and those set to a state, stay.

    Parameters
    ----------
    concentration
        The larger, the less tables differ: a probability p has a standard deviation of
        sqrt(p (1 - p) / (concentration + 1)).

    Raises
    ------
    ValueError
        When the concentration is less than one, or, as it is applied, a categorical variable has a cause that is none.
    """
    if not 1 <= concentration < np.inf:
        raise ValueError(f"concentration must be a number of at least 1; got {concentration}")

    def around(p: Floats, rng: Generator) -> Floats:
        drawn = rng.standard_gamma(concentration * p)
        return drawn / drawn.sum(-1, keepdims=True)

    def redraw(truth: GroundTruth, mechanisms: Mapping[str, Mechanism], rng: Generator, /) -> dict[str, Mechanism]:
        made = dict(mechanisms)
        for name, mechanism in mechanisms.items():
            if isinstance(mechanism, Distribution):
                made[name] = Distribution(around(mechanism.weights, rng))
            elif isinstance(mechanism, Discrete):
                own = replace(truth, mechanisms={**truth.mechanisms, name: mechanism})
                made[name] = TabularMechanism(around(own.table(name), rng))
        return made

    return redraw

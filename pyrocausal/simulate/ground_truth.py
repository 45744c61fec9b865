"""Ground truths: a DAG with one mechanism per variable, `x_i ~ p(x_i | parents of x_i)`.

Inside, values of a categorical variable are state indices 0, 1, ...; tables that leave this file hold the states'
labels. How strong an edge is, is told by its information I(cause; effect | other parents of effect).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.count_truths import Counting, LogNormal, Partly
from pyrocausal.simulate.truth_mechanisms import Discrete, Floats, Mechanism, TabularMechanism, softmax

__all__ = ["REFERENCE_ROWS", "GroundTruth", "draw_along"]

REFERENCE_ROWS = 1_000  # rows that mechanisms are normalised on, and that estimate information

LARGEST_TABLE = 1_000_000  # entries of any table built for exact information


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """A DAG with a mechanism for each of its nodes.

    Attributes
    ----------
    graph
        Edges cause -> effect; the order of the nodes is the order of the variables.
    mechanisms
        One per variable, over its parents in the order of the nodes.
    states
        Labels of each categorical variable's states, None for any other.
    counts
        Variables that are counts.
    exposure
        A variable without edges that all counts are in proportion to, None for none; its mechanism is `LogNormal`, and
        those of the counts are `Counting`.

    Raises
    ------
    ValueError
        When the graph has a cycle, a variable lacks a mechanism or states, or a table does not fit its parents.
    """

    graph: nx.DiGraph
    mechanisms: dict[str, Mechanism]
    states: dict[str, tuple | None]
    counts: frozenset[str] = frozenset()
    exposure: str | None = None

    def __post_init__(self) -> None:
        if not nx.is_directed_acyclic_graph(self.graph):
            raise ValueError("graph must be a directed acyclic graph")
        for given, what in ((self.mechanisms, "mechanisms"), (self.states, "states")):
            if set(given) != set(self.graph):
                raise ValueError(f"{what} must have the graph's variables {self.names}; got {tuple(given)}")
        for name in self.counts:
            self._require(name, "counts")
        if self.exposure is not None:
            self._check_exposure(self.exposure)
        for name, mechanism in self.mechanisms.items():
            if isinstance(mechanism, TabularMechanism):
                expected = tuple(self.card(each) for each in (*self.parents(name), name))
                if mechanism.table.shape != expected:
                    raise ValueError(
                        f"mechanisms[{name!r}] has a table of shape {mechanism.table.shape}; its parents "
                        f"{self.parents(name)} and its own states ask for {expected}"
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in order."""
        return tuple(self.graph)

    def parents(self, name: str) -> tuple[str, ...]:
        """Direct causes of a variable, in the order of the variables."""
        self._require(name, "name")
        return tuple(sorted(self.graph.predecessors(name), key=self._places.__getitem__))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.graph)}

    @cached_property
    def _order(self) -> list[str]:
        """Causes before effects, the exposure first."""
        return sorted(nx.topological_sort(self.graph), key=lambda each: each != self.exposure)

    def card(self, name: str) -> int:
        """Count the states of a categorical variable."""
        states = self.states[name]
        if states is None:
            raise ValueError(
                f"variable {name!r} is {'a count' if name in self.counts else 'continuous'}; it has no states"
            )
        return len(states)

    def _check_exposure(self, exposure: str) -> None:
        """Refuse an exposure that could not be one, and counts that would not be in proportion to it."""
        if exposure not in self.graph or self.graph.degree(exposure):
            raise ValueError(f"exposure must be a variable without edges; got {exposure!r}")
        if not isinstance(self.mechanisms[exposure], LogNormal):
            raise ValueError(f"exposure: the mechanism of {exposure!r} must be LogNormal; got another")
        for name in self.counts:
            if not isinstance(self.mechanisms[name], Counting):
                raise ValueError(f"counts: with an exposure the mechanism of {name!r} must be Counting; got another")

    def _require(self, name: str, argument: str) -> None:
        if name not in self.graph:
            raise ValueError(f"{argument} must be one of {self.names}; got {name!r}")

    def sample(self, n: int, rng: Generator, replaced: Mapping[str, Mechanism] | None = None) -> pd.DataFrame:
        """Draw rows in topological order, with some mechanisms replaced (an intervention).

        Parameters
        ----------
        n
            Rows to draw.
        rng
            Source of randomness.
        replaced
            Mechanism to put in place per intervened variable.

        Returns
        -------
        pandas.DataFrame
            [n, d]: labels for categorical, floats for continuous variables.

        Raises
        ------
        ValueError
            When n < 1, replaced names an unknown variable, or a mechanism leaves the states.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1; got {n}")
        for name in replaced or ():
            self._require(name, "replaced")
        current, values = {**self.mechanisms, **(replaced or {})}, dict[str, NDArray]()
        relative: Floats | None = None  # exposure [n], 1 at its own median, whatever has replaced it
        for name in self._order:
            mechanism, parents = current[name], self._stack(values, name, n)
            if isinstance(mechanism, Counting | Partly) and relative is not None:
                values[name] = mechanism.sample(parents, rng, relative)
            else:
                values[name] = mechanism.sample(parents, rng)
            if name == self.exposure and isinstance(usual := self.mechanisms[name], LogNormal):
                relative = values[name] / usual.median
            self._check_states(name, values[name])
        return pd.DataFrame({name: self._label(name, values[name]) for name in self.graph})

    def _check_states(self, name: str, values: NDArray) -> None:
        states = self.states[name]
        if states is not None and not np.isin(values, range(len(states))).all():
            raise ValueError(f"the mechanism of {name!r} left its states 0..{len(states) - 1}: got {np.unique(values)}")

    def _stack(self, values: Mapping[str, NDArray], name: str, n: int) -> Floats:
        parents = [values[parent] for parent in self.parents(name)]
        return np.stack(parents, -1).astype(np.float64) if parents else np.empty((n, 0))  # [n, p]

    def _label(self, name: str, values: NDArray) -> pd.Index | NDArray:
        states = self.states[name]
        return values if states is None else pd.Index(states).take(values.astype(np.int64))

    def table(self, name: str) -> Floats:
        """Conditional probability table [*cards of the parents, card] of a categorical variable.

        Raises
        ------
        ValueError
            When the mechanism or a parent is not categorical, or the table would exceed a million entries.
        """
        *cards, card = (self.card(each) for each in (*self.parents(name), name))
        if prod(cards) * card > LARGEST_TABLE:
            raise ValueError(f"name {name!r} has too many parents for a table of {LARGEST_TABLE:,} entries")
        grid = np.indices(cards).reshape(len(cards), prod(cards)).T.astype(np.float64)  # [product of cards, p]
        return self._discrete(name).probabilities(grid).reshape(*cards, card)

    def _discrete(self, name: str) -> Discrete:
        mechanism = self.mechanisms[name]
        if not isinstance(mechanism, Discrete):
            raise ValueError(f"variable {name!r} has no probabilities over states: {type(mechanism).__name__}")
        return mechanism

    def conditional_mutual_information(self, cause: str, effect: str, rows: pd.DataFrame | None = None) -> float:
        """Information I(cause; effect | other parents of effect) in nats, for an edge of a categorical network.

        It is exact, by elimination of the other ancestors, as long as no table exceeds a million entries. Beyond
        that it is averaged over `rows`, given all other ancestors of the effect instead of the parents alone: a
        lower bound in expectation, equal where every ancestor is a parent.

        Parameters
        ----------
        cause, effect
            Ends of an edge of the graph.
        rows
            Observational rows from `sample`, needed where the exact sum is too large.

        Raises
        ------
        ValueError
            When cause -> effect is no edge, a variable is continuous, or rows are needed and absent.
        """
        if not self.graph.has_edge(cause, effect):
            raise ValueError(f"cause and effect must be an edge of the graph; got {cause!r} -> {effect!r}")
        joint = self._joint_of_parents(effect)
        if joint is None:
            if rows is None:
                raise ValueError(f"rows must be given: the ancestors of {effect!r} have too many states to enumerate")
            return self._sampled_information(cause, effect, rows)
        axis, table = self.parents(effect).index(cause), self.table(effect)
        given_rest = (joint[..., None] * table).sum(axis)  # [*other parents, card]
        return float(
            (joint[..., None] * _xlogx(table)).sum() - _xlogx(given_rest).sum() + _xlogx(joint.sum(axis)).sum()
        )

    def _joint_of_parents(self, effect: str) -> Floats | None:
        parents, ancestors = self.parents(effect), nx.ancestors(self.graph, effect)
        size = {name: self.card(name) for name in (*ancestors, effect)}
        families = {name: (*self.parents(name), name) for name in self.graph if name in ancestors}
        scopes = [*families.values(), (*parents, effect)]
        if any(prod(size[each] for each in scope) > LARGEST_TABLE for scope in scopes):
            return None
        factors = [(family, self.table(name)) for name, family in families.items()]
        hidden = [name for name in families if name not in parents]
        while hidden:
            near = {name: {e for scope, _ in factors if name in scope for e in scope} for name in hidden}
            entries = {name: prod(size[each] for each in near[name]) for name in hidden}
            name = min(hidden, key=entries.__getitem__)
            if entries[name] > LARGEST_TABLE:
                return None
            scope = tuple(sorted(near[name] - {name}))
            merged = _multiply([each for each in factors if name in each[0]], scope)
            factors = [each for each in factors if name not in each[0]] + [(scope, merged)]
            hidden.remove(name)
        return _multiply(factors, parents)

    def _sampled_information(self, cause: str, effect: str, rows: pd.DataFrame) -> float:
        codes = {name: {label: code for code, label in enumerate(self.states[name] or ())} for name in self.graph}
        values = {name: rows[name].map(codes[name]).to_numpy(np.int64) for name in self.graph}
        ancestors = nx.ancestors(self.graph, effect)
        children = [child for child in self.graph.successors(cause) if child in ancestors]
        weights, outcomes = [], []
        for state in range(self.card(cause)):
            values[cause] = np.full(len(rows), state)
            family = [(name, self._conditional(name, values)) for name in (cause, *children)]
            weights.append(sum(np.log(p[np.arange(len(rows)), values[name]] + 1e-300) for name, p in family))
            outcomes.append(self._conditional(effect, values))
        belief, outcome = softmax(np.stack(weights, -1)), np.stack(outcomes, 1)  # [n, S], [n, S, card]
        mixed = (belief[..., None] * outcome).sum(1)
        return float(((belief[..., None] * _xlogx(outcome)).sum((1, 2)) - _xlogx(mixed).sum(1)).mean())

    def _conditional(self, name: str, values: Mapping[str, NDArray]) -> Floats:
        return self._discrete(name).probabilities(self._stack(values, name, len(values[name])))


def draw_along(graph: nx.DiGraph, rng: Generator, draw: Callable[[str, Floats], Mechanism]) -> dict[str, Mechanism]:
    """Draw mechanisms, causes before effects, each on rows that the mechanisms of its parents give.

    Parameters
    ----------
    graph
        A DAG, cause -> effect.
    rng
        Source of the rows.
    draw
        From a variable and rows of its parents [m, p], in the order of the nodes, to its mechanism.
    """
    mechanisms, values = dict[str, Mechanism](), dict[str, NDArray]()
    for name in nx.topological_sort(graph):
        causes = [values[parent] for parent in graph if graph.has_edge(parent, name)]
        rows = np.stack(causes, -1).astype(np.float64) if causes else np.empty((REFERENCE_ROWS, 0))  # [m, p]
        mechanisms[name] = draw(name, rows)
        values[name] = mechanisms[name].sample(rows, rng)
    return mechanisms


def _xlogx(p: Floats) -> Floats:
    return p * np.log(np.where(p > 0, p, 1.0))


def _multiply(factors: Sequence[tuple[tuple[str, ...], Floats]], scope: tuple[str, ...]) -> Floats:
    letters = {name: index for index, name in enumerate(dict.fromkeys(e for names, _ in factors for e in names))}
    operands: list = [each for names, table in factors for each in (table, [letters[name] for name in names])]
    return np.einsum(*operands, [letters[name] for name in scope])

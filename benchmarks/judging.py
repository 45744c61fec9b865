"""How a run is judged: what can be known of an experiment, and what a found graph is worth."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch

from benchmarks.problems import Given
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.missing import present
from pyrocausal.data.regime import Regime
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.posterior.graph_metrics import auroc, average_precision, false_edges, shd, target_accuracy
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.truth_mechanisms import Discrete

__all__ = [
    "Experiment", "Found", "Sight", "expected_shd", "experiment", "judge", "ranking_precision", "visible_regimes",
    "wrong_pairs",
]  # fmt: skip


class Experiment(NamedTuple):
    """What is true of a simulated experiment, without its rows.

    Attributes
    ----------
    graph
        The true graph; its nodes are in the order of the variables.
    targets
        True targets per regime, in the order of the regimes.
    visible
        Which regimes show that something was done to their target.
    note
        How the experiment came about.
    labelled
        Regimes whose targets every method is told.
    open
        Edges that are not known beforehand, boolean [d, d] (effect, cause); None where nothing is known.
    """

    graph: nx.DiGraph
    targets: dict[str, tuple[str, ...]]
    visible: dict[str, bool]
    note: str
    labelled: frozenset[str] = frozenset()
    open: np.ndarray | None = None

    @property
    def sought(self) -> list[str]:
        """Regimes whose targets are to be found."""
        return [name for name in self.targets if name not in self.labelled]

    @property
    def n_hidden(self) -> int | None:
        """Edges that are not known beforehand, None where nothing is known."""
        return None if self.open is None else int((self.open & _adjacency(self.graph)).sum())


class Found(NamedTuple):
    """What a method has found.

    Attributes
    ----------
    edge_probability, dag
        As in `benchmarks.methods.base.Answer`.
    targets
        Targets per regime, None if the method gives none.
    target_probability
        Belief in every target [R, d], None if the method has none.
    edge_strength, target_strength
        As in `benchmarks.methods.base.Answer`.
    """

    edge_probability: np.ndarray
    dag: np.ndarray
    targets: list[set[str]] | None
    target_probability: np.ndarray | None = None
    edge_strength: np.ndarray | None = None
    target_strength: np.ndarray | None = None


class Sight(NamedTuple):
    """Where a run stands.

    Attributes
    ----------
    found
        The graph, and the targets once the run has ended.
    cpu_to_keep
        CPU seconds after which the graph did not change any more.
    cpu
        CPU seconds so far.
    memory_rise, memory
        Most memory held since the fit began, less what was held then, and as it is, in MB.
    steps
        Steps done, None if unknown.
    wall
        Seconds so far, whoever else the machine has worked for.
    """

    found: Found
    cpu_to_keep: float
    cpu: float
    memory_rise: float
    memory: float
    steps: int | None
    wall: float


def experiment(simulation: Simulation, note: str, given: Given = Given()) -> Experiment:  # noqa: B008 (frozen)
    """Sum up a simulation."""
    data, truth, targets = simulation
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(data.names)
    graph.add_edges_from(truth.graph.edges)
    visible = dict(zip(data.regime_names, visible_regimes(simulation), strict=True))
    unknown = given.knowledge and given.knowledge.compile(data.names).fixed.isnan().numpy()
    true = {name: targets[name] for name in data.regime_names}
    return Experiment(graph, true, visible, note, frozenset(given.targets), unknown)


def visible_regimes(simulation: Simulation) -> list[bool]:
    """Whether somebody who knows the truth would see what each regime does to all of its targets.

    That is: whether, given the true graph and the true observational probabilities, a new mechanism for a true
    target is more likely than the old one by at least log(d + 1) + 3 nats. The interventions on continuous variables
    and their effects are strong here and all count as visible; one that does nothing does not.
    """
    found = []
    for regime in simulation.data.regimes:
        hit = simulation.targets[regime.name]
        found.append(bool(hit) and all(_shows(simulation, regime, target) for target in hit))
    return found


def _shows(simulation: Simulation, regime: Regime, target: str) -> bool:
    data, truth, _ = simulation
    mechanism = truth.mechanisms[target]
    columns = [data.names.index(name) for name in (*truth.parents(target), target)]
    kinds = [data.kinds[i] for i in columns]
    if not isinstance(mechanism, Discrete) or not all(isinstance(kind, Categorical) for kind in kinds):
        return True
    rows = regime.rows[:, columns]  # [n, p + 1]
    rows = rows[present(rows).all(1)]
    family = torch.zeros(len(columns), len(columns))
    family[-1, :-1] = 1
    new = NewMechanisms(kinds, [rows]).evidence(family)[0, -1]
    codes = rows.long().numpy()
    old = mechanism.probabilities(codes[:, :-1].astype(np.float64))[np.arange(len(codes)), codes[:, -1]]
    return bool(float(new) - np.log(np.maximum(old, 1e-30)).sum() >= math.log(data.d + 1) + 3)


def judge(found: Found, true: Experiment) -> dict[str, object]:
    """Compare with the truth: the columns of a result that say how good a graph and its targets are."""
    names = list(true.graph)
    dag, edges = _graph(found.dag, names), _graph(found.edge_probability > 0.5, names)
    positives, negatives = false_edges(dag, true.graph)
    hidden = None if true.open is None else int((true.open & _adjacency(true.graph) & found.dag).sum())
    return {
        "shd_dag": shd(dag, true.graph),
        "shd_edges": shd(edges, true.graph),
        "false_positives": positives,
        "false_negatives": negatives,
        "precision": _share(dag.number_of_edges() - positives, dag.number_of_edges()),
        "recall": _share(true.graph.number_of_edges() - negatives, true.graph.number_of_edges()),
        "auroc": auroc(found.edge_probability, true.graph),
        "average_precision": average_precision(found.edge_probability, true.graph),
        "wrong": wrong_pairs(dag, true.graph, found.edge_probability),
        "expected_shd": expected_shd(found.edge_probability, true.graph),
        "hidden_found": hidden,
        **_judge_targets(found, true),
    }


def _share(some: int, all_: int) -> float:
    """NaN of none."""
    return some / all_ if all_ else math.nan


def _judge_targets(found: Found, true: Experiment) -> dict[str, float]:
    """Compare targets with the truth, in the regimes where they are to be found."""
    hit = dict(zip(true.targets, found.targets or [set[str]()] * len(true.targets), strict=True))

    def right(regimes: list[str]) -> float:
        if found.targets is None or not regimes:
            return math.nan
        return target_accuracy({name: hit[name] for name in regimes}, {name: true.targets[name] for name in regimes})

    auprc = math.nan
    if found.target_probability is not None:
        sought = [name in true.sought for name in true.targets]
        happened = np.array([[name in targets for name in true.graph] for targets in true.targets.values()])  # [R, d]
        auprc = ranking_precision(found.target_probability[sought].ravel(), happened[sought].ravel())
    called = [(hit[name], set(true.targets[name])) for name in true.sought] if found.targets is not None else None
    return {
        "false_targets": math.nan if called is None else sum(len(said - real) for said, real in called),
        "missed_targets": math.nan if called is None else sum(len(real - said) for said, real in called),
        "target_accuracy": right(true.sought),
        "target_accuracy_visible": right([name for name in true.sought if true.visible[name]]),
        "target_auprc": auprc,
        "placebo_none": right([name for name in true.sought if not true.targets[name]]),
    }


def ranking_precision(belief: np.ndarray, happened: np.ndarray) -> float:
    """Precision averaged over what happened, from the most to the least believed; ties are taken together.

    Parameters
    ----------
    belief
        Shape [n].
    happened
        Boolean, shape [n].

    Returns
    -------
    float
        As `pyrocausal.posterior.graph_metrics.average_precision` of edges; NaN where nothing happened.
    """
    if not happened.any():
        return math.nan
    levels, place = np.unique(-belief, return_inverse=True)
    hits = np.bincount(place, weights=happened, minlength=len(levels))
    found = np.bincount(place, minlength=len(levels)).cumsum()
    return float((hits * hits.cumsum() / found).sum() / happened.sum())


def expected_shd(probability: np.ndarray, true: nx.DiGraph) -> float:
    """Structural Hamming distance expected of a graph drawn from edge probabilities.

    It is a sum over pairs of variables, so only the probability of each pair's true state (no edge, or one direction)
    matters: exact where probabilities are shares of drawn DAGs, or of three states that exclude each other.

    Parameters
    ----------
    probability
        Shape [d, d] (effect, cause); the diagonal is ignored.
    true
        The true graph, its nodes in the order of the variables.
    """
    edge, either = _adjacency(true), np.minimum(probability + probability.T, 1.0)
    right = np.where(edge, probability, np.where(edge.T, probability.T, 1 - either))
    return float(np.tril(1 - right, -1).sum())


def wrong_pairs(dag: nx.DiGraph, true: nx.DiGraph, probability: np.ndarray, most: int = 10) -> str:
    """The first pairs of variables that a graph has wrong, as "cause>effect 0.74, effect>cause 0.26; ..."."""
    names, told = list(true), []
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        if any(dag.has_edge(*edge) != true.has_edge(*edge) for edge in ((one, other), (other, one))):
            told.append(f"{one}>{other} {probability[j, i]:.2f}, {other}>{one} {probability[i, j]:.2f}")
    return "; ".join(told[:most] + ["..."] * (len(told) > most))


def _adjacency(graph: nx.DiGraph) -> np.ndarray:
    """Boolean [d, d] (effect, cause)."""
    return nx.to_numpy_array(graph, weight=None).T > 0


def _graph(adjacency: np.ndarray, names: list[str]) -> nx.DiGraph:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from((names[cause], names[effect]) for effect, cause in zip(*np.nonzero(adjacency), strict=True))
    return graph

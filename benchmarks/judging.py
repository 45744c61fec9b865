"""How a run is judged: what can be known of an experiment, and what a found graph is worth."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch

from pyrocausal.conjugate import NewMechanisms
from pyrocausal.gaps import present
from pyrocausal.metrics import auroc, average_precision, false_edges, shd, target_accuracy
from pyrocausal.simulate import Simulation
from pyrocausal.truth_mechanisms import Discrete

__all__ = ["Experiment", "Found", "Sight", "experiment", "judge", "visible_regimes", "wrong_pairs"]


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
    """

    graph: nx.DiGraph
    targets: dict[str, tuple[str, ...]]
    visible: dict[str, bool]
    note: str


class Found(NamedTuple):
    """What a method has found.

    Attributes
    ----------
    edge_probability, dag
        As in `benchmarks.methods.base.Answer`.
    targets
        Targets per regime, None if the method gives none.
    """

    edge_probability: np.ndarray
    dag: np.ndarray
    targets: list[set[str]] | None


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
    """

    found: Found
    cpu_to_keep: float
    cpu: float
    memory_rise: float
    memory: float
    steps: int | None


def experiment(simulation: Simulation, note: str) -> Experiment:
    """Sum up a simulation."""
    data, truth, targets = simulation
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(data.names)
    graph.add_edges_from(truth.graph.edges)
    visible = dict(zip(data.regime_names, visible_regimes(simulation), strict=True))
    return Experiment(graph, {name: targets[name] for name in data.regime_names}, visible, note)


def visible_regimes(simulation: Simulation) -> list[bool]:
    """Whether somebody who knows the truth would see each regime's intervention.

    That is: whether, given the true graph and the true observational probabilities, a new mechanism for the true
    target is more likely than the old one by at least log(d + 1) + 3 nats. The interventions on continuous variables
    are strong here and all count as visible.
    """
    data, truth, targets = simulation
    least, seen = math.log(data.d + 1) + 3, []
    for regime in data.regimes:
        (target,) = targets[regime.name]
        mechanism = truth.mechanisms[target]
        if not isinstance(mechanism, Discrete):
            seen.append(True)
            continue
        columns = [data.names.index(name) for name in (*truth.parents(target), target)]
        rows = regime.rows[:, columns]  # [n, p + 1]
        rows = rows[present(rows).all(1)]
        family = torch.zeros(len(columns), len(columns))
        family[-1, :-1] = 1
        new = NewMechanisms([data.kinds[i] for i in columns], [rows]).evidence(family)[0, -1]
        codes = rows.long().numpy()
        old = mechanism.probabilities(codes[:, :-1].astype(np.float64))[np.arange(len(codes)), codes[:, -1]]
        seen.append(float(new) - np.log(np.maximum(old, 1e-30)).sum() >= least)
    return [bool(each) for each in seen]


def judge(found: Found, true: Experiment) -> dict[str, object]:
    """Compare with the truth: the columns of a result that say how good a graph and its targets are."""
    names = list(true.graph)
    dag, edges = _graph(found.dag, names), _graph(found.edge_probability > 0.5, names)
    positives, negatives = false_edges(dag, true.graph)
    right, right_visible = math.nan, math.nan
    if found.targets is not None:
        hit = dict(zip(true.targets, found.targets, strict=True))
        right = target_accuracy(hit, true.targets)
        shown = [regime for regime, seen in true.visible.items() if seen]
        if shown:
            right_visible = target_accuracy({r: hit[r] for r in shown}, {r: true.targets[r] for r in shown})
    return {
        "shd_dag": shd(dag, true.graph),
        "shd_edges": shd(edges, true.graph),
        "false_positives": positives,
        "false_negatives": negatives,
        "auroc": auroc(found.edge_probability, true.graph),
        "average_precision": average_precision(found.edge_probability, true.graph),
        "wrong": wrong_pairs(dag, true.graph, found.edge_probability),
        "target_accuracy": right,
        "target_accuracy_visible": right_visible,
    }


def wrong_pairs(dag: nx.DiGraph, true: nx.DiGraph, probability: np.ndarray, most: int = 10) -> str:
    """The first pairs of variables that a graph has wrong, as "cause>effect 0.74, effect>cause 0.26; ..."."""
    names, told = list(true), []
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        if any(dag.has_edge(*edge) != true.has_edge(*edge) for edge in ((one, other), (other, one))):
            told.append(f"{one}>{other} {probability[j, i]:.2f}, {other}>{one} {probability[i, j]:.2f}")
    return "; ".join(told[:most] + ["..."] * (len(told) > most))


def _graph(adjacency: np.ndarray, names: list[str]) -> nx.DiGraph:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from((names[cause], names[effect]) for effect, cause in zip(*np.nonzero(adjacency), strict=True))
    return graph

"""Problems with a known truth, and how a fit of one is judged."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch

from pyrocausal import SDI, Info, graphs, networks, shd, simulate
from pyrocausal.conjugate import NewMechanisms


class Case(NamedTuple):
    """A simulated experiment and the networks rejected before it (see `neural_network_truth`)."""

    simulation: simulate.Simulation
    rejections: int


def three(graph: nx.DiGraph) -> Callable[[int], Case]:
    """The paper's three-variable problems: neural truth, soft interventions, 3 regimes a variable x 500 rows."""

    def make(seed: int) -> Case:
        truth, rejections = simulate.neural_network_truth(graph, np.random.default_rng(seed), min_information=0.01)
        made = simulate.simulate(
            truth,
            intervention=simulate.soft,
            rows=10_000,
            rows_per_regime=500,
            regimes_per_variable=3,
            seed=seed,
        )
        return Case(made, rejections)

    return make


def network(
    name: str, intervention: simulate.Intervention, per_variable: int, rows: int = 50_000, per_regime: int = 512
) -> Callable[[int], Case]:
    """A shipped network: 50,000 observational rows and 512 a regime by default."""

    def make(seed: int) -> Case:
        made = simulate.simulate(
            networks.load(name),
            intervention=intervention,
            rows=rows,
            rows_per_regime=per_regime,
            regimes_per_variable=per_variable,
            seed=seed,
        )
        return Case(made, 0)

    return make


def continuous(seed: int) -> Case:
    """Five variables, nonlinear additive noise, hard stochastic interventions two standard deviations off."""
    rng = np.random.default_rng(seed)
    truth = simulate.additive_noise_truth(graphs.random_dag(5, 1.2, rng), rng)
    made = simulate.simulate(truth, intervention=simulate.hard_normal(), rows=10_000, rows_per_regime=500, seed=seed)
    return Case(made, 0)


CASES: dict[str, Callable[[int], Case]] = {
    "chain3": three(graphs.chain(3)),
    "fork3": three(graphs.fork(3)),
    "collider3": three(graphs.collider(3)),
    "confounder3": three(graphs.confounder3()),
    "chain3-hard": network("chain3", simulate.hard_uniform, 3, 10_000, 500),
    "confounder3-hard": network("confounder3", simulate.hard_uniform, 3, 10_000, 500),
    "continuous5": continuous,
    "sachs-uniform": network("sachs", simulate.hard_uniform, 1),
    "sachs-soft6": network("sachs", simulate.soft, 6),
    "asia-uniform": network("asia", simulate.hard_uniform, 1),
}


class Outcome(NamedTuple):
    """What one fit came to."""

    shd: int
    right: int  # regimes whose target was found
    visible: int  # regimes whose distribution shows that something was done
    visible_right: int
    steps: int
    settled: bool
    kept_at: float  # CPU seconds after which the final SHD was reached and kept
    cpu: float


def fit(case: Case, algorithm: SDI, seed: int) -> Outcome:
    """Fit with one thread and compare with the truth after every step."""
    data, truth, targets = case.simulation
    names, history, start = data.names, [], time.process_time()

    def watch(info: Info) -> None:
        found: nx.DiGraph = nx.DiGraph()
        found.add_nodes_from(names)
        found.add_edges_from((names[j], names[i]) for i, j in (info.edge_probability > 0.5).nonzero().tolist())
        history.append((shd(found, truth.graph), time.process_time() - start))

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, info = algorithm.run(data, seed=seed, on_info=watch)
    last = history[-1][0]
    kept = len(history)
    while kept and history[kept - 1][0] == last:
        kept -= 1
    believed = info.target_probability[:, :-1] > 0.5
    right = [
        {names[i] for i in row.nonzero()[:, 0].tolist()} == set(targets[name])
        for name, row in zip(data.regime_names, believed, strict=True)
    ]
    seen = visible_regimes(case)
    return Outcome(
        shd=last,
        right=sum(right),
        visible=sum(seen),
        visible_right=sum(r for r, s in zip(right, seen, strict=True) if s),
        steps=info.step,
        settled=info.settled,
        kept_at=history[kept][1],
        cpu=time.process_time() - start,
    )


def visible_regimes(case: Case) -> list[bool]:
    """Whether somebody who knows the truth would see each regime's intervention.

    That is: whether, given the true graph and the true observational tables, a new mechanism for the true target is
    more likely than the old one by at least log(d + 1) + 3 nats. Continuous interventions here are two standard
    deviations strong and count as visible.
    """
    data, truth, targets = case.simulation
    names = list(data.names)
    graph = torch.tensor(nx.to_numpy_array(truth.graph, names).T)
    evidence = NewMechanisms(data.kinds, [regime.rows for regime in data.regimes]).evidence(graph)
    seen = []
    for r, regime in enumerate(data.regimes):
        (target,) = targets[regime.name]
        if truth.states[target] is None:
            seen.append(True)
            continue
        codes = regime.rows.long().numpy()
        columns = [codes[:, names.index(name)] for name in (*truth.parents(target), target)]
        old = np.log(np.maximum(truth.table(target)[tuple(columns)], 1e-30)).sum()
        seen.append(float(evidence[r, names.index(target)]) - old >= math.log(len(names) + 1) + 3)
    return seen

"""Does `diagnose` name what is wrong with a fit? Asked where it is known, because it was made so.

A case is a random graph with an edge a variable, one hard intervention a variable whose target is hidden and which
moves it clearly, and a fit with two chains in closed form, which takes a few seconds. Six variables of three states
with neural tables, whose edges carry at least 0.01 nats or as much as can be had:

- good: 4,000 rows without intervention and 400 a regime;
- little-data: 100 and 20;
- hidden-cause: as good, but one more variable acts on two that no edge joins, and its column is dropped; it leaves at
  least 0.05 nats between the two;
- stopped-early: as good, but the three phases alone, stopped after 30 steps;
- placebo: as good, and in one more regime nothing is done;
- restarts: 400 and 60, four chains: are the pairs of variables on which they differ those that are wrong?

Five continuous variables with tanh networks and additive noise:

- good-continuous, hidden-cause-continuous: 2,000 rows and 400 a regime.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from numpy.random import Generator

from benchmarks.problems import informative_truth
from benchmarks.rows import add_missing
from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, Diagnosis
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search.settings import Settling
from pyrocausal.simulate.experiments import Simulation, additive_noise_truth, neural_network_truth, simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.interventions import hard_normal
from pyrocausal.simulate.truth_mechanisms import Constant, Distribution, Mechanism

__all__ = ["CASES", "Case", "diagnose_cases", "left_between", "said"]

STATES, EDGES = 3, 1.0
HIDDEN, LEAVES = "hidden", 0.05  # nats between the effects of the hidden cause
CLOSEST = 0.2  # an intervention is at least so far from what was, in total variation
REMARKS = ("nothing-done", "not-checked")
BRIEF: dict[str, Any] = {
    "algorithm": SDI(fitting=GraphFitting(warm_up=200)),
    "settling": Settling(refitting=None, final_steps=300),
    "max_steps": 10,
}


@dataclass(frozen=True)
class Case:
    """What a kind of case is.

    Attributes
    ----------
    wanted
        What is to be named; None where nothing is.
    variables
        How many.
    rows
        Without intervention, and in each regime.
    hidden, placebo, continuous
        Whether a common cause is hidden, whether nothing is done in a regime, whether variables are continuous.
    options
        For `discover`.
    """

    wanted: str | None = None
    variables: int = 6
    rows: tuple[int, int] = (4_000, 400)
    hidden: bool = False
    placebo: bool = False
    continuous: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    def make(self, seed: int) -> tuple[Simulation, tuple[str, ...]]:
        """Simulate the case of a seed; beside it the two variables with a hidden common cause, if there are."""
        rng = np.random.default_rng(seed)
        graph, pair = random_dag(self.variables, EDGES, rng), ()
        if self.hidden:
            truth, pair = self._confounded(graph, rng)
        elif self.continuous:
            truth = additive_noise_truth(graph, rng)
        else:
            truth, _ = informative_truth(graph, STATES, seed, embedding=4)
        made = simulate(
            truth,
            intervention=hard_normal() if self.continuous else clearly,
            rows=self.rows[0],
            rows_per_regime=self.rows[1],
            targets=[*((name,) for name in graph), *([()] if self.placebo else [])],
            seed=seed,
        )
        return (without(made, HIDDEN) if pair else made), pair

    def _confounded(self, graph: nx.DiGraph, rng: Generator) -> tuple[GroundTruth, tuple[str, str]]:
        """One more cause, of two variables that no edge joins, which leaves them clearly dependent."""
        apart = [pair for pair in product(graph, graph) if pair[0] < pair[1] and not nx.Graph(graph).has_edge(*pair)]
        while True:
            pair = apart[rng.integers(len(apart))]
            more = graph.copy()
            more.add_edges_from((HIDDEN, name) for name in pair)
            if self.continuous:
                truth = additive_noise_truth(more, rng)
            else:
                truth, _ = neural_network_truth(more, rng, states=STATES, min_information=0, embedding=4)
            if left_between(truth, pair, rng) >= LEAVES:
                return truth, pair


CASES: dict[str, Case] = {
    "good": Case(),
    "little-data": Case("few-rows", rows=(100, 20)),
    "hidden-cause": Case("hidden-cause", hidden=True),
    "stopped-early": Case("not-converged", options=(("settling", Settling(rounds=0)), ("max_steps", 30))),
    "placebo": Case("nothing-done", placebo=True),
    "restarts": Case(rows=(400, 60), options=(("chains", 4),)),
    "good-continuous": Case(variables=5, rows=(2_000, 400), continuous=True),
    "hidden-cause-continuous": Case("hidden-cause", 5, (2_000, 400), hidden=True, continuous=True),
}


def clearly(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
    """Draw a target from a distribution at random that is not too close to the one it has without intervention."""
    usual = truth.sample(5_000, rng)[target].value_counts(normalize=True).reindex(truth.states[target], fill_value=0.0)
    while True:
        weights = rng.dirichlet(np.ones(truth.card(target)))
        if 0.5 * np.abs(weights - usual.to_numpy()).sum() >= CLOSEST:
            return Distribution(weights)


def left_between(truth: GroundTruth, pair: tuple[str, str], rng: Generator, times: int = 8, rows: int = 500) -> float:
    """Nats between two variables where their other measured causes stand still, averaged over values of these."""
    others = sorted({*truth.parents(pair[0]), *truth.parents(pair[1])} - {HIDDEN})
    found = []
    for _, row in truth.sample(times, rng).iterrows():
        still: dict[str, Mechanism] = {}
        for name in others:
            states = truth.states[name]
            still[name] = Constant(float(row[name]) if states is None else states.index(row[name]))
        table = truth.sample(rows, rng, still)
        columns = [table[name] if truth.states[name] else pd.qcut(table[name], 4, labels=False) for name in pair]
        counts = pd.crosstab(*columns).to_numpy().astype(float)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / rows
        seen = counts > 0
        gain = (counts[seen] * np.log(counts[seen] / expected[seen])).sum()
        found.append((gain - 0.5 * (counts.shape[0] - 1) * (counts.shape[1] - 1)) / rows)
    return float(np.mean(found))


def without(made: Simulation, name: str) -> Simulation:
    """The same without a column."""
    keep = [i for i, each in enumerate(made.data.names) if each != name]
    data = replace(
        made.data,
        names=tuple(made.data.names[i] for i in keep),
        kinds=tuple(made.data.kinds[i] for i in keep),
        observational=made.data.observational[:, keep],
        regimes=tuple(replace(regime, rows=regime.rows[:, keep]) for regime in made.data.regimes),
        truth=None,
    )
    return Simulation(data, made.truth, made.targets)


def diagnose_cases(
    seeds: Sequence[int], out: Path, *, cases: Sequence[str] = tuple(CASES), jobs: int = 1
) -> pd.DataFrame:
    """Fit and diagnose cases, and write a row for each to `diagnose.csv`.

    Parameters
    ----------
    seeds
        Of the cases and the fits.
    out
        Folder of the results. Cases that are in its `diagnose.csv` already are not repeated.
    cases
        Of `CASES`; default: all.
    jobs
        Cases at a time, one thread each.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: `case`, `seed`, `shd` of the settled graph to the truth, `named` (whether what is wrong
        was named, and of the right variables or regime), `elsewhere` (findings of that name that are of others), for
        each name the number of findings, and of all pairs of variables how many are `wrong` in the settled graph, on
        how many chains differ (`torn`), how many are `undecided`, and how many of those are wrong.
    """
    return add_missing(out / "diagnose.csv", {"case": cases, "seed": seeds}, _one, jobs=jobs)


def _one(name: str, seed: int) -> dict[str, object]:
    case, start = CASES[name], time.process_time()
    made, pair = case.make(seed)
    options = {"chains": 2, "cores": 1, "seed": seed, "progress": False, **BRIEF, **dict(case.options)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        result = discover(made.data, **options)
    if result.stopped:  # a fit that Ctrl-C has cut short does not
        raise KeyboardInterrupt
    found = diagnose(result)
    true = made.truth.graph.subgraph(made.data.names)
    idle = {(regime,) for regime, hit in made.targets.items() if not hit}
    right = {"few-rows": {()}, "hidden-cause": {pair}, "nothing-done": idle}.get(case.wanted or "")
    said = {each.subject for each in found.named(case.wanted)} if case.wanted else set()
    row: dict[str, object] = {"case": name, "seed": seed, "shd": shd(result.dag(), true)}
    row |= {"named": int(bool(said & right if right else said)), "elsewhere": len(said - right) if right else 0}
    row |= {each: len(found.named(each)) for each in NAMES}
    row |= _pairs(result, found, true)
    return row | {"cpu_seconds": time.process_time() - start}


def _pairs(result: CausalPosterior, found: Diagnosis, true: nx.DiGraph) -> dict[str, int]:
    """How many pairs of variables are wrong in the settled graph, and how many of those were doubted."""
    names = list(result.data.names)

    def states(dag: np.ndarray) -> np.ndarray:
        return (dag + 2 * dag.T)[np.triu_indices(len(names), 1)]

    truth = states(nx.to_numpy_array(true, names, weight=None).T)
    dags = [states(chain.dag.cpu().to(torch.float64).numpy()) for chain in result.chains]
    wrong = states(result.best.dag.cpu().to(torch.float64).numpy()) != truth
    torn = np.any([each != dags[0] for each in dags], axis=0)
    doubted = {frozenset(each.subject) for each in found.named("undecided-edge")}
    pairs = list(zip(*np.triu_indices(len(names), 1), strict=True))
    undecided = np.array([frozenset((names[i], names[j])) in doubted for i, j in pairs])
    counts = {"wrong": wrong, "torn": torn, "torn wrong": torn & wrong}
    counts |= {"undecided": undecided, "undecided wrong": undecided & wrong}
    return {name: int(each.sum()) for name, each in counts.items()}


def said(table: pd.DataFrame) -> list[str]:
    """What `diagnose_cases` has found, in sentences."""
    lines, looked_for = [], [each for each in NAMES if each in table]  # rows may be older than a finding
    for name, case in CASES.items():
        runs, wanted = table[table.case == name], case.wanted
        if not len(runs):
            continue
        others = {each: int((runs[each] > 0).sum()) for each in looked_for if each not in (*REMARKS, wanted)}
        told = ", ".join(f"{each} in {count}" for each, count in others.items() if count) or "nothing"
        if name == "restarts":
            lines += [
                _detector(runs, what, how)
                for what, how in (("torn", "chains differ on"), ("undecided", "undecided are"))
            ]
            continue
        alarms = int((runs[[each for each in looked_for if each not in REMARKS]] > 0).any(axis=1).sum())
        head = f"{name}, {len(runs)} case(s), SHD {runs.shd.mean():.2f} on average: "
        if wanted is None:
            lines.append(f"{head}something found in {alarms}: {told}.")
        else:
            more = f", and {runs.elsewhere.sum()} time(s) of something else" * (
                wanted in ("hidden-cause", "nothing-done")
            )
            lines.append(f"{head}{wanted} named in {runs.named.sum()}{more}; beside it: {told}.")
    return lines


def _detector(runs: pd.DataFrame, what: str, how: str) -> str:
    doubted, wrong, both = (int(runs[each].sum()) for each in (what, "wrong", f"{what} wrong"))
    precision = f"{both / doubted:.2f}" if doubted else "undefined"
    recall = f"{both / wrong:.2f}" if wrong else "undefined"
    return (
        f"restarts, {len(runs)} case(s), {wrong} pairs of variables wrong in the settled graphs; {how} {doubted}, "
        f"{both} of them wrong: precision {precision}, recall {recall}."
    )

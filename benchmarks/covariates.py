"""What batches that go with the regimes do to edges and targets, and what it helps to name the batch as a covariate.

Eight variables of the suite drift, numbers (linear) or counts in proportion to a depth, one edge a variable expected,
1,000 observational rows, half of each of two batches, and a hard intervention on every variable, 300 rows, nine in ten
of them of one batch, drawn by lot. *alike*: batches differ in nothing. *differing*: the measurement of four variables
does; a number is moved by one to two of its standard deviations, up or down, and a quarter to a half of the molecules
that a count would be are found in one of the batches. What goes on beneath is the same. A fit is not told of the batch
(*without*), or has it as a covariate (*covariate*); closed forms settle it, and
the program is not fitted any further then.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator

from benchmarks.rows import add_missing
from benchmarks.suites_drift import DATA
from pyrocausal import CausalPosterior, Count, InterventionalData, Settling, discover, graphs, simulate
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.expression import Measurement
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.truth_mechanisms import Distribution, Mechanism

__all__ = ["BATCHES", "HOW", "KINDS", "compare_covariates", "of_covariates", "problem", "read_as"]

KINDS = {"numbers": "linear", "counts": "counts"}  # and what the suite drift calls them
BATCHES, HOW = ("alike", "differing"), ("without", "covariate")
BATCH, STATES, SHARE = "batch", ("early", "late"), 0.9
VARIABLES, EDGES_PER_NODE, ROWS, ROWS_PER_REGIME, AFFECTED = 8, 1.0, 1_000, 300, 4
MOVED, FOUND = (1.0, 2.0), (0.25, 0.5)


def problem(kind: str, batches: str, seed: int) -> Simulation:
    """Rows with a column "batch", and what is true of the others; the true rows are the same for all batches."""
    rng = np.random.default_rng(seed)
    graph = graphs.random_dag(VARIABLES, EDGES_PER_NODE, rng)
    genes = list(graph)
    truth, _ = DATA[KINDS[kind]].truth(graph, seed)
    return simulate.simulate(
        _with_batch(truth),
        intervention=DATA[KINDS[kind]].intervention,
        rows=ROWS,
        rows_per_regime=ROWS_PER_REGIME,
        targets=genes,
        drift=_recorded_apart,
        measurement=_differing(truth, genes, rng) if batches == "differing" else None,
        seed=seed,
    )


def _with_batch(truth: GroundTruth) -> GroundTruth:
    """The same truth with a variable more, which acts on nothing."""
    graph = truth.graph.copy()
    graph.add_node(BATCH)
    mechanisms = {**truth.mechanisms, BATCH: Distribution(np.array([0.5, 0.5]))}
    return replace(truth, graph=graph, mechanisms=mechanisms, states={**truth.states, BATCH: STATES})


def _recorded_apart(truth: GroundTruth, mechanisms: dict[str, Mechanism], rng: Generator) -> dict[str, Mechanism]:
    """A regime whose rows are nearly all of one batch."""
    late = SHARE if rng.random() < 0.5 else 1 - SHARE
    return {**mechanisms, BATCH: Distribution(np.array([1 - late, late]))}


def _differing(truth: GroundTruth, genes: Sequence[str], rng: Generator) -> Measurement:
    """Batches that measure some variables differently."""
    affected = sorted(rng.choice(genes, AFFECTED, replace=False).tolist())
    sd = truth.sample(10_000, rng)[affected].std()
    moved = {name: sd[name] * rng.choice((-1.0, 1.0)) * rng.uniform(*MOVED) for name in affected}
    found = {name: (STATES[int(rng.integers(2))], rng.uniform(*FOUND)) for name in affected}

    def measure(table: pd.DataFrame, rng: Generator, /) -> pd.DataFrame:
        seen = table.copy()
        for name in affected:
            if name in truth.counts:
                where, share = found[name]
                here = (table[BATCH] == where).to_numpy()
                counts = table[name].to_numpy(dtype=np.int64)
                seen[name] = np.where(here, rng.binomial(counts, share), counts).astype(float)
            else:
                seen[name] = table[name] + moved[name] * (table[BATCH] == STATES[1])
        return seen

    return measure


def read_as(made: Simulation, how: str) -> InterventionalData:
    """The rows as somebody reads them who does not name the batch, or names it as a covariate."""
    data, truth = made.data, made.truth
    kinds = dict.fromkeys(sorted(truth.counts), Count(truth.exposure))
    control, regimes = data.decode(data.observational), {each.name: data.decode(each.rows) for each in data.regimes}
    told = {"ignore": [BATCH]} if how == "without" else {"covariates": [BATCH]}
    return InterventionalData.from_frames(control, regimes, kinds, **told)


def compare_covariates(seeds: Sequence[int], out: Path, *, kinds: Sequence[str], jobs: int = 1) -> pd.DataFrame:
    """Fit the problems with the batch as a covariate and without it, and write a row per fit to `covariates.csv`.

    Parameters
    ----------
    seeds
        Of the problems and the fits.
    out
        Folder of the results. Fits that are in its `covariates.csv` already are not repeated.
    kinds
        Of `KINDS`.
    jobs
        Fits at a time, one thread each.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: `shd` and `edges` of the graph, edges that join a pair without one (`false_edges`),
        `right_targets`, regimes whose targets are the true one and no other, of `regimes`; `false_targets` and
        `missed_targets` in all regimes together; `cpu_seconds`.
    """
    cases = {"kind": kinds, "batches": BATCHES, "how": HOW, "seed": seeds}
    return add_missing(out / "covariates.csv", cases, _one, jobs=jobs)


def _one(kind: str, batches: str, how: str, seed: int) -> dict[str, object]:
    made = problem(kind, batches, seed)
    data = read_as(made, how)
    with reproducible_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        settling = Settling(refitting=None, final_steps=0)
        result = discover(data, chains=1, cores=1, seed=seed, progress=False, settling=settling)
    if result.stopped:
        raise KeyboardInterrupt
    row: dict[str, object] = {"kind": kind, "batches": batches, "how": how, "seed": seed}
    return row | _judged(result, made) | {"cpu_seconds": result.chains[0].cpu_seconds}


def _judged(result: CausalPosterior, made: Simulation) -> dict[str, object]:
    dag, found = result.dag(), result.targets()
    truth = made.truth.graph.subgraph(list(dag))
    joined = nx.Graph(truth)
    wrong = {regime: set(found[regime]) ^ set(hit) for regime, hit in made.targets.items()}
    return {
        "shd": shd(dag, truth),
        "edges": dag.number_of_edges(),
        "edges_true": truth.number_of_edges(),
        "false_edges": sum(not joined.has_edge(*edge) for edge in dag.edges),
        "right_targets": sum(not each for each in wrong.values()),
        "regimes": len(wrong),
        "false_targets": sum(len(set(found[regime]) - set(hit)) for regime, hit in made.targets.items()),
        "missed_targets": sum(len(set(hit) - set(found[regime])) for regime, hit in made.targets.items()),
    }


def of_covariates(table: pd.DataFrame) -> str:
    """Markdown: a row for every kind, sort of batches, and way to read them."""
    lines = [["variables", "batches", "batch is told", "SHD", "edges (true)", "false edges", "regimes with the right "
              "targets", "false targets", "missed targets", "CPU s", "seeds"]]  # fmt: skip
    lines.append(["---"] * len(lines[0]))
    ordered = table.sort_values("seed")
    for kind in dict.fromkeys(ordered.kind):
        for batches in BATCHES:
            for how in HOW:
                here = ordered[(ordered.kind == kind) & (ordered.batches == batches) & (ordered.how == how)]
                if here.empty:
                    continue
                each = " ".join(f"{value:.0f}" for value in here.shd)
                lines.append([
                    kind, batches, how, f"**{here.shd.mean():.1f}** ({each})",
                    f"{here.edges.mean():.1f} ({here.edges_true.mean():.1f})", f"{here.false_edges.mean():.1f}",
                    f"{here.right_targets.sum():.0f} of {here.regimes.sum():.0f}", f"{here.false_targets.mean():.1f}",
                    f"{here.missed_targets.mean():.1f}", f"{here.cpu_seconds.median():.1f}", f"{len(here)}",
                ])  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

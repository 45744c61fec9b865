"""Do the three phases come to rest by their own rule, and at the right graph? On the suite paper's smallest graphs.

A fit is at rest where every belief is within 0.02 of 0 or 1, and right where the beliefs above one half are the edges
of the truth. *soft* are the suite's own problems; *uniform* and *random* (drawn from Dirichlet(1)) have the same truths
and hard interventions. `paper` is `SDI.paper()`, for 1,000 steps at the most, and `paper-bayes-factor` the same
with the other target rule; `phases` is `SDI()` without settling, to the same tolerance. Settings of `paper` were chosen
on seeds 100 to 104. Its weights are 0.008 for edges and 10 for two-cycles; `paper-free-edges` has 0 for edges and
`paper-dear-edges` 0.1, `paper-free-cycles` 0 for two-cycles, and `paper-released` 0.1 and 0.5, as the released code.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.problems import informative_truth
from benchmarks.published_score import best_by_score
from benchmarks.rows import add_missing
from benchmarks.suites import PAPER
from pyrocausal import SDI, GraphFitting, Info, Stopping, credit, simulate, targets
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.simulate.experiments import Simulation
from pyrocausal.simulate.interventions import Intervention

__all__ = ["ALGORITHMS", "DONE", "GRAPHS", "problem", "rest", "rested"]

GRAPHS = "chain3", "fork3", "collider3", "confounder3"
DONE: dict[str, Intervention] = {
    "soft": simulate.soft,
    "uniform": simulate.hard_uniform,
    "random": simulate.hard_random,
}
NEAR = 0.02
PRICE = 0.008  # of an edge in `SDI.paper()`, nats per row
PUBLISHED = SDI.paper(max_steps=1000)


def _weighed(sparse: float, two_cycles: float) -> SDI:
    """`SDI.paper()` with other weights of its regularisers."""
    regularisers = {credit.sparsity: sparse, credit.acyclicity: two_cycles}
    return replace(PUBLISHED, credit=replace(PUBLISHED.credit, regularisers=regularisers))


ALGORITHMS = {
    "paper": PUBLISHED,
    "paper-free-edges": _weighed(0.0, 10.0),
    "paper-dear-edges": _weighed(0.1, 10.0),
    "paper-free-cycles": _weighed(PRICE, 0.0),
    "paper-released": _weighed(0.1, 0.5),
    "paper-bayes-factor": replace(PUBLISHED, scoring=replace(PUBLISHED.scoring, target_rule=targets.bayes_factor)),
    "phases": SDI(fitting=GraphFitting(held_out=0.0), stopping=Stopping(tolerance=NEAR)),
}


def problem(graph: str, done: str, seed: int) -> Simulation:
    """Data of a graph, an intervention and a seed, and what is true of them."""
    truth, _ = informative_truth(PAPER[graph], 2, seed)
    return simulate.simulate(
        truth, intervention=DONE[done], rows=10_000, rows_per_regime=500, regimes_per_variable=3, seed=seed
    )


def rest(
    seeds: Sequence[int], out: Path, *, algorithms: Sequence[str], done: Sequence[str], jobs: int = 1
) -> pd.DataFrame:
    """Fit the problems, and write a row per fit to `rest.csv`.

    Parameters
    ----------
    seeds
        Of the problems and the fits.
    out
        Folder of the results. Fits that are in its `rest.csv` already are not repeated.
    algorithms, done
        Of `ALGORITHMS` and `DONE`.
    jobs
        Fits at a time, one thread each.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: whether the fit was `right` and at `rest`, how far the belief `furthest` from 0 and 1 was
        from them, `steps`, how many `targets_wrong` there were in the end, `cpu_seconds`, and whether the true graph is
        the one that is `liked` best by the published score (see `published_score`).
    """
    cases = {"algorithm": algorithms, "done": done, "graph": GRAPHS, "seed": seeds}
    return add_missing(out / "rest.csv", cases, _one, jobs=jobs)


def _one(algorithm: str, done: str, graph: str, seed: int) -> dict[str, object]:
    made = problem(graph, done, seed)
    torch.optim.Adam([torch.zeros(1)])  # torch's first optimiser imports its compiler, here and not in the fit
    start = time.process_time()
    info = _fit(ALGORITHMS[algorithm], made.data, seed)
    seconds = time.process_time() - start
    row: dict[str, object] = {"algorithm": algorithm, "done": done, "graph": graph, "seed": seed}
    liked = set(best_by_score(made, PRICE).edges) == set(made.truth.graph.edges)
    return row | _judged(info, made) | {"liked": int(liked), "steps": info.step, "cpu_seconds": seconds}


def _fit(algorithm: SDI, data: InterventionalData, seed: int) -> Info:
    with reproducible_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        return algorithm.run(data, seed=seed)[1]


def _judged(info: Info, made: Simulation) -> dict[str, object]:
    names, belief = made.data.names, info.edge_probability.cpu().numpy()
    true = np.zeros(belief.shape, dtype=bool)
    for cause, effect in made.truth.graph.edges:
        true[names.index(effect), names.index(cause)] = True
    found = [(*names, None)[i] for i in info.target_probability.argmax(1).tolist()]  # None where nothing was hit
    hits = [made.targets[regime.name] == (name,) for regime, name in zip(made.data.regimes, found, strict=True)]
    return {
        "right": int(((belief > 0.5) == true).all()),
        "rest": int(info.settled),
        "furthest": float(np.minimum(belief, 1 - belief).max()),
        "targets_wrong": hits.count(False),
    }


def rested(table: pd.DataFrame) -> list[str]:
    """What was found, a line per algorithm and intervention."""
    lines = []
    for (algorithm, done), fits in table.groupby(["algorithm", "done"], sort=False):
        both, right, seconds = fits.right & fits.rest, fits.right.sum(), fits.cpu_seconds
        failed = [f"{each.graph} {each.seed}" for each in fits[both == 0].itertuples()]
        lines.append(
            f"`{algorithm}`, {done}: right and at rest {both.sum()} of {len(fits)} (right {right}, at rest "
            f"{fits.rest.sum()}), the published score likes the truth best in {fits.liked.sum()}; CPU seconds "
            f"{seconds.median():.0f} in the median, {seconds.max():.0f} at most; steps "
            f"{fits.steps.median():.0f}; not both: {', '.join(failed) or 'none'}."
        )
    return lines

"""Whether probabilities are what they say: many small problems, from hardly any rows to plenty.

Every problem has five variables, a random graph, two or three states and neural tables, one regime a variable and one
in which nothing was done, nobody being told which. A fit draws graphs from the posterior; each ordered pair of
variables and each possible target of each regime then has a probability, and did or did not happen.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from pyrocausal import simulate
from pyrocausal.data.regime import Regime
from pyrocausal.fit.discover import discover
from pyrocausal.plots.heatmaps import targets_with_none
from pyrocausal.posterior.calibration import brier_score, calibration_error
from pyrocausal.posterior.graph_metrics import ordered_pairs
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.simulate import graphs
from pyrocausal.simulate.experiments import Simulation

__all__ = ["calibrate", "problem", "summary"]

INTERVENTIONS = simulate.hard_uniform, simulate.hard_random, simulate.soft
PLACEBO = "nothing done"


def problem(seed: int) -> Simulation:
    """The problem of a seed: between 20 and 2,000 rows a regime, and five times as many without intervention."""
    rng = np.random.default_rng(seed)
    rows = round(20 * 100 ** float(rng.uniform()))
    graph = graphs.random_dag(5, 1.0, rng)
    truth, _ = simulate.neural_network_truth(graph, rng, states=int(rng.integers(2, 4)), min_information=0, embedding=4)
    made = simulate.simulate(
        truth, intervention=INTERVENTIONS[seed % 3], rows=6 * rows, rows_per_regime=rows, seed=seed
    )
    natural = made.data.observational
    placebo = Regime(PLACEBO, natural[:rows])
    data = replace(made.data, observational=natural[rows:], regimes=(*made.data.regimes, placebo), truth=None)
    return Simulation(data, made.truth, {**made.targets, PLACEBO: ()})


def calibrate(seeds: Sequence[int], out: Path, *, jobs: int = 1, sampling: Sampling | None = None) -> pd.DataFrame:
    """Fit the problems of some seeds, and write what was believed and what is true to `out`/calibration.csv.

    Parameters
    ----------
    seeds
        Each decides a problem and its fit.
    out
        Folder of the results; a file that is there is replaced.
    jobs
        Fits at a time, one thread each.
    sampling
        How graphs are drawn; default `Sampling()`.

    Returns
    -------
    pandas.DataFrame
        Columns seed, rows (of a regime), what ("edge" or "target"), probability and happened (0 or 1).
    """
    found = Parallel(n_jobs=jobs)(delayed(_one)(seed, sampling or Sampling()) for seed in seeds)
    table = pd.concat(found, ignore_index=True)
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"calibration.{os.getpid()}.part"
    table.to_csv(part, index=False, float_format="%.5g")
    part.replace(out / "calibration.csv")
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Errors of what `calibrate` has written, of all problems and of those with few and with many rows.

    Returns
    -------
    pandas.DataFrame
        Index what and rows; columns problems, probabilities, calibration error, Brier score, and the Brier score of
        somebody who knows nothing but how often such things happen.
    """
    lines = {}
    for what, of_kind in table.groupby("what"):
        for rows, some in (
            ("20-2,000", of_kind),
            ("below 200", of_kind[of_kind.rows < 200]),
            ("from 200", of_kind[of_kind.rows >= 200]),
        ):
            if len(some):
                rate = some.happened.mean()
                lines[what, rows] = {
                    "problems": some.seed.nunique(),
                    "probabilities": len(some),
                    "calibration error": calibration_error(some.probability, some.happened),
                    "Brier score": brier_score(some.probability, some.happened),
                    "of the base rate": rate * (1 - rate),
                }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["what", "rows"])


def _one(seed: int, sampling: Sampling) -> pd.DataFrame:
    made = problem(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        result = discover(made.data, chains=1, cores=1, seed=seed, progress=False, sampling=sampling)
    if result.stopped:  # a fit that Ctrl-C has cut short does not
        raise KeyboardInterrupt
    belief, edge = ordered_pairs(result.edge_probabilities, made.truth.graph)
    columns, targets = targets_with_none(result)  # [R, d + 1], none last
    hits = [made.targets[name] or columns[-1:] for name in result.data.regime_names]
    hit = [[column in each for column in columns] for each in hits]
    lines = [
        pd.DataFrame({"what": what, "probability": probability, "happened": np.asarray(happened).astype(int).ravel()})
        for what, probability, happened in (("edge", belief, edge), ("target", targets.ravel(), hit))
    ]
    table = pd.concat(lines, ignore_index=True)
    table.insert(0, "seed", seed)
    table.insert(1, "rows", len(made.data.regimes[0].rows))
    return table

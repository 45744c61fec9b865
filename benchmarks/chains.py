"""How much longer several chains take than one, and what that is made of."""

from __future__ import annotations

import os
import resource
import time
import warnings
from collections.abc import Sequence

import pandas as pd
import torch
from joblib.externals.loky import get_reusable_executor

from benchmarks.suites import SUITES
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.fit.discover import discover

__all__ = ["PROBLEMS", "time_chains"]

PROBLEMS = {"sachs-uniform": "bnlearn", "tanh5": "continuous"}


def time_chains(
    seeds: Sequence[int], problems: Sequence[str] = tuple(PROBLEMS), *, chains: int = 4, cores: int = 2
) -> pd.DataFrame:
    """Fit one chain in this process, then several in processes that start for it, and print a line as it is known.

    Parameters
    ----------
    seeds
        Each decides a problem and its fits; the chain that is fitted alone is the first of the several.
    problems
        Of `PROBLEMS`.
    chains, cores
        How many chains, and processes for them.

    Returns
    -------
    pandas.DataFrame
        Index problem and seed. Wall and CPU seconds of one chain and of several; `ratio` of the wall times; `even`,
        what it would be if the CPU seconds of the chains themselves were spread evenly over cores and nothing else took
        any; `start_cpu`, CPU seconds of the several that no chain has used: processes that start and import, and what
        passes between them; `load`, of the machine in the last minute, the fits included.
    """
    torch.optim.Adam([torch.zeros(1)])  # torch's first optimiser imports its compiler, here and not in the one chain
    lines = {}
    for name in problems:
        for seed in seeds:
            data = SUITES[PROBLEMS[name]].problem(name).build(seed)[0].data
            alone, alone_cpu, _ = _timed(data, seed, 1, 1)
            wall, cpu, total = _timed(data, seed, chains, cores)
            line = {
                "one_wall": alone,
                "one_cpu": alone_cpu,
                "all_wall": wall,
                "all_cpu": cpu,
                "ratio": wall / alone,
                "even": cpu / cores / alone_cpu,
                "start_cpu": total - cpu,
                "load": os.getloadavg()[0],
            }
            lines[name, seed] = line
            print(f"{name} {seed}: {', '.join(f'{key} {value:.1f}' for key, value in line.items())}", flush=True)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["problem", "seed"])


def _timed(data: InterventionalData, seed: int, chains: int, cores: int) -> tuple[float, float, float]:
    """Wall seconds of a fit, CPU seconds of its chains, and CPU seconds of all processes."""
    get_reusable_executor(reuse=True).shutdown(wait=True)  # what another fit has started would not have to start again
    before, start = _cpu(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
        result = discover(data, chains=chains, cores=cores, seed=seed, progress=False)
    wall = time.perf_counter() - start
    if result.stopped:
        raise KeyboardInterrupt
    get_reusable_executor(reuse=True).shutdown(wait=True)  # the CPU seconds of children count once they have ended
    return wall, sum(chain.cpu_seconds for chain in result.chains), _cpu() - before


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

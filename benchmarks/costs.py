"""What a fit, a check of its table and a report of its result cost: time and memory, of tables of five shapes.

All are simulated: sparse linear graphs, one regime a variable, or ten of them in `regimes`, targets hidden. `small` has
1,000 rows of 10 variables; `regimes` 12,000 rows of 20 variables in 200 regimes; `wide` 8,000 rows of 40 variables;
`large` 100,000 rows of 100 variables; `long` a million rows of 20. `small` is fitted as the library comes, the others
in closed form (`Settling(refitting=None)`), `large` and `long` with 20 steps of the last fit. `large` is told its
graph, edge by edge, so that targets and mechanisms alone are to be found: a search would take far longer. One chain,
one thread.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from benchmarks.rows import add_missing
from benchmarks.worker import memory_held
from pyrocausal import InterventionalData, Knowledge, Settling, discover
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.simulate import graphs, hard_normal, linear_truth, simulate

__all__ = ["SHAPES", "Shape", "costs", "told_costs"]

T = TypeVar("T")


@dataclass(frozen=True)
class Shape:
    """A table, and how it is fitted.

    Attributes
    ----------
    variables, rows, rows_per_regime, regimes_per_variable
        Of the table: observational rows, and those of each regime.
    settling
        Settings of the fit.
    told
        Whether the graph is known.
    """

    variables: int
    rows: int
    rows_per_regime: int
    regimes_per_variable: int = 1
    settling: Settling = field(default_factory=Settling)
    told: bool = False

    def data(self, seed: int) -> InterventionalData:
        """Simulate the table."""
        rng = np.random.default_rng(seed)
        truth = linear_truth(graphs.random_dag(self.variables, 1.0, rng), rng)
        return simulate(
            truth,
            intervention=hard_normal(mean=2.0),
            rows=self.rows,
            rows_per_regime=self.rows_per_regime,
            regimes_per_variable=self.regimes_per_variable,
            seed=seed,
        ).data


CLOSED = Settling(refitting=None)
SHAPES = {
    "small": Shape(10, 500, 50),
    "regimes": Shape(20, 2_000, 50, 10, CLOSED),
    "wide": Shape(40, 4_000, 100, 1, CLOSED),
    "large": Shape(100, 60_000, 400, 1, Settling(refitting=None, warm_up=1, final_steps=20), told=True),
    "long": Shape(20, 900_000, 5_000, 1, Settling(refitting=None, warm_up=1, final_steps=20)),
}


def costs(shapes: Sequence[str], seeds: Sequence[int], out: Path) -> pd.DataFrame:
    """Measure, and write a row per shape and seed to `costs.csv`; those that are there already are not repeated.

    Parameters
    ----------
    shapes
        Of `SHAPES`.
    seeds
        Of tables and fits.
    out
        Folder of the results.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: rows, variables and regimes of the table, wall and CPU seconds of the fit, of the check
        and of the report, and the most memory held meanwhile, the table included. Measured one after another, in this
        process.
    """
    return add_missing(out / "costs.csv", {"shape": shapes, "seed": seeds}, _one)


def _one(shape: str, seed: int) -> dict[str, object]:
    made = SHAPES[shape]
    data = made.data(seed)
    torch.optim.Adam([torch.zeros(1)])  # torch's first optimiser imports its compiler, here and not in the fit
    rows = data.n + sum(len(regime.rows) for regime in data.regimes)
    row: dict[str, object] = {"shape": shape, "seed": seed, "variables": data.d, "rows": rows}
    row["regimes"] = len(data.regimes)
    memory_held(reset=True)
    with reproducible_torch(), TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, row["check_wall"], row["check_cpu"] = _timed(data.check)
        known = _knowledge(data) if made.told else Knowledge()
        result, row["fit_wall"], row["fit_cpu"] = _timed(
            lambda: discover(
                data, chains=1, cores=1, seed=seed, progress=False, settling=made.settling, knowledge=known
            )
        )
        page = Path(folder) / "report.html"
        _, row["report_wall"], row["report_cpu"] = _timed(lambda: result.report(page))
    row["memory_mb"] = memory_held()
    return row


def _knowledge(data: InterventionalData) -> Knowledge:
    """The whole graph."""
    assert data.truth is not None
    pairs = [(cause, effect) for cause in data.names for effect in data.names if cause != effect]
    edges = list(data.truth.edges)
    return Knowledge(edges, [pair for pair in pairs if not data.truth.has_edge(*pair)])


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What it gives back, and its wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def told_costs(table: pd.DataFrame) -> list[str]:
    """A table in Markdown, line by line: medians over seeds, wall seconds and, in brackets, CPU seconds, and GiB."""
    lines = [
        "| table | rows | variables | regimes | fit | check | report | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for shape in [name for name in SHAPES if name in set(table["shape"])]:
        found = table[table["shape"] == shape].drop(columns=["shape"]).median()
        size = [f"{found[name]:,.0f}" for name in ("rows", "variables", "regimes")]
        each = [f"{found[f'{what}_wall']:.1f} ({found[f'{what}_cpu']:.1f})" for what in ("fit", "check", "report")]
        lines.append(f"| {' | '.join([shape, *size, *each, f'{found.memory_mb / 2**10:.2f}'])} |")
    return lines

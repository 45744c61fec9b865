"""What a fit, a check of its table and a report of its result cost: wall and CPU seconds, of tables of four shapes.

All are simulated: sparse linear graphs, one regime a variable, or ten of them in `regimes`, targets hidden. `small` has
1,000 rows of 10 variables; `regimes` 12,000 rows of 20 variables in 200 regimes; `wide` 8,000 rows of 40 variables;
`large` 100,000 rows of 100 variables. `small` is fitted as the library comes, `regimes` and `wide` in closed form
(`Settling(refitting=None)`). `large` is told its graph, edge by edge, so that targets and mechanisms alone are to be
found, in closed form and with 20 steps of the last fit: a search for the graph would take far longer. One chain, one
thread.
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
        All rows of the file: rows, variables and regimes of the table, and wall and CPU seconds of the fit, of the
        check and of the report. Measured one after another, in this process.
    """
    return add_missing(out / "costs.csv", {"shape": shapes, "seed": seeds}, _one)


def _one(shape: str, seed: int) -> dict[str, object]:
    made = SHAPES[shape]
    data = made.data(seed)
    torch.optim.Adam([torch.zeros(1)])  # torch's first optimiser imports its compiler, here and not in the fit
    rows = data.n + sum(len(regime.rows) for regime in data.regimes)
    row: dict[str, object] = {"shape": shape, "seed": seed, "variables": data.d, "rows": rows}
    row["regimes"] = len(data.regimes)
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
    """A table in Markdown, line by line: medians over seeds, wall seconds and, in brackets, CPU seconds."""
    lines = ["| table | rows | variables | regimes | fit | check | report |", "|---|---|---|---|---|---|---|"]
    for shape in [name for name in SHAPES if name in set(table["shape"])]:
        found = table[table["shape"] == shape].drop(columns=["shape"]).median()
        size = [f"{found[name]:,.0f}" for name in ("rows", "variables", "regimes")]
        each = [f"{found[f'{what}_wall']:.1f} ({found[f'{what}_cpu']:.1f})" for what in ("fit", "check", "report")]
        lines.append(f"| {' | '.join([shape, *size, *each])} |")
    return lines

"""Do intervals of effects hold what is true as often as they say?

Five variables, 1.2 edges a variable expected, 1,000 observational rows and a hard intervention on every variable, 100
rows each: linear, tanh networks, tables of three states, or counts in proportion to a depth (data of the suite drift,
without drift). Closed forms settle the graph; of tanh networks and counts, which they can only come near to, networks
are asked too. 200 graphs are drawn, and every ordered pair of which the first acts on the second in truth is asked for
`result.effect` between two usual values (`pyrocausal.queries.effect_table`); where the effect has states, for the one
whose probability truly changes most. The truth is a mean over 100,000 rows of a typical depth.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.rows import add_missing
from benchmarks.suites_drift import DATA
from pyrocausal import SDI, GraphFitting, Sampling, Settling, discover, graphs, simulate
from pyrocausal.queries.effect_table import usual_contrast
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.simulate.experiments import Simulation

__all__ = ["KINDS", "ask_effects", "of_effects", "problem", "true_effect"]

KINDS = {"linear": "linear", "tanh": "tanh", "tables": "categories", "counts": "counts"}  # and what drift calls them
EXACT = ("linear", "tables")  # where closed forms are the truth
VARIABLES, EDGES_PER_NODE, ROWS, ROWS_PER_REGIME = 5, 1.2, 1_000, 100
MANY = 100_000
BETWEEN = 0.05, 0.95


@dataclass(frozen=True)
class _Set:
    """A mechanism that always gives one value."""

    value: float

    def sample(self, parents: NDArray[np.float64], rng: Generator, exposure: object = None) -> NDArray[np.float64]:
        return np.full(len(parents), self.value)

    def redraw(self, rng: Generator) -> _Set:
        return self


def problem(kind: str, seed: int) -> Simulation:
    """Rows and what is true of them."""
    rng = np.random.default_rng(seed)
    of = DATA[KINDS[kind]]
    truth, _ = of.truth(graphs.random_dag(VARIABLES, EDGES_PER_NODE, rng), seed)
    names = [name for name in truth.names if name != truth.exposure]
    return simulate.simulate(
        truth, intervention=of.intervention, rows=ROWS, rows_per_regime=ROWS_PER_REGIME, targets=names, seed=seed
    )


def true_effect(made: Simulation, cause: str, effect: str, versus: float, do: float, seed: int) -> NDArray[np.float64]:
    """Changes of the probabilities of states, or of the mean: [states] or [1]; the cause is set to codes."""
    found = []
    for code in (versus, do):
        value = made.data.kinds[made.data.names.index(cause)].decode(np.array([code])).iloc[0]
        states = made.truth.states[cause]
        setting = {cause: _Set(float(value if states is None else states.index(value)))}
        for name in made.data.exposures:  # as answers have it
            setting[name] = _Set(float(made.data.kinds[made.data.names.index(name)].decode(np.zeros(1)).iloc[0]))
        column = made.truth.sample(MANY, np.random.default_rng(seed), setting)[effect]
        labels = made.truth.states[effect]
        found.append(np.array([column.mean()] if labels is None else [(column == each).mean() for each in labels]))
    return found[1] - found[0]


def ask_effects(seeds: Sequence[int], out: Path, *, kinds: Sequence[str], jobs: int = 1) -> pd.DataFrame:
    """Fit the problems and ask for effects; a row per problem in `effects.csv`.

    Parameters
    ----------
    seeds
        Of problems and fits.
    out
        Folder of the results; problems that are there already are not repeated.
    kinds
        Of `KINDS`.
    jobs
        Fits at a time, one thread each.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: `pairs` that are asked for, of them `covered` by the interval of 90 %; `error` and
        `width`, means of the distance from the truth and of half the interval, in standard deviations of the effect or
        as probabilities; `fit_seconds`.
    """
    return add_missing(out / "effects.csv", {"kind": kinds, "seed": seeds}, _one, jobs=jobs)


def _one(kind: str, seed: int) -> dict[str, object]:
    made = problem(kind, seed)
    with reproducible_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = discover(
            made.data,
            algorithm=SDI(fitting=GraphFitting(warm_up=200)),
            settling=Settling(refitting=None) if kind in EXACT else Settling(),
            sampling=Sampling(draws=200, warm_up=100),
            chains=1,
            cores=1,
            seed=seed,
            progress=False,
        )
        asked = [_pair(made, result, *pair, seed) for pair in _pairs(made)]
    table = pd.DataFrame(asked, columns=["covered", "error", "width"])
    return {
        "kind": kind,
        "seed": seed,
        "pairs": len(table),
        "covered": int(table.covered.sum()),
        "error": table.error.mean(),
        "width": table.width.mean(),
        "fit_seconds": result.chains[0].cpu_seconds,
    }


def _pairs(made: Simulation) -> list[tuple[str, str]]:
    nodes, graph = made.data.nodes, made.truth.graph
    return [(cause, effect) for cause in nodes for effect in nodes if effect in nx.descendants(graph, cause)]


def _pair(made: Simulation, result: object, cause: str, effect: str, seed: int) -> tuple[bool, float, float]:
    versus, do = usual_contrast(made.data, cause)
    truth = true_effect(made, cause, effect, versus, do, seed)
    kind = made.data.kinds[made.data.names.index(cause)]
    values = [kind.decode(np.array([code])).iloc[0] for code in (versus, do)]
    found = result.effect(effect, do={cause: values[1]}, versus={cause: values[0]})  # type: ignore[attr-defined]
    draws = found.values.reshape(found.shape[0] * found.shape[1], -1)
    state = int(np.abs(truth).argmax())
    low, high = np.quantile(draws[:, state], BETWEEN)
    of = made.data.kinds[made.data.names.index(effect)]
    spread = 1.0 if of.discrete else float(made.data.decode(made.data.observational)[effect].std())
    error = abs(draws[:, state].mean() - truth[state]) / spread
    return bool(low <= truth[state] <= high), error, (high - low) / 2 / spread


def of_effects(table: pd.DataFrame) -> str:
    """Markdown: a row for every kind of data."""
    lines = [["data", "problems", "effects", "held by intervals of 90 %", "error", "half width", "CPU s fit"]]
    lines.append(["---"] * len(lines[0]))
    for kind, here in table.groupby("kind", sort=False):
        share = here.covered.sum() / here.pairs.sum()
        lines.append([
            str(kind), f"{len(here)}", f"{here.pairs.sum():.0f}", f"**{share:.1%}**", f"{here.error.mean():.3f}",
            f"{here.width.mean():.3f}", f"{here.fit_seconds.median():.1f}",
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

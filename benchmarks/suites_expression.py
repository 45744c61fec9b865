"""The suite `expression`: cells whose counts tell little of what regulates what, and noise that genes share.

20 genes and about 30 edges, levels of a steady state with Hill functions (`pyrocausal.simulate.expression`), 2,000
control cells and 200 of a regime for every gene, in which a fifth of its production is left. Methods see log(1 + count)
of 5 molecules a level of 1. In problem *alone* a count is noisy by itself; in *shared* cells also differ in size, by a
standard deviation of 0.5 of its logarithm, and in three states, each of which moves the logarithm of every gene by
N(0, 0.3). Truth, levels and targets of a seed are the same in both.

Of shared noise every pair of genes is correlated, with no edge for it: what is to be seen is whether a method tells so.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from benchmarks.problems import Problem, Suite
from benchmarks.strengths import CUTS
from pyrocausal import graphs, simulate
from pyrocausal.simulate.experiments import Simulation

__all__ = ["EXPRESSION", "at_strengths"]

GENES, EDGES_PER_NODE, CELLS, PER_REGIME = 20, 1.5, 2_000, 200
NOISE = {"alone": (0.0, 0.0), "shared": (0.5, 0.3)}  # of sizes, and of states of a cell


def _problem(noise: str) -> Problem:
    size, loadings = NOISE[noise]

    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        graph = graphs.random_dag(GENES, EDGES_PER_NODE, rng)
        truth = simulate.expression_truth(graph, rng)
        made = simulate.simulate(
            truth,
            intervention=simulate.knock_down(),
            rows=CELLS,
            rows_per_regime=PER_REGIME,
            measurement=simulate.cell_counts(graph, rng, size=size, loadings=loadings),
            seed=seed,
        )
        return made, ""

    return Problem(noise, build)


EXPRESSION = Suite(
    "expression",
    "Counts of 20 genes in 2,000 control cells and 200 of each knocked-down gene, their logarithms; regulators work by "
    "Hill functions, weakly. *alone*: every count is noisy by itself. *shared*: cells differ in size and in three "
    "states that nobody knows of, so that every pair of genes is correlated. The table says what is left where edges "
    "and targets below a strength are left out, in nats a row; the SHD of the graph without edges is the number of "
    "true edges.",
    tuple(map(_problem, NOISE)),
)


def at_strengths(runs: pd.DataFrame) -> str:
    """Markdown of what is left from a strength on: a row for every problem, method and strength, means over seeds.

    Runs that failed are left out; those at a limit tell no strengths.

    Parameters
    ----------
    runs
        Rows of the suite, as `benchmarks.rows.read_table` gives them.
    """
    lines = [["problem", "method", "strength", "SHD", "SHD without edges", "false targets", "right targets", "of"]]
    lines[0] += ["CPU s", "seeds"]
    lines.append(["---"] * len(lines[0]))
    judged = runs[runs["shd_at_0.1"].notna()].sort_values("seed")
    for problem, method in product([each.name for each in EXPRESSION.problems], dict.fromkeys(judged.method)):
        here = judged[(judged.problem == problem) & (judged.method == method)]
        if here.empty:
            continue
        all_right = here.n_regimes - here.missed_targets
        lines.append(_line(here, "any", here.shd_dag, here.false_targets, all_right))
        for cut in CUTS:
            columns = (here[f"{what}_at_{cut:g}"] for what in ("shd", "false_targets", "right_targets"))
            lines.append(_line(here, f"{cut:g}", *columns))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(runs: pd.DataFrame, strength: str, distance: pd.Series, false: pd.Series, right: pd.Series) -> list[str]:
    distances = f"**{distance.mean():.1f}** ({' '.join(f'{each:.0f}' for each in distance)})"
    means = (runs.edges_true.mean(), false.mean(), right.mean(), runs.n_regimes.mean(), runs.cpu_total.median())
    first = runs.iloc[0]
    return [first.problem, first.method, strength, distances, *(f"{mean:.1f}" for mean in means), str(len(runs))]

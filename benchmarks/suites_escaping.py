"""The suite `escaping`: counts of cells of which an intervention silences a part, as guides of CRISPRi do.

Random graphs of 6 counts with 1.5 edges a variable (9 expected), 2,000 cells without intervention, and 100 of every
guide: one for each variable, which cuts its mean to a fifth in three cells of ten, and two that do nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.problems import Problem, Suite
from pyrocausal import graphs, simulate
from pyrocausal.data.kinds import Count
from pyrocausal.simulate.experiments import Simulation

__all__ = ["ESCAPING"]

GENES, EDGES_PER_NODE, CELLS, PER_GUIDE, PLACEBOS = 6, 1.5, 2_000, 100, 2
REACHED, TO = 0.3, 0.2  # share of the cells with a guide, and what it leaves there of the mean
COMPONENTS = {"one": 1, "two": 2}


def _problem(name: str, components: int) -> Problem:
    def build(seed: int) -> tuple[Simulation, str]:
        rng = np.random.default_rng(seed)
        graph = graphs.random_dag(GENES, EDGES_PER_NODE, rng)
        truth = simulate.count_truth(graph, rng)
        made = simulate.simulate(
            truth,
            intervention=simulate.partly(simulate.scale(TO), REACHED),
            rows=CELLS,
            rows_per_regime=PER_GUIDE,
            targets=[*((gene,) for gene in graph), *[()] * PLACEBOS],
            seed=seed,
        )
        kinds = (replace(k, components=components) if isinstance(k, Count) else k for k in made.data.kinds)
        return made._replace(data=replace(made.data, kinds=tuple(kinds))), ""

    return Problem(name, build)


ESCAPING = Suite(
    "escaping",
    "6 counts, 1.5 edges a variable, 2,000 cells without intervention and 100 of each of eight guides: six cut the "
    "mean of a variable to a fifth in three cells of ten, the others escape, and two do nothing. The same tables are "
    "said to be counts of *one* component, and of *two*.",
    tuple(_problem(*each) for each in COMPONENTS.items()),
    tells=("target_auprc", "placebo_none"),
)

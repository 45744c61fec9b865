"""GnIES: greedy search over equivalence classes of linear Gaussian graphs under unknown noise interventions.

Its targets are one set for all environments together: it says which variables were intervened on, not in which regime.
So the answer has no targets per regime. `GNIES` is the method as published, which looks at the variances of the noise
alone; `GNIES_MEANS` also lets its means differ (``center=False``). Both keep the causes of a target in the regimes that
intervene on it. A class of graphs becomes an answer as in `benchmarks.methods.gies`.

The search adds and removes one target at a time and runs a whole greedy equivalence search for each candidate;
`watch` sees the best graph after every one of them, and they are the steps.

Install: ``pip install gnies`` (numpy and ges), or pass a checkout beside ``pip install ges``.

References
----------
Gamella, Taeb, Heinze-Deml and Bühlmann (2022), Characterization and greedy learning of Gaussian structural causal
models under unknown interventions, arXiv:2211.14897. Code: https://github.com/juangamella/gnies.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.methods.base import Answer, Method, Watch
from benchmarks.methods.peers import absent, all_continuous, consistent_extension, edge_probability, environments, peer
from pyrocausal import InterventionalData

__all__ = ["GNIES", "GNIES_MEANS"]


def _missing(checkout: Path | None) -> str | None:
    return absent(checkout, "pip install gnies", "gnies.main")


def _fit(
    data: InterventionalData,
    targets: dict[str, tuple[str, ...]],
    seed: int,
    watch: Watch,
    checkout: Path | None,
    *,
    center: bool,
) -> Answer:
    best, steps = -math.inf, 0

    def read(graph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return edge_probability(graph), consistent_extension(graph, np.random.default_rng(seed)).T

    with peer(checkout, "gnies.main") as (gnies,):
        search = gnies._inner_procedure

        def search_and_look(*arguments: Any, **settings: Any) -> tuple[np.ndarray, float]:
            nonlocal best, steps
            graph, score = search(*arguments, **settings)
            steps += 1
            if score > best:
                best = score
                watch(*read(graph))
            return graph, score

        with mock.patch.object(gnies, "_inner_procedure", search_and_look):
            _, graph, _ = gnies.fit(environments(data), center=center)
    watch(*read(graph))
    return Answer(*read(graph), targets=None, steps=steps)


GNIES = Method("gnies", False, _missing, partial(_fit, center=True), all_continuous)
GNIES_MEANS = Method("gnies-means", False, _missing, partial(_fit, center=False), all_continuous)

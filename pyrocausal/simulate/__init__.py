"""Simulated experiments: ground truths, interventions on them, and the data that these give.

The one folder whose `__init__` hands names on, for it is itself a part of the public API: `pyrocausal.simulate`.

Examples
--------
>>> import pyrocausal as pc
>>> truth = pc.networks.load("collider3")
>>> data, truth, targets = pc.simulate.simulate(truth, intervention=pc.simulate.soft, rows=100, rows_per_regime=50)
>>> len(targets), data.n
(3, 100)
"""

from pyrocausal.simulate.continuous_truths import heavy_tailed, normal_noise, two_humped
from pyrocausal.simulate.drifts import Drift, drifting_measurement, drifting_tables
from pyrocausal.simulate.experiments import (
    Simulation,
    additive_network_truth,
    additive_noise_truth,
    linear_truth,
    neural_network_truth,
    nonadditive_network_truth,
    simulate,
)
from pyrocausal.simulate.expression import Measurement, cell_counts, expression_truth, knock_down
from pyrocausal.simulate.interventions import (
    Intervention,
    hard_constant,
    hard_count,
    hard_normal,
    hard_random,
    hard_uniform,
    partly,
    scale,
    shift,
    soft,
)
from pyrocausal.simulate.random_counts import count_truth

__all__ = [
    "Drift", "Intervention", "Measurement", "Simulation", "additive_network_truth", "additive_noise_truth",
    "cell_counts", "count_truth", "drifting_measurement", "drifting_tables", "expression_truth", "hard_constant",
    "hard_count", "hard_normal", "hard_random", "hard_uniform", "heavy_tailed", "knock_down", "linear_truth",
    "neural_network_truth", "nonadditive_network_truth", "normal_noise", "partly", "scale", "shift", "simulate", "soft",
    "two_humped",
]  # fmt: skip

"""Further attempts at a solution, which may be a minimum beside a better one.

Its units are combined with those of solutions for other parents, and of fits that begin at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.copies.combination import combined
from pyrocausal.copies.exact_fit import FamilyRows, Solution, begun_with, squares_of
from pyrocausal.copies.levenberg_marquardt import minimise
from pyrocausal.copies.random_starts import fitted_at_random
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["GAIN", "bettered"]

AT_RANDOM = 2  # further fits
TOGETHER = 1.75  # times as many units
STEPS = 60
GAIN = 3.0  # nats that a solution has to be better to matter


def bettered(solution: Solution, rows: FamilyRows, near: Sequence[Solution], seed: int) -> SmallNetwork:
    """The best network for the mean that some attempts come to, its own among them.

    Parameters
    ----------
    solution
        Of some parents.
    rows
        What fits.
    near
        Solutions for other parents.
    seed
        Of random units.
    """
    inputs, loss = solution.inputs(rows.columns), squares_of(solution, rows)
    best = minimise(solution.network, inputs, loss, STEPS)
    if not len(best.network.outputs):
        return best.network
    generator, bend = torch.Generator().manual_seed(seed), best.network.bend
    others = [begun_with(each, inputs, rows, loss, generator) for each in near if each.network.bend == bend]
    others += [fitted_at_random(solution.turn, inputs, loss, bend, generator) for _ in range(AT_RANDOM)]
    found = combined([best.network, *others], inputs, loss, TOGETHER, STEPS)
    return min(best, found, key=lambda each: each.value).network

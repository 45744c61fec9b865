"""Further attempts at a solution, which may be a minimum beside a better one.

Each begins elsewhere: with the units of a solution for other parents, or with the least useful units of this one
exchanged for those of many at random that tell most of what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pyrocausal.copies.exact_fit import FamilyRows, Solution, begun_with, squares_of
from pyrocausal.copies.levenberg_marquardt import Squares, minimise, solve_outputs
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["bettered"]

KICKS, EXCHANGED, POOL = 2, 3, 200
STEPS = 60


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
    generator = torch.Generator().manual_seed(seed)
    for each in near:
        begun = begun_with(each, inputs, rows, loss, generator)
        best = min(best, minimise(begun, inputs, loss, STEPS, best.value), key=lambda found: found.value)
    for _ in range(KICKS):
        begun = _kicked(best.network, inputs, loss, generator)
        best = min(best, minimise(begun, inputs, loss, STEPS, best.value), key=lambda found: found.value)
    return best.network


def _kicked(network: SmallNetwork, inputs: torch.Tensor, loss: Squares, generator: torch.Generator) -> SmallNetwork:
    """With the least useful units exchanged."""
    columns = network.columns(inputs)
    counted = columns * loss.weights
    square = counted @ columns.t()
    square.diagonal().mul_(1 + 1e-9).add_(1e-6)
    inverse = torch.linalg.inv(square)
    weights = inverse @ (counted @ loss.values)
    use = (weights.square() / inverse.diagonal())[len(inputs) :]
    out = use.argsort()[:EXCHANGED]
    q, n = inputs.shape
    drawn = torch.randn(POOL, q, generator=generator, dtype=torch.double) / math.sqrt(max(q - 1, 1))
    through = inputs[1:, torch.randint(n, (POOL,), generator=generator)]  # a kink at a row of its own
    drawn[:, 0] = -(drawn[:, 1:] * through.t()).sum(1)
    told = network._replace(hidden=drawn, outputs=drawn.new_zeros(POOL)).columns(inputs)[q:]
    left = loss.values - weights @ columns
    apart = told - (told @ counted.t()) @ inverse @ columns
    gain = (apart @ (loss.weights * left)).square() / (apart.square() @ loss.weights + 1e-9 * loss.rows)
    hidden = network.hidden.clone()
    hidden[out] = drawn[gain.argsort(descending=True)[:EXCHANGED]]
    return solve_outputs(network._replace(hidden=hidden), inputs, loss)

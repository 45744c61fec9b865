"""What each parent of a solution is worth, as far as some steps of a fit without it tell.

A fit without a parent goes on from the solution that there is, and most of what it can make good comes in its first
steps. A Wald test would take none, but where units bend its quadratic form says little of what a parent is worth: other
units seem to make good for it that are far from doing so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import torch

from pyrocausal.copies.exact_fit import FamilyRows, Solution, begun_with, prepared, squares_of
from pyrocausal.copies.levenberg_marquardt import minimise

__all__ = ["needed"]

STEPS = 3


def needed(solution: Solution, rows: FamilyRows, places: Sequence[Sequence[int]], seed: int) -> list[float]:
    """Nats that are lost without each parent, soon after it has gone.

    Parameters
    ----------
    solution
        Of some parents.
    rows
        What fits.
    places
        Of the columns of each parent.
    seed
        Of units that are drawn for those that are of no use any more.
    """
    total, lost = max(rows.total, 1.0), []
    for n in range(len(places)):
        parents, left = solution.parents[:n] + solution.parents[n + 1 :], [*places[:n], *places[n + 1 :]]
        begun = prepared(rows, parents, [*chain.from_iterable(left)])
        inputs, loss = begun.inputs(rows.columns), squares_of(begun, rows)
        generator = torch.Generator().manual_seed(seed)
        network = minimise(begun_with(solution, inputs, rows, loss, generator), inputs, loss, STEPS).network
        nats = loss.value(network(inputs)) / loss.rows + math.log(begun.scale)
        lost.append(total * (nats - solution.nats))
    return lost

"""Sign and size of what regimes did to variables; what that is says `pyrocausal.posterior.effect_sizes`.

Vocabulary: d variables, R regimes, n rows, q states of a variable or 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Count
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.posterior.effect_sizes import EVEN, Sizes, measure, ordered, said, spread_of, state_labels, thinned
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["target_sizes"]

REGIME_ROWS = 20_000, 200  # of all regimes together at the most, and of each whatever their number


@reproducible_torch()
@torch.no_grad()
def target_sizes(model: CausalModel, data: InterventionalData, graph: torch.Tensor) -> Sizes:
    """How far every variable of every regime is from what its common mechanism says.

    Parameters
    ----------
    model
        A program fitted to the data.
    data
        Rows of the regimes.
    graph
        0/1 or boolean, shape [d, d] (effect, cause).

    Returns
    -------
    Sizes
        Shape [R, d], measured in "sd", "P(Y=high)" or "log fold"; NaN where a regime has no row with the variable and
        all its parents. Half a count is added to what is observed and what is predicted in a regime, so that counts
        which are all 0 have a size.
    """
    R = len(data.regimes)
    found, most = Sizes.nothing(R, data.d), max(REGIME_ROWS[0] // R, REGIME_ROWS[1])
    parts = [thinned(part, most) for part in data.parts[1:]]
    (rows, weights), table, labels = Part.of(parts), Part.numbers(parts), state_labels(data)
    conditional = model.mechanisms.conditionals(filled(rows), graph.to(rows))
    for i in range(data.d):
        if data.names[i] in data.aside:
            continue
        spread, column = spread_of(data, i), filled(rows[:, i, None])
        predicted = said(data.kinds[i], conditional(i), column)  # [n, q]
        states = torch.arange(predicted.shape[1], device=column.device)
        shown = column >= states if ordered(data.kinds[i]) else column == states
        seen = shown.double() if data.kinds[i].discrete else column.double()
        there = present(rows[:, [i, *graph[i].nonzero()[:, 0].tolist()]]).all(1, keepdim=True)
        predicted = torch.where(there, predicted, 0.0)
        count = there.double() if weights is None else there * weights[:, None]
        sums = seen.new_zeros(R, 1 + 2 * predicted.shape[1])
        sums.index_add_(0, table, torch.cat([count, count * seen, count * predicted], 1))
        for r, (total, *both) in enumerate(sums.tolist()):
            if total:
                change, state = _shift(data.kinds[i], total, both, spread)
                found.put((r, i), change, measure(data, labels, i, state))
    return found


def _shift(kind: Kind, total: float, sums: Sequence[float], spread: float) -> tuple[float, int]:
    """Size and state, from sums over rows of what was observed and of what is predicted, [2 q]."""
    observed, predicted = np.array(sums).reshape(2, -1)
    change = (observed - predicted) / total
    if not np.isfinite(change).all():
        return float("nan"), 0
    if kind.discrete:
        state = int(np.flatnonzero(np.abs(change) >= np.abs(change).max() - EVEN)[-1])
        return float(change[state]), state
    if isinstance(kind, Count):
        with np.errstate(invalid="ignore"):  # of a mechanism of a user's, whose mean may be below 0
            return float(np.log((observed[0] + 0.5) / (predicted[0] + 0.5))), 0
    return float(change[0]) / spread, 0

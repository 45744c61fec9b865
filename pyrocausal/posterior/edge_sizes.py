"""Sign and size of edges; what that is says `pyrocausal.posterior.effect_sizes`.

Vocabulary: d variables, n rows, S values of a cause, q states of an effect or 1.
"""

from __future__ import annotations

import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Count
from pyrocausal.data.missing import present
from pyrocausal.data.weights import Part
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.posterior.effect_sizes import (
    EVEN,
    Sizes,
    complete_rows,
    exposure_of,
    measure,
    on_scale,
    ordered,
    row_mean,
    said,
    spread_of,
    state_labels,
    thinned,
)
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["edge_sizes"]

MOST_ROWS = 1_000  # that sizes are averaged over
FEWEST_ROWS = 30  # with fewer observational ones, those of all tables count


@reproducible_torch()
@torch.no_grad()
def edge_sizes(model: CausalModel, data: InterventionalData, graph: torch.Tensor) -> Sizes:
    """Sizes of the edges of a graph.

    Parameters
    ----------
    model
        A program fitted to the data.
    data
        Rows to average over, the observational ones unless they are few.
    graph
        0/1 or boolean, shape [d, d] (effect, cause).

    Returns
    -------
    Sizes
        Shape [d, d], NaN where there is no edge. Measured in "sd per sd", "P(Y=high) per sd" or "log fold per sd"; per
        "sd of log X" where the cause is a count; "sd, X low to high" and so on where it has states.
    """
    found, everything = Sizes.nothing(data.d, data.d), Part.of(data.parts)
    spreads, labels = [spread_of(data, j) for j in range(data.d)], state_labels(data)
    states = {j: _states(kind, everything.rows[:, j]) for j, kind in enumerate(data.kinds) if kind.discrete}
    for i in graph.any(1).nonzero()[:, 0].tolist():
        causes = graph[i].nonzero()[:, 0].tolist()
        part = complete_rows(data.parts[0], causes)
        if len(part.rows) < FEWEST_ROWS:
            part = complete_rows(everything, causes)
        part = thinned(part, MOST_ROWS)
        for j in causes:
            values = states[j] if j in states else _moved(data.kinds[j], j, part.rows, spreads[j])
            if len(values) < 2 or not len(part.rows):
                continue
            answers = torch.stack([_answer(model, data, i, graph[i], _replaced(part, j, value)) for value in values])
            if not data.kinds[i].discrete and not isinstance(data.kinds[i], Count):
                answers = answers / spreads[i]
            before, after, state, change = _largest(answers)
            if j in states:
                first, then = (labels[j][int(values[s])] for s in (before, after))
                step = f", {data.names[j]} {first} to {then}"
            else:
                step = f" per sd of log {data.names[j]}" if isinstance(data.kinds[j], Count) else " per sd"
            found.put((i, j), change, measure(data, labels, i, state) + step)
    return found


def _answer(model: CausalModel, data: InterventionalData, i: int, parents: torch.Tensor, part: Part) -> torch.Tensor:
    """What is said of an effect on average: probabilities, a mean, or the logarithm of the mean of a count; [q]."""
    conditional = model.mechanisms.conditional(i, part.rows, parents.to(part.rows))
    found = said(data.kinds[i], conditional, part.rows)
    return row_mean(found.log() if isinstance(data.kinds[i], Count) else found, part.weights)


def _replaced(part: Part, j: int, value: torch.Tensor) -> Part:
    rows = part.rows.clone()
    rows[:, j] = value
    return Part(rows, part.weights)


def _states(kind: Kind, column: torch.Tensor) -> torch.Tensor:
    """Codes that occur, in ascending order; of ordered levels the lowest and the highest."""
    codes = column[present(column)].unique()
    return codes[[0, -1]].unique() if ordered(kind) and len(codes) else codes


def _moved(kind: Kind, j: int, rows: torch.Tensor, spread: float) -> torch.Tensor:
    """What a number or a count is set to, a standard deviation apart, [2, n]; nothing where it did not vary."""
    if not spread > 0:
        return rows.new_zeros(0)
    least, most = kind.bounds  # of a count log(1 + 0), too
    low = (on_scale(kind, rows, j) - spread / 2).clamp(min=least).clamp(max=most - spread)
    values = torch.stack([low, low + spread])
    if isinstance(kind, Count):
        values = values.expm1() * exposure_of(kind, rows)
    return values.to(rows.dtype)


def _largest(answers: torch.Tensor) -> tuple[int, int, int, float]:
    """Of [S, q] the two values of a cause, the earlier first, and the state with the largest change, and the change.

    The last of those that are as large.
    """
    change = answers[None] - answers[:, None]  # [before, after, q]
    later = torch.ones(change.shape[:2], dtype=torch.bool, device=answers.device).triu(1)
    size = torch.where(later[..., None], change.abs(), -1.0)
    if not bool(change.isfinite().all()):
        return 0, 1, 0, float("nan")
    before, after, state = (size >= size.max() - EVEN).nonzero()[-1].tolist()
    return before, after, state, float(change[before, after, state])

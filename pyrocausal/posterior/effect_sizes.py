"""Sign and size of effects, as a fitted program has them: of edges, and of what regimes did to variables.

The size of an edge compares the effect's distribution, its cause being set to one value and to another, all other
parents staying what they were observed to be; the difference is averaged over rows. A number or a count as a cause
moves by one standard deviation, from half of it below what was observed to half of it above, and no lower than it can
be; a count does so on the scale of ``log(1 + count / exposure)``. Of a cause with states the two that differ most are
compared, the earlier one first; of one with ordered levels the lowest and the highest.

The size of a target compares what was observed in the rows of a regime with what the common mechanism says of them,
given the parents' values there.

Either is a difference of means in standard deviations of the effect; or of the logarithm of a mean, of a count; or of
the probability of the state that changes most, of ordered levels of that level or a higher one. Nothing is random. Rows
that lack a value which is needed are left out.

Vocabulary: d variables, R regimes, S values of a cause, q states of an effect or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyro.distributions as dist
import torch
from numpy.typing import NDArray

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Count
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part, take_rows

__all__ = [
    "EVEN", "Sizes", "complete_rows", "exposure_of", "measure", "on_scale", "ordered", "row_mean", "said", "spread_of",
    "state_labels", "thinned",
]  # fmt: skip

EVEN = 1e-6  # changes that differ by less are as large


class Sizes(NamedTuple):
    """Sizes of effects and what they are.

    Attributes
    ----------
    value
        Shape [d, d] (effect, cause) or [R, d]; NaN where there is none.
    measured
        Texts of the same shape, such as "sd per sd"; empty where there is no size.
    """

    value: NDArray[np.float64]
    measured: NDArray[np.object_]

    @classmethod
    def nothing(cls, *shape: int) -> Sizes:
        """No size anywhere."""
        return cls(np.full(shape, np.nan), np.full(shape, "", dtype=object))

    def among(self, rows: Sequence[int], columns: Sequence[int]) -> Sizes:
        """Of some rows and columns alone."""
        here = np.ix_(rows, columns)
        return Sizes(self.value[here], self.measured[here])

    def put(self, place: tuple[int, int], value: float, measured: str) -> None:
        """Write one down, unless it is infinite or no number."""
        if np.isfinite(value):
            self.value[place], self.measured[place] = value, measured


def ordered(kind: Kind) -> bool:
    """Whether a variable has states in an order."""
    return isinstance(kind, Categorical) and kind.ordered


def said(kind: Kind, conditional: dist.TorchDistribution, rows: torch.Tensor) -> torch.Tensor:
    """What a mechanism says of an effect in some rows [n, ...]: probabilities of its states, or its mean; [n, q].

    Of ordered levels, probabilities of each or a higher one. NaN without a mean.
    """
    if kind.discrete:
        codes = rows.new_zeros(len(rows))
        each = [conditional.log_prob(kind.typed(codes + state)).exp() for state in range(kind.cardinality)]
        found = torch.stack(each, 1).double()
        return found.flip(1).cumsum(1).flip(1) if ordered(kind) else found
    try:
        mean = conditional.mean
    except NotImplementedError:
        mean = rows.new_tensor(torch.nan)
    return mean.double().expand(len(rows))[:, None]


def measure(data: InterventionalData, labels: Sequence[Sequence[str]], i: int, state: int) -> str:
    """In what a change of a variable is measured, its states being called as `state_labels` has it."""
    if data.kinds[i].discrete:
        return f"P({data.names[i]}{'>=' if ordered(data.kinds[i]) else '='}{labels[i][state]})"
    return "log fold" if isinstance(data.kinds[i], Count) else "sd"


def state_labels(data: InterventionalData) -> list[list[str]]:
    """States of every variable in words."""
    return [[str(each) for each in kind.decode(np.arange(float(kind.cardinality)))] for kind in data.kinds]


def exposure_of(kind: Kind, rows: torch.Tensor) -> torch.Tensor:
    """What a variable is in proportion to, 1 where there is nothing: [n], double."""
    place = kind.offset
    return rows.new_ones(len(rows)).double() if place is None else rows[:, place].double().exp()


def on_scale(kind: Kind, rows: torch.Tensor, j: int) -> torch.Tensor:
    """Values on the scale on which a cause moves: [n], double."""
    column = rows[:, j].double()
    return (column / exposure_of(kind, rows)).log1p() if isinstance(kind, Count) else column


def spread_of(data: InterventionalData, j: int) -> float:
    """Standard deviation of a variable without intervention, on the scale on which it moves; NaN where it is 0."""
    rows, weights = complete_rows(data.parts[0], [j])
    values = on_scale(data.kinds[j], rows, j)
    found = float(row_mean((values - row_mean(values, weights)).square(), weights).sqrt())
    return found if found > 0 else float("nan")


def row_mean(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Mean over rows [n, ...], by their weights [n]."""
    return values.mean(0) if weights is None else torch.tensordot(weights / weights.sum(), values, 1)


def complete_rows(part: Part, columns: Sequence[int]) -> Part:
    """Rows that have some columns; gaps elsewhere are filled, for they do not matter."""
    there = present(part.rows[:, list(columns)]).all(1)
    return Part(filled(part.rows[there]), take_rows(part.weights, there))


def thinned(part: Part, most: int) -> Part:
    """So many rows at the most, evenly spread over the table."""
    if len(part.rows) <= most:
        return part
    places = torch.linspace(0, len(part.rows) - 1, most, device=part.rows.device).round().long()
    return Part(part.rows[places], take_rows(part.weights, places))

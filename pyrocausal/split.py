"""Which rows fit mechanisms and which score graphs.

As published, mechanisms see observational rows alone and every regime row scores graphs. That fails where interventions
leave the observational range: a child's mechanism is then scored on values of its cause that it was never fitted to,
and its extrapolation, not the graph, decides. There the even rows of every regime fit mechanisms too, without the terms
of the inferred targets, and the odd rows score, so that no row scores a mechanism that it has fitted.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from pyrocausal.data import InterventionalData
from pyrocausal.gaps import present
from pyrocausal.kinds import Categorical

__all__ = ["Fold", "Split", "cross_fit", "leaves_observational_range", "split_rows"]


class Split(NamedTuple):
    """Rows by their use.

    Attributes
    ----------
    fitting
        Rows that mechanisms are fitted to, shape [N, d].
    origin
        Regime of each of them, shape [N]; R for observational rows.
    scoring
        Rows that score graphs, one tensor [n_r, d] per regime.
    held_out
        Observational rows that fit nothing, shape [m, d].
    """

    fitting: torch.Tensor
    origin: torch.Tensor
    scoring: tuple[torch.Tensor, ...]
    held_out: torch.Tensor


def leaves_observational_range(data: InterventionalData) -> bool:
    """Whether interventions may put a variable where observational rows have nothing.

    True if a variable is continuous or a count, or has a state that only regimes show.
    """
    if any(not isinstance(kind, Categorical) for kind in data.kinds):
        return True
    columns = zip(data.observational.t(), data.cardinalities, strict=True)
    return any(len(column[present(column)].unique()) < states for column, states in columns)


def split_rows(data: InterventionalData, share_regimes: bool, held_out: float = 0.0) -> Split:
    """Assign rows to fitting and scoring.

    Parameters
    ----------
    data
        Observational rows and regimes.
    share_regimes
        Whether the even rows of every regime fit mechanisms; if not, they score like the odd ones.
    held_out
        Share of the observational rows, spread evenly over the table, that fit nothing.
    """
    R, device, n = len(data.regimes), data.observational.device, len(data.observational)
    index = torch.arange(n, device=device)
    apart = ((index + 1) * held_out).floor() > (index * held_out).floor()  # [n]
    if held_out > 0 and not bool(apart.any()):  # a small table gives one row all the same
        apart[-1] = True
    observational, held = data.observational[~apart], data.observational[apart]
    if not share_regimes:
        origin = torch.full((len(observational),), R, device=device)
        return Split(observational, origin, tuple(regime.rows for regime in data.regimes), held)
    tables = [*(regime.rows[::2] for regime in data.regimes), observational]
    sizes = torch.tensor([len(table) for table in tables], device=device)
    origin = torch.arange(R + 1, device=device).repeat_interleave(sizes)
    return Split(torch.cat(tables), origin, tuple(regime.rows[1::2] for regime in data.regimes), held)


class Fold(NamedTuple):
    """Rows that fit and rows that score what those have fitted.

    Attributes
    ----------
    fitting
        Shape [N, d].
    counts
        Whether a row of them tells of a variable's observational mechanism, which it does not where the value is
        missing; shape [N, d].
    scoring
        Shape [n, d].
    table
        Regime of each row that scores, shape [n]; R for observational rows.
    """

    fitting: torch.Tensor
    counts: torch.Tensor
    scoring: torch.Tensor
    table: torch.Tensor


def cross_fit(data: InterventionalData, split: Split, natural: torch.Tensor) -> tuple[Fold, Fold]:
    """Two folds: even rows of regimes fit and odd ones score, and the other way round.

    Observational rows that were fitted before fit in both; those held out score in one or the other.

    Parameters
    ----------
    data, split
        Rows, and their use during the three phases.
    natural
        Whether a variable kept its observational mechanism in a regime, shape [R, d].
    """
    R = len(natural)
    observational = split.fitting[split.origin == R]
    keep = torch.cat([natural, torch.ones_like(natural[:1])])  # [R + 1, d]

    def rows(start: int, last: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tables = [*(regime.rows[start::2] for regime in data.regimes), last]
        sizes = torch.tensor([len(table) for table in tables], device=natural.device)
        return torch.cat(tables), torch.arange(R + 1, device=natural.device).repeat_interleave(sizes)

    folds = []
    for fit, score in ((0, 1), (1, 0)):
        fitting, origin = rows(fit, observational)
        counts = keep[origin] & present(fitting)
        folds.append(Fold(fitting, counts, *rows(score, split.held_out[score::2])))
    return folds[0], folds[1]

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
from pyrocausal.kinds import Continuous

__all__ = ["Split", "leaves_observational_range", "split_rows"]


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
    """

    fitting: torch.Tensor
    origin: torch.Tensor
    scoring: tuple[torch.Tensor, ...]


def leaves_observational_range(data: InterventionalData) -> bool:
    """Whether interventions may put a variable where observational rows have nothing.

    True if a variable is continuous, or has a state that only regimes show.
    """
    if any(isinstance(kind, Continuous) for kind in data.kinds):
        return True
    columns = zip(data.observational.t(), data.cardinalities, strict=True)
    return any(len(column.unique()) < states for column, states in columns)


def split_rows(data: InterventionalData, share_regimes: bool) -> Split:
    """Assign rows to fitting and scoring.

    Parameters
    ----------
    data
        Observational rows and regimes.
    share_regimes
        Whether the even rows of every regime fit mechanisms; if not, they score like the odd ones.
    """
    R, device = len(data.regimes), data.observational.device
    if not share_regimes:
        origin = torch.full((len(data.observational),), R, device=device)
        return Split(data.observational, origin, tuple(regime.rows for regime in data.regimes))
    tables = [*(regime.rows[::2] for regime in data.regimes), data.observational]
    sizes = torch.tensor([len(table) for table in tables], device=device)
    origin = torch.arange(R + 1, device=device).repeat_interleave(sizes)
    return Split(torch.cat(tables), origin, tuple(regime.rows[1::2] for regime in data.regimes))

"""Rows that belong together, such as those of a patient: the rows of a group share the weight of one row.

``n`` counts the rows of a table.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing
from pyrocausal.data.readers import Frames, Weights
from pyrocausal.data.tables import check_frame

__all__ = ["take_groups"]


def take_groups(frames: Frames, counted: Weights | None, groups: str) -> tuple[Frames, Weights]:
    """Take the column of groups out of all tables, and count groups.

    Parameters
    ----------
    frames
        The observational table and those of the regimes.
    counted
        Weights of their rows; None where all are 1. Those of a group are scaled to their mean in all.
    groups
        The column.

    Returns
    -------
    tuple
        Tables without the column, and weights of their rows.

    Raises
    ------
    ValueError
        If a table lacks the column, a row has no group, or a table has fewer than two.
    """
    observational, regimes = frames
    weights, of_regimes = counted or (None, dict.fromkeys(regimes))
    control, shares = _share(observational, weights, groups, "the observational rows")
    found = {name: _share(frame, of_regimes[name], groups, f"regime {name!r}") for name, frame in regimes.items()}
    rest = {name: frame for name, (frame, _) in found.items()}
    return (control, rest), (shares, {name: each for name, (_, each) in found.items()})


def _share(frame: pd.DataFrame, weights: np.ndarray | None, groups: str, where: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A table without its groups, and weights [n]."""
    check_frame(frame, where)
    if list(frame.columns).count(groups) != 1:
        raise ValueError(f"groups: expected one column {groups!r} in {where}, the columns are {listing(frame.columns)}")
    codes, labels = pd.factorize(frame[groups])
    if (codes < 0).any():
        raise ValueError(
            f"groups: {int((codes < 0).sum())} rows of {where} have no group in column {groups!r}; give each row that "
            "stands for itself a group of its own"
        )
    if len(labels) < 2:
        raise ValueError(
            f"groups: {where} has {len(labels)} group in column {groups!r}, and nothing can be learned from fewer than "
            "two; drop the table, or leave groups out"
        )
    size = np.bincount(codes).astype(np.float64)[codes]
    return frame.drop(columns=groups), (np.ones(len(frame)) if weights is None else weights) / size

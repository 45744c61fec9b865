"""What columns are beside variables of the graph: covariates, and groups of rows that belong together.

``n`` counts the rows of a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Exposure
from pyrocausal.data.readers import Frames, Weights
from pyrocausal.data.tables import check_frame, check_unique

__all__ = ["check_covariates", "take_groups"]


def check_covariates(covariates: Sequence[str], names: Sequence[str], kinds: Sequence[Kind]) -> tuple[str, ...]:
    """Return the covariates as a tuple; raise unless they are some of the variables and leave two of them."""
    if isinstance(covariates, str) or not isinstance(covariates, Sequence):
        raise TypeError(f"covariates: expected names of variables, as ['batch'], got {covariates!r}")
    if strange := [name for name in covariates if name not in names]:
        raise ValueError(
            f"covariates: {strange[0]!r} is no variable; keep it as a column of every table, and out of ignore; "
            f"the variables are {listing(names)}"
        )
    exposed = [name for name, kind in zip(names, kinds, strict=True) if isinstance(kind, Exposure)]
    if both := [name for name in covariates if name in exposed]:
        raise ValueError(f"covariates: {both[0]!r} is the exposure of counts already; drop it here")
    if covariates and len(names) - len(covariates) - len(exposed) < 2:
        raise ValueError(f"covariates: of {listing(names)} they leave fewer than two variables to find causes among")
    return tuple(check_unique(covariates, "covariates"))


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

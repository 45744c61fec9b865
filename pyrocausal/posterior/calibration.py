"""Whether what is said to happen with a probability happens as often: scores and the curve of reliability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["brier_score", "calibration_error", "reliability_curve"]


def brier_score(probability: ArrayLike, happened: ArrayLike) -> float:
    """Mean squared difference between probabilities and what happened, 0 for a prophet (Brier 1950).

    Parameters
    ----------
    probability
        In [0, 1], shape [n].
    happened
        0 or 1, shape [n].

    Raises
    ------
    ValueError
        When the shapes differ, there is nothing, or a probability is outside [0, 1].

    Examples
    --------
    >>> brier_score([0.5, 1.0], [0, 1])
    0.125
    """
    belief, truth = _pairs(probability, happened)
    return float(((belief - truth) ** 2).mean())


def calibration_error(probability: ArrayLike, happened: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: how far probabilities are from frequencies, on average (Naeini et al. 2015).

    Probabilities are sorted into equally wide bins, and the difference of the mean probability and the frequency in a
    bin counts for as much as the bin holds.

    Parameters
    ----------
    probability, happened
        As in `brier_score`.
    bins
        Number of bins.

    Raises
    ------
    ValueError
        As `brier_score`, and when there is no bin.

    Examples
    --------
    >>> calibration_error([0.25, 0.25, 1.0], [0, 1, 1])  # two of three are a quarter off
    0.16666666666666666
    """
    curve = reliability_curve(probability, happened, bins)
    off = (curve["probability"] - curve.frequency).abs()
    return float((off * curve["count"]).sum() / curve["count"].sum())


def reliability_curve(probability: ArrayLike, happened: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """How often things happened against how probable they were said to be, in equally wide bins of probabilities.

    Parameters
    ----------
    probability, happened, bins
        As in `calibration_error`.

    Returns
    -------
    pandas.DataFrame
        A row per bin that holds something, from the lowest: its mean probability, the frequency of what happened, and
        the count of both.

    Raises
    ------
    ValueError
        As `calibration_error`.

    Examples
    --------
    >>> reliability_curve([0.25, 0.25, 1.0], [0, 1, 1])
       probability  frequency  count
    0         0.25        0.5      2
    1         1.00        1.0      1
    """
    belief, truth = _pairs(probability, happened)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    place = np.minimum((belief * bins).astype(int), bins - 1)
    cells = pd.DataFrame({"probability": belief, "frequency": truth}).groupby(place)
    return cells.mean().assign(count=cells.size()).reset_index(drop=True)


def _pairs(probability: ArrayLike, happened: ArrayLike) -> tuple[NDArray, NDArray]:
    belief, truth = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.float64)
    if belief.shape != truth.shape or belief.ndim != 1 or not len(belief):
        raise ValueError(
            f"probability and happened must have one shape [n], n at least 1; got {belief.shape} and {truth.shape}"
        )
    if not ((belief >= 0) & (belief <= 1)).all():
        raise ValueError("probability must be in [0, 1]")
    return belief, truth

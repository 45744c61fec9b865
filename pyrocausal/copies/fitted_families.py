"""Families (a variable and its parents) whose mechanisms are fitted together, and what the fitted copies say of rows.

Many small fits of one kind cost hardly more than one, so families wait until there are enough of them.

Vocabulary: d variables, R regimes, M families, N rows that fit, n rows that score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.copies.refitting import Refitting, fit_copies, judge_rows
from pyrocausal.copies.screening import Screen
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.model.mechanisms import Family, Mechanisms
from pyrocausal.sdi.row_split import Fold

__all__ = ["CopyFit", "FittedFamilies", "batches", "fit_families"]


class CopyFit(NamedTuple):
    """How copies of mechanisms are fitted.

    Attributes
    ----------
    mechanisms
        Where they start from.
    kinds
        Kind of each variable, length d.
    refitting
        Settings.
    decay
        Weight decay.
    """

    mechanisms: Mechanisms
    kinds: Sequence[Kind]
    refitting: Refitting
    decay: float


class FittedFamilies(NamedTuple):
    """What copies say that were fitted to M families.

    Attributes
    ----------
    sums
        Log-likelihoods per fold and regime, shape [M, folds, R + 1]; the last is of observational rows.
    promising
        Which variables tell something of the residuals, boolean, shape [M, d].
    """

    sums: torch.Tensor
    promising: torch.Tensor


def batches(families: Sequence[Family], kinds: Sequence[Kind], most: int) -> list[list[Family]]:
    """What is fitted together: variables of one kind, with about as many parents.

    Parameters
    ----------
    families
        A variable and its parents each.
    kinds
        Kind of each variable, length d.
    most
        Families in a batch at the most.
    """
    found: list[list[Family]] = []
    kind_of = [type(kind).__name__ for kind in kinds]
    for family in sorted(families, key=lambda family: (kind_of[family[0]], len(family[1]))):
        full = not found or len(found[-1]) == most
        if full or kind_of[family[0]] != kind_of[found[-1][0][0]]:
            found.append([])
        found[-1].append(family)
    return found


def fit_families(
    how: CopyFit,
    families: Sequence[Family],
    folds: Sequence[Fold],
    counts: Sequence[torch.Tensor],
    telling: torch.Tensor,
    screen: Screen,
) -> FittedFamilies | None:
    """Fit a copy to each family on every fold, and let the fold's other rows judge it.

    Parameters
    ----------
    how
        Mechanisms and settings.
    families
        M of them, of variables of one kind.
    folds
        Rows that fit and rows that score.
    counts
        Whether a row that fits tells of the mechanism that a copy stands for, shape [N, M] for each fold.
    telling
        Whether the rows that score of a table do, shape [M, R + 1].
    screen
        Finds what tells something of residuals.

    Returns
    -------
    FittedFamilies or None
        None where these mechanisms cannot be copied.
    """
    effects = [i for i, _ in families]
    sums, residuals, counted = [], [], []
    for fold, counting in zip(folds, counts, strict=True):
        copies = fit_copies(how.mechanisms, how.kinds, families, fold.fitting, counting, how.refitting, how.decay)
        if copies is None:
            return None
        log_probs, left = judge_rows(copies, how.kinds, families, fold.scoring)
        sums.append(fold.per_table(log_probs))
        residuals += [] if left is None else [left]
        counted.append(fold.telling(telling, present(fold.scoring.rows[:, effects]).t()))
    if len(residuals) == len(folds):
        promising = screen.promising(residuals, counted).cpu()
    else:
        promising = torch.ones(len(families), len(how.kinds), dtype=torch.bool)
    return FittedFamilies(torch.stack(sums, 1), promising)

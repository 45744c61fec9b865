"""What parent sets of one variable, or one parent set of every variable, contribute to joint evidence.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

__all__ = ["IMPOSSIBLE", "FamilyEvidence", "Terms", "or_unseen", "parents_of"]

IMPOSSIBLE = -1e9  # nats of a family that nothing can estimate


class FamilyEvidence(NamedTuple):
    """What the rows of one variable say of its parents, whatever is known or believed of targets; nats, double.

    Attributes
    ----------
    old
        Of its rows in each regime under the common mechanism, shape [R].
    new
        The same under a new mechanism, shape [R].
    observational
        Of its observational rows, scalar.
    """

    old: torch.Tensor
    new: torch.Tensor
    observational: torch.Tensor


class Terms(NamedTuple):
    """What some parent sets of one variable, or one parent set of every variable, contribute; nats, double.

    Attributes
    ----------
    old
        Log-likelihood of the variable's rows in each regime under its observational mechanism; shape [..., R].
    new
        Log evidence of a new mechanism there; shape [..., R].
    observational
        Log-likelihood of its held-out observational rows; shape [...].
    odds
        Log odds of the variable being hit; shape [..., R].
    """

    old: torch.Tensor
    new: torch.Tensor
    observational: torch.Tensor
    odds: torch.Tensor

    @classmethod
    def stack(cls, terms: Sequence[Terms]) -> Terms:
        """Of several parent sets, one after the other along a new first axis."""
        return cls(*(torch.stack(part) for part in zip(*terms, strict=True)))

    @classmethod
    def cat(cls, terms: Sequence[Terms]) -> Terms:
        """The same along the first axis that they have."""
        return cls(*(torch.cat(part) for part in zip(*terms, strict=True)))


def parents_of(row: torch.Tensor) -> tuple[int, ...]:
    """Parents in ascending order, of a row [d] of a graph."""
    return tuple(row.nonzero()[:, 0].tolist())


def or_unseen(old: torch.Tensor, new: torch.Tensor, away: torch.Tensor) -> torch.Tensor:
    """Let what a mechanism does where its parents never were be as new as that of a variable that was hit.

    As in a table, which has cells of their own for states that were never seen. A curve that was fitted says something
    of values far from all it was fitted to, and how wrong that may be no row tells: half is believed.

    Parameters
    ----------
    old, new
        Nats under the common mechanism and under a new one, of any shape.
    away
        Where a parent is moved away (`pyrocausal.evidence.outliers.moved_away`), bool, of the same shape.
    """
    return torch.where(away, torch.logaddexp(old, new) - math.log(2), old)

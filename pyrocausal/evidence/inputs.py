"""What joint evidence is made of: rows, what is known of targets, and how mechanisms are estimated.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from pyrocausal.copies.refitting import Refitting
from pyrocausal.data.kind import Kind
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import Fold
from pyrocausal.sdi.target_prior import TargetOdds

__all__ = ["Estimators", "RowsOfEvidence", "TargetKnowledge"]


class RowsOfEvidence(NamedTuple):
    """Rows that evidence is made of.

    Attributes
    ----------
    kinds
        Kind of each variable, length d.
    folds
        Which rows fit and which score, see `pyrocausal.sdi.row_split.cross_fit`.
    natural
        Where a variable is believed to have kept its observational mechanism, shape [R, d]: with the held-out rows,
        these tell which estimate of a mechanism is the better one.
    away
        Where a regime has moved a variable away, see `pyrocausal.evidence.outliers.moved_away`; at least R rows of d.
    """

    kinds: Sequence[Kind]
    folds: Sequence[Fold]
    natural: torch.Tensor
    away: torch.Tensor


class TargetKnowledge(NamedTuple):
    """What is known and believed of targets beforehand.

    Attributes
    ----------
    known, hit
        Known targets, shapes [R] and [R, d]; see `pyrocausal.sdi.targets.known_targets`.
    prior
        What is believed of unknown ones; -inf at those that are certain, see `TargetOdds`.
    """

    known: torch.Tensor
    hit: torch.Tensor
    prior: TargetOdds

    @classmethod
    def nothing(cls, regimes: int, variables: int) -> TargetKnowledge:
        """Nothing is known: one target or none, all equally likely."""
        hit = torch.zeros(regimes, variables, dtype=torch.bool)
        return cls(hit.any(1), hit, TargetOdds(torch.zeros(hit.shape), several=False))


@dataclass(frozen=True)
class Estimators:
    """How the mechanisms of a variable given some parents are estimated, the old one and a new one.

    Attributes
    ----------
    mechanisms
        Where the copies that are fitted to parent sets start from.
    new_mechanisms
        Evidence of new mechanisms on all rows of each regime.
    refitting
        How copies are fitted; None leaves them out and takes the closed form alone.
    closed_form
        Whether the closed form counts too.

    Raises
    ------
    ValueError
        If neither estimate is wanted.
    """

    mechanisms: Mechanisms
    new_mechanisms: NewMechanisms
    refitting: Refitting | None = None
    closed_form: bool = True

    def __post_init__(self) -> None:
        if self.refitting is None and not self.closed_form:
            raise ValueError("joint evidence needs refitting, closed_form or both")

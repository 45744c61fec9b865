"""What a search where variables are many asks of evidence: a number a family."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pyrocausal.model.mechanisms import Family

__all__ = ["FamilyWorths"]


class FamilyWorths(Protocol):
    """Evidence that is a sum over variables, as searches where variables are many ask for it."""

    def prepare(self, families: Iterable[Family]) -> None:
        """Weigh families that were not yet."""

    def weighed(self, family: Family) -> bool:
        """Whether a family is known."""

    def fits(self, family: Family) -> bool:
        """Whether a mechanism of a family can be weighed at all, not having too many parents for it."""

    def worth(self, family: Family) -> float:
        """Nats of a family that was prepared, its price paid."""

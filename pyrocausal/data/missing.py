"""Missing values: encoded rows hold NaN where a value is missing, and this is how the library reads them.

As a child a missing value drops its own term, under every graph alike. As a parent it enters as one more state,
"unknown", so that no row is thrown away. Only variables whose kind says so (`Kind.missing`) can have gaps, and
everything is as if there were none where no kind does.

This serves to predict from incomplete rows. To compare graphs it is not enough, for where a mediator is missing the
cause behind it does tell something; so `discover` draws missing values first, from models that read gaps in this way
(see `pyrocausal.evidence.imputation`). `SDI` and `settle` take gaps as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch

__all__ = ["any_missing", "filled", "present"]


class _MayHaveGaps(Protocol):
    """A kind, as far as gaps go."""

    @property
    def missing(self) -> bool: ...


def any_missing(kinds: Iterable[_MayHaveGaps]) -> bool:
    """Whether some variable can have gaps."""
    return any(kind.missing for kind in kinds)


def present(values: torch.Tensor) -> torch.Tensor:
    """Where values are not missing, boolean, of the same shape."""
    return ~values.isnan()


def filled(values: torch.Tensor) -> torch.Tensor:
    """Values with 0 in place of what is missing: a code that exists, and no number that would spread."""
    return values.nan_to_num(0.0)

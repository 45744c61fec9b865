"""Missing values: encoded rows hold NaN where a value is missing, and this is how the library reads them.

As a child a missing value drops its own term, under every graph alike. As a parent it enters as one more state,
"unknown", so that no row is thrown away. Only variables whose kind says so (`Categorical.missing`,
`Continuous.missing`, `Count.missing`) can have gaps, and everything is as if there were none where no kind does.

This serves to predict from incomplete rows. To compare graphs it is not enough, for where a mediator is missing the
cause behind it does tell something; so `discover` draws missing values first, by networks that read gaps in this way
(see `pyrocausal.model.imputation`). `SDI` and `settle` take gaps as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kinds import Categorical, Kind
from pyrocausal.data.weights import quantiles

__all__ = ["any_missing", "codes_of", "cuts_of", "filled", "levels", "present", "regressors"]


def any_missing(kinds: Sequence[Kind]) -> bool:
    """Whether some variable can have gaps."""
    return any(kind.missing for kind in kinds)


def present(values: torch.Tensor) -> torch.Tensor:
    """Where values are not missing, boolean, of the same shape."""
    return ~values.isnan()


def filled(values: torch.Tensor) -> torch.Tensor:
    """Values with 0 in place of what is missing: a code that exists, and no number that would spread."""
    return values.nan_to_num(0.0)


def levels(kind: Kind, bins: int) -> int:
    """States that a variable has as a parent: its own, or bins of its values, and "unknown" where it can have gaps."""
    return (kind.cardinality if isinstance(kind, Categorical) else bins) + kind.missing


def cuts_of(kind: Kind, column: torch.Tensor, bins: int, weights: torch.Tensor | None = None) -> torch.Tensor | None:
    """Where to cut the values [n] of a continuous variable into bins of equal counts, [bins - 1]; None for states.

    Rows may have weights [n].
    """
    if isinstance(kind, Categorical):
        return None
    seen = present(column)
    known = column[seen] if kind.missing else column
    at = torch.arange(1, bins, device=column.device) / bins
    if not len(known):
        return torch.zeros_like(at)
    return known.quantile(at) if weights is None else quantiles(known, at, weights[seen])


def codes_of(kind: Kind, column: torch.Tensor, cuts: torch.Tensor | None) -> torch.Tensor:
    """State of each value [n] as a parent, integers in [0, `levels`), "unknown" last; for cuts see `cuts_of`."""
    values = filled(column)
    codes = values.long() if cuts is None else torch.bucketize(values.contiguous(), cuts)
    if not kind.missing:
        return codes
    last = kind.cardinality if cuts is None else len(cuts) + 1
    return torch.where(present(column), codes, torch.full_like(codes, last))


def regressors(kind: Kind, column: torch.Tensor, squares: bool) -> torch.Tensor:
    """A variable's values [n] as columns of a regression [n, p], double: its states, or values and their squares.

    One that can have gaps has another column that tells where they are.
    """
    if isinstance(kind, Categorical):
        return torch.nn.functional.one_hot(codes_of(kind, column, None), levels(kind, 0)).double()
    value = filled(column).double()
    parts = [value, value**2] if squares else [value]
    return torch.stack([*parts, (~present(column)).double()] if kind.missing else parts, 1)

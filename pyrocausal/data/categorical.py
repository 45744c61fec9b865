"""Variables with states; see `pyrocausal.data.kind`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from pyrocausal.data.columns import check_gaps, check_some, factorize, family, has_gaps, listing, native
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import filled, present
from pyrocausal.runtime.checked_settings import check_settings, truth

__all__ = ["Categorical"]


@dataclass(frozen=True)
class Categorical(Kind):
    """A variable with finitely many states; the code of a value is its index in `states`.

    Parameters
    ----------
    states : sequence of hashable
        All labels in order. Empty (the default): the labels that occur in any table, sorted.
    missing : bool
        Whether values may be missing; found out from the tables.
    ordered : bool
        Whether the states are levels, from the lowest to the highest (default: no; columns of ordered pandas
        categories are found to be). Labels then come back as ordered categories, so that tables and pictures keep
        their order, and sizes of effects speak of a level *or more*, and of the lowest level against the highest.
        Mechanisms are as for other states: a level in the middle may have an effect of its own.

    Raises
    ------
    TypeError
        If `states` is a string, a set or no iterable, or `ordered` is not True or False.
    ValueError
        If a state is missing (None, NaN) or listed twice.

    Examples
    --------
    >>> Categorical(("low", "high")).cardinality
    2
    >>> Categorical(("low", "middle", "high"), ordered=True).decode(np.array([2.0, 0.0])).max()
    'high'
    """

    states: tuple[Hashable, ...] = ()
    ordered: bool = False

    discrete: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    closed_form: ClassVar[Literal["table", "regression", "count regression"]] = "table"
    descent: ClassVar[Literal["categorical", "continuous", "count"]] = "categorical"

    def __post_init__(self) -> None:
        if isinstance(self.states, (str, set, frozenset)) or not isinstance(self.states, Iterable):
            raise TypeError(f"states: expected labels in order, such as ('no', 'yes'), got {self.states!r}")
        if not isinstance(self.ordered, bool | np.bool_):
            raise TypeError(f"ordered: expected True or False, got {self.ordered!r}")
        check_settings(self, missing=truth())
        states = tuple(native(state) for state in self.states)
        if unfit := [state for state in states if not isinstance(state, Hashable)]:
            raise TypeError(f"states: {unfit[0]!r} cannot be a label; use text or numbers")
        if repeated := [state for state, times in Counter(states).items() if times > 1]:
            raise ValueError(f"states: {repeated[0]!r} is listed more than once in {states}")
        if any(state is None or state != state for state in states):
            raise ValueError(f"states: None and NaN cannot be states, got {states}; name such a state, say 'missing'")
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "ordered", bool(self.ordered))

    @property
    def cardinality(self) -> int:
        """Number of states, 0 while they are to be inferred."""
        return len(self.states)

    @property
    def settled(self) -> bool:
        """Whether there are two states or more."""
        return self.cardinality >= 2

    @property
    def bounds(self) -> tuple[float, float]:
        """Codes of the first and the last state."""
        return 0, self.cardinality - 1

    @property
    def expected(self) -> str:
        """See `Kind.expected`."""
        return f"codes 0 to {self.cardinality - 1}, got others; labels go through from_arrays or encode"

    @property
    def required(self) -> str:
        """See `Kind.required`."""
        return (
            f"codes 0 to {self.cardinality - 1} of its states {self.states}; "
            "use data.encode(frame), or the index of the state"
        )

    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Categorical:
        """Settle the states of one variable from its column [n] in every table, whatever the weights of rows.

        Raises
        ------
        ValueError
            If the column is constant, mixes text with numbers, or holds fractions and no states are given, or if all
            of the observational rows lack the value.
        """
        gaps = self.missing or any(has_gaps(column) for column in columns.values())
        check_some(columns)
        found: dict[Any, str] = {}  # label -> where it occurs first
        for where, column in columns.items():
            for label in factorize(column, where)[1]:
                found.setdefault(label, where)
        if len(found) < 2:
            raise ValueError(f"{next(iter(columns))} and in all regimes has one state, {[*found]}; remove the variable")
        if self.states:
            return replace(self, missing=gaps)
        first = next(iter(found))
        for label, where in found.items():
            if family(label) != family(first):
                raise ValueError(f"{where} holds {label!r} beside {first!r}; convert the column to text or to numbers")
            if isinstance(label, float) and not label.is_integer():
                raise ValueError(f"{where} holds {label!r}, no category code; pass Continuous or all states in kinds")
        for column in columns.values():
            if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
                order = [native(label) for label in column.dtype.categories]
                if found.keys() <= set(order):
                    levels = tuple(label for label in order if label in found)
                    return Categorical(levels, missing=gaps, ordered=True)
        states = [int(label) if isinstance(label, float) else label for label in found]
        if self.ordered and not all(isinstance(state, int) for state in states):
            raise ValueError(f"{where} has no order of its own; pass its levels, such as {listing(tuple(states))}")
        labels = sorted(states, key=str if family(first) is object else None)
        return Categorical(tuple(labels), missing=gaps, ordered=self.ordered)

    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Codes [n] of the labels in `column` [n], NaN where missing; ValueError for a label that is no state."""
        codes, labels = factorize(column, where)
        check_gaps("Categorical", self.missing, codes < 0, where)
        code_of = {state: code for code, state in enumerate(self.states)}
        if unseen := [label for label in labels if label not in code_of]:
            raise ValueError(
                f"{where} holds {unseen[0]!r}, which is none of the states {listing(self.states)}; correct the value "
                "or add it to the states of Categorical"
            )
        return np.array([*(code_of[label] for label in labels), np.nan], dtype=np.float64)[codes]

    def decode(self, codes: np.ndarray) -> pd.Series:
        """Labels [n] of `codes` [n], NaN where missing."""
        gaps = np.isnan(codes)
        labels = pd.Index(list(self.states), tupleize_cols=False).take(np.where(gaps, 0, codes).astype(np.int64))
        if self.ordered:
            order = pd.Index(list(self.states), tupleize_cols=False)
            return pd.Series(pd.Categorical.from_codes(np.where(gaps, -1, codes).astype(np.int64), order, ordered=True))
        found = pd.Series(labels)
        return found.mask(gaps) if gaps.any() else found

    def levels(self, bins: int) -> int:
        """States, and "unknown" where there can be gaps."""
        return self.cardinality + self.missing

    def cuts(self, column: torch.Tensor, bins: int, weights: torch.Tensor | None = None) -> torch.Tensor | None:
        """None: states are not cut."""
        return None

    def codes(self, column: torch.Tensor, cuts: torch.Tensor | None) -> torch.Tensor:
        """State of each value [n], integers in [0, `levels`), "unknown" last."""
        codes = filled(column).long()
        if not self.missing:
            return codes
        return torch.where(present(column), codes, torch.full_like(codes, self.cardinality))

    def regressors(self, column: torch.Tensor, squares: bool) -> torch.Tensor:
        """Whether values [n] are each state, "unknown" last: [n, `levels`], double."""
        return torch.nn.functional.one_hot(self.codes(column, None), self.levels(0)).double()

    @property
    def outputs(self) -> int:
        """A logit for every state."""
        return self.cardinality

    @property
    def form(self) -> tuple[int, str, int]:
        """First, all together, whatever the number of states."""
        return 0, "categorical", 0

    def distribution(self, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Categorical, from logits [outputs, ...]."""
        return dist.Categorical(logits=out[: self.cardinality].movedim(0, -1))

    def together(self, kinds: Sequence[Kind], out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Categorical, from logits [m, outputs, n], of which those of states that a variable lacks do not count."""
        absent = _absent(tuple(kind.cardinality for kind in kinds), out.shape[1], out.dtype, out.device)
        return dist.Categorical(logits=(out + absent).movedim(1, -1))

    def typed(self, column: torch.Tensor) -> torch.Tensor:
        """Codes [...] as integers."""
        return filled(column).long()

    @property
    def residuals(self) -> int:
        """One per state."""
        return self.cardinality


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and gradients may go through later
def _absent(cardinalities: tuple[int, ...], outputs: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Minus infinity where a variable has no such state, else 0: [m, outputs, 1]."""
    cards = torch.tensor(cardinalities, device=device)[:, None]
    zero, never = (torch.tensor(value, dtype=dtype, device=device) for value in (0.0, -torch.inf))
    return torch.where(torch.arange(outputs, device=device) < cards, zero, never)[..., None]

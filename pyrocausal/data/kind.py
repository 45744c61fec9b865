"""What the library asks of a kind of variables; a new kind is a subclass of `Kind` in a file of its own.

Vocabulary: ``n`` rows, d variables, m variables of a form. A *code* is the number that stands for a value in encoded
rows, NaN where it is missing. A kind says

- which values a column may hold and what their codes are: `resolve`, `encode`, `decode`, `settled`, `bounds`;
- how a variable acts as a cause: `entering`, `levels`, `cuts`, `codes`, `regressors`, `width`;
- how it is distributed as an effect: `outputs`, `distribution`, `typed`; and how that is fitted: `descent`;
- which closed form stands for a mechanism that is not fitted: `closed_form`.

Only `resolve`, `encode`, `decode` and `distribution` must be written; the rest is that of a number which enters as it
is. `tests/data/test_new_kind.py` has an example.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import quantiles

__all__ = ["Kind", "entering"]


@dataclass(frozen=True)
class Kind(ABC):
    """A kind of variables: frozen, so that it can be compared and be the key of what is kept.

    Attributes
    ----------
    missing : bool
        Whether values may be missing; found out from the tables.
    discrete : bool
        Whether values are states, `cardinality` of them: one network input each, and all are seen without intervention.
    whole : bool
        Whether codes are whole numbers.
    closed_form : str
        What estimates a mechanism without a fit: a table of states, a linear regression of codes, or a negative
        binomial regression, for `pyrocausal.data.count.Count` and what is derived from it. With a linear regression a
        variable has to enter as it is, see `entering`, so that densities are those of codes.
    descent : str
        Which setting of `pyrocausal.copies.refitting.Refitting` says how copies of its mechanism are fitted.
    """

    missing: bool = field(default=False, kw_only=True, repr=False)

    discrete: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    closed_form: ClassVar[Literal["table", "regression", "count regression"]] = "regression"
    descent: ClassVar[Literal["categorical", "continuous", "count"]] = "continuous"

    @abstractmethod
    def resolve(self, columns: Mapping[str, pd.Series], weights: np.ndarray | None = None) -> Kind:
        """The kind with all that was left open settled, `missing` too.

        Parameters
        ----------
        columns
            Of the variable in every table, by what error messages call them; the observational one [n] first.
        weights
            Of the observational rows, shape [n]; None where all are 1.

        Raises
        ------
        ValueError
            If the columns cannot be of this kind.
        """

    @abstractmethod
    def encode(self, column: pd.Series, where: str = "the column") -> np.ndarray:
        """Codes [n] of a column [n], NaN where missing; ValueError, which says `where`, for what has none."""

    @abstractmethod
    def decode(self, codes: np.ndarray) -> pd.Series:
        """The column [n] of codes [n], NaN where missing."""

    def in_units(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes [...] in the variable's units, of a kind without states; by default as `decode` has them."""
        values = self.decode(codes.detach().cpu().double().reshape(-1).numpy()).to_numpy(dtype=np.float64)
        return torch.tensor(values).to(codes).reshape(codes.shape)

    def in_codes(self, values: torch.Tensor) -> torch.Tensor:
        """The inverse of `in_units`, whose result need not be codes; by default as `encode` has it."""
        column = pd.Series(values.detach().cpu().double().reshape(-1).numpy())
        return torch.tensor(self.encode(column, "the value")).to(values).reshape(values.shape)

    @property
    def cardinality(self) -> int:
        """Number of states, 0 of a kind that has none."""
        return 0

    @property
    def settled(self) -> bool:
        """Whether nothing is left to `resolve`."""
        return True

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest code."""
        return -math.inf, math.inf

    @property
    def expected(self) -> str:
        """What a message says that rows should have held."""
        return f"numbers from {self.bounds[0]:g} to {self.bounds[1]:g}, got others; correct them"

    @property
    def required(self) -> str:
        """What a message says that the values of a site must be."""
        return f"numbers from {self.bounds[0]:g} to {self.bounds[1]:g}"

    def allows(self, values: torch.Tensor) -> bool:
        """Whether all of some values are codes: [...]; a missing one is none, unless any number is."""
        low, high = self.bounds
        if not self.whole and (low, high) == (-math.inf, math.inf):
            return True
        legal = (values >= low) & (values <= high)
        return bool((legal & (values % 1 == 0) if self.whole else legal).all())

    @property
    def offset(self) -> int | None:
        """The variable whose value enters the distribution whatever the graph, such as an exposure; None without."""
        return None

    @classmethod
    def entering(cls, kinds: Sequence[Kind], values: torch.Tensor) -> torch.Tensor:
        """Codes [..., d] of variables of some kinds, length d, those of this class and derived ones as causes.

        By default as they are.
        """
        return values

    @property
    def width(self) -> int:
        """Inputs of a network, and columns among `regressors` with squares, that a variable takes as a cause."""
        return (self.cardinality if self.discrete else 2) + self.missing

    def levels(self, bins: int) -> int:
        """States as a cause: its own, or bins of its values, and "unknown" where it can have gaps."""
        return bins + self.missing

    def cuts(self, column: torch.Tensor, bins: int, weights: torch.Tensor | None = None) -> torch.Tensor | None:
        """Where to cut values [n], in rows that may have weights [n], into bins of equal counts, [bins - 1].

        None of a kind that has states.
        """
        seen = present(column)
        known = column[seen] if self.missing else column
        at = torch.arange(1, bins, device=column.device) / bins
        if not len(known):
            return torch.zeros_like(at)
        return known.quantile(at) if weights is None else quantiles(known, at, weights[seen])

    def codes(self, column: torch.Tensor, cuts: torch.Tensor | None) -> torch.Tensor:
        """State of each value [n] as a cause, integers in [0, `levels`), "unknown" last; see `cuts`."""
        if cuts is None:
            raise ValueError(f"{type(self).__name__} has no states; say where to cut its values")
        codes = torch.bucketize(filled(column).contiguous(), cuts)
        if not self.missing:
            return codes
        return torch.where(present(column), codes, torch.full_like(codes, len(cuts) + 1))

    def regressors(self, column: torch.Tensor, squares: bool) -> torch.Tensor:
        """Values [n] as columns of a regression, double: values, and squares if wanted, [n, p].

        A kind that can have gaps has another column that tells where they are.
        """
        value = filled(column).double()
        parts = [value, value**2] if squares else [value]
        return torch.stack([*parts, (~present(column)).double()] if self.missing else parts, 1)

    @property
    def outputs(self) -> int:
        """Outputs of the network of a variable."""
        return 2

    @property
    def form(self) -> tuple[int, str, int]:
        """What has the same form has its distributions made together, in ascending order, see `together`."""
        return 3, type(self).__qualname__, 0

    @abstractmethod
    def distribution(self, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Distribution of a variable as an effect.

        Parameters
        ----------
        out
            Outputs of its network, which may be more than it needs and any real numbers; shape [outputs, ...].
        values
            Codes of all variables, shape [..., d], for what it is in proportion to (`offset`).

        Returns
        -------
        TorchDistribution
            Of codes, batch shape [...]. With a `cdf` it has residuals, which tell what may be a cause.
        """

    def together(self, kinds: Sequence[Kind], out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
        """Distributions of m variables of this form.

        Parameters
        ----------
        kinds
            Theirs, length m, this one first. By default they differ in nothing that a distribution depends on.
        out
            Outputs of their networks, shape [m, outputs, n].
        values
            Codes of all variables, shape [n, d].

        Returns
        -------
        TorchDistribution
            Batch shape [m, n].
        """
        return self.distribution(out.movedim(1, 0), values)

    def spread_out(self, bias: torch.Tensor) -> torch.Tensor:
        """Biases [outputs] of a network that begins with some [outputs], of which those alike would stay alike."""
        return bias

    def typed(self, column: torch.Tensor) -> torch.Tensor:
        """Codes [...] as the distribution takes them, any that it allows where one is missing: that term is masked."""
        return filled(column)

    @property
    def residuals(self) -> int:
        """Residuals of a value, see `pyrocausal.copies.screening.Residuals`: two, unless there is one per state."""
        return 2


def entering(kinds: Sequence[Kind], values: torch.Tensor) -> torch.Tensor:
    """Codes [..., d] of variables of some kinds, length d, as they enter as causes: [..., d]."""
    # By function: a class and one derived from it may share it, and it sees to both.
    classes = {type(kind).entering.__func__: type(kind) for kind in kinds}  # type: ignore[attr-defined]
    for each in classes.values():
        values = each.entering(kinds, values)
    return values

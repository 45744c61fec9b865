"""A table as the checks look at it: columns in the user's units, table by table, and sorts of variables.

``d`` counts variables, ``n`` all rows, ``n_t`` those of a table: the observational one comes first, called "", then
regimes by their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyrocausal.data.columns import native
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Continuous, Count, Exposure
from pyrocausal.data.slips import Slip
from pyrocausal.data.weights import total
from pyrocausal.tables.far_values import Far, far_values

__all__ = ["Look", "shown"]

ROUNDING = 3e-7  # relative, of single precision, in which rows are kept
SAMPLED = 20_000  # rows at the most that pairs of variables are compared in


@dataclass(frozen=True, eq=False)
class Look:
    """Rows of every table as arrays, and what is known of their columns.

    Attributes
    ----------
    names, kinds
        Of the d variables.
    guessed
        Why a kind was guessed as it was, of those that were guessed.
    tables
        Encoded rows of every table by its name, [n_t, d], float32; NaN where a value is missing.
    slips
        What stood in the user's tables where rows have a median now.
    counted
        How many rows all of them count as, by their weights.
    covariates
        Which of the variables are covariates.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    guessed: Mapping[str, str]
    tables: Mapping[str, np.ndarray]
    slips: tuple[Slip, ...] = ()
    counted: float = 0.0
    covariates: tuple[str, ...] = ()

    @classmethod
    def at(cls, data: InterventionalData) -> Look:
        """Look at data."""
        rows = {"": data.observational} | {regime.name: regime.rows for regime in data.regimes}
        tables = {name: each.cpu().numpy() for name, each in rows.items()}
        counted = sum(total(*part) for part in data.parts)
        # of data from which a regime was taken
        slips = tuple(slip for slip in data.slips if slip.row < len(tables.get(slip.table, ())))
        return cls(data.names, data.kinds, dict(data.guessed), tables, slips, counted, tuple(data.covariates))

    @cached_property
    def rows(self) -> np.ndarray:
        """All rows [n, d], encoded, one table after the other."""
        return np.concatenate([*self.tables.values()])

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each table begins among `rows`, and where the last one ends: [tables + 1]."""
        return np.cumsum([0, *map(len, self.tables.values())])

    @cached_property
    def sample(self) -> np.ndarray:
        """Places of rows, in ascending order: all of them, or `SAMPLED` drawn with a fixed seed."""
        n = len(self.rows)
        if n <= SAMPLED:
            return np.arange(n)
        return np.sort(np.random.default_rng(0).choice(n, SAMPLED, replace=False))

    @cached_property
    def states(self) -> tuple[int, ...]:
        """Places of variables that have states."""
        return tuple(i for i, kind in enumerate(self.kinds) if kind.discrete)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Places of the others, numbers, counts and exposures."""
        return tuple(i for i, kind in enumerate(self.kinds) if not kind.discrete)

    @cached_property
    def measured(self) -> tuple[int, ...]:
        """Places of numbers that are no counts."""
        return tuple(i for i in self.numbers if not self.whole(i))

    def whole(self, i: int) -> bool:
        """Whether a variable counts something."""
        return isinstance(self.kinds[i], Count)

    def exposed(self, i: int) -> bool:
        """Whether a variable is what counts are in proportion to."""
        return isinstance(self.kinds[i], Exposure)

    def in_units(self, i: int, codes: np.ndarray) -> np.ndarray:
        """Codes of a number in the user's units, double, none of them missing: [...]."""
        kind = self.kinds[i]
        flat = kind.decode(np.asarray(codes, dtype=np.float64).ravel()).to_numpy(dtype=np.float64, copy=True)
        if isinstance(kind, Continuous) and kind.shift is not None:
            flat[np.abs(flat) < ROUNDING * abs(kind.shift)] = 0.0  # a zero in the table
        return flat.reshape(np.shape(codes))

    def as_read(self, i: int) -> dict[str, np.ndarray]:
        """A number's column of every table [n_t] in the user's units, slips among it; NaN where missing."""
        units = self.in_units(i, self.rows[:, i])
        columns = dict(zip(self.tables, np.split(units, self.starts[1:-1]), strict=True))
        for slip in self.slips:
            if slip.variable == self.names[i]:
                columns[slip.table][slip.row] = slip.value
        return columns

    @cached_property
    def far(self) -> dict[int, dict[str, list[Far]]]:
        """Values far out of every number but exposures, in every table."""
        return {
            i: {table: [*far_values(column)] for table, column in self.as_read(i).items()}
            for i in self.numbers
            if not self.exposed(i)
        }

    @cached_property
    def without_codes(self) -> dict[str, np.ndarray]:
        """Encoded rows of every table, NaN where a value far out repeats: of codes is spoken once."""
        made = {}
        for table, rows in self.tables.items():
            codes = [(far.places, i) for i, found in self.far.items() for far in found[table] if far.repeated]
            made[table] = rows.copy() if codes else rows
            for places, i in codes:
                made[table][places, i] = np.nan
        return made

    def slip_rows(self, i: int) -> dict[str, set[int]]:
        """Rows of every table in which a variable had a slip."""
        found: dict[str, set[int]] = {table: set() for table in self.tables}
        for slip in self.slips:
            if slip.variable == self.names[i]:
                found[slip.table].add(slip.row)
        return found

    def labels(self, i: int, codes: np.ndarray) -> list[object]:
        """Codes of any variable as the user has them, none of them missing."""
        return [native(label) for label in self.kinds[i].decode(np.asarray(codes, dtype=np.float64))]


def shown(value: object) -> str:
    """A value in a sentence: numbers to six places, which is what single precision keeps."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value) if isinstance(value, str) else str(value)

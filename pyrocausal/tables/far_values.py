"""Values far from all others of their table: codes for missing values, slips of units, limits of an instrument.

On each side of the median of a table, distances z from it are put in order. What is beyond a gap is suspicious where
the tail of the rest does not reach so far: if z has a Pareto tail with exponent a, estimated by Hill's estimator from
the rest, the gap between the distances z and z' has the chance (z' / z) ** a. Heavy tails have small exponents, so that
they are let alone. Nothing here depends on units.

References
----------
Hill (1975), A simple general approach to inference about the tail of a distribution, Annals of Statistics 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["CODES", "Far", "far_values", "is_code"]

# What people write for a value that they do not have.
CODES = (
    *(sign * (10.0**k - 1) for k in range(2, 7) for sign in (1, -1)), -9.0, -88.0, 88.0, 888.0, -888.0, -1.0,
    -32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0, 9.96921e36, 1e20, -1e20, 1e30, -1e30, 1e10, -1e10,
)  # fmt: skip
FEWEST = 10  # rows of a table that is looked at
SURE = 14.0  # nats: a gap that has a chance of one in a million
SHARE, FEWEST_IN_TAIL, STEEPEST = 0.1, 8, 6.0  # of the rest that its tail is estimated from; exponent at the most
LONG = 100  # values of a side that its tail is estimated from without those of the other
SPREAD, REPEATED = 0.02, 0.5  # share of rows that may be far out, and that may hold one value far out
ROUNDS = 3  # how many different codes a side may have
APART = math.log(1.5)  # how far a code, or what repeats in a column that else does not, must at least be out
CLEARLY, FARTHEST = 5.0, 30.0  # times as far as the next value: a code, and anything else, that is dangerous
CODE_APART = 3.0  # how many times as far a code must be that only two rows have
LARGE = 50.0  # a smaller code is a number like others
DISTINCT = 0.8  # share of different values from which a column hardly repeats itself
SAME = 1e-5  # relative difference, single precision and more


class Far(NamedTuple):
    """Values of one column of one table that are far out on one side.

    Attributes
    ----------
    value
        The nearest of them.
    places
        Of their rows in the table, [k].
    repeated
        Whether it is one value in several rows.
    code
        Whether it is one of `CODES`.
    sure
        Whether chance does not put values there.
    distance
        How many times as far from the median as the next value.
    """

    value: float
    places: np.ndarray
    repeated: bool
    code: bool
    sure: bool
    distance: float

    @property
    def dangerous(self) -> bool:
        """Whether a sum of squares would be decided by it."""
        return (self.code and (self.sure or self.distance > CLEARLY)) or (self.sure and self.distance > FARTHEST)


def is_code(value: float) -> bool:
    """Whether a value is one that stands for none."""
    return any(math.isclose(value, code, rel_tol=SAME) for code in CODES) or abs(value) >= 9e14


def far_values(values: np.ndarray) -> Iterator[Far]:
    """Values far out in one column [n] of one table; NaN where missing.

    Examples
    --------
    >>> [far.value for far in far_values(np.array([*np.linspace(-1, 1, 50), 4000.0]))]
    [4000.0]
    """
    seen = np.flatnonzero(~np.isnan(values))
    if len(seen) < FEWEST:
        return
    known = np.sort(values[seen].astype(np.float64))
    median = float(known[len(known) // 2])
    different = (1 + int((known[1:] != known[:-1]).sum())) / len(known)
    for sign in (1.0, -1.0):
        side = known[known > median][::-1] if sign > 0 else known[known < median]  # the farthest first
        for _ in range(ROUNDS):
            if (found := _beyond(known, median, side, different)) is None:
                break
            far, count = found
            farthest, nearest = side[0], side[count - 1]
            inside = (values >= min(farthest, nearest)) & (values <= max(farthest, nearest))
            yield far._replace(places=np.flatnonzero(inside))
            side = side[count:]


def _beyond(known: np.ndarray, median: float, side: np.ndarray, different: float) -> tuple[Far, int] | None:
    """What is beyond a gap among the values of one side, the farthest first, and how many they are."""
    if not len(side):
        return None
    z = np.abs(side - median)
    same = int(np.searchsorted(-z, -z[0] * (1 - SAME), side="right"))  # rows that hold the farthest value
    repeated = 1 < same <= REPEATED * len(known)
    count = same if repeated else _largest_gap(z, max(1, int(SPREAD * len(known))))
    value, rest, nowhere = float(side[count - 1]), z[count:], np.empty(0, dtype=int)
    others = rest if len(rest) >= FEWEST_IN_TAIL else _all_others(np.abs(known - median), count)
    code = is_code(value) and count == same and (abs(value) > LARGE or len(others) >= FEWEST_IN_TAIL)
    if len(others) < FEWEST_IN_TAIL:  # all but a few are the same
        return (Far(value, nowhere, repeated, True, True, math.inf), count) if code else None
    gap = math.log(z[count - 1] / others[0]) if z[count - 1] > others[0] else 0.0
    tail = others if len(others) >= LONG else _all_others(np.abs(known - median), count)
    sure = gap * _exponent(tail) > SURE
    code_like = code and abs(value) > LARGE and (same > 2 or gap > math.log(CODE_APART))
    unusual = gap > APART and repeated and (code_like or (same > 2 and different > DISTINCT))
    return (Far(value, nowhere, repeated, code, sure, math.exp(gap)), count) if sure or unusual else None


def _all_others(distance: np.ndarray, taken: int) -> np.ndarray:
    """Distances of both sides but the greatest, and none that is zero, the farthest first."""
    ordered = np.sort(distance)[::-1][taken:]
    return ordered[ordered > 0]


def _largest_gap(z: np.ndarray, most: int) -> int:
    """After how many of the distances, `most` at the most, the next one is farthest away."""
    if len(z) < 2:
        return 1
    near = z[1 : most + 1]
    return int(np.argmax(np.log(z[: len(near)] / near))) + 1


def _exponent(others: np.ndarray) -> float:
    """Exponent of the tail of distances, the farthest first: Hill's estimator, lowered by its standard error."""
    size = min(len(others) - 1, max(FEWEST_IN_TAIL, int(SHARE * len(others))))
    mean = float(np.log(others[:size] / others[size]).mean())
    return min(STEEPEST, 1 / mean if mean > 0 else math.inf) * (1 - 1 / math.sqrt(size))

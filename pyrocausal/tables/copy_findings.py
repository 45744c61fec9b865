"""Findings of columns that say the same: copies, functions of another column, sums of others.

Rows are sampled where there are many, with a fixed seed. Pairs of numbers are compared by one matrix of correlations of
their values, from which great ones are clipped, and one of their ranks, which finds logarithms and the like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pyrocausal.data.columns import listing
from pyrocausal.data.table_findings import TableFinding
from pyrocausal.tables.look import Look

__all__ = ["copy_findings"]

ALIKE = 0.9999  # correlation from which columns are copies
SAME = 1e-5  # deviation from a line, relative, that single precision may make
FEWEST = 20  # complete rows
LEFT = 1e-6  # share of the variance of a variable that a sum of others leaves
SAID = 0.02  # coefficient, in standard deviations, of a variable that is named in a sum
MOST_STATES, ROWS_OF_A_STATE, ROWS_OFF = 60, 5, 20  # of a function of states
ADVICE = "Keep one of them: nothing in such rows tells which of them acts, or is acted on."
IN_SHELL = "Drop all but one of these columns: nothing in such rows tells which of them acts, or is acted on."


def copy_findings(look: Look) -> Iterator[TableFinding]:
    """Columns that say the same as others."""
    rows = look.rows[look.sample]
    copies = [*_numbers_alike(look, rows)]
    yield from copies
    copied = {name for each in copies for name in each.variables[1:]}
    yield from _sums(look, rows, copied)
    yield from _states_alike(look, rows)
    yield from _functions(look, rows)


def _finding(name: str, variables: tuple[str, ...], message: str, **numbers: float) -> TableFinding:
    return TableFinding(name, "doubtful", variables, (), message, ADVICE, IN_SHELL, numbers)


# ---------------------------------------------------------------------- numbers
def _complete(look: Look, rows: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Numbers that are mostly there and vary, and their complete rows [n, m], double."""
    some = [i for i in look.numbers if np.isnan(rows[:, i]).mean() < 0.3]
    values = rows[:, some].astype(np.float64)
    values = values[~np.isnan(values).any(1)]
    if len(values) < FEWEST:
        return [], values[:, :0]
    varies = np.ptp(values, axis=0) > 0
    return [i for i, each in zip(some, varies, strict=True) if each], values[:, varies]


def _clipped(values: np.ndarray) -> np.ndarray:
    """Values [n, m] brought within a few usual ranges, so that no code for a missing value makes a correlation."""
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    width = np.where(high > low, 5 * (high - low), np.ptp(values, axis=0))
    return np.clip(values, low - width, high + width)


def _standard(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(0)
    return values / np.sqrt((values**2).mean(0))


def _numbers_alike(look: Look, rows: np.ndarray) -> Iterator[TableFinding]:
    """Numbers that are linear functions of each other, or rise and fall together in all rows."""
    places, values = _complete(look, rows)
    if len(places) < 2:
        return
    z = _standard(_clipped(values))
    linear = np.abs(z.T @ z) / len(z)
    different = np.array([len(np.unique(column)) for column in values.T])
    ranks = _standard(np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable").astype(np.float64))
    monotone = np.abs(ranks.T @ ranks) / len(z)
    untied = different > 0.9 * len(values)  # ranks of ties would come in the order of rows
    monotone *= untied[:, None] & untied
    for matrix, how in ((linear, "a copy of"), (monotone, "a function of")):
        taken: set[int] = set()
        for a in range(len(places)):
            same = [b for b in np.flatnonzero(matrix[a] > ALIKE).tolist() if b > a and b not in taken]
            if matrix is monotone:
                same = [b for b in same if linear[a, b] <= ALIKE]
            if a in taken or not same:
                continue
            taken.update(same)
            names = tuple(look.names[places[b]] for b in (a, *same))
            least = float(matrix[a, same].min())
            which = "correlation" if matrix is linear else "rank correlation"
            are = "is" if len(same) == 1 else "are"
            found = _finding(
                "copy" if matrix is linear else "function", names,
                f"{listing(names[1:], 5)} {are} {how} {names[0]!r}, in other units perhaps: {which} {least:.6f}",
                correlation=least,
            )  # fmt: skip
            exact = [b for b in same if matrix is linear and _exact(look, places[a], places[b])]
            yield replace(found, severity="dangerous", numbers={"correlation": least, "exact": 1}) if exact else found


def _exact(look: Look, i: int, j: int) -> bool:
    """Whether a number is a linear function of another to the last digit that is kept, in all rows of all tables."""
    both = look.rows[:, [i, j]].astype(np.float64)
    gaps = np.isnan(both)
    if (gaps[:, 0] != gaps[:, 1]).any():
        return False
    one, other = _standard(both[~gaps[:, 0]]).T
    off = np.abs(other - np.sign((one * other).mean()) * one)
    return bool((off <= SAME * np.maximum(1.0, np.abs(one))).all())


def _sums(look: Look, rows: np.ndarray, copied: set[str]) -> Iterator[TableFinding]:
    """Numbers that are sums of several others, apart from copies."""
    places, values = _complete(look, rows)
    keep = [k for k, i in enumerate(places) if look.names[i] not in copied]
    if len(keep) < 3 or len(values) < 2 * len(keep) + FEWEST:
        return
    z = _standard(_clipped(values[:, keep]))
    gram = z.T @ z / len(z)
    if np.linalg.eigvalsh(gram)[0] > LEFT:
        return
    order: list[int] = []  # variables that those before do not make up
    left = np.ones(len(keep))
    for k in range(len(keep)):
        if order:
            with np.errstate(all="ignore"):
                weights = np.linalg.lstsq(gram[np.ix_(order, order)], gram[order, k], rcond=None)[0]
            left[k] = 1 - float(weights @ gram[order, k])
            if left[k] < LEFT:
                parts = [order[j] for j in np.flatnonzero(np.abs(weights) > SAID)]
                name = look.names[places[keep[k]]]
                names = tuple(look.names[places[keep[j]]] for j in parts)
                yield _finding(
                    "sum", (name, *names), f"{name!r} is a weighted sum of {listing(names, 6)}, to {LEFT:g} of its "
                    "variance, as totals and shares that add up to one are",
                    left=max(0.0, float(left[k])),
                )  # fmt: skip
                continue
        order.append(k)


# ---------------------------------------------------------------------- states
def _first_seen(codes: np.ndarray) -> np.ndarray:
    """States of rows [n] renamed in the order in which they come, -1 where missing."""
    _, first, renamed = np.unique(codes, return_index=True, return_inverse=True)
    made = np.argsort(np.argsort(first))[renamed]
    return np.where(np.isnan(codes), -1, made)


def _states_alike(look: Look, rows: np.ndarray) -> Iterator[TableFinding]:
    """Variables with states of which one is the other, states perhaps called otherwise."""
    if len(rows) < FEWEST:
        return
    groups: dict[bytes, list[int]] = {}
    for i in look.states:
        renamed = _first_seen(rows[:, i])
        if renamed.max() > 0:
            groups.setdefault(renamed.astype(np.int16).tobytes(), []).append(i)
    for group in groups.values():
        if len(group) > 1:
            names = tuple(look.names[i] for i in group)
            are = "is" if len(names) == 2 else "are"
            yield _finding(
                "copy", names, f"{listing(names[1:], 5)} {are} {names[0]!r} with states called otherwise, or the same: "
                "each state of one goes with one state of the other in all rows", rows=len(rows),
            )  # fmt: skip


def _functions(look: Look, rows: np.ndarray) -> Iterator[TableFinding]:
    """Variables that the state of another decides: coarser states, or numbers such as a dose for its label."""
    for i in look.states:
        seen = ~np.isnan(rows[:, i])
        codes = rows[seen, i].astype(int)
        counts = np.bincount(codes)
        many = int((counts > 0).sum())
        if not 2 <= many <= MOST_STATES or len(codes) < max(FEWEST, ROWS_OF_A_STATE * many):
            continue
        first = np.zeros(len(counts), dtype=int)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        others = rows[seen]
        with np.errstate(invalid="ignore"):
            same = (np.isclose(others, others[first[codes]], rtol=1e-6, atol=1e-7) | np.isnan(others)).all(0)  # [d]
        for j in np.flatnonzero(same).tolist():
            if j == i or not _tells(look, others[:, j], j, many):
                continue
            yield _finding(
                "function", (look.names[j], look.names[i]),
                f"{look.names[j]!r} is a function of {look.names[i]!r}: every state of {look.names[i]} has one value "
                f"of {look.names[j]} in all rows", states=many,
            )  # fmt: skip


def _tells(look: Look, column: np.ndarray, j: int, many: int) -> bool:
    """Whether a column varies so much that it is no chance that states [many] decide it."""
    known = column[~np.isnan(column)]
    if not len(known):
        return False
    counts = np.sort(np.unique(known, return_counts=True)[1])
    fewer = len(counts) < many if j in look.states else len(counts) <= many
    return fewer and len(counts) > 1 and int(counts[:-1].sum()) >= ROWS_OFF

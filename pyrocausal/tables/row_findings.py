"""Findings of rows: the same row again, and rows that are like their neighbours, as in time series and in blocks.

Neighbours are compared within tables, in the order in which their rows come. Numbers are compared by their
autocorrelation at lag 1, clipped so that no single value decides; states by how often a row has that of the row before,
beyond what their frequencies make of it, as a share of the most that could be (Cohen's kappa).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pyrocausal.data.columns import number_of
from pyrocausal.data.table_findings import TableFinding, named_regimes
from pyrocausal.tables.look import Look

__all__ = ["likeness_of_neighbours", "repeated_rows", "row_findings"]

CLIP = 4.0  # usual deviations
SIGNIFICANT = 6.0  # standard errors
STRONG, WEAK = 0.4, 0.15  # likeness of neighbours that is dangerous, and doubtful
FEWEST_PAIRS = 20
FARTHEST, FIRST_ROWS = 24, 5_000  # rows between those that are compared too, and rows of a table in which they are
SORTED = 0.98  # share of steps in one direction of a column that a table was sorted by
REPEATED, MANY = 0.01, 0.2  # share of rows that are there again: doubtful, and dangerous
HEAVY = 10  # rows that a row counts as on average, from which measured numbers should repeat
BLOCK = 8_192  # rows that are looked at together


def row_findings(look: Look) -> Iterator[TableFinding]:
    """Rows that do not stand for themselves."""
    yield from _neighbours(look)
    yield from _again(look)
    yield from _heavy(look)


# ---------------------------------------------------------------------- neighbours
def likeness_of_neighbours(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """How like the row before each row is, beyond chance, and that over its standard error, both [d], of all tables.

    A number's is an autocorrelation, a state's Cohen's kappa; 0 where there are too few pairs.
    """
    d = len(look.names)
    excess, most, pairs = np.zeros(d), np.zeros(d), np.zeros(d)
    discrete = np.array([kind.discrete for kind in look.kinds])
    for rows in look.without_codes.values():
        if len(rows) < 3:
            continue
        for some in np.array_split(np.arange(d), max(1, len(rows) * d // 2_000_000)):
            numbers, states = some[~discrete[some]], some[discrete[some]]
            if len(numbers):
                z = _clipped(rows[:, numbers])
                both = ~np.isnan(z[1:]) & ~np.isnan(z[:-1])
                excess[numbers] += np.nansum(z[1:] * z[:-1], 0)
                most[numbers] += np.nanmean(z**2, 0) * both.sum(0) if len(z) else 0
                pairs[numbers] += np.where(np.nanmax(np.abs(z), 0) > 0, both.sum(0), 0)
            for i in states:
                _add_agreement(rows[:, i], i, excess, most, pairs)
    enough = (pairs >= FEWEST_PAIRS) & (most > 0)
    likeness = np.where(enough, excess / np.where(most > 0, most, 1), 0.0)
    return likeness, likeness * np.sqrt(np.where(enough, pairs, 0))


def _clipped(values: np.ndarray) -> np.ndarray:
    """Values [n, m] less their mean over their usual deviation, great ones clipped; NaN where missing, or 0."""
    some = ~np.isnan(values).all(0)
    z = np.zeros(values.shape)
    if not some.any():
        return z
    known = values[:, some].astype(np.float64)
    middle = np.nanmedian(known, axis=0)
    known -= middle
    usual = 1.4826 * np.nanmedian(np.abs(known), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = np.where(usual > 0, usual, np.nanstd(known, axis=0))
        known = np.where(usual > 0, np.clip(known / usual, -CLIP, CLIP), np.where(np.isnan(known), np.nan, 0.0))
    z[:, some] = known - np.nanmean(known, axis=0)
    return z


def _add_agreement(column: np.ndarray, i: int, excess: np.ndarray, most: np.ndarray, pairs: np.ndarray) -> None:
    """Add what one column [n] of states of one table says."""
    both = ~np.isnan(column[1:]) & ~np.isnan(column[:-1])
    count = int(both.sum())
    if not count:
        return
    share = np.bincount(column[~np.isnan(column)].astype(int)) / (~np.isnan(column)).sum()
    by_chance = float((share**2).sum())
    if by_chance > 1 - 5 / count:  # hardly anything but one state
        return
    excess[i] += float((column[1:] == column[:-1])[both].sum()) - by_chance * count
    most[i] += (1 - by_chance) * count
    pairs[i] += count


def _neighbours(look: Look) -> Iterator[TableFinding]:
    likeness, errors = likeness_of_neighbours(look)
    alike = np.flatnonzero((likeness > WEAK) & (errors > SIGNIFICANT))
    if not len(alike):
        yield from _rows_in_turn(look)
        return
    alike = alike[np.argsort(-likeness[alike], kind="stable")]
    names = tuple(look.names[i] for i in alike)
    told = ", ".join(f"{look.names[i]} {likeness[i]:.2f}" for i in alike[:5])
    more = f" and {len(alike) - 5} more variables" if len(alike) > 5 else ""
    by = _sorted_by(look)
    severity = "dangerous" if likeness[alike[0]] >= STRONG else "doubtful"
    message = (
        f"rows are not independent: they are like their neighbours, the rows just before them (autocorrelation {told}"
        f"{more})"
    )
    if by:
        severity = "noted"
        message = f"rows come sorted by {by}, so that neighbours are alike (autocorrelation {told}{more})"
    yield TableFinding(
        "like-neighbours", severity, names, (), message,
        "If rows follow each other in time, or come in blocks (patients, plates), a fit takes them for many more than "
        "they are: keep every k-th row, or name the column of blocks as groups=. If the table was only sorted, take "
        "no notice." if not by else "Nothing, if the rows were recorded independently and sorted afterwards.",
        "", {"autocorrelation": float(likeness[alike[0]]), "variables": len(alike)},
    )  # fmt: skip


def _rows_in_turn(look: Look) -> Iterator[TableFinding]:
    """Numbers of a row that are like those of the row a fixed number before it: several series, row by row in turn."""
    numbers = [i for i in look.measured if not look.exposed(i)]
    tables = [_clipped(rows[:FIRST_ROWS, numbers]) for rows in look.without_codes.values() if len(rows) > 2 * FARTHEST]
    if not tables or not numbers:
        return
    filled = [np.nan_to_num(z) for z in tables]
    square = sum((z**2).sum(0) for z in filled)
    size = sum(map(len, filled))
    for lag in range(2, FARTHEST + 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            likeness = np.nan_to_num(sum((z[lag:] * z[:-lag]).sum(0) for z in filled) / square)  # [numbers]
        alike = np.flatnonzero((likeness > WEAK) & (likeness * np.sqrt(size) > SIGNIFICANT))
        if len(alike):
            alike = alike[np.argsort(-likeness[alike], kind="stable")]
            told = ", ".join(f"{look.names[numbers[i]]} {likeness[i]:.2f}" for i in alike[:5])
            yield TableFinding(
                "like-neighbours", "dangerous" if likeness[alike[0]] >= STRONG else "doubtful",
                tuple(look.names[numbers[i]] for i in alike), (),
                f"rows are not independent: they are like the rows {lag} before them (autocorrelation {told}), as if "
                f"{lag} series stood there row by row in turn",
                "Name the column of series as groups=, or keep one row of many.",
                "Name the column of series by --group, or keep one row of many.",
                {"autocorrelation": float(likeness[alike[0]]), "variables": len(alike), "lag": lag},
            )  # fmt: skip
            return


def _sorted_by(look: Look) -> str:
    """The first variable that rows are sorted by, in steps that differ; "" if there is none.

    A column that goes up evenly is a clock or numbers rows, and explains nothing.
    """
    for i in look.numbers:
        ups = downs = steps = 0
        spread: list[float] = []
        for rows in look.tables.values():
            if len(rows) < FEWEST_PAIRS:
                continue
            step = np.diff(rows[:, i].astype(np.float64))
            ups, downs, steps = ups + int((step >= 0).sum()), downs + int((step <= 0).sum()), steps + len(step)
            size = np.abs(step).mean()
            spread.append(float(np.abs(step).std() / size) if size > 0 else math.inf)
        if steps and max(ups, downs) >= SORTED * steps and min(spread) > 0.3 and min(ups, downs) < steps:
            return look.names[i]
    return ""


# ---------------------------------------------------------------------- the same row again
def first_rows(rows: np.ndarray) -> np.ndarray:
    """Places of rows [n, d] that have not been there before, value for value."""
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 2**63, size=rows.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), BLOCK):
        block = np.ascontiguousarray(rows[start : start + BLOCK] + np.float32(0)).view(np.uint32).astype(np.uint64)
        block ^= block >> np.uint64(15)
        keys[start : start + BLOCK] = (block * factors).sum(1, dtype=np.uint64)
    return np.sort(np.unique(keys, return_index=True)[1])


def repeated_rows(rows: np.ndarray) -> int:
    """How many of rows [n, d] have been there before."""
    return len(rows) - len(first_rows(rows))


def _again(look: Look) -> Iterator[TableFinding]:
    """Rows that are there more than once, where numbers make that unlikely."""
    if not look.numbers:
        return
    total = len(look.rows)
    within = {name: repeated_rows(rows) for name, rows in look.tables.items()}
    again = repeated_rows(look.rows)
    if again < max(2, REPEATED * total) or again <= 3 * _by_chance(look):
        return
    regimes = tuple(name for name, count in within.items() if count)
    across = again - sum(within.values())
    where = f" ({across} of them in another table too)" if across else ""
    yield TableFinding(
        "repeated-rows", "dangerous" if again >= MANY * total else "doubtful", (), regimes,
        f"{number_of(again, 'row')} of {total:,} repeat an earlier row, value for value{where}"
        + (f", in {named_regimes(regimes)}" if regimes else ""),
        "If something was read twice, drop the copies: frame.drop_duplicates(). If equal rows were counted, keep one "
        "of them and say weights=.",
        "If something was read twice, drop the copies. If equal rows were counted, keep one of them and say --weights.",
        {"rows": again, "share": again / total},
    )  # fmt: skip


def _heavy(look: Look) -> Iterator[TableFinding]:
    """Rows that count as many, though measured numbers are such as no two rows have."""
    rows, counted = len(look.rows), look.counted
    if not look.measured or counted < HEAVY * rows or repeated_rows(look.rows) >= REPEATED * rows:
        return
    yield TableFinding(
        "heavy-weights", "dangerous", (), (),
        f"weights make {rows:,} rows count as {counted:,.0f}, though no two rows have the same numbers: a fit would be "
        "as sure as if so many had been recorded",
        "Scale the weights to add up to the effective sample size, sum(w)^2 / sum(w^2), or leave them out.",
        "", {"rows": rows, "counted": counted},
    )  # fmt: skip


def _by_chance(look: Look) -> float:
    """How many pairs of rows would be the same if columns were independent, numbers counting half for they are not."""
    rows = look.rows[look.sample]
    rows = rows[first_rows(rows)]
    log_same = 0.0
    for column in rows.T:
        counts = np.unique(column[~np.isnan(column)], return_counts=True)[1].astype(float)
        size = counts.sum()
        pairs = float((counts * (counts - 1)).sum()) / max(size * (size - 1), 1)
        log_same += math.log(max(pairs, 1 / max(size, 2) ** 2))
    n = len(look.rows)
    return math.exp(min(700.0, 2 * math.log(n) - math.log(2) + log_same / 2))

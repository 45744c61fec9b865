"""Rows that come in groups of near copies, wherever they stand: replicates of a sample, cells of a clone.

In a table, let d_k be the distance of a row to its k-th nearest neighbour, in the m directions in which rows spread. If
rows are drawn independently, (d_k / d_(k+1)) ** m is as the largest of k uniform numbers, so that its k-th power is
uniform. A row in a group of k + 1 near copies has a d_k far below d_(k+1), and that number next to zero. m is what
distances farther out make of it, which are those between groups: log 2 / m is the median of log(d_2k / d_k).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pyrocausal.data.table_findings import TableFinding, named_regimes
from pyrocausal.tables.look import Look

__all__ = ["near_copies", "near_copy_findings"]

GROUP, APART = 9, 1e-3  # rows beside one that are near copies at the most; what is next to zero
SOME, MANY = 0.2, 0.4  # share of rows in groups: doubtful, and dangerous
FEWEST, ASKED, TABLES = 100, 100, 20  # rows of a table that is looked at; rows asked of each; tables, the largest
COLUMNS, DIFFERENT = 12, 0.9  # that are looked at; share of different values of each


def near_copy_findings(look: Look) -> Iterator[TableFinding]:
    """Tables whose rows come in groups of near copies."""
    largest = sorted(look.tables, key=lambda name: -len(look.tables[name]))[:TABLES]
    numbers = [i for i in look.measured if not look.exposed(i)]
    found = {name: near_copies(look.tables[name][:, numbers]) for name in largest}
    regimes = tuple(name for name in look.tables if found.get(name, 0.0) > SOME)
    if regimes:
        share = max(found[name] for name in regimes)
        yield TableFinding(
            "near-copies", "dangerous" if share > MANY else "doubtful", (), regimes,
            f"rows are not independent: {share:.0%} of the rows of {named_regimes(regimes)} have near copies among the "
            "others, as several measurements of one sample are",
            "Name the column that says which rows belong together as groups=, or keep one row of each, or their mean.",
            "Name the column that says which rows belong together by --group, or keep one row of each.",
            {"share": share},
        )  # fmt: skip


def near_copies(rows: np.ndarray) -> float:
    """Share of rows [n, m] of one table that have near copies; 0 where there are too few rows or columns to tell.

    Examples
    --------
    >>> samples = np.random.default_rng(0).normal(size=(100, 3))
    >>> replicates = np.repeat(samples, 3, axis=0) + 0.001 * np.random.default_rng(1).normal(size=(300, 3))
    >>> near_copies(samples) < 0.1, near_copies(replicates) > 0.9
    (True, True)
    """
    values = rows[:, np.isnan(rows).mean(0) < 0.1].astype(np.float64)
    values = values[~np.isnan(values).any(1)]
    if len(values) < FEWEST:
        return 0.0
    varied = [column for column in values.T if len(np.unique(column)) > DIFFERENT * len(column)][:COLUMNS]
    if len(varied) < 2:
        return 0.0
    z = np.column_stack([_drawn_in(column) for column in varied])
    asked = np.random.default_rng(0).choice(len(z), ASKED, replace=False)
    nearest = min(4 * (GROUP + 1), len(z) - 1)
    d = np.stack([np.sort(np.partition(((z - z[i]) ** 2).sum(1), nearest)[: nearest + 1])[1:] for i in asked])
    if (d[:, 0] == 0).mean() > 0.05:  # the same row again, which is another finding
        return 0.0
    logs = 0.5 * np.log(np.maximum(d, 1e-30))  # [asked, neighbours]
    farther = range(GROUP + 1, nearest // 2 + 1)
    usual = max(float(np.median(logs[:, 2 * k - 1] - logs[:, k - 1])) for k in farther)
    k = np.arange(1, GROUP + 1)
    close = math.log(2) / usual * k * (logs[:, :GROUP] - logs[:, 1 : GROUP + 1])  # of the uniform number, a logarithm
    return float((close.min(1) < math.log(APART / GROUP)).mean())


def _drawn_in(column: np.ndarray) -> np.ndarray:
    """Values [n] over their usual range, great ones drawn in, so that no single value decides what is near."""
    low, middle, high = np.quantile(column, (0.1, 0.5, 0.9))
    return np.arctan((column - middle) / max(high - low, 1e-300))

"""Targets of regimes as comma-separated files: a row for each regime and target."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pyrocausal.data.at_least import AtLeast

__all__ = ["read_targets"]

PARTLY = {"yes": True, "no": False, "": False}  # the column at_least


def read_targets(path: str | Path) -> dict[str, tuple[str, ...] | AtLeast]:
    """Read what is known of the targets of regimes; other regimes are left unknown.

    Parameters
    ----------
    path : path
        A comma-separated file with a header and the columns regime and target, a row for each target; an empty target
        says that the regime is known to have none. A third column, at_least, says "yes" in all rows of a regime that
        may have other targets too; "no" or nothing means that these are all.

    Returns
    -------
    dict of str to tuple of str or AtLeast
        For `targets=` of `InterventionalData.from_csv` and its like.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty or has other columns, a regime has no name or is said to have targets and to have none, its
        rows disagree, or at_least is neither yes nor no. The message names the regime.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "targets.csv"
    ...     _ = path.write_text("regime,target,at_least\\ndrug A,PKA,no\\ndrug B,PKC,yes\\nvehicle,,\\n")
    ...     read_targets(path)
    {'drug A': ('PKA',), 'drug B': AtLeast('PKC'), 'vehicle': ()}
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"path: {path} is empty; expected the columns regime and target") from error
    columns = list(table.columns)
    if not {"regime", "target"} <= set(columns) <= {"regime", "target", "at_least"}:
        raise ValueError(
            f"path: {path} has the columns {', '.join(columns)}; expected regime, target and perhaps at_least"
        )
    regimes, targets, told = (
        [text.strip() for text in table[column]] if column in columns else [""] * len(table)
        for column in ("regime", "target", "at_least")
    )
    if "" in regimes:
        raise ValueError(f"path: {path} has no regime in line {regimes.index('') + 2}; name it")
    if strange := [text for text in told if text not in PARTLY]:
        raise ValueError(f"path: {path} has {strange[0]!r} in the column at_least; say yes or no")
    rows = list(zip(regimes, targets, (PARTLY[text] for text in told), strict=True))
    return {
        regime: _of([row[1:] for row in rows if row[0] == regime], regime, path) for regime in dict.fromkeys(regimes)
    }


def _of(rows: list[tuple[str, bool]], regime: str, path: str | Path) -> tuple[str, ...] | AtLeast:
    """The targets of one regime from (target, whether there may be others) of each of its rows."""
    names, partly = tuple(name for name, _ in rows if name), {part for _, part in rows}
    if len(partly) > 1:
        raise ValueError(
            f"path: {path} says yes and no in the column at_least of regime {regime!r}; say the same in all its rows"
        )
    if len(names) < len(rows) and (names or True in partly):
        raise ValueError(
            f"path: {path} has a row without a target for regime {regime!r}, which says that it has none, and says "
            "that it has one, too; keep one of the two"
        )
    return AtLeast(*names) if True in partly else tuple(dict.fromkeys(names))

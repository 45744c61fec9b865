"""One long table taken apart: the rows of every regime, and targets that a column names.

``n`` counts rows.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing, number_of, spelled_alike
from pyrocausal.data.tables import Targets, check_frame

__all__ = ["Observational", "listed_labels", "split_table"]

Observational: TypeAlias = Hashable | Sequence[Hashable] | None
Split: TypeAlias = tuple[pd.DataFrame, dict[str, pd.DataFrame]]

BETWEEN_TARGETS = re.compile(r"[,;+]")


def split_table(
    frame: pd.DataFrame,
    regime: str | None,
    observational: Observational,
    targets_column: str | None = None,
    targets: Targets = None,
) -> tuple[Split, Targets]:
    """Split a long table by the column `regime`, by the sets of targets in `targets_column`, or by both.

    Returns
    -------
    tables
        Of the observational rows, and of each regime by its name, without these columns.
    targets
        What is given, and what the column says.

    Raises
    ------
    TypeError
        If `frame` is no DataFrame.
    ValueError
        If neither column is given, one is absent or incomplete, a label of observational rows does not occur, a target
        is no variable, or targets differ within a regime or are given twice.

    Examples
    --------
    >>> table = pd.DataFrame({"A": [1, 2, 3], "B": [2, 3, 4], "target": [None, "A", "B+A"]})
    >>> (_, regimes), targets = split_table(table, None, None, "target")
    >>> targets
    {'A': ('A',), 'B+A': ('B', 'A')}
    """
    check_frame(frame, "frame")
    if regime is None and targets_column is None:
        raise ValueError(
            "regime: say which column tells the regime of each row, or say targets_column, which names its targets"
        )
    if targets_column is None:
        return _by_label(frame, regime, observational), targets
    if regime == targets_column:
        raise ValueError(f"targets_column: {regime!r} is the column of regimes too; leave regime out if it names both")
    _check_column(frame, targets_column, "targets_column")
    variables = [name for name in frame.columns if name not in (regime, targets_column)]
    sets = {text: _names(text, variables) for text in dict.fromkeys(_texts(frame[targets_column]))}
    labels = listed_labels(observational, ())
    if regime is None:
        away = {str(label) for label in labels if not _is_empty(label)}
        if strange := [label for label in away if label not in sets]:
            raise ValueError(
                f"observational: no row has {strange[0]!r} in column {targets_column!r}; it holds {listing(sets)}"
            )
        sets |= dict.fromkeys(away, ())
    _check_targets(sets, variables, frame[targets_column], targets_column)
    if regime is None:
        split, told = _by_targets(frame, targets_column, sets)
    else:
        split, told = _of_regimes(_by_label(frame, regime, observational), targets_column, sets)
    given = {str(name): value for name, value in (targets or {}).items()} if _is_mapping(targets) else {}
    if twice := [name for name in given if name in told]:
        raise ValueError(f"targets: those of {twice[0]!r} stand in column {targets_column!r} too; drop one of the two")
    return split, {**told, **given}


def _is_mapping(targets: Any) -> bool:
    if targets is not None and not isinstance(targets, Mapping):
        raise TypeError(f"targets: expected a mapping of regime to variables, got {type(targets).__name__}")
    return targets is not None


def _by_targets(frame: pd.DataFrame, column: str, sets: dict[str, tuple[str, ...]]) -> tuple[Split, dict[str, Any]]:
    """Every set of targets is a regime; rows without are the observational ones."""
    names: dict[frozenset[str], str] = {}
    for found in sets.values():
        names.setdefault(frozenset(found), "+".join(found))
    of_row = np.array([names[frozenset(sets[text])] for text in _texts(frame[column])], dtype=object)  # [n]
    tables = {name: frame.loc[of_row == name].drop(columns=column) for name in names.values()}
    if "" not in tables:
        raise ValueError(
            f"observational: no row is empty in column {column!r}; empty it in rows without an intervention, or name "
            f"their label, as in observational={next(iter(sets))!r} (--observational in the shell)"
        )
    told = {name: next(found for found in sets.values() if frozenset(found) == key) for key, name in names.items()}
    return (tables.pop(""), tables), {name: found for name, found in told.items() if found}


def _of_regimes(split: Split, column: str, sets: dict[str, tuple[str, ...]]) -> tuple[Split, dict[str, Any]]:
    """Regimes have names of their own; all rows of one have the same targets, and observational rows have none."""
    control, regimes = split
    told = {}
    for name, table in regimes.items():
        texts = dict.fromkeys(_texts(table[column]))
        if len({frozenset(sets[text]) for text in texts}) > 1:
            raise ValueError(
                f"targets_column: the rows of regime {name!r} hold {listing(texts)} in column {column!r}; say the same "
                "in all of them, or leave the column of regimes out, so that each is a regime of its own"
            )
        told[name] = sets[next(iter(texts))]
    if hit := [text for text in dict.fromkeys(_texts(control[column])) if sets[text]]:
        raise ValueError(
            f"targets_column: observational rows hold {hit[0]!r} in column {column!r}; empty it there, or say which "
            "rows are the observational ones"
        )
    return (control.drop(columns=column), {name: table.drop(columns=column) for name, table in regimes.items()}), told


def _texts(column: pd.Series) -> list[str]:
    """Values [n] as text, "" where missing."""
    return ["" if missing else str(value).strip() for value, missing in zip(column, column.isna(), strict=True)]


def _names(text: str, variables: Sequence[str]) -> tuple[str, ...]:
    """Variables that a cell names: one, as it stands, or several with , ; or + between them."""
    parts = [text] if text in variables else [part.strip() for part in BETWEEN_TARGETS.split(text)]
    return tuple(dict.fromkeys(part for part in parts if part))


def _check_targets(sets: Mapping[str, tuple[str, ...]], variables: Sequence[str], column: pd.Series, name: str) -> None:
    for text, found in sets.items():
        if strange := [each for each in found if each not in variables]:
            many = number_of(_texts(column).count(text), "row")
            raise ValueError(
                f"targets_column: {strange[0]!r}, of {many} in column {name!r}, is no variable; if it marks rows "
                f"without an intervention, say observational={text!r} (--observational in the shell), else add its "
                f"column or drop these rows; the variables are {listing(variables)}"
            )


def _check_column(frame: pd.DataFrame, name: str | None, argument: str) -> None:
    if name is None or list(frame.columns).count(name) != 1:
        raise ValueError(f"{argument}: expected one column {name!r}, the columns are {listing(frame.columns)}")


def _is_empty(label: Any) -> bool:
    return label is None or (isinstance(label, str) and not label.strip()) or (label != label)  # NaN


def listed_labels(observational: Any, values: Iterable[Any]) -> list[Any]:
    """Labels of observational rows, one or several; a tuple that is itself a label is one."""
    if isinstance(observational, tuple) and any(observational == value for value in values):
        return [observational]
    many = isinstance(observational, (list, tuple, set, frozenset, np.ndarray, pd.Index, pd.Series))
    labels = [*observational] if many else [observational]
    if not labels:
        raise ValueError("observational: expected a label or several, got none; None stands for rows without a label")
    return labels


def _warn_of_spelling(labels: list[str], column: str | None) -> None:
    """Warn of labels that are written in two ways: rows of one regime would be those of two."""
    if groups := spelled_alike(labels):
        told = "; ".join(listing(alike) for alike in groups[:5])
        warnings.warn(
            f"labels in column {column!r} differ in spaces or capitals alone, and are taken for regimes of their own: "
            f"{told}; write them in one way if they are one",
            RuntimeWarning,
            stacklevel=5,
        )


def _by_label(frame: pd.DataFrame, regime: str | None, observational: Observational) -> Split:
    """Rows by their label, a string, in order of first appearance."""
    _check_column(frame, regime, "regime")
    codes, values = pd.factorize(frame[regime])
    seen = [value for value in values if not _is_empty(value)]
    labels: list[Any] = [None if _is_empty(value) else str(value) for value in values]
    times = Counter(label for label in labels if label is not None)
    if twice := [label for label, count in times.items() if count > 1]:
        raise ValueError(
            f"regime: column {regime!r} holds {twice[0]} both as a text and as a number, or as numbers that are "
            "written alike; write the labels of one regime in one way"
        )
    of_row = np.array([*labels, None], dtype=object)[codes]  # [n], None where there is no label
    empty: np.ndarray = pd.isna(of_row)
    _warn_of_spelling([label for label in labels if label is not None], regime)
    wanted = listed_labels(observational, seen)
    control = empty & any(_is_empty(label) for label in wanted)
    for label in wanted:
        if _is_empty(label):
            if not empty.any():
                raise ValueError(
                    f"observational: every row has a label in column {regime!r}; name that of the rows without an "
                    f"intervention, as in observational={str(seen[0] if seen else '')!r} (--observational in the "
                    f"shell); the labels are {listing(map(str, seen))}"
                )
            continue
        alike = [str(value) for value in seen if str(value) == str(label)]
        alike += [str(value) for value in seen if value == label]
        if not alike:
            raise ValueError(
                f"observational: no row has {label!r} in column {regime!r}; the labels are {listing(map(str, seen))}"
            )
        control = control | (of_row == alike[0])
    if unlabelled := int((empty & ~control).sum()):
        raise ValueError(
            f"regime: {unlabelled} rows have no label in column {regime!r}; label or drop them, or, if these are the "
            f"observational ones, say observational=None, and with others observational=[{observational!r}, None] "
            "(in the shell leave --observational out, or say --observational '' as well)"
        )
    rest = dict.fromkeys(label for label, taken in zip(of_row, control, strict=True) if not taken)
    frame = frame.drop(columns=regime)
    return frame.loc[control], {label: frame.loc[(of_row == label) & ~control] for label in rest}

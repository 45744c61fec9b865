"""Text where numbers were meant: one stray word in a column of numbers, decimal commas, numbers kept as text.

`where` says in messages what is being checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing, native

__all__ = ["check_text", "stray"]

MOST_STRAY = 0.05  # share of values that are no numbers, of a column that else holds nothing but numbers
MANY_VALUES = 50  # whole numbers with fewer different values may be states called by number
COMMA = r"[-+]?\d{1,}(?:\.\d{3})*,\d+"


def check_text(columns: Mapping[str, pd.Series]) -> None:
    """Raise if the columns of a variable, by what messages call them, are text but nearly all of it numbers.

    Whole numbers with few different values and a text among them may be states, such as chromosomes, and pass.

    Raises
    ------
    ValueError
        Which names the column, the stray value, its row, and how to mark it as missing.
    """
    texts = {where: column[column.notna()] for where, column in columns.items()}
    whole = pd.concat([column.astype(object) for column in texts.values()])
    if not len(whole) or not all(isinstance(value, str | Real) for value in whole):
        return
    parsed = pd.to_numeric(whole.map(lambda v: v.strip() if isinstance(v, str) else v), errors="coerce")
    known = parsed.dropna()
    where = next(iter(columns))
    variable = where.split(" in ")[0]
    if len(known) < (1 - MOST_STRAY) * len(whole):
        _check_commas(whole, variable)
        return
    numbers = len(np.unique(known)) > MANY_VALUES or bool((known % 1 != 0).any())
    if not numbers:
        return
    if len(known) == len(whole):
        if all(isinstance(value, str) for value in whole):
            raise ValueError(
                f"{variable} holds numbers as text, such as {native(whole.iloc[0])!r}; convert it with pd.to_numeric, "
                "or say Categorical in kinds if each is a state"
            )
        return
    raise ValueError(_message(texts, int(len(whole) - len(known))))


def _check_commas(whole: pd.Series, variable: str) -> None:
    texts = whole[[isinstance(value, str) for value in whole]].astype(str)
    if len(texts) and bool(texts.str.fullmatch(COMMA).mean() > 1 - MOST_STRAY):
        raise ValueError(
            f"{variable} holds numbers with a decimal comma, such as {texts.iloc[0]!r}; read the file with "
            "pd.read_csv(..., decimal=','), or write points"
        )


def _message(texts: Mapping[str, pd.Series], strays: int) -> str:
    for where, column in texts.items():
        if (found := stray(column)) is not None:
            row, value = found
            more = f" (and {strays - 1} more)" if strays > 1 else ""
            return (
                f"{where} holds the text {native(value)!r} in row {native(row)!r}{more}, but numbers else; correct it, "
                f"or set it to missing: leave the cell empty, or pd.to_numeric(column, errors='coerce') for all such "
                "texts"
            )
    return f"text among numbers: {listing(texts)}"


def stray(column: pd.Series) -> tuple[object, object] | None:
    """Label of the row, and value, of the first text in a column that is no number; None without one."""
    for row, value in column.items():
        if isinstance(value, str) and pd.isna(pd.to_numeric(value.strip(), errors="coerce")):
            return row, value
    return None

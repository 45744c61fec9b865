"""Knowledge as delimited text: edges, perhaps with probabilities, or tiers of variables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from pyrocausal.data.edge_constraints import arrow
from pyrocausal.data.text_form import sniff

__all__ = ["read_knowledge"]

EDGE_COLUMNS = ("cause", "effect", "probability")


def read_knowledge(path: str | Path) -> dict[str, Any]:
    """What a file laid out as `Knowledge.from_file` says gives to the parameters of `Knowledge`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty or has other columns, an empty name, an edge twice, or something that is no number.
    """
    table, first = _table(path)
    columns = list(table.columns)
    if set(columns) == {"variable", "tier"}:
        names = _names(table["variable"], path, first)
        table = table.assign(variable=names, tier=[_number(text, "tier", path) for text in table["tier"]])
        return {"tiers": [list(group["variable"]) for _, group in table.groupby("tier")]}
    causes, effects = (_names(table[column], path, first) for column in ("cause", "effect"))
    edges = list(zip(causes, effects, strict=True))
    if twice := [edge for k, edge in enumerate(edges) if edge in edges[:k]]:
        raise ValueError(f"{path} has the edge {arrow(twice[0])} twice")
    texts = table["probability"] if "probability" in columns else [""] * len(edges)
    likely = {edge: _number(text, "probability", path) for edge, text in zip(edges, texts, strict=True) if text.strip()}
    return {"required": [edge for edge in edges if edge not in likely], "probability": likely}


def _table(path: str | Path) -> tuple[pd.DataFrame, int]:
    """All cells as text, under the columns that there are to be, and in which line the first row stands."""
    try:
        with open(path, "rb") as stream:
            form = sniff(stream.read(), str(path), decimal=".")
        rows = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, skipinitialspace=True, **form)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; expected edges or tiers") from error
    except (pd.errors.ParserError, UnicodeError) as error:
        raise ValueError(f"{path} is no readable table: {error}") from error
    header = [text.strip() for text in rows.iloc[0]]
    if set(header) == {"variable", "tier"} or {"cause", "effect"} <= set(header) <= set(EDGE_COLUMNS):
        return rows.iloc[1:].set_axis(header, axis=1).fillna(""), 2
    if set(header) & {*EDGE_COLUMNS, "variable", "tier"} or len(header) not in (2, 3):
        raise ValueError(
            f"{path} has the columns {', '.join(header)}; expected cause, effect and perhaps probability, "
            "or variable and tier"
        )
    return rows.set_axis(EDGE_COLUMNS[: len(header)], axis=1).fillna(""), 1  # a list without a header


def _names(column: Iterable[str], path: str | Path, first: int) -> list[str]:
    names = [text.strip() for text in column]
    if not all(names):
        raise ValueError(f"{path} has an empty name in line {names.index('') + first}")
    return names


def _number(text: str, column: str, path: str | Path) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{path} has {text!r} in the column {column}, which is no number")
    return number

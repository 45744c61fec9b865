"""Knowledge as comma-separated files: edges, perhaps with probabilities, or tiers of variables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from pyrocausal.data.edge_constraints import arrow

__all__ = ["read_knowledge"]


def read_knowledge(path: str | Path) -> dict[str, Any]:
    """What a file laid out as `Knowledge.from_csv` says gives to the parameters of `Knowledge`.

    Raises
    ------
    ValueError
        If the file has other columns, an empty name, an edge twice, or something that is no number.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    columns = list(table.columns)
    if set(columns) == {"variable", "tier"}:
        table["variable"] = _names(table["variable"], path)
        table["tier"] = [_number(text, "tier", path) for text in table["tier"]]
        return {"tiers": [list(group["variable"]) for _, group in table.groupby("tier")]}
    if not {"cause", "effect"} <= set(columns) <= {"cause", "effect", "probability"}:
        raise ValueError(
            f"{path} has the columns {', '.join(columns)}; expected cause, effect and perhaps probability, "
            "or variable and tier"
        )
    edges = list(zip(_names(table["cause"], path), _names(table["effect"], path), strict=True))
    if twice := [edge for k, edge in enumerate(edges) if edge in edges[:k]]:
        raise ValueError(f"{path} has the edge {arrow(twice[0])} twice")
    texts = table["probability"] if "probability" in columns else [""] * len(edges)
    likely = {edge: _number(text, "probability", path) for edge, text in zip(edges, texts, strict=True) if text.strip()}
    return {"required": [edge for edge in edges if edge not in likely], "probability": likely}


def _names(column: Iterable[str], path: str | Path) -> list[str]:
    names = [text.strip() for text in column]
    if not all(names):
        raise ValueError(f"{path} has an empty name in line {names.index('') + 2}")
    return names


def _number(text: str, column: str, path: str | Path) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{path} has {text!r} in the column {column}, which is no number")
    return number

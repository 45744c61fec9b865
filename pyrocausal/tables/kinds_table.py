"""The table of kinds: a row for each variable, what it was taken for and why, and what it holds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pyrocausal.tables.look import Look, shown

__all__ = ["kinds_table"]

EXAMPLES = 3


def kinds_table(look: Look) -> pd.DataFrame:
    """Kind, why, different values, examples and share missing of every variable, by its name."""
    rows = {}
    for i, name in enumerate(look.names):
        column = look.rows[:, i]
        seen = column[~np.isnan(column)]
        different = np.unique(seen)
        at = np.linspace(0, len(different) - 1, min(EXAMPLES, len(different))).round().astype(int)
        told = [shown(value) for value in look.labels(i, different[at])]
        if look.numbers and i in look.numbers:
            told = [f"{told[0]} to {told[-1]}"] if len(told) > 1 else told
        elif len(different) <= EXAMPLES + 2:
            told = [shown(value) for value in look.labels(i, different)]
        rows[name] = {
            "kind": type(look.kinds[i]).__name__,
            "why": f"guessed: {look.guessed[name]}" if name in look.guessed else "told",
            "different values": len(different),
            "such as": ", ".join(told),
            "missing": f"{1 - len(seen) / len(column):.1%}" if len(seen) < len(column) else "none",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variable")

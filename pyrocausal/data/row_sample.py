"""Some rows of every table, drawn with a fixed seed: for what need not look at all of them."""

from __future__ import annotations

from dataclasses import replace

import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.weights import Part, take_rows, total

__all__ = ["row_sample", "rows_of"]

FEWEST = 2.0  # rows, or weight, that a table needs


def row_sample(data: InterventionalData, plain: int, each: int, seed: int = 0) -> InterventionalData:
    """Data with fewer rows, in the order in which they were; the same data where none has to go.

    Parameters
    ----------
    data
        Rows to draw from, each as likely as any other of its table. They keep their weights.
    plain, each
        Rows without intervention, and rows of each regime, at the most. A table stays whole where those drawn would
        weigh less than two rows together.
    seed
        Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    first, *regimes = [
        _drawn(part, most, generator)
        for part, most in zip(data.parts, [plain] + [each] * len(data.regimes), strict=True)
    ]
    if all(len(new.rows) == len(old.rows) for new, old in zip((first, *regimes), data.parts, strict=True)):
        return data
    kept = [replace(old, rows=new.rows, weights=new.weights) for old, new in zip(data.regimes, regimes, strict=True)]
    return replace(data, observational=first.rows, observational_weights=first.weights, regimes=tuple(kept), slips=())


def rows_of(data: InterventionalData) -> int:
    """Rows of all tables."""
    return sum(len(part.rows) for part in data.parts)


def _drawn(part: Part, most: int, generator: torch.Generator) -> Part:
    if len(part.rows) <= most:
        return part
    places = torch.randperm(len(part.rows), generator=generator)[:most].sort()[0].to(part.rows.device)
    found = Part(part.rows[places], take_rows(part.weights, places))
    return found if total(*found) >= FEWEST else part

"""Rows that tell of a variable's mechanism, and how much they count.

All observational rows do, and rows of regimes that are not believed to have acted on the variable. Where mechanisms
drift between regimes, the rows of a regime tell of its own mechanism first: n rows whose mechanism is at a distance
delta from the common one, in standard deviations of a row, count as n / (1 + n delta^2), as if they shared an error of
that size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part, total

__all__ = ["TellingRows", "telling_rows"]

OF_STATES = 4.0  # a distance in total variation is squared over p (1 - p), which is a quarter at the most


class TellingRows(NamedTuple):
    """All rows, and how much they tell.

    Attributes
    ----------
    rows
        Encoded, nothing missing; shape [N, d].
    weights
        Of every row for every variable, shape [N, d], double.
    """

    rows: torch.Tensor
    weights: torch.Tensor


def telling_rows(
    kinds: Sequence[Kind], parts: Sequence[Part], hit: torch.Tensor, drift: torch.Tensor | None
) -> TellingRows:
    """Find them.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, encoded and complete, the observational ones first; R + 1.
    hit
        Probability that a regime acts on a variable, shape [R, d].
    drift
        Distance of each regime's mechanisms from the common ones, shape [R, d]; None where that is not known.
    """
    first, *regimes = parts
    per = torch.tensor([OF_STATES if kind.closed_form == "table" else 1.0 for kind in kinds], dtype=torch.double)
    weights = [torch.ones(len(first.rows), len(kinds), dtype=torch.double)]
    for r, part in enumerate(regimes):
        apart = torch.zeros_like(per) if drift is None else drift[r].cpu().double().nan_to_num(0.0)
        counts = 1 / (1 + total(part.rows, part.weights) * per * apart.square())
        spared = 1 - hit[r].cpu().double()
        weights.append((counts * torch.where(spared > 0.5, spared, 0.0)).expand(len(part.rows), -1))
    rows, counted = Part.of([part.cpu() for part in parts])
    found = torch.cat(weights)
    return TellingRows(rows, found if counted is None else found * counted[:, None])

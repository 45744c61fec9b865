"""Heads: what the outputs of networks say of their variables, as each kind has it (see `pyrocausal.data.kind`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.model.mechanisms import Block

__all__ = ["distributions", "spread_out"]


def spread_out(kinds: Sequence[Kind], bias: torch.Tensor) -> torch.Tensor:
    """Biases of outputs [d, outputs] with the components of mixtures apart, since those that are alike stay alike."""
    return torch.stack([kind.spread_out(mine) for kind, mine in zip(kinds, bias, strict=True)])


def distributions(kinds: Sequence[Kind], out: torch.Tensor, values: torch.Tensor) -> list[Block]:
    """Distributions of several variables, those of a form together.

    Parameters
    ----------
    kinds
        Of the M variables.
    out
        Outputs of their networks, shape [M, outputs, n].
    values
        Rows, shape [n, d].

    Returns
    -------
    list of Block
        One of each form: categorical variables, continuous ones with the same number of components each, counts, and
        others.
    """
    forms: dict[tuple[int, str, int], list[int]] = {}
    for m, kind in enumerate(kinds):
        forms.setdefault(kind.form, []).append(m)
    blocks = []
    for _, members in sorted(forms.items()):
        alike = [kinds[m] for m in members]
        mine = out if len(members) == len(kinds) else out[members]  # [members, outputs, n]
        blocks.append(Block(tuple(members), alike[0].together(alike, mine, values)))
    return blocks

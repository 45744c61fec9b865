"""Units of counts and what they are in proportion to, of several counts at a time; part of `pyrocausal.data.count`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch

__all__ = ["Layout", "layout"]


class Counted(Protocol):
    """What is asked of a count."""

    @property
    def units(self) -> tuple[float, float]:
        """Shift and scale."""

    @property
    def level(self) -> float:
        """Logarithm of a typical count."""

    @property
    def offset(self) -> int | None:
        """Where its exposure is."""


class Layout(NamedTuple):
    """The m counts among some kinds: where they are, their units, where their exposures are and which have one."""

    places: torch.Tensor  # [m]
    shift: torch.Tensor
    scale: torch.Tensor
    level: torch.Tensor
    exposures: torch.Tensor | None
    exposed: torch.Tensor

    def log_exposures(self, values: torch.Tensor) -> torch.Tensor:
        """From values of all variables [..., d] to [..., m], 0 where a count has no exposure."""
        assert self.exposures is not None
        return values.index_select(-1, self.exposures).nan_to_num() * self.exposed


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and gradients may go through later
def layout(counts: tuple[tuple[int, Counted], ...], dtype: torch.dtype, device: torch.device) -> Layout:
    """Of counts and their places among the variables."""
    offsets = [kind.offset for _, kind in counts]
    exposed = any(place is not None for place in offsets)

    def constants(numbers: Sequence[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=dtype, device=device)

    return Layout(
        places=torch.tensor([j for j, _ in counts], device=device),
        shift=constants([kind.units[0] for _, kind in counts]),
        scale=constants([kind.units[1] for _, kind in counts]),
        level=constants([kind.level for _, kind in counts]),
        exposures=torch.tensor([place or 0 for place in offsets], device=device) if exposed else None,
        exposed=constants([float(place is not None) for place in offsets]),
    )

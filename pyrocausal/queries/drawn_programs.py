"""Programs drawn from a posterior, as many of every chain, and arrays of what is asked of each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from pyrocausal.model.program import Program
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["SAMPLED", "DrawnPrograms", "along"]

SAMPLED = ("chain", "draw")


@dataclass(frozen=True)
class DrawnPrograms:
    """Programs of C chains and N draws; iterating gives all of them, chain by chain.

    Attributes
    ----------
    number
        Of each draw, shape [N].
    programs
        C sequences of N programs.
    """

    number: np.ndarray
    programs: tuple[tuple[Program, ...], ...]

    def __iter__(self) -> Iterator[Program]:
        return chain.from_iterable(self.programs)

    def __len__(self) -> int:
        return sum(map(len, self.programs))

    def each(self, ask: Callable[[Program], Any]) -> np.ndarray:
        """What is asked of every program, an array or a tensor [...] each: [C, N, ...]."""
        with reproducible_torch():  # a thread; more of them are slower with what is so small
            return np.stack([np.stack([np.asarray(ask(program)) for program in each]) for each in self.programs])

    @property
    def graphs(self) -> torch.Tensor:
        """Their graphs, boolean, shape [C, N, d, d]."""
        return torch.stack([torch.stack([program.graph for program in each]) for each in self.programs])


def along(number: np.ndarray, chains: int, **labels: Sequence[Any]) -> dict[str, Any]:
    """Coordinates of chains, draws and whatever else."""
    return {"chain": np.arange(chains), "draw": number, **{name: list(each) for name, each in labels.items()}}

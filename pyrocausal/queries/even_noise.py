"""Noise of rows that are spread more evenly than at random, the same for every program that is asked.

Differences between interventions, graphs and mechanisms are then not those of the noise, and a mean over n rows is off
by about 1 / n in place of 1 / sqrt(n).

References
----------
A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.model.program import Program

__all__ = ["even_noise"]

LEAST = 1e-12  # of a number between 0 and 1, so that none is infinite
DIMENSIONS = 21_201  # that Torch has


def even_noise(program: Program, n: int, seed: int) -> dict[str, torch.Tensor]:
    """Noise of n rows for `pyrocausal.Exogenous`: of every variable [n], or [n, states].

    Raises
    ------
    ValueError
        If the variables have more states in all than there are dimensions.
    """
    return _even_noise(program.names, program.kinds, n, seed)


@lru_cache(maxsize=2)
def _even_noise(names: tuple[str, ...], kinds: tuple[Kind, ...], n: int, seed: int) -> dict[str, torch.Tensor]:
    widths = [kind.cardinality if kind.discrete else 1 for kind in kinds]
    if sum(widths) > DIMENSIONS:
        raise ValueError(f"the variables have {sum(widths):,} states in all, more than {DIMENSIONS:,}")
    engine = torch.quasirandom.SobolEngine(sum(widths), scramble=True, seed=seed)
    even = engine.draw(n, dtype=torch.double).clamp(LEAST, 1 - LEAST).split(widths, 1)
    return {
        name: -(-part.log()).log() if kind.discrete else torch.special.ndtri(part[:, 0])
        for name, kind, part in zip(names, kinds, even, strict=True)
    }

"""Mixtures: what kinds whose distribution may have several components have in common.

Of K components the outputs of a network are K logits of their shares, K locations and K logarithms of spreads, one
after the other.
"""

from __future__ import annotations

import torch

__all__ = ["outputs_of", "parts_of", "spread_locations"]


def outputs_of(components: int) -> int:
    """Outputs of a network: location and log spread, or logits, locations and log spreads of components."""
    return 3 * components if components > 1 else 2


def parts_of(out: torch.Tensor, components: int, dim: int = 0) -> torch.Tensor:
    """Logits, locations and log spreads [3, ..., components] of two components or more.

    From outputs, which may be more than needed and are along `dim`.
    """
    return out.narrow(dim, 0, 3 * components).unflatten(dim, (3, components)).movedim((dim, dim + 1), (0, -1))


def spread_locations(bias: torch.Tensor, components: int) -> torch.Tensor:
    """Biases [outputs] with the locations of components apart, since those that are alike stay alike."""
    if components == 1:
        return bias
    found = bias.clone()
    found[components : 2 * components] += torch.linspace(-1.0, 1.0, components)
    return found

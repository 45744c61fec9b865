"""Heads: what the outputs of a network say of its variable, by the kind of the variable.

- Categorical: a logit for every state.
- Continuous: mean and log scale of a normal distribution, or logits, means and log scales of a mixture of them.
- Count: logarithms of the mean, less those of a typical count and of the exposure, and of the size of a negative
  binomial.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch

from pyrocausal.data.kinds import Categorical, Continuous, Count, Kind
from pyrocausal.model.count_regression import log_levels, negative_binomial
from pyrocausal.model.mechanisms import Block

__all__ = ["distributions", "head", "outputs_of", "spread_out"]

LOG_SCALE = (-10.0, 5.0)  # bounds
LOG_SCALE_OF_COMPONENT = (-4.0, 5.0)  # higher from below, or a component would sit on any value that repeats


def outputs_of(kind: Kind) -> int:
    """Outputs that the network of a variable needs."""
    if isinstance(kind, Categorical):
        return kind.cardinality
    components = kind.components if isinstance(kind, Continuous) else 1
    return 3 * components if components > 1 else 2


def spread_out(kinds: Sequence[Kind], bias: torch.Tensor) -> torch.Tensor:
    """Biases of outputs [d, outputs] with the components of mixtures apart, since those that are alike stay alike."""
    found = bias.clone()
    for i, kind in enumerate(kinds):
        if isinstance(kind, Continuous) and (components := kind.components) > 1:
            found[i, components : 2 * components] += torch.linspace(-1.0, 1.0, components)
    return found


def head(kind: Kind, out: torch.Tensor, values: torch.Tensor) -> dist.TorchDistribution:
    """Distribution of one variable from outputs [outputs, ...] and values [..., d], among which may be its exposure."""
    if isinstance(kind, Categorical):
        return dist.Categorical(logits=out[: kind.cardinality].movedim(0, -1))
    if isinstance(kind, Count):
        return negative_binomial(out[0] + log_levels([kind], values)[..., 0], out[1])
    return _real(kind, out)


def distributions(
    kinds: Sequence[Kind], out: torch.Tensor, values: torch.Tensor, absent_state: torch.Tensor
) -> list[Block]:
    """Distributions of several variables, those of a form together.

    Parameters
    ----------
    kinds
        Of the M variables.
    out
        Outputs of their networks, shape [M, outputs, n].
    values
        Rows, shape [n, d].
    absent_state
        Minus infinity where a categorical variable has no such state, else 0; shape [categorical, outputs, 1].

    Returns
    -------
    list of Block
        Categorical variables, continuous ones with the same number of components each, counts.
    """
    forms: dict[tuple[int, int], list[int]] = {}
    for m, kind in enumerate(kinds):
        forms.setdefault(_form(kind), []).append(m)
    blocks = []
    for _, members in sorted(forms.items()):
        kind = kinds[members[0]]
        mine = out if len(members) == len(kinds) else out[members]  # [members, outputs, n]
        if isinstance(kind, Categorical):
            made: dist.TorchDistribution = dist.Categorical(logits=(mine + absent_state).movedim(1, -1))
        elif isinstance(kind, Count):
            levels = log_levels([kinds[m] for m in members], values).t()  # [members, n]
            made = negative_binomial(mine[:, 0] + levels, mine[:, 1])
        else:
            made = _real(kind, mine.movedim(1, 0))
        blocks.append(Block(tuple(members), made))
    return blocks


def _form(kind: Kind) -> tuple[int, int]:
    """What has the same form has the same distribution, in the order in which blocks come."""
    if isinstance(kind, Categorical):
        return 0, 0
    return (2, 0) if isinstance(kind, Count) else (1, kind.components if isinstance(kind, Continuous) else 1)


def _real(kind: Kind, out: torch.Tensor) -> dist.TorchDistribution:
    """Of a number, from outputs [outputs, ...]."""
    if not isinstance(kind, Continuous) or kind.components == 1:
        return dist.Normal(out[0], out[1].clamp(*LOG_SCALE).exp())
    parts = out[: 3 * kind.components].unflatten(0, (3, kind.components)).movedim(1, -1)  # [3, ..., components]
    scale = parts[2].clamp(*LOG_SCALE_OF_COMPONENT).exp()
    return dist.MixtureSameFamily(dist.Categorical(logits=parts[0]), dist.Normal(parts[1], scale))

"""The posterior over graphs at the `"edges"` site of a fitted model: one of the graphs that were drawn.

Beliefs that hold each edge for itself cannot say that two edges are alternatives, and make graphs with cycles. A model
whose graph site is one of many draws samples what the posterior holds, as often as it does.
"""

from __future__ import annotations

from typing import Any

import pyro
import torch
from pyro.distributions import TorchDistribution, constraints

from pyrocausal.model.edge_beliefs import EdgeBeliefs

__all__ = ["DrawnGraphs", "OneOf"]


class OneOf(TorchDistribution):
    """One of U graphs.

    Parameters
    ----------
    graphs
        Shape [U, d, d], no two alike.
    counts
        In proportion to how probable each is, shape [U].
    batch_shape
        Of independent graphs.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012, as Pyro has it
    support = constraints.independent(constraints.boolean, 2)

    def __init__(self, graphs: torch.Tensor, counts: torch.Tensor, batch_shape: torch.Size = torch.Size()) -> None:  # noqa: B008
        self.graphs, self.counts = graphs, counts
        super().__init__(batch_shape, graphs.shape[1:], validate_args=False)

    def sample(self, sample_shape: Any = torch.Size()) -> torch.Tensor:  # noqa: B008
        """Graphs, shape [*sample_shape, *batch_shape, d, d]."""
        shape = self._extended_shape(sample_shape)
        many = int(torch.Size(shape[:-2]).numel())
        chosen = torch.multinomial(self.counts.double(), many, replacement=True)
        return self.graphs[chosen].reshape(shape)

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Nats of graphs [..., d, d]; of one that is none of them as of one drawn but once more, for it may be next."""
        same = (value.bool()[..., None, :, :] == self.graphs.bool()).flatten(-2).all(-1)  # [..., U]
        found = (same * self.counts.double()).sum(-1)
        found = torch.where(found > 0, found, 1.0) / (self.counts.sum() + 1)
        shape = torch.broadcast_shapes(found.shape, self.batch_shape)
        return found.log().to(torch.get_default_dtype()).expand(shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> OneOf:
        """The same of more graphs."""
        return OneOf(self.graphs, self.counts, torch.Size(batch_shape))


class DrawnGraphs(EdgeBeliefs):
    """Beliefs that are shares of graphs which were drawn; there is nothing to learn any more.

    Parameters
    ----------
    fixed
        See `EdgeBeliefs`.
    graphs
        Those drawn, each once, boolean, shape [U, d, d].
    counts
        How often each was drawn, shape [U].

    Raises
    ------
    ValueError
        If shapes disagree.

    Examples
    --------
    >>> chain, reverse = torch.tensor([[[0, 0], [1, 0]], [[0, 1], [0, 0]]]).bool()
    >>> beliefs = DrawnGraphs.of(torch.full((2, 2), torch.nan), torch.stack([chain, chain, chain, reverse]))
    >>> beliefs.edge_probability
    tensor([[0.0000, 0.2500],
            [0.7500, 0.0000]])
    """

    def __init__(self, fixed: torch.Tensor, graphs: torch.Tensor, counts: torch.Tensor) -> None:
        super().__init__(fixed)
        if graphs.shape[1:] != fixed.shape or graphs.shape[:1] != counts.shape:
            raise ValueError(
                f"graphs and counts must have shapes [U, {len(fixed)}, {len(fixed)}] and [U], got "
                f"{list(graphs.shape)} and {list(counts.shape)}"
            )
        self.register_buffer("graphs", graphs.bool())
        self.register_buffer("counts", counts)

    @classmethod
    def of(cls, fixed: torch.Tensor, drawn: torch.Tensor) -> DrawnGraphs:
        """From all draws, boolean [N, d, d]."""
        graphs, counts = drawn.bool().unique(dim=0, return_counts=True)
        return cls(fixed, graphs.to(fixed.device), counts.to(fixed.device))

    def draw(self, many: int, generator: torch.Generator) -> torch.Tensor:
        """Graphs, boolean, shape [many, d, d]; on the CPU."""
        chosen = torch.multinomial(self.counts.cpu().double(), many, replacement=True, generator=generator)
        return self.graphs.cpu()[chosen]

    def probability(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """See `EdgeBeliefs.probability`: shares of the draws."""
        share = (self.graphs * self.counts[:, None, None]).sum(0) / self.counts.sum()
        return share.to(self.certain.dtype)

    def logits(self, existence: bool = True, orientation: bool = True) -> torch.Tensor:
        """See `EdgeBeliefs.logits`; infinite where all draws agree."""
        return self.probability().logit()

    def forward(self) -> torch.Tensor:
        """Sample graphs at the site `"edges"`: shape [*plates, d, d], entries 0 or 1."""
        return pyro.sample("edges", OneOf(self.graphs, self.counts)).to(self.certain.dtype)

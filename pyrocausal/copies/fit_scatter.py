"""How far fits of mechanisms end from one another, and what an edge costs for it.

Where parents are many, a fit from another beginning may end hundreds of nats away. What a fit has missed another
variable that depends on the same parents mends in part, so that it looks like one more parent. True parents that gain
as little are rare among mechanisms that are so hard to fit. So an edge has to gain a share of what further attempts at
its effect's mechanism have gained.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from pyrocausal.model.mechanisms import Family

__all__ = ["FitScatter"]

SHARE = 0.5  # of what further attempts have gained, that an edge has to gain
ALIKE = 2  # times as many parents at the most, of families whose fits scatter no less


@dataclass(frozen=True)
class FitScatter:
    """What further attempts at some families have gained.

    Attributes
    ----------
    gained
        Nats, of every family that was tried.
    """

    gained: Mapping[Family, float] = field(default_factory=dict)

    def with_gains(self, gains: Mapping[Family, float]) -> FitScatter:
        """The same after attempts at some families have gained so many nats."""
        return FitScatter({**self.gained, **gains})

    def where_rows_changed(self, effects: Collection[int]) -> FitScatter:
        """The same where other rows tell of some variables, of whose families nothing is known then."""
        return FitScatter({family: gain for family, gain in self.gained.items() if family[0] not in effects})

    def to_be_tried(self, families: Iterable[Family]) -> list[Family]:
        """Those of the families that were not: further attempts at one gain far less a second time."""
        return [family for family in families if family not in self.gained]

    def least(self, parents: Sequence[int]) -> torch.Tensor:
        """What an edge into every variable has to gain, which has so many parents, [d]: nats, [d]."""
        least = [0.0] * len(parents)
        for (i, some), gain in self.gained.items():
            if len(some) <= ALIKE * parents[i]:
                least[i] = max(least[i], SHARE * gain)
        return torch.tensor(least, dtype=torch.double)

"""What passes between the steps of a fit (`State`), and what a person wants to see of one (`Info`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from pyrocausal.data.edge_constraints import Constraints
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.weights import Part
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import Split
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.sdi.targets import further_targets

__all__ = ["Info", "State", "confidence", "natural"]


class Info(NamedTuple):
    """What a person wants to see of one step.

    Attributes
    ----------
    step
        Steps done.
    loss
        Negative log-likelihood per row in the last gradient step of phase 1.
    edge_probability
        Beliefs, shape [d, d] (effect, cause).
    target_probability
        Posterior over targets, shape [R, d + 1]; the last column is none.
    gradient_norm
        Norm of the gradient of the structural parameters.
    confidence
        Mean over learned edges of max(p, 1 - p).
    edges
        Edges believed with more than one half.
    settled
        True once the stopping rule holds.

    Examples
    --------
    Going on from the example of `discover`:

    >>> algorithm = pc.SDI(fitting=pc.GraphFitting(warm_up=20))
    >>> state, info = algorithm.step(algorithm.init(data))
    >>> info.step, info.settled
    (1, False)
    """

    step: int
    loss: float
    edge_probability: torch.Tensor
    target_probability: torch.Tensor
    gradient_norm: float
    confidence: float
    edges: int
    settled: bool


@dataclass(frozen=True)
class State:
    """What the next step needs. Model and optimisers hold the parameters and are updated in place.

    Attributes
    ----------
    data
        Observational rows and regimes.
    constraints
        What is known of the graph.
    model
        The program: mechanisms and beliefs.
    mechanism_optimiser, belief_optimiser
        Optimisers of the functional and of the structural parameters.
    new_mechanisms
        Evidence of new mechanisms, kept.
    known, hit
        Known targets, see `known_targets`.
    prior
        What is believed of unknown ones beforehand.
    split
        Which rows fit mechanisms and which score graphs.
    target_rows
        Rows of each regime that tell its target, with their weights, the same in every step.
    likelihood
        Running averages over refits of the log-likelihood per row, shape [2, R + 1, d]: its mean over sampled graphs,
        and the log of the likelihood's mean. The last row is observational.
    target_probability
        Posterior over targets, shape [R, d + 1]; the last column is none.
    step
        Steps done.
    loss
        Last loss of phase 1.
    graph
        Thresholded graph, shape [d, d].
    unchanged
        Steps since that graph last changed.

    Examples
    --------
    Going on from the example of `discover`:

    >>> state = pc.SDI().init(data)
    >>> state.targets.shape  # regimes x variables
    torch.Size([3, 3])
    """

    data: InterventionalData
    constraints: Constraints
    model: CausalModel
    mechanism_optimiser: torch.optim.Optimizer
    belief_optimiser: torch.optim.Optimizer
    new_mechanisms: NewMechanisms
    known: torch.Tensor
    hit: torch.Tensor
    prior: TargetOdds
    split: Split
    target_rows: tuple[Part, ...]
    likelihood: torch.Tensor
    target_probability: torch.Tensor
    step: int
    loss: float
    graph: torch.Tensor
    unchanged: int

    @property
    def targets(self) -> torch.Tensor:
        """True where a variable is taken for a target of a regime, shape [R, d]."""
        return self.target_probability[:, :-1] > 0.5

    @property
    def told(self) -> torch.Tensor:
        """Targets that are certain in regimes that may have others, shape [R, d]."""
        return self.hit & ~self.known[:, None]


def confidence(probability: torch.Tensor, free: torch.Tensor) -> float:
    """Mean of max(p, 1 - p) over the edges that are learned; shapes [d, d]. One where none is."""
    sure = torch.maximum(probability, 1 - probability)[free]
    return float(sure.mean()) if len(sure) else 1.0


def natural(
    target_probability: torch.Tensor, certainty: float, several: bool = False, told: torch.Tensor | None = None
) -> torch.Tensor:
    """Where a regime's values come from the natural mechanisms: [R, d + 1] -> [R, d].

    Nowhere in a regime whose most probable target (or none) has a probability below `certainty`. Where there may be
    several targets, each variable is judged for itself: natural if it has been let alone with that probability. Where
    some are certain and there may be others, as `told` [R, d] says (None: nowhere), the most probable *further* target
    counts (or none).
    """
    hit = target_probability[:, :-1]
    judged = target_probability if told is None else further_targets(target_probability, told)
    sure = 1 - hit if several else judged.max(1, keepdim=True).values
    return (sure >= certainty) & (hit <= 0.5)

"""Mechanisms fitted to one parent set each.

The mechanisms of a model serve every parent set at once and serve best the ones they saw most, which favours the graph
they were fitted around. To compare parent sets, each gets a copy of its variable's mechanism, fitted to it alone; many
copies are fitted at a time, by a Pyro program like the model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyro
import torch
from pyro import poutine

from pyrocausal.kinds import Continuous, Kind
from pyrocausal.mechanisms import Copies, Family, Mechanisms
from pyrocausal.model import observe_blocks

__all__ = ["Refitting", "fit_copies", "log_likelihoods"]


@dataclass(frozen=True)
class Refitting:
    """How copies are fitted.

    Parameters
    ----------
    steps
        Gradient steps for a categorical variable.
    continuous_steps
        Gradient steps for a continuous variable, whose density asks for a more exact fit.
    rows
        Rows per gradient step.
    learning_rate
        Of AdamW at the beginning; it falls linearly to a twentieth.
    decays
        Weight decays to choose from, by how well copies then predict.
    least_regret
        A table that no other estimate can beat by more than this many nats is taken alone, which saves the fit.
    """

    steps: int = 150
    continuous_steps: int = 1000
    rows: int = 256
    learning_rate: float = 1e-2
    decays: tuple[float, ...] = (0.0, 0.3, 1.0)
    least_regret: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("continuous_steps", 0), ("rows", 1), ("least_regret", 0)):
            if not (value := getattr(self, name)) >= least:
                raise ValueError(f"Refitting.{name} must be at least {least}, got {value!r}")
        for name in ("steps", "continuous_steps", "rows"):
            if not isinstance(value := getattr(self, name), int):
                raise TypeError(f"Refitting.{name} must be a whole number, got {value!r}")
        if not isinstance(self.decays, tuple):
            raise TypeError(f"Refitting.decays must be a tuple of numbers, got {self.decays!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"Refitting.learning_rate must be positive, got {self.learning_rate!r}")
        if not self.decays or not all(decay >= 0 for decay in self.decays):
            raise ValueError(f"Refitting.decays must be numbers of at least 0, got {self.decays!r}")

    def steps_for(self, kind: Kind) -> int:
        """Gradient steps for a variable of some kind."""
        return self.continuous_steps if isinstance(kind, Continuous) else self.steps


def fit_copies(
    mechanisms: Mechanisms,
    kinds: Sequence[Kind],
    families: Sequence[Family],
    rows: torch.Tensor,
    counts: torch.Tensor,
    refitting: Refitting,
    decay: float,
) -> Copies | None:
    """Copies of mechanisms, each fitted to one parent set.

    Parameters
    ----------
    mechanisms
        Where the copies start from.
    kinds
        Kinds of the variables, length d.
    families
        The variable and the parents of each copy, length M; the variables of one kind.
    rows
        Encoded rows to fit, shape [N, d].
    counts
        Whether a row tells of a variable's mechanism, shape [N, d].
    refitting
        Settings.
    decay
        Weight decay.

    Returns
    -------
    Copies or None
        None where these mechanisms cannot be copied.
    """
    copies = mechanisms.copies(families)
    steps = refitting.steps_for(kinds[families[0][0]])
    if copies is None or not steps:
        return copies
    optimiser = torch.optim.AdamW(copies.parameters(), refitting.learning_rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    # Parent sets are compared by a few nats in thousands of rows: fitted to the same rows in the same order, copies of
    # one variable's mechanism share most of the noise.
    generator = torch.Generator().manual_seed(0)
    with pyro.validation_enabled(False):
        for _ in range(steps):
            chosen = torch.randint(len(rows), (refitting.rows,), generator=generator).to(rows.device)
            terms = _terms(copies, kinds, families, rows[chosen], counts[chosen])
            loss = -torch.stack([log_probs.sum() for _, log_probs in terms]).sum() / refitting.rows
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return copies


@torch.no_grad()
def log_likelihoods(
    copies: Copies, kinds: Sequence[Kind], families: Sequence[Family], rows: torch.Tensor, chunk: int = 1024
) -> torch.Tensor:
    """Log-likelihood of every row under every copy.

    Parameters
    ----------
    copies, kinds, families
        See `fit_copies`.
    rows
        Encoded rows, shape [n, d].
    chunk
        Rows at a time.

    Returns
    -------
    torch.Tensor
        Shape [M, n].
    """
    found = rows.new_empty(len(families), len(rows))
    with pyro.validation_enabled(False):
        for at in range(0, len(rows), chunk):
            for members, log_probs in _terms(copies, kinds, families, rows[at : at + chunk]):
                found[members, at : at + chunk] = log_probs
    return found


def _terms(
    copies: Copies,
    kinds: Sequence[Kind],
    families: Sequence[Family],
    values: torch.Tensor,
    counts: torch.Tensor | None = None,
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Members of every block and the log-probabilities of their rows, [members, n]."""

    blocks = []

    def program() -> None:
        with pyro.plate("rows", len(values), dim=-1):
            blocks.extend(copies.blocks(values))
            observe_blocks(blocks, values, [effect for effect, _ in families], kinds, counts)

    trace = poutine.trace(program).get_trace()
    trace.compute_log_prob()
    for k, block in enumerate(blocks):
        yield list(block.members), trace.nodes[f"block_{k}"]["log_prob"]

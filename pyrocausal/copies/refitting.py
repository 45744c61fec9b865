"""Mechanisms fitted to one parent set each.

This is how copies are fitted by gradient steps: of categories, counts, mixtures and mechanisms of your own. Networks of
numbers are fitted exactly (`pyrocausal.copies.exact_fit`).

The mechanisms of a model serve every parent set at once and serve best the ones they saw most, which favours the graph
they were fitted around. To compare parent sets, each gets a copy of its variable's mechanism, fitted to it alone; many
copies are fitted at a time, by a Pyro program like the model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro import poutine

from pyrocausal.copies.screening import Residuals
from pyrocausal.data.kind import Kind
from pyrocausal.data.weights import Part, drawing, take_rows, total
from pyrocausal.model.causal_model import observe_blocks
from pyrocausal.model.mechanisms import Copies, Family, Mechanisms
from pyrocausal.runtime.checked_settings import check, check_settings, number, of_type, whole
from pyrocausal.runtime.interruption import checkpoint

__all__ = ["Descent", "Refitting", "fit_copies", "judge_rows"]


@dataclass(frozen=True)
class Descent:
    """How long and how fast copies go downhill.

    Parameters
    ----------
    steps
        Gradient steps.
    rows
        Rows per gradient step.
    learning_rate
        Of AdamW at the beginning; it falls linearly.
    last
        Share of it that is left at the end.
    memory
        Decay of AdamW's running means of gradients and of their squares.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> brief = pc.Descent(steps=50, rows=128, learning_rate=0.02)
    >>> pc.Settling(refitting=pc.Refitting(categorical=brief)).refitting.categorical.steps
    50
    """

    steps: int
    rows: int
    learning_rate: float
    last: float = 0.05
    memory: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        check_settings(
            self,
            steps=whole(),
            rows=whole(1),
            learning_rate=number(above=0),
            last=number(0, most=1),
            memory=of_type(tuple),
        )
        if len(self.memory) != 2:
            raise ValueError(f"Descent.memory must be two numbers, got {self.memory!r}")
        for each in self.memory:
            check("each number of Descent.memory", each, number(0, below=1))


@dataclass(frozen=True)
class Refitting:
    """How copies are fitted.

    Parameters
    ----------
    categorical
        For a categorical variable.
    continuous
        For a continuous variable that is not fitted exactly (`pyrocausal.copies.exact_fit`), as mixtures are not. Its
        density asks for many steps, since parents that are all but collinear are told apart slowly, and small last
        ones, since noise may be a thousandth of a variable's scale.
    count
        For a count, whose noise is never small.
    decays
        Weight decays to choose from, by how well copies then predict; tried in their order until one is worse than the
        one before.
    least_regret
        A table that no other estimate can beat by more than this many nats is taken alone, which saves the fit.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> settling = pc.Settling(refitting=pc.Refitting(least_regret=0.02))  # networks have to be better by more
    >>> alone = pc.Settling(refitting=None)  # closed forms alone
    """

    categorical: Descent = Descent(steps=150, rows=256, learning_rate=1e-2)
    continuous: Descent = Descent(steps=2000, rows=256, learning_rate=2e-2, last=1e-3, memory=(0.9, 0.99))
    count: Descent = Descent(steps=500, rows=256, learning_rate=2e-2, last=1e-3, memory=(0.9, 0.99))
    decays: tuple[float, ...] = (0.0, 0.3, 1.0)
    least_regret: float = 10.0

    def __post_init__(self) -> None:
        check_settings(
            self, categorical=of_type(Descent), continuous=of_type(Descent), count=of_type(Descent),
            decays=of_type(tuple), least_regret=number(0),
        )  # fmt: skip
        if not self.decays:
            raise ValueError("Refitting.decays must be numbers of at least 0, got none")
        for decay in self.decays:
            check("each number of Refitting.decays", decay, number(0))

    def descent(self, kind: Kind) -> Descent:
        """How copies of a variable of some kind are fitted."""
        return {"categorical": self.categorical, "continuous": self.continuous, "count": self.count}[kind.descent]


def fit_copies(
    mechanisms: Mechanisms,
    kinds: Sequence[Kind],
    families: Sequence[Family],
    fitting: Part,
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
    fitting
        N rows to fit.
    counts
        Whether a row tells of the mechanism that a copy stands for, or how many times, shape [N, M].
    refitting
        Settings.
    decay
        Weight decay.

    Returns
    -------
    Copies or None
        None where these mechanisms cannot be copied.
    """
    rows, weights = fitting
    copies = mechanisms.copies(families)
    descent = refitting.descent(kinds[families[0][0]])
    if copies is None or not descent.steps:
        return copies
    copies.precondition(rows, counts if weights is None else counts * weights[:, None])
    optimiser = torch.optim.AdamW(copies.parameters(), descent.learning_rate, descent.memory, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, descent.last, descent.steps)
    # Parent sets are compared by a few nats in thousands of rows: fitted to the same rows in the same order, copies of
    # one variable's mechanism share most of the noise.
    draw = drawing(len(rows), weights, generator=torch.Generator().manual_seed(0))
    with pyro.validation_enabled(False):
        for _ in range(descent.steps):
            checkpoint()
            chosen = draw(descent.rows).to(rows.device)
            sites = _sites(copies, kinds, families, rows[chosen], counts[chosen])
            loss = -torch.stack([site["log_prob"].sum() for _, site in sites]).sum() / descent.rows
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return copies


@torch.no_grad()
def judge_rows(
    copies: Copies,
    kinds: Sequence[Kind],
    families: Sequence[Family],
    scoring: Part,
    chunk: int = 1024,
) -> tuple[torch.Tensor, Residuals | None]:
    """Log-likelihood and residuals of every row under every copy.

    Parameters
    ----------
    copies, kinds, families
        See `fit_copies`; the variables are of one kind.
    scoring
        n rows; their weights matter for the degrees of freedom of residuals.
    chunk
        Rows at a time.

    Returns
    -------
    tuple of torch.Tensor and Residuals or None
        Log-likelihoods, shape [M, n]; residuals, None where a distribution does not say how to get them.
    """
    rows, weights = scoring
    owners = [kinds[effect] for effect, _ in families]
    width = max(kind.residuals for kind in owners)
    log_probs = rows.new_empty(len(families), len(rows))
    residuals: Residuals | None = Residuals(
        rows.new_zeros(len(families), width, len(rows)), rows.new_zeros(len(families), width)
    )
    with pyro.validation_enabled(False):
        for at in range(0, len(rows), chunk):
            some, counted = rows[at : at + chunk], take_rows(weights, slice(at, at + chunk))
            for members, site in _sites(copies, kinds, families, some):
                log_probs[members, at : at + chunk] = site["log_prob"]
                found = Residuals.of(site["fn"], site["value"], counted) if residuals else None
                if residuals is None or found is None:
                    residuals = None
                    continue
                size = min(width, found.weight.shape[1])  # of more states none of these variables has any
                residuals.values[members, :size, at : at + chunk] = found.values[:, :size]
                residuals.weight[members, :size] += found.weight[:, :size] * total(some, counted) / total(rows, weights)
    return log_probs, residuals


def _sites(
    copies: Copies,
    kinds: Sequence[Kind],
    families: Sequence[Family],
    values: torch.Tensor,
    counts: torch.Tensor | None = None,
) -> Iterator[tuple[list[int], Any]]:
    """Members of every block and their site, whose log-probabilities have shape [members, n]."""

    blocks = []

    def program() -> None:
        with pyro.plate("rows", len(values), dim=-1):
            blocks.extend(copies.blocks(values))
            observe_blocks(blocks, values, [effect for effect, _ in families], kinds, counts)

    trace = poutine.trace(program).get_trace()
    trace.compute_log_prob()
    for k, block in enumerate(blocks):
        yield list(block.members), trace.nodes[f"block_{k}"]

"""Settings of the three phases and of the end of a fit: one frozen, self-checking object each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, TypeAlias

import torch

from pyrocausal.data.columns import native
from pyrocausal.sdi.credit import Credit, conditional_difference, cycles, sparsity
from pyrocausal.sdi.targets import TargetRule, bayes_factor

__all__ = ["CreditAssignment", "GraphFitting", "GraphScoring", "Stopping", "describe"]

Optimiser: TypeAlias = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
Regulariser: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

FUNCTIONAL_ADAM = partial(torch.optim.Adam, lr=5e-3)
STRUCTURAL_ADAM = partial(torch.optim.Adam, lr=0.1, betas=(0.9, 0.9))  # a short memory: scores are noisy, not sparse


def _require(settings: Any, least: float, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not value >= least:
            raise ValueError(f"{type(settings).__name__}.{name} must be at least {least:g}, got {value!r}")


def _require_callable(settings: Any, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not callable(value):
            raise TypeError(f"{type(settings).__name__}.{name} must be a function, got {value!r}")


@dataclass(frozen=True)
class GraphFitting:
    """Phase 1: mechanisms on observational rows (see `pyrocausal.sdi.row_split`), each row under a graph of its own.

    Parameters
    ----------
    optimiser
        Makes the optimiser of the functional parameters.
    rows
        Rows per gradient step.
    warm_up
        Gradient steps before the first scores.
    every
        Steps of the whole algorithm between refits.
    steps
        Gradient steps per refit.
    toggles
        Parents per variable that are toggled at random in a sampled graph. A mechanism that has stopped seeing a
        parent would score it badly for that reason alone, and a belief could not come back.
    regime_rows
        Whether half of the rows of regimes fit mechanisms too (see `pyrocausal.sdi.row_split`); None, the default:
        where interventions leave the observational range. A second warm-up then follows the first.
    held_out
        Share of the observational rows that are kept from fitting, for joint evidence (see
        `pyrocausal.evidence.joint_evidence`); `discover` keeps none where nothing settles.
    certainty
        Least probability of a regime's most probable target (or none) for its rows to do so; where there may be several
        targets, of a variable's having been let alone for them to fit its own.
    """

    optimiser: Optimiser = FUNCTIONAL_ADAM
    rows: int = 256
    warm_up: int = 600
    every: int = 4
    steps: int = 20
    toggles: float = 1.0
    regime_rows: bool | None = None
    held_out: float = 0.2
    certainty: float = 0.9

    def __post_init__(self) -> None:
        _require(self, 1, "rows", "every")
        _require(self, 0, "warm_up", "steps", "toggles")
        _require_callable(self, "optimiser")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"GraphFitting.held_out must be in [0, 1), got {self.held_out!r}")
        if not 0 <= self.certainty <= 1:
            raise ValueError(f"GraphFitting.certainty must be in [0, 1], got {self.certainty!r}")


@dataclass(frozen=True)
class GraphScoring:
    """Phase 2: who was hit, and what sampled graphs say of the rows of each regime.

    Parameters
    ----------
    graphs
        Graphs sampled and scored per step.
    rows
        Rows per regime and step at the most; regimes with fewer give all they have.
    work
        Pairs of a row and a graph that a step scores at the most, over all regimes. As the beliefs settle, sampled
        graphs repeat each other's parent sets, and the same work scores more rows.
    target_rule
        Maps `TargetEvidence` to a posterior over targets.
    target_graphs
        Graphs that target evidence is averaged over after every refit.
    target_rows
        Rows over all regimes that tell targets at the most, shared evenly.
    memory
        Weight of the past in the running average of target evidence, in [0, 1).
    """

    graphs: int = 100
    rows: int = 1000
    work: int = 45_000
    target_rule: TargetRule = bayes_factor
    target_graphs: int = 10
    target_rows: int = 20_000
    memory: float = 0.5

    def __post_init__(self) -> None:
        _require(self, 2, "graphs")  # one graph has none to be compared with
        _require(self, 1, "rows", "work", "target_graphs", "target_rows")
        _require_callable(self, "target_rule")
        if not 0 <= self.memory < 1:
            raise ValueError(f"GraphScoring.memory must be in [0, 1), got {self.memory!r}")


@dataclass(frozen=True)
class CreditAssignment:
    """Phase 3: from scores to a step of the structural parameters.

    Parameters
    ----------
    estimator
        Score-function gradient estimator, see `pyrocausal.credit`.
    optimiser
        Makes the optimiser of the structural parameters.
    regularisers
        Weight of each regulariser. The weight of `sparsity` is the price of an edge in nats per row.
    """

    estimator: Credit = conditional_difference
    optimiser: Optimiser = STRUCTURAL_ADAM
    regularisers: Mapping[Regulariser, float] = field(default_factory=lambda: {sparsity: 0.002, cycles: 0.02})

    def __post_init__(self) -> None:
        _require_callable(self, "estimator", "optimiser")
        for regulariser, weight in self.regularisers.items():
            if not weight >= 0:
                name = getattr(regulariser, "__name__", regulariser)
                raise ValueError(f"the weight of regulariser {name} must be at least 0, got {weight!r}")


@dataclass(frozen=True)
class Stopping:
    """When a fit ends.

    Parameters
    ----------
    tolerance
        Every belief must be this close to 0 or 1, in (0, 0.5).
    patience
        Steps during which the thresholded graph must not have changed.
    max_steps
        Steps after which a fit ends with a warning if it has not settled.
    """

    tolerance: float = 0.05
    patience: int = 20
    max_steps: int = 400

    def __post_init__(self) -> None:
        _require(self, 1, "patience", "max_steps")
        if not 0 < self.tolerance < 0.5:
            raise ValueError(f"Stopping.tolerance must be in (0, 0.5), got {self.tolerance!r}")


def describe(value: Any) -> Any:
    """Settings as plain numbers, texts, lists and dictionaries, to be written down; functions by their names.

    Examples
    --------
    >>> describe(Stopping(max_steps=60))
    {'tolerance': 0.05, 'patience': 20, 'max_steps': 60}
    """
    value = native(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: describe(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(describe(name)): describe(each) for name, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, type):
        return [describe(each) for each in value]
    if isinstance(value, partial):
        given = [*map(repr, value.args), *(f"{name}={each!r}" for name, each in value.keywords.items())]
        return f"{describe(value.func)}({', '.join(given)})"
    return getattr(value, "__qualname__", type(value).__name__)

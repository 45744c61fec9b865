"""Settings of the three phases and of the end of a fit: one frozen, self-checking object each.

Examples
--------
>>> import pyrocausal as pc
>>> pc.settings.describe(pc.Stopping())["tolerance"]
0.05
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, TypeAlias

import torch

from pyrocausal.data.columns import native
from pyrocausal.runtime.checked_settings import check, check_settings, function, number, of_type, truth, whole
from pyrocausal.sdi.credit import Credit, conditional_difference, cycles, sparsity
from pyrocausal.sdi.targets import TargetRule, bayes_factor

__all__ = ["CreditAssignment", "GraphFitting", "GraphScoring", "Stopping", "describe"]

Optimiser: TypeAlias = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
Regulariser: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

FUNCTIONAL_ADAM = partial(torch.optim.Adam, lr=5e-3)
STRUCTURAL_ADAM = partial(torch.optim.Adam, lr=0.1, betas=(0.9, 0.9))  # a short memory: scores are noisy, not sparse


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

    Examples
    --------
    >>> import pyrocausal as pc
    >>> algorithm = pc.SDI(fitting=pc.GraphFitting(warm_up=200, rows=128))
    >>> pc.GraphFitting(rows=0)
    Traceback (most recent call last):
    ValueError: GraphFitting.rows must be at least 1, got 0
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
        check_settings(
            self, optimiser=function(), rows=whole(1), warm_up=whole(), every=whole(1), steps=whole(),
            toggles=number(0), regime_rows=truth(optional=True), held_out=number(0, below=1),
            certainty=number(0, most=1),
        )  # fmt: skip


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

    Examples
    --------
    >>> import pyrocausal as pc
    >>> algorithm = pc.SDI(scoring=pc.GraphScoring(graphs=50, target_rule=pc.targets.greatest_drop))
    """

    graphs: int = 100
    rows: int = 1000
    work: int = 45_000
    target_rule: TargetRule = bayes_factor
    target_graphs: int = 10
    target_rows: int = 20_000
    memory: float = 0.5

    def __post_init__(self) -> None:
        check_settings(
            self,
            graphs=whole(2),  # one has none to be compared with
            rows=whole(1),
            work=whole(1),
            target_rule=function(),
            target_graphs=whole(1),
            target_rows=whole(1),
            memory=number(0, below=1),
        )


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

    Examples
    --------
    >>> import pyrocausal as pc
    >>> credit = pc.CreditAssignment(estimator=pc.credit.leave_one_out, regularisers={pc.credit.sparsity: 0.01})
    >>> algorithm = pc.SDI(credit=credit)
    """

    estimator: Credit = conditional_difference
    optimiser: Optimiser = STRUCTURAL_ADAM
    regularisers: Mapping[Regulariser, float] = field(default_factory=lambda: {sparsity: 0.002, cycles: 0.02})

    def __post_init__(self) -> None:
        check_settings(self, estimator=function(), optimiser=function(), regularisers=of_type(Mapping))
        for regulariser, weight in self.regularisers.items():
            check("a key of CreditAssignment.regularisers", regulariser, function())
            check(f"the weight of regulariser {describe(regulariser)}", weight, number(0))


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

    Examples
    --------
    >>> import pyrocausal as pc
    >>> algorithm = pc.SDI(stopping=pc.Stopping(tolerance=0.02, max_steps=1000))
    """

    tolerance: float = 0.05
    patience: int = 20
    max_steps: int = 400

    def __post_init__(self) -> None:
        check_settings(self, tolerance=number(above=0, below=0.5), patience=whole(1), max_steps=whole(1))


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

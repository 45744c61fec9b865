"""A regime: rows recorded after one intervention, and what is known of its targets; whether some suit the variables.

``n_r`` counts its rows, ``d`` variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from pyrocausal.data.at_least import AtLeast, RegimeTargets, named
from pyrocausal.data.columns import listing
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Exposure
from pyrocausal.data.tables import check_rows, check_unique
from pyrocausal.data.weights import check_total, check_weights, of_total

__all__ = ["Regime", "check_regimes"]


@dataclass(frozen=True, eq=False, repr=False)
class Regime:
    """Rows recorded after one intervention.

    Parameters
    ----------
    name : str
        What the user calls this experiment.
    rows : Tensor [n_r, d], float32
        Encoded rows.
    targets : tuple of str or AtLeast, optional
        The variables intervened on; None if unknown, () if known to be none, `AtLeast` where others are to be found.
    weights : Tensor [n_r], optional
        How many rows each row counts as, positive; None, kept as such, if all count once.

    Raises
    ------
    TypeError
        If `name` is no string, `targets` no variable names or `weights` no tensor.
    ValueError
        If `name` is empty, or there is not one positive, finite weight for every row.

    Examples
    --------
    >>> Regime("drug", torch.zeros(100, 3), targets=("A",))
    Regime('drug', 100 rows, targets ('A',))
    """

    name: str
    rows: torch.Tensor
    targets: RegimeTargets = None
    weights: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name: expected a string for a regime, got {self.name!r}")
        if not self.name:
            raise ValueError("name: a regime's name is empty; give it a name")
        targets = (self.targets,) if isinstance(self.targets, str) else self.targets
        if isinstance(targets, Mapping):
            raise TypeError(
                f"targets: those of regime {self.name!r} are a mapping, {targets!r}; name the variables that were "
                "hit for certain, and say what is likely by TargetPrior(probability=...)"
            )
        targets = tuple(targets) if isinstance(targets, Iterable) else targets
        if targets is not None and not isinstance(targets, AtLeast):
            if not isinstance(targets, tuple) or not all(isinstance(target, str) for target in targets):
                raise TypeError(
                    f"targets: expected variable names, AtLeast or None for regime {self.name!r}, got {targets!r}"
                )
            object.__setattr__(self, "targets", tuple(dict.fromkeys(targets)))
        if self.weights is not None:
            weights = check_weights(self.weights, len(self.rows), f"regime {self.name!r}")
            object.__setattr__(self, "weights", weights)

    def __repr__(self) -> str:
        targets = "targets unknown" if self.targets is None else f"targets {self.targets}"
        return f"Regime({self.name!r}, {len(self.rows)} rows{of_total(self.weights)}, {targets})"


def check_regimes(
    regimes: Sequence[Regime], names: Sequence[str], kinds: Sequence[Kind], covariates: Sequence[str] = ()
) -> None:
    """Raise unless there are regimes, each with a name of its own, and rows and targets are of these variables."""
    if not regimes:
        raise ValueError("regimes: there are none; targets and causes are learned from at least one intervention")
    exposures = [name for name, kind in zip(names, kinds, strict=True) if isinstance(kind, Exposure)]
    for regime in regimes:
        if not isinstance(regime, Regime):
            raise TypeError(f"regimes: expected Regime objects, got {type(regime).__name__}")
        check_rows(regime.rows, names, kinds, f"regime {regime.name!r}")
        check_total(regime.weights, f"regime {regime.name!r}")
        if strange := [target for target in named(regime.targets) if target not in names]:
            raise ValueError(
                f"targets: regime {regime.name!r} has target {strange[0]!r}, which is no variable; the variables "
                f"are {listing(names)}"
            )
        if hit := [target for target in named(regime.targets) if target in exposures]:
            raise ValueError(
                f"targets: {hit[0]!r} is an exposure, which no regime can act on; name the counts that it acted on"
            )
        if hit := [target for target in named(regime.targets) if target in covariates]:
            raise ValueError(
                f"targets: {hit[0]!r} is a covariate, which no regime acts on; name another target of regime "
                f"{regime.name!r}, or take {hit[0]!r} out of the covariates"
            )
    check_unique([regime.name for regime in regimes], "regimes")

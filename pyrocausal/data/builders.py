"""From tables, as arrays or frames, to what `InterventionalData` is made of: its fields, encoded, by their names.

``d`` counts variables, ``n`` observational rows and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from pyrocausal.data import readers, tables
from pyrocausal.data.column_roles import take_groups
from pyrocausal.data.encoding import encode_tables, guesses
from pyrocausal.data.kinds_left_open import spread_kinds
from pyrocausal.data.left_out import drop_columns
from pyrocausal.data.readers import Array
from pyrocausal.data.regime import Regime
from pyrocausal.data.tables import Kinds, Targets

__all__ = ["fields_of_arrays", "fields_of_frames"]


def fields_of_arrays(
    observational: Array,
    regimes: Mapping[str, Array] | Sequence[Array] | Array,
    names: Sequence[str] | None,
    kinds: Kinds,
    targets: Targets,
    weights: tuple[Any, Any] | None,
) -> dict[str, Any]:
    """Fields from arrays [n, d] and [n_r, d]; arguments and errors as of `InterventionalData.from_arrays`."""
    frames = readers.frames_of_arrays(observational, regimes, names)
    return _fields(frames, readers.arrays_of_weights(weights, frames), kinds, targets)


def fields_of_frames(
    observational: pd.DataFrame,
    regimes: Mapping[str, pd.DataFrame],
    kinds: Kinds,
    targets: Targets,
    weights: str | None,
    ignore: Sequence[str],
    groups: str | None,
) -> dict[str, Any]:
    """Fields from frames; arguments and errors as of `InterventionalData.from_frames`."""
    if not isinstance(regimes, Mapping):
        raise TypeError(f"regimes: expected a mapping of name to table, got {type(regimes).__name__}")
    known = tables.check_targets(targets, [str(name) for name in regimes])
    kept = drop_columns(observational, ignore, where="observational")
    gone = [name for name in observational.columns if name not in kept.columns and name not in ignore]  # row numbers
    regimes = {
        name: drop_columns(
            frame, ignore, next((each for each in gone if each in frame.columns), None), f"regime {str(name)!r}"
        )
        if isinstance(frame, pd.DataFrame)
        else frame
        for name, frame in regimes.items()
    }
    frames, counted = readers.take_weights(kept, regimes, weights, kinds, known)
    if groups is not None:
        frames, counted = take_groups(frames, counted, groups)
    return _fields(frames, counted, kinds, targets)


def _fields(frames: readers.Frames, counted: readers.Weights | None, kinds: Kinds, targets: Targets) -> dict[str, Any]:
    """From tables of the variables alone, with the weights of their rows beside."""
    observational, regimes = frames
    known = tables.check_targets(targets, [str(name) for name in regimes])
    weights, of_regimes = counted or (None, dict.fromkeys(regimes))
    kinds = spread_kinds(kinds, [observational, *regimes.values()])
    made = encode_tables(observational, regimes, kinds, [weights, *of_regimes.values()])
    experiments = zip(made.regimes.items(), of_regimes.values(), strict=True)
    return {
        "names": made.names,
        "kinds": made.kinds,
        "observational": made.observational,
        "regimes": tuple(
            Regime(r, rows, known.get(r), None if w is None else torch.tensor(w)) for (r, rows), w in experiments
        ),
        "observational_weights": None if weights is None else torch.tensor(weights),
        "guessed": guesses(observational, kinds),
        "slips": made.slips,
    }

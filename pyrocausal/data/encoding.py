"""From the user's tables to encoded rows: kinds are settled, slips set aside, labels and units left behind.

``d`` counts variables, ``n`` the rows of a table, ``n_r`` those of regime r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import isabstract
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from pyrocausal.data.columns import listing
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Count, Exposure, infer_kind, why_guessed
from pyrocausal.data.slips import Slip, without_slips
from pyrocausal.data.tables import (
    Kinds,
    check_frame,
    check_kinds,
    check_names,
    check_unique,
    place_of_exposure,
)

__all__ = ["Encoded", "encode_rows", "encode_tables", "guesses"]

MOST_INFERRED_STATES = 50
NO_CONTROLS = (
    "a fit holds every regime against rows without an intervention; add some, or take the regime that comes nearest "
    "for them"
)


class Encoded(NamedTuple):
    """What tables have become.

    Attributes
    ----------
    names, kinds
        Of the d variables, in the observational order.
    observational
        Rows [n, d], float32.
    regimes
        Rows [n_r, d] of each regime, in order.
    slips
        What was taken for a slip or a code, and stands at its table's median now.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    observational: torch.Tensor
    regimes: dict[str, torch.Tensor]
    slips: tuple[Slip, ...]


def encode_tables(
    observational: pd.DataFrame,
    regimes: Mapping[str, pd.DataFrame],
    kinds: Kinds,
    weights: Sequence[np.ndarray | None] | None = None,
) -> Encoded:
    """Check the user's tables, settle the kinds of the variables and encode all rows.

    Rows of every table, the observational one first, may have weights [n_t], which count for what is usual, and the
    observational ones for the units of numbers.

    Raises
    ------
    TypeError, ValueError
        As :meth:`pyrocausal.data.interventional_data.InterventionalData.from_frames` says of tables and kinds.
    """
    tables = _tables(observational, regimes)
    names = tuple(observational.columns)
    chosen = _chosen_kinds(kinds, names)
    weights = [None] * len(tables) if weights is None else weights
    resolved: list[Kind] = []
    slips: list[Slip] = []
    for name in names:
        columns = {table: frame[name] for table, frame in tables.items()}
        kind = chosen.get(name) or infer_kind(_called_columns(name, columns))
        columns, found = without_slips(name, kind, columns, weights)
        for table in {slip.table for slip in found}:
            tables[table] = tables[table].assign(**{name: columns[table]})
        slips += found
        kind = _resolve(kind, chosen, tables, _called_columns(name, columns), weights[0])
        if name not in chosen and kind.cardinality > MOST_INFERRED_STATES:
            raise ValueError(
                f"variable {name!r} has {kind.cardinality} distinct values, such as "
                f"{listing(observational[name].dropna().unique()[:3])}, too many to take them for categories; "
                f"ignore it if it only names the rows (ignore=[{name!r}], --ignore {name}), or say "
                f"kinds={{{name!r}: Continuous}}, Count or Categorical"
                f"{_negative(name, tables)}"
            )
        resolved.append(kind)
    resolved = list(check_kinds(resolved, names))
    control, *rest = (encode_rows(frame, names, resolved, _called(table)) for table, frame in tables.items())
    experiments = dict(zip([*tables][1:], rest, strict=True))
    return Encoded(names, tuple(resolved), control, experiments, tuple(slips))


def _tables(observational: pd.DataFrame, regimes: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables by the names of regimes, the observational one first, as "", with the same columns; or raise."""
    check_frame(observational, "observational")
    names = check_names(list(observational.columns), "the columns of observational")
    regime_names = check_unique([str(label) for label in regimes], "regimes")
    tables = {"": observational}
    for name, frame in zip(regime_names, regimes.values(), strict=True):
        if not name:
            raise ValueError("name: a regime's name is empty; give it a name")
        tables[name] = _align(frame, names, _called(name))
    for table, frame in tables.items():
        if len(frame) < 2:
            advice = "remove it or add rows" if table else NO_CONTROLS
            raise ValueError(f"{_called(table)}: expected at least 2 rows, got {len(frame)}; {advice}")
    return tables


def _negative(name: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """What a column of whole numbers that are no counts has below zero, which may stand for a missing value."""
    column = pd.concat([frame[name] for frame in tables.values()]).dropna()
    if not pd.api.types.is_numeric_dtype(column) or not bool((column < 0).any()):
        return ""
    below = column[column < 0]
    most = below.mode().iloc[0]
    return (
        f"; it is no count, for {len(below)} of its values are below zero, such as {most:g}: if that stands for a "
        "missing value, make it one, missing= or --missing where a file is read"
    )


def _called(table: str) -> str:
    return f"regime {table!r}" if table else "the observational rows"


def _called_columns(name: str, columns: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """A variable's columns, by what they are called in messages rather than by their tables' names."""
    return {f"variable {name!r} in {_called(table)}": column for table, column in columns.items()}


def _resolve(
    kind: Kind,
    chosen: Mapping[str, Kind],
    tables: Mapping[str, pd.DataFrame],
    columns: Mapping[str, pd.Series],
    weights: np.ndarray | None,
) -> Kind:
    """A variable's kind, settled by its columns; observational rows may have weights [n]."""
    if not isinstance(kind, Count) or kind.exposure is None:
        return kind.resolve(columns, weights)
    measured = _called_columns(kind.exposure, {table: frame[kind.exposure] for table, frame in tables.items()})
    exposure = chosen[kind.exposure].resolve(measured, weights)
    where, column = next(iter(measured.items()))
    # 1 at its geometric mean
    return kind.resolve(columns, weights, np.exp(exposure.encode(column, where)))


def encode_rows(frame: pd.DataFrame, names: Sequence[str], kinds: Sequence[Kind], where: str) -> torch.Tensor:
    """Encoded rows [n, d], float32, of `frame`, whose columns are `names` in any order."""
    frame = _align(frame, names, where)
    columns = (
        kind.encode(frame[name], f"variable {name!r} in {where}") for name, kind in zip(names, kinds, strict=True)
    )
    return torch.from_numpy(np.stack([*columns], axis=1)).float()  # [n, d]


def _align(frame: pd.DataFrame, names: Sequence[str], where: str) -> pd.DataFrame:
    """The columns of `frame` [n, d] in the order of `names`; raise if it has others."""
    check_frame(frame, where)
    check_unique(list(frame.columns), where)
    lacking = [name for name in names if name not in frame.columns]
    extra = [name for name in frame.columns if name not in names]
    if lacking or extra:
        raise ValueError(
            f"{where}: its columns must be the variables; it lacks {listing(lacking)} and adds {listing(extra)}"
        )
    return frame[list(names)]


def guesses(observational: pd.DataFrame, kinds: Kinds) -> dict[str, str]:
    """Why the kind of every variable was guessed that `kinds` does not tell, by its name; of checked tables."""
    chosen = _chosen_kinds(kinds, names := list(observational.columns))
    return {name: why_guessed(observational[name]) for name in names if name not in chosen}


def _chosen_kinds(kinds: Any, names: Sequence[str]) -> dict[str, Kind]:
    """The kinds that the user gave, by variable, classes as instances."""
    advice = "pass pyrocausal.Categorical, pyrocausal.Continuous or pyrocausal.Count"
    if kinds is None:
        return {}
    if isinstance(kinds, str) or not isinstance(kinds, (Mapping, Sequence)):
        raise TypeError(f"kinds: expected a mapping of variable to kind or one for each variable, {advice}")
    if not isinstance(kinds, Mapping):
        if len(kinds) != len(names):
            raise ValueError(f"kinds: expected one for each of {len(names)} variables, got {len(kinds)}")
        kinds = dict(zip(names, kinds, strict=True))
    chosen: dict[str, Kind] = {}
    for name, kind in kinds.items():
        if name not in names:
            raise ValueError(f"kinds: {name!r} is no variable; the variables are {listing(names)}")
        instance = kind() if isinstance(kind, type) and issubclass(kind, Kind) and not isabstract(kind) else kind
        if not isinstance(instance, Kind):
            raise TypeError(f"kinds: expected a kind for variable {name!r}, got {kind!r}; {advice}")
        chosen[name] = instance
    for name, kind in [*chosen.items()]:
        if isinstance(kind, Count) and kind.exposure is not None:
            if kind.exposure in names:
                chosen.setdefault(kind.exposure, Exposure())
            stand_ins = [chosen.get(each) or Categorical() for each in names]
            place_of_exposure(name, kind, names, stand_ins)
    return chosen

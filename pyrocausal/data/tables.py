"""Names, shapes, kinds and values of tables, checked before anything is computed.

``d`` counts variables, ``n`` the rows of a table, ``n_r`` those of regime r. `where` and `argument` say in messages
what is being checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, TypeAlias

import networkx as nx
import pandas as pd
import torch

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.columns import listing, native
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Count, Exposure

__all__ = [
    "Kinds",
    "Targets",
    "check_frame",
    "check_kinds",
    "check_names",
    "check_rows",
    "check_targets",
    "check_truth",
    "check_unique",
    "place_of_exposure",
]  # fmt: skip

# Sites of the model, of Pyro itself, and dimensions of ArviZ.
RESERVED_NAMES = ("edges", "rows", "graphs", "dag", "broken_edges", "_INPUT", "_RETURN", "chain", "draw", "sample")
RESERVED_SUFFIX = "__CF"  # how pyro.poutine.do marks the intervened half of a site

KindLike: TypeAlias = Kind | type[Kind]
Kinds: TypeAlias = Mapping[Any, KindLike] | Sequence[KindLike] | KindLike | None  # by name, the rest under ...
Targets: TypeAlias = Mapping[str, str | Iterable[str] | AtLeast | None] | None


def check_unique(names: Sequence[str], argument: str) -> Sequence[str]:
    """Return `names`; raise if one occurs twice."""
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"{argument}: {listing(repeated)} occurs more than once; names must be unique")
    return names


def _in_order(names: Any, argument: str) -> list[Any]:
    """Names as a list; raise if they have no order, or are none."""
    if isinstance(names, (Set, Mapping)) or not isinstance(names, Iterable):
        raise TypeError(f"{argument}: expected names in the order of the columns, got {names!r}")
    return [*names]


def check_names(names: Iterable[str], argument: str) -> tuple[str, ...]:
    """Return the names of variables as a tuple; raise if they cannot be sites of a Pyro model."""
    if isinstance(names, str):
        raise TypeError(f"{argument}: expected one string for each variable, got the string {names!r}")
    names = _in_order(names, argument)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{argument}: expected strings, got {native(name)!r}; rename this variable")
        if not name.strip() or name in RESERVED_NAMES or name.endswith(RESERVED_SUFFIX):
            raise ValueError(
                f"{argument}: a variable cannot be called {name!r}; empty names, {listing(RESERVED_NAMES)} and names "
                f"that end in {RESERVED_SUFFIX} are reserved, rename it"
            )
    if len(names) < 2:
        raise ValueError(f"{argument}: expected at least two variables, got {listing(names)}")
    return tuple(check_unique(names, argument))


def check_kinds(kinds: Iterable[Kind], names: Sequence[str]) -> tuple[Kind, ...]:
    """Return one kind for each variable as a tuple; raise unless states, shift and scale are settled.

    A count that has an exposure is told where among the variables that is.
    """
    kinds = tuple(kinds)
    if len(kinds) != len(names):
        raise ValueError(f"kinds: expected one for each of {len(names)} variables, got {len(kinds)}")
    for name, kind in zip(names, kinds, strict=True):
        if not isinstance(kind, Kind):
            raise TypeError(f"kinds: expected a Categorical, Continuous or Count for variable {name!r}, got {kind!r}")
        if not kind.settled:
            raise ValueError(f"kinds: variable {name!r} needs two states, or shift and scale; got {kind!r}")
    places = [place_of_exposure(name, kind, names, kinds) for name, kind in zip(names, kinds, strict=True)]
    for place, name in enumerate(names):
        if isinstance(kinds[place], Exposure) and place not in places:
            raise ValueError(
                f"kinds: {name!r} is an Exposure, but of no count; say Count({name!r}) of a variable, or Continuous"
            )
    return tuple(
        replace(kind, place=place) if isinstance(kind, Count) else kind
        for kind, place in zip(kinds, places, strict=True)
    )


def place_of_exposure(name: str, kind: Kind, names: Sequence[str], kinds: Sequence[Kind]) -> int | None:
    """Which variable is the exposure of a count; raise where that is no exposure."""
    if not isinstance(kind, Count) or kind.exposure is None:
        return None
    if kind.exposure not in names:
        raise ValueError(
            f"kinds: {kind.exposure!r}, the exposure of {name!r}, is no variable; "
            f"keep it as a column beside the counts; the variables are {listing(names)}"
        )
    place = list(names).index(kind.exposure)
    if not isinstance(kinds[place], Exposure):
        raise ValueError(
            f"kinds: {kind.exposure!r} is the exposure of {name!r} and cannot be {kinds[place]!r}; leave it out of "
            "kinds, or say Exposure"
        )
    return place


def check_truth(truth: nx.DiGraph, names: Sequence[str]) -> None:
    """Raise unless `truth` is a directed graph over these variables."""
    if not isinstance(truth, nx.DiGraph):
        raise TypeError(f"truth: expected a networkx.DiGraph, got {type(truth).__name__}")
    if odd := sorted(map(str, set(truth.nodes) ^ set(names))):
        raise ValueError(f"truth: its nodes must be the variables, but {odd} occur on one side only")


def check_rows(rows: torch.Tensor, names: Sequence[str], kinds: Sequence[Kind], where: str, fewest: int = 2) -> None:
    """Raise unless `rows` are encoded rows [n, d] of these variables, float32."""
    if not isinstance(rows, torch.Tensor) or rows.dtype != torch.float32:
        came = rows.dtype if isinstance(rows, torch.Tensor) else type(rows).__name__
        raise TypeError(f"{where}: expected a float32 tensor, got {came}; see InterventionalData.from_arrays")
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise ValueError(f"{where}: expected shape [n, {len(names)}], got {list(rows.shape)}")
    if len(rows) < fewest:
        raise ValueError(f"{where}: expected at least {fewest} rows, got {len(rows)}")
    may = torch.tensor([kind.missing for kind in kinds], device=rows.device)  # [d]
    infinite = (~rows.isfinite() & ~(rows.isnan() & may)).sum(0).tolist()  # [d]
    low, high = torch.tensor([kind.bounds for kind in kinds], dtype=torch.double, device=rows.device).t()  # [d] each
    whole = torch.tensor([kind.whole for kind in kinds], device=rows.device)  # [d]
    known = rows.nan_to_num(0.0)
    wrong = ((whole & (known != known.round())) | (known < low) | (known > high)) & ~rows.isnan()  # [n, d]
    for name, kind, count, odd in zip(names, kinds, infinite, wrong.any(0).tolist(), strict=True):
        if count:
            advice = "" if kind.missing else "; if they are missing, say missing=True in its kind"
            raise ValueError(f"variable {name!r} in {where}: {count} encoded values are NaN or infinite{advice}")
        if odd:
            raise ValueError(f"variable {name!r} in {where}: expected {kind.expected}")


def check_frame(frame: pd.DataFrame, where: str) -> None:
    """Raise unless `frame` is a DataFrame."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{where}: expected a DataFrame, got {type(frame).__name__}")


def check_targets(targets: Targets, regime_names: Sequence[str]) -> dict[str, Any]:
    """The targets that the user gave, by the name of the regime as a string."""
    if targets is not None and not isinstance(targets, Mapping):
        raise TypeError(f"targets: expected a mapping of regime to variables, got {type(targets).__name__}")
    named = {str(name): given for name, given in (targets or {}).items()}
    if strange := [name for name in named if name not in regime_names]:
        raise ValueError(f"targets: {strange[0]!r} is no regime; the regimes are {listing(regime_names)}")
    return named

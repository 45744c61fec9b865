"""Where tables come from: arrays and numpy archives, brought to frames, and weights of their rows.

``d`` counts variables, ``n`` observational rows, ``R`` regimes and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import networkx as nx
import numpy as np
import pandas as pd
import torch

from pyrocausal.data.array_files import read_arrays
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.columns import listing
from pyrocausal.data.tables import check_frame, check_names
from pyrocausal.data.text_form import FilePath
from pyrocausal.data.weights import read_weights

__all__ = [
    "Array", "FilePath", "Frames", "Weights", "arrays_of_weights", "frames_of_arrays", "read_npz", "take_weights",
]  # fmt: skip

Array: TypeAlias = np.ndarray | torch.Tensor
Frames: TypeAlias = tuple[pd.DataFrame, dict[str, pd.DataFrame]]  # observational [n, d], regimes [n_r, d] by name
Weights: TypeAlias = tuple[np.ndarray, dict[str, np.ndarray]]  # observational [n], regimes [n_r] by name


def frames_of_arrays(
    observational: Array, regimes: Mapping[str, Array] | Sequence[Array] | Array, names: Sequence[str] | None
) -> Frames:
    """Name the columns of arrays [n, d] and [n_r, d], and regimes without names.

    Raises
    ------
    TypeError
        If a table is a DataFrame, `regimes` has the wrong type or a name is no string.
    ValueError
        If a table has another dimension or width than expected, or the names are not fit for variables.
    """
    table = _table(observational, "observational")
    labels = [f"X{i}" for i in range(table.shape[1])] if names is None else list(check_names(names, "names"))
    if not isinstance(regimes, (Mapping, Sequence, np.ndarray, torch.Tensor)):
        raise TypeError(f"regimes: expected arrays, or a mapping of name to array, got {type(regimes).__name__}")
    if not isinstance(regimes, Mapping):
        regimes = {f"regime {r}": rows for r, rows in enumerate(regimes)}
    arrays = {name: _table(rows, f"regime {name!r}") for name, rows in regimes.items()}
    for where, width in [("names", len(labels)), *((f"regime {r!r}", a.shape[1]) for r, a in arrays.items())]:
        if width != table.shape[1]:
            raise ValueError(f"{where}: expected {table.shape[1]} variables as in observational, got {width}")
    frames = {name: pd.DataFrame(array, columns=labels) for name, array in arrays.items()}
    return pd.DataFrame(table, columns=labels), frames


def _table(values: Any, where: str) -> np.ndarray:
    """`values` as a numpy table [n, columns], floats as float64."""
    if isinstance(values, (pd.DataFrame, pd.Series)):
        raise TypeError(f"{where}: expected an array or a tensor, got a {type(values).__name__}; see from_frames")
    if isinstance(values, torch.Tensor):
        values = values.detach().to_dense() if values.layout != torch.strided else values.detach()
        values = (values.double() if values.is_floating_point() else values).cpu().numpy()
    array = _with_gaps(values) if isinstance(values, np.ma.MaskedArray) else _dense(values)
    if array.ndim != 2:
        raise ValueError(f"{where}: expected a table with 2 dimensions, rows and variables, got {array.ndim}")
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _dense(values: Any) -> np.ndarray:
    """As a numpy array; sparse matrices and arrays of scipy with their zeros."""
    sparse = sys.modules.get("scipy.sparse")  # who has such a matrix has imported it
    return values.toarray() if sparse is not None and sparse.issparse(values) else np.asarray(values)


def _with_gaps(values: np.ma.MaskedArray) -> np.ndarray:
    """What is masked is missing: NaN among numbers, None among anything else."""
    if not np.ma.getmaskarray(values).any():
        return np.asarray(values.data)
    numeric = values.dtype.kind in "iuf"
    filled = np.array(values.data, dtype=np.float64 if numeric else object)
    filled[np.ma.getmaskarray(values)] = np.nan if numeric else None
    return filled


def arrays_of_weights(weights: Any, frames: Frames) -> Weights | None:
    """Check weights that were given as (observational, regimes), the second as the regimes themselves.

    Raises
    ------
    TypeError
        If they are no such pair.
    ValueError
        If there is not one for every row of every table, or one is not positive and finite.
    """
    if weights is None:
        return None
    if not isinstance(weights, tuple) or len(weights) != 2:
        raise TypeError(
            "weights: expected a pair of those of the observational rows, [n], and of the regimes, given as they are; "
            f"got {type(weights).__name__}"
        )
    observational, regimes = weights
    if not isinstance(regimes, (Mapping, Sequence, np.ndarray, torch.Tensor)):
        raise TypeError(f"weights: expected arrays for the regimes, by name or in order, got {type(regimes).__name__}")
    if not isinstance(regimes, Mapping):
        if len(regimes) != len(frames[1]):
            raise ValueError(f"weights: expected arrays for {len(frames[1])} regimes, got {len(regimes)}")
        regimes = dict(zip(frames[1], regimes, strict=True))
    if odd := sorted(map(str, regimes.keys() ^ frames[1].keys())):
        raise ValueError(f"weights: expected an array for every regime and no other, but {listing(odd)} is on one side")

    def of(given: Any, frame: pd.DataFrame, where: str) -> np.ndarray:
        if np.ma.is_masked(given):
            raise ValueError(f"weights: some of {where} are masked; every row needs one")
        array = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
        if array.shape != (len(frame),):
            raise ValueError(f"weights: expected one for each of the {len(frame)} rows of {where}, got {array.shape}")
        return read_weights(array, where)

    tables = {name: of(regimes[name], frame, f"regime {name!r}") for name, frame in frames[1].items()}
    return of(observational, frames[0], "the observational rows"), tables


def take_weights(
    observational: pd.DataFrame, regimes: Mapping[str, pd.DataFrame], column: str | None, kinds: Any, targets: Any
) -> tuple[Frames, Weights | None]:
    """Take the column of weights out of all tables.

    Raises
    ------
    TypeError
        If `column` is no string.
    ValueError
        If a table lacks the column or has it twice, `kinds` or `targets` take it for a variable, or a weight is not
        positive and finite.
    """
    if column is None:
        return (observational, dict(regimes)), None
    if not isinstance(column, str):
        raise TypeError(f"weights: expected the name of a column, got {column!r}; arrays go to from_arrays")
    stated = [given.names if isinstance(given, AtLeast) else given for given in targets.values()]
    many = [[given] if isinstance(given, str) else given for given in stated if isinstance(given, Iterable)]
    hit = [each for given in many for each in given]
    for argument, names in (("kinds", kinds if isinstance(kinds, Mapping) else ()), ("targets", hit)):
        if column in names:
            raise ValueError(
                f"weights: column {column!r} is a variable in {argument}, and cannot be both; drop it there, or "
                "copy it under another name"
            )

    def split(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, np.ndarray]:
        check_frame(frame, where)
        if (times := list(frame.columns).count(column)) != 1:
            raise ValueError(
                f"weights: expected one column {column!r} in {where}, found {times}; the columns are "
                f"{listing(frame.columns)}"
            )
        return frame.drop(columns=column), read_weights(frame[column], f"column {column!r} in {where}")

    control, counted = split(observational, "the observational rows")
    rest = {name: split(frame, f"regime {str(name)!r}") for name, frame in regimes.items()}
    frames = control, {name: frame for name, (frame, _) in rest.items()}
    return frames, (counted, {name: each for name, (_, each) in rest.items()})


def read_npz(path: FilePath) -> tuple[np.ndarray, np.ndarray, nx.DiGraph | None, Any]:
    """Read data_obs [n, d], data_int [R, n_r, d] and, where there is an adj_matrix [d, d], its graph over X0, X1, ...

    Weights come last, if there are weights_obs [n] and weights_int [R, n_r]: a pair, else None.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no archive or damaged, lacks an array, has weights of one kind alone or holds objects, or arrays
        out of all proportion to it; data_int has another shape, or adj_matrix is no graph over d variables.
    """
    arrays = read_arrays(Path(path), ("data_obs", "data_int", "adj_matrix", "weights_obs", "weights_int"))
    if lacking := [key for key in ("data_obs", "data_int") if key not in arrays]:
        raise ValueError(f"path: {path} lacks {lacking}; it holds {[*arrays] or 'none that is known'}")
    observational, regimes, adjacency = arrays["data_obs"], arrays["data_int"], arrays.get("adj_matrix")
    counted = {key: arrays[key] for key in ("weights_obs", "weights_int") if key in arrays}
    if regimes.ndim != 3:
        raise ValueError(f"data_int: expected shape [R, n_r, d], got {list(regimes.shape)}")
    if len(counted) == 1:
        raise ValueError(
            f"path: {path} has {listing(counted)} alone; store both weights_obs and weights_int, or neither"
        )
    weights = tuple(counted.values()) or None
    if adjacency is None:
        return observational, regimes, None, weights
    d = regimes.shape[2]
    if adjacency.shape != (d, d) or not np.isin(adjacency, (0, 1)).all() or np.diagonal(adjacency).any():
        raise ValueError(
            f"adj_matrix: expected zeros and ones of shape [{d}, {d}] with a zero diagonal, got shape "
            f"{list(adjacency.shape)}, values {np.unique(adjacency)[:5].tolist()}"
        )
    truth = nx.DiGraph()
    truth.add_nodes_from(f"X{i}" for i in range(d))
    truth.add_edges_from((f"X{cause}", f"X{effect}") for cause, effect in np.argwhere(adjacency))
    return observational, regimes, truth, weights

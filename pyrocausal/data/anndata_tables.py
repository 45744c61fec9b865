"""Cells and their genes, as AnnData objects or .h5ad files hold them, as one long table.

``n`` counts cells, ``g`` the genes that are variables and ``G`` all of the matrix.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyrocausal.data.columns import listing
from pyrocausal.data.kinds import Count
from pyrocausal.data.kinds_left_open import spread_kinds

__all__ = ["TOTAL", "read_cells"]

TOTAL = "total"  # the exposure that is made
MOST_GENES = 1000  # that are taken without being named
LEAST_REST = 0.5  # share of all counts that the genes which are no variables must have to be the exposure alone


def read_cells(
    adata: Any,
    columns: Sequence[str],
    layer: str | None,
    genes: Sequence[str] | None,
    obs: Sequence[str],
    exposure: str | None,
    kinds: Mapping[str, Any] | None,
) -> tuple[pd.DataFrame, dict[Any, Any]]:
    """A table of genes, columns of `obs` and, for counts, their exposure; and the kinds of the variables.

    Parameters
    ----------
    adata
        An AnnData, or the path of an .h5ad file.
    columns
        Of `adata.obs`, that tell regimes, targets or weights.
    layer, genes, obs, exposure, kinds
        As in :meth:`pyrocausal.data.interventional_data.InterventionalData.from_anndata`.

    Returns
    -------
    table : DataFrame
        n rows.
    kinds : dict
        Of genes and what was given.

    Raises
    ------
    TypeError
        If `adata` is neither an AnnData nor a path, or an argument is a string instead of names.
    ValueError
        If anndata is not installed, or a gene, layer or column is not there or there twice.
    """
    adata = _opened(adata)
    for argument, names in (("genes", genes), ("obs", obs)):
        if isinstance(names, str):
            raise TypeError(f"{argument}: expected names, as in {argument}=[{names!r}], got the string {names!r}")
    if kinds is not None and not isinstance(kinds, Mapping):
        raise TypeError(f"kinds: expected a mapping of variable to kind, got {kinds!r}")
    kept = list(dict.fromkeys([*columns, *obs, *([] if exposure is None else [exposure])]))
    if strange := [name for name in kept if name not in adata.obs.columns]:
        raise ValueError(f"obs: {strange[0]!r} is no column of adata.obs; these are {listing(adata.obs.columns)}")
    values, counts, total = _matrix(adata, layer, genes)
    chosen = [str(name) for name in adata.var_names] if genes is None else [*genes]
    if both := [name for name in kept if name in chosen]:
        raise ValueError(f"obs: {both[0]!r} is a gene too; rename the column, as by adata.obs.rename(columns=...)")
    table = pd.DataFrame(values, columns=chosen)
    for name in kept:
        column = adata.obs[name]
        plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) and name in columns else column
        table[name] = plain.to_numpy() if plain.dtype == object else plain.array
    told = spread_kinds(kinds, [table]) if kinds else {}
    if not counts:
        return table, dict(told)
    if exposure is None and any(name not in told for name in chosen):
        exposure = TOTAL
        if exposure in table.columns:
            raise ValueError(
                f"exposure: there is a gene or column {TOTAL!r} already; name the column of adata.obs that counts are "
                "in proportion to, or rename it"
            )
        table[exposure] = total
    return table, {**{name: Count(exposure) for name in chosen}, **told}


def _opened(adata: Any) -> Any:
    """The object, or what a file holds."""
    path = adata if isinstance(adata, (str, PathLike)) else None
    if path is not None and not Path(path).exists():
        raise FileNotFoundError(f"adata: there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that announce their own future
            anndata = importlib.import_module("anndata")
            read = adata if path is None else anndata.read_h5ad(path)
    except ImportError as error:
        raise ValueError(
            "adata: to read cells the optional package anndata is needed: pip install 'pyrocausal[anndata]'"
        ) from error
    except (OSError, KeyError) as error:
        raise ValueError(f"adata: {path} is no readable .h5ad file: {error}") from error
    if not isinstance(read, anndata.AnnData):
        raise TypeError(f"adata: expected an AnnData or the path of an .h5ad file, got {type(adata).__name__}")
    return read


def _matrix(adata: Any, layer: str | None, genes: Sequence[str] | None) -> tuple[np.ndarray, bool, np.ndarray | None]:
    """Values [n, g] of the genes, whether these are counts, and then what they are in proportion to [n]."""
    if layer is not None and layer not in adata.layers:
        raise ValueError(f"layer: there is none {layer!r}; there are {listing(adata.layers)}")
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        raise ValueError(f"layer: adata.X is empty; name one of the layers {listing(adata.layers)}")
    names = [str(name) for name in adata.var_names]
    if genes is None and len(names) > MOST_GENES:
        raise ValueError(
            f"genes: there are {len(names):,}; name those that the graph is to be of, as in genes=[{names[0]!r}, ...]"
        )
    wanted = names if genes is None else [*genes]
    if lacking := [name for name in wanted if names.count(name) != 1]:
        times = names.count(lacking[0])
        raise ValueError(f"genes: expected one gene {lacking[0]!r}, found {times}; there are {listing(names)}")
    places = [names.index(name) for name in wanted]
    part = matrix[:, places]
    values = np.asarray(part if isinstance(part, np.ndarray) else part.toarray())  # [n, g]
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
    counts = bool(np.isfinite(values).all() and (values >= 0).all() and (values == values.round()).all())
    if not counts:
        return values, False, None
    whole = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()  # [n]
    rest = whole - values.sum(axis=1)
    if rest.sum() >= LEAST_REST * whole.sum() and (rest > 0).all():
        return values.astype(np.int64), True, rest
    warnings.warn(
        "the genes that are no variables have few of the counts, so what counts are in proportion to, the column "
        f"{TOTAL!r}, is made of all genes, the variables among them; keep more genes in adata, or name a column of "
        "adata.obs by exposure=",
        RuntimeWarning,
        stacklevel=4,
    )
    return values.astype(np.int64), True, whole

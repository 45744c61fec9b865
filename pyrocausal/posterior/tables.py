"""Tables of edges and of targets, the strongest first: probability, strength and size side by side.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pyrocausal.posterior.effect_sizes import Sizes

__all__ = ["STRONG", "UNDECIDED", "edge_table", "none_of", "target_table"]

# Nats per row from which an edge or a target is called strong, and below which weak: what two normal variables whose
# correlation is 0.3 tell of each other. Causes that nobody measured seldom make as much, and often less.
STRONG = 0.05
UNDECIDED = 0.2, 0.8  # probabilities between which, these included, an edge or a target is called undecided


def edge_table(
    names: Sequence[str],
    probability: NDArray,
    strength: NDArray,
    sizes: Sizes,
    settled: NDArray[np.bool_],
    chains: Sequence[NDArray],
) -> pd.DataFrame:
    """All ordered pairs of variables, see `CausalPosterior.edges`.

    Parameters
    ----------
    names
        The d variables.
    probability, strength, sizes, settled
        Of every pair, shape [d, d] (effect, cause).
    chains
        Probabilities of every chain, shape [d, d].
    """
    pairs = [(c, e) for c in range(len(names)) for e in range(len(names)) if c != e]
    columns = {
        "cause": [names[c] for c, _ in pairs],
        "effect": [names[e] for _, e in pairs],
        "probability": [float(probability[e, c]) for c, e in pairs],
        "strength": [float(strength[e, c]) for c, e in pairs],
        "size": [float(sizes.value[e, c]) for c, e in pairs],
        "measured as": [str(sizes.measured[e, c]) for c, e in pairs],
        "settled": [bool(settled[e, c]) for c, e in pairs],
    }
    each = {f"chain {k}": [float(chain[e, c]) for c, e in pairs] for k, chain in enumerate(chains)}
    return _strongest_first(pd.DataFrame(columns | each))


def target_table(
    regimes: Sequence[str],
    names: Sequence[str],
    probability: NDArray,
    none: NDArray,
    strength: NDArray,
    sizes: Sizes,
    escaped: NDArray | None = None,
) -> pd.DataFrame:
    """Every regime with every variable and none, see `CausalPosterior.target_table`.

    Parameters
    ----------
    regimes, names
        The R regimes and the d variables.
    probability, strength, sizes
        Of every target, shape [R, d].
    none
        Probability that a regime has no target, shape [R].
    escaped
        Share of rows that a regime did not reach, had it acted on a variable, shape [R, d]; None for no such column.
    """
    R, width = len(regimes), len(names) + 1
    unknown, empty = np.full((R, 1), np.nan), np.full((R, 1), "", dtype=object)
    columns = {
        "regime": np.repeat(np.array(regimes, dtype=object), width),
        "variable": [*names, none_of(names)] * R,
        "probability": np.hstack([probability, none[:, None]]).ravel().astype(np.float64),
        "strength": np.hstack([strength, unknown]).ravel().astype(np.float64),
        "size": np.hstack([sizes.value, unknown]).ravel(),
        "measured as": np.hstack([sizes.measured, empty]).ravel(),
    }
    if escaped is not None:
        columns["escaped"] = np.hstack([escaped, unknown]).ravel()
    return _strongest_first(pd.DataFrame(columns))


def none_of(names: Sequence[str]) -> str:
    """What the absence of a target is called beside these variables."""
    return "none" if "none" not in names else "(none)"


def _strongest_first(table: pd.DataFrame) -> pd.DataFrame:
    """By strength and then by probability; those without a strength last."""
    return table.sort_values(["strength", "probability"], ascending=False, kind="stable", ignore_index=True)

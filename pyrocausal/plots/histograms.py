"""What was observed of a variable in a regime and what the fitted programs predict, as shares of rows.

Predictions are those of `CausalPosterior.to_arviz` (`pyrocausal.posterior.inference_data`): whole tables like the
recorded ones, drawn from the fitted programs with the targets of every regime intervened on, so that they keep the
values that they took. Rows with weights count by them on both sides.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.posterior_predictive import predicted_tables
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["TABLES", "Histogram", "Histograms", "check_names", "histogram", "predict"]

TABLES = 20
BINS, MOST_BARS = (8, 30), 30  # of numbers, at least and at most; whole numbers that are so few have a bar each
TAIL = 0.001  # share of the numbers beyond either outermost bin's inner border that joins it


class Histogram(NamedTuple):
    """Shares of the rows of one table in the bins of one variable.

    Attributes
    ----------
    observed
        Shape [bins].
    predicted
        Shape [tables, bins].
    edges
        Borders of the bins, shape [bins + 1].
    labels
        Of the bins, where each has a single value; empty for bins of numbers.
    rows
        Of the table that have a value.
    kept
        Whether every predicted table has the recorded values: the variable was intervened on, or is an exposure.
    """

    observed: NDArray[np.float64]
    predicted: NDArray[np.float64]
    edges: NDArray[np.float64]
    labels: tuple[str, ...]
    rows: int
    kept: bool

    @property
    def misplaced(self) -> float:
        """Share of the rows that would have to change bins to make what was observed what is predicted on average."""
        return float(np.abs(self.observed - self.predicted.mean(0)).sum() / 2)

    @property
    def each(self) -> NDArray[np.float64]:
        """The same of every predicted table and the average of the others: what chance alone does.

        Shape [tables]; NaN where a single one was predicted.
        """
        if len(self.predicted) == 1:
            return np.full(1, np.nan)
        others = (self.predicted.sum(0) - self.predicted) / (len(self.predicted) - 1)
        return np.abs(self.predicted - others).sum(1) / 2

    @property
    def by_chance(self) -> float:
        """The mean of `each`."""
        return float(self.each.mean())


def predict(result: CausalPosterior, tables: int = TABLES, seed: int = 0) -> dict[str, xr.Dataset]:
    """Draw tables like the recorded ones, for many calls of `plot_predictive` together.

    Parameters
    ----------
    result
        A fit.
    tables
        To draw, shared out evenly among the chains: at least one each, and no more than a chain has kept graphs.
    seed
        Of the draws.

    Returns
    -------
    dict
        The groups posterior_predictive, observed_data and constant_data of `CausalPosterior.to_arviz`.

    Raises
    ------
    TypeError, ValueError
        If a number is no whole number, or out of range.
    """
    check("tables", tables, whole(1))
    check("seed", seed, whole())
    each = -(-int(tables) // len(result.chains))
    drawn = [len(chain.graphs) for chain in result.chains if chain.graphs is not None]
    return predicted_tables(result.data, result.chains, min([each, *drawn]), int(seed))


def histogram(result: CausalPosterior, predicted: Any, variable: str, regime: str | None = None) -> Histogram:
    """What `plot_predictive` draws.

    Parameters
    ----------
    result, variable, regime
        As in `plot_predictive`.
    predicted
        What `predict`, or `CausalPosterior.to_arviz` with `posterior_predictive`, gave.

    Raises
    ------
    ValueError
        As `plot_predictive`.
    """
    check_names(result, variable, regime)
    return Histograms(result, predicted).of(variable, regime)


class Histograms:
    """All that `histogram` gives, one after another, from tables that are looked at once.

    Parameters
    ----------
    result, predicted
        As in `histogram`.

    Raises
    ------
    ValueError
        As `histogram`.
    """

    def __init__(self, result: CausalPosterior, predicted: Any) -> None:
        self.result, data = result, result.data
        if "posterior_predictive" not in predicted:
            raise ValueError("predicted: it holds no predicted tables; make it with to_arviz(posterior_predictive=...)")
        tables, constants = predicted["posterior_predictive"], predicted["constant_data"]
        columns = {column.attrs.get("variable"): name for name, column in tables.data_vars.items()}
        number = constants["regime_number"].values
        if set(columns) != set(data.names) or len(number) != data.n + sum(len(each.rows) for each in data.regimes):
            raise ValueError("predicted: its tables are not like those of the result; make them with result.to_arviz")
        # rows come table by table
        self._starts = np.searchsorted(number, np.arange(-1, len(data.regimes) + 1))
        self._columns = {
            variable: (
                predicted["observed_data"][name].values,  # [n]
                tables[name].values.reshape(-1, len(number)),  # [tables, n]
                json.loads(tables[name].attrs.get("states", "null")),
            )
            for variable, name in columns.items()
        }
        self._weights = constants["weight"].values if "weight" in constants else np.ones(len(number))

    def of(self, variable: str, regime: str | None = None) -> Histogram:
        """Of a variable in a regime, see `histogram`."""
        code = 0 if regime is None else 1 + self.result.data.regime_names.index(regime)
        here = slice(*self._starts[[code, code + 1]])
        seen, drawn, states = self._columns[variable]
        seen, drawn, weights = seen[here], drawn[:, here], self._weights[here]
        there = seen >= 0 if states else ~np.isnan(seen)  # a missing state has the code -1
        if not there.any():
            place = "the rows without intervention" if regime is None else f"regime {regime!r}"
            raise ValueError(f"variable: {variable!r} has no value in {place}")
        kind = self.result.data.kinds[self.result.data.names.index(variable)]
        bins = int(np.clip(there.sum() ** 0.5, *BINS))
        edges, labels = _bins(np.concatenate([seen[there], drawn.ravel()]), states, kind.whole, bins)
        return Histogram(
            _shares(seen[None, there], weights[there], edges)[0],
            _shares(drawn, weights, edges),
            edges,
            labels,
            int(there.sum()),
            _may_be_kept(self.result, variable, regime) and bool((drawn[:, there] == seen[there]).all()),
        )


def _shares(values: NDArray, weights: NDArray, edges: NDArray) -> NDArray[np.float64]:
    """Weight of some tables' values [tables, n] in each bin, the outermost ones taking all beyond: [tables, bins]."""
    bins = len(edges) - 1
    place = np.searchsorted(edges[1:-1], values, side="right") + bins * np.arange(len(values))[:, None]
    counted = np.bincount(place.ravel(), np.broadcast_to(weights, values.shape).ravel(), bins * len(values))
    return counted.reshape(len(values), bins) / weights.sum()


def _may_be_kept(result: CausalPosterior, variable: str, regime: str | None) -> bool:
    """Whether a predicted table can have the recorded values for another reason than that they are all the same."""
    if variable in result.data.aside:
        return True
    i = result.data.names.index(variable)
    if regime is None:
        return False
    r = result.data.regime_names.index(regime)
    return any(
        bool(
            chain.target_probability[r, i] > 0.5 if chain.graph_targets is None else chain.graph_targets[:, r, i].any()
        )
        for chain in result.chains
    )


def check_names(result: CausalPosterior, variable: str, regime: str | None) -> None:
    """Complain of a variable or a regime that is not there."""
    for what, name, names in (("variable", variable, result.data.names), ("regime", regime, result.data.regime_names)):
        if name not in names and not (what == "regime" and name is None):
            raise ValueError(f"{what}: there is none called {name!r}; the result has {', '.join(names)}")


def _bins(values: NDArray, states: list[str] | None, counts: bool, bins: int) -> tuple[NDArray, tuple[str, ...]]:
    """Borders of bins, and their labels where each holds a single value."""
    if states:
        return np.arange(len(states) + 1) - 0.5, tuple(states)
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if not counts:
        if low == high:
            low, high = low - 0.5, high + 0.5
        return np.linspace(low, high, bins + 1), ()
    low, high = np.floor(low), np.ceil(high)
    if high - low < MOST_BARS:
        whole = np.arange(low, high + 1)
        return np.append(whole, high + 1) - 0.5, tuple(f"{value:.0f}" for value in whole)
    borders = np.expm1(np.linspace(np.log1p(low), np.log1p(high + 1), bins + 1))
    return np.unique(borders.round()) - 0.5, ()

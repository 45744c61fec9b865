"""Graphs compared by how well they predict rows that were not fitted: the settled one, and others that it must beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import networkx as nx
import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.checks.row_predictions import RowPredictor
from pyrocausal.data.columns import listing
from pyrocausal.model.acyclic import topological_order
from pyrocausal.posterior.causal_posterior import CausalPosterior

__all__ = ["COMPARED", "HeldOut", "Variant", "compare", "settled_dag"]

Variant: TypeAlias = Callable[[torch.Tensor], torch.Tensor]  # a graph [d, d] made of the settled one


def _along(dag: torch.Tensor) -> torch.Tensor:
    """All edges that an order of the graph [d, d] allows."""
    order = topological_order(dag)
    assert order is not None
    place = torch.tensor(order).argsort()
    return place[:, None] > place[None]


COMPARED: dict[str, Variant] = {
    "settled": lambda dag: dag,
    "independent": torch.zeros_like,
    "complete": _along,
    "reversed": lambda dag: _along(dag).t(),
}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How well the settled graph and others predict rows that were held out; print it for a summary.

    Attributes
    ----------
    log_likelihood
        Mean log-likelihood of a held-out row in nats, higher is better; dims ("graph", "regime", "variable"). The
        target of a regime counts under its new mechanism. Continuous values are scored standardised, as they are
        encoded.
    rows
        Rows scored per regime, or their total weight.
    targets
        What each graph takes for the targets of a regime: a column per graph, tuples.
    results
        The fits to the other rows, one, or one per fold of regimes.
    what
        What was held out.

    Examples
    --------
    Going on from the example of `held_out_rows`:

    >>> other = nx.DiGraph([("X2", "X1"), ("X1", "X0")])
    >>> list(check.against({"other": other}).table())
    ['settled', 'independent', 'complete', 'reversed', 'other']
    """

    log_likelihood: xr.DataArray
    rows: pd.Series
    targets: pd.DataFrame
    results: tuple[CausalPosterior, ...]
    what: str
    _trials: tuple[RowPredictor, ...] = field(repr=False)

    def table(self) -> pd.DataFrame:
        """Nats per row, summed over variables: a row per regime, one for all of them together, a column per graph."""
        each = self.log_likelihood.sum("variable").transpose("regime", "graph").values  # [T, graphs]
        rows = self.rows.to_numpy()
        return pd.DataFrame(
            np.vstack([each, rows @ each / rows.sum()]),
            index=pd.Index([*self.rows.index, "all"], name="regime"),
            columns=pd.Index(self.log_likelihood.graph.values, name="graph"),
        )

    def gains(self) -> pd.DataFrame:
        """By how much the settled graph predicts better than each of the others.

        Returns
        -------
        pandas.DataFrame
            A row per graph. `nats` per row over all tables; its `standard_error`, by leaving out one table at a time
            (NaN where there is one alone): what another choice of conditions would change; `better`, tables in which
            the settled graph predicts better.

        References
        ----------
        B. Efron, "The jackknife, the bootstrap and other resampling plans", 1982.
        """
        each, rows = self.log_likelihood.sum("variable"), self.rows.to_numpy(dtype=float)
        gain = (each.sel(graph="settled") - each.drop_sel(graph="settled")).transpose("graph", "regime").values
        nats = gain @ rows / rows.sum()
        error = np.full(len(nats), math.nan)
        if (tables := len(rows)) > 1:
            left = rows.sum() - rows
            without = ((gain @ rows)[:, None] - gain * rows) / left  # [graphs, T]
            error = np.sqrt((tables - 1) * without.var(1))
        names = pd.Index(
            [name for name in self.log_likelihood.graph.values.tolist() if name != "settled"], name="graph"
        )
        return pd.DataFrame({"nats": nats, "standard_error": error, "better": (gain > 0).sum(1)}, index=names)

    def against(self, graphs: Mapping[str, nx.DiGraph]) -> HeldOut:
        """The same with other graphs beside, say one from the literature; nothing is fitted again but mechanisms.

        Parameters
        ----------
        graphs
            DAGs over the variables, cause -> effect, by a name. Covariates and exposures have no edges, and may be left
            out.

        Returns
        -------
        HeldOut
            With the graphs after those that are there.

        Raises
        ------
        TypeError
            If `graphs` is no mapping to `networkx.DiGraph`.
        ValueError
            If there are none, a graph has other variables, an edge of a covariate or an exposure, or a cycle, or a name
            is taken.
        """
        if not isinstance(graphs, Mapping):
            raise TypeError(f"graphs must be as {{'literature': graph}}, got {type(graphs).__name__}")
        if not graphs:
            raise ValueError("graphs must name at least one graph, as {'literature': graph}")
        variants = {name: self._given(name, graph) for name, graph in graphs.items()}
        more = compare(self._trials, self.results, variants, self.what).in_order(self.rows.index.to_list())
        return replace(
            self,
            log_likelihood=xr.concat([self.log_likelihood, more.log_likelihood], "graph", join="exact"),
            targets=pd.concat([self.targets, more.targets], axis=1),
        )

    def in_order(self, regimes: Sequence[str]) -> HeldOut:
        """The same with its regimes in another order."""
        names = list(regimes)
        return replace(
            self,
            log_likelihood=self.log_likelihood.sel(regime=names),
            rows=self.rows.loc[names],
            targets=self.targets.loc[names],
        )

    def _given(self, name: str, graph: nx.DiGraph) -> Variant:
        names = list(self._trials[0].names)
        if not isinstance(graph, nx.DiGraph):
            raise TypeError(f"graphs: {name!r} must be a networkx.DiGraph, cause -> effect, got {type(graph).__name__}")
        if name in self.targets.columns:
            raise ValueError(f"graphs: the name {name!r} is taken; choose another one")
        if strange := [node for node in graph if node not in names]:
            raise ValueError(
                f"graphs: {name!r} holds {strange[0]!r}, which is no variable; variables: {listing(names)}"
            )
        aside = self.results[0].data.aside
        if lacking := [each for each in names if each not in graph and each not in aside]:
            raise ValueError(f"graphs: {name!r} lacks {lacking[0]!r}; add it with add_node, even if it has no edges")
        if touched := [(cause, effect) for cause, effect in graph.edges if {cause, effect} & {*aside}]:
            raise ValueError(
                f"graphs: {name!r} has the edge {touched[0][0]} -> {touched[0][1]} of a covariate or an exposure, "
                "which is no node of a graph; remove it (what covariates do stays as it was fitted)"
            )
        graph = nx.DiGraph(graph.edges)
        graph.add_nodes_from(names)
        if not nx.is_directed_acyclic_graph(graph):
            raise ValueError(f"graphs: {name!r} has a cycle, so it predicts nothing; remove an edge of it")
        edges = torch.as_tensor(nx.to_numpy_array(graph, names, weight=None).T > 0)
        return lambda settled: edges

    def __str__(self) -> str:
        table = self.table()
        lines = [
            f"Held-out {self.what}: mean log-likelihood of a row in nats, higher is better",
            table.assign(rows=[*self.rows, self.rows.sum()]).to_string(float_format="{:.3f}".format),
        ]
        for name, gain in self.gains().iterrows():
            lines.append(
                f"the settled graph predicts better than {name!r} in {int(gain.better)} of {len(self.rows)} tables, "
                f"by {gain.nats:+.3f} nats a row over all"
                + ("" if math.isnan(gain.standard_error) else f" (standard error {gain.standard_error:.3f})")
            )
        return "\n".join(lines)


def compare(
    trials: Sequence[RowPredictor], results: Sequence[CausalPosterior], variants: Mapping[str, Variant], what: str
) -> HeldOut:
    """Score variants of the settled graph of every trial on its tables.

    Parameters
    ----------
    trials, results
        The rows to score, and the fit to others, of every fold.
    variants
        Graphs made of the settled one, by a name; in each, covariates act on what they act on in the settled one.
    what
        What was held out.

    Returns
    -------
    HeldOut
        Regimes in the order of the trials.
    """
    values: list[torch.Tensor] = []
    targets: list[pd.DataFrame] = []
    for trial, result in zip(trials, results, strict=True):
        settled = settled_dag(result)
        node = torch.tensor([name in result.data.nodes for name in trial.names])
        made = {name: variant(settled) for name, variant in variants.items()}
        graphs = {name: torch.where(node[:, None] & node, graph, settled) for name, graph in made.items()}
        trial.prepare(list(graphs.values()))
        found = {name: trial.predict(graph) for name, graph in graphs.items()}
        sizes = torch.tensor([table.size for table in trial.tables], dtype=torch.double)
        values.append(torch.stack([each.log_likelihood / sizes[:, None] for each in found.values()]))
        hit = {
            name: [tuple(v for v, on in zip(trial.names, row, strict=True) if on) for row in each.hit.tolist()]
            for name, each in found.items()
        }
        targets.append(pd.DataFrame(hit, index=[table.name for table in trial.tables]))
    every = [table for trial in trials for table in trial.tables]
    names = [table.name for table in every]
    log_likelihood = xr.DataArray(
        torch.cat(values, 1).numpy(),
        dims=("graph", "regime", "variable"),
        coords={"graph": list(variants), "regime": names, "variable": list(trials[0].names)},
        name="log_likelihood",
    )
    rows = pd.Series([table.size for table in every], index=names, name="rows")
    return HeldOut(log_likelihood, rows, pd.concat(targets).rename_axis("regime"), tuple(results), what, tuple(trials))


def settled_dag(result: CausalPosterior) -> torch.Tensor:
    """The graph of the best chain, boolean, shape [d, d] (effect, cause)."""
    return result.best.dag.cpu().bool()

"""A negative control: does a graph predict better than itself with its variables interchanged?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd
import torch

from pyrocausal.checks.comparison import HeldOut, Variant, compare, settled_dag
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.runtime.checked_settings import check as check_setting
from pyrocausal.runtime.checked_settings import whole

__all__ = ["RandomGraphControl", "random_graph_control"]


@dataclass(frozen=True, eq=False)
class RandomGraphControl:
    """Where a graph stands among copies of itself with its variables interchanged; print it for a summary.

    Attributes
    ----------
    value
        Mean log-likelihood of a held-out row under the graph, nats.
    permuted
        The copies, a row each: `log_likelihood`, nats a row, and `shd` to the graph, mean over fits.
    rank
        1 if no copy predicts as well.
    what
        What was held out.

    Examples
    --------
    Going on from the example of `held_out_rows`:

    >>> control = pc.random_graph_control(check, n=5)
    >>> control.rank, len(control.permuted)
    (1, 5)
    """

    value: float
    permuted: pd.DataFrame
    rank: int
    what: str

    @property
    def p_value(self) -> float:
        """Share of all, the graph among them, that predict at least as well: at best 1 / (copies + 1)."""
        return self.rank / (len(self.permuted) + 1)

    def __str__(self) -> str:
        found = self.permuted.log_likelihood
        return (
            f"Random graph control on held-out {self.what}: nats per row, higher is better\n"
            f"the graph {self.value:.3f}; {len(found)} copies with variables interchanged: best {found.max():.3f}, "
            f"median {found.median():.3f}, worst {found.min():.3f}\n"
            f"rank {self.rank} of {len(found) + 1}, p = {self.p_value:.3f}"
        )


def random_graph_control(check: HeldOut, n: int = 20, *, seed: int = 0) -> RandomGraphControl:
    """Compare a graph with copies of itself whose variables are interchanged: as many edges, and the same shape.

    Parameters
    ----------
    check
        What `held_out_rows` or `held_out_regimes` gave back: copies predict the rows that were held out there, by
        mechanisms fitted to the parent sets of each. Where there are several fits, all are permuted alike. Covariates
        and exposures stay where they are.
    n
        Copies; default 20, fewer where there are not so many different ones.
    seed
        Of the copies; default 0.

    Returns
    -------
    RandomGraphControl

    Raises
    ------
    TypeError
        If `check` is no `HeldOut`.
    ValueError
        If `n` or `seed` is out of range, or all copies are the graph itself, as where it has no edges.

    References
    ----------
    The p-value is that of a permutation test: B. Phipson, G. K. Smyth, "Permutation p-values should never be zero",
    2010.

    Examples
    --------
    Going on from the example of `held_out_rows`:

    >>> pc.random_graph_control(check, n=5).rank
    1
    """
    if not isinstance(check, HeldOut):
        raise TypeError(
            f"check must be a HeldOut, got {type(check).__name__}; make one with held_out_rows or held_out_regimes"
        )
    check_setting("n", n, whole(1))
    check_setting("seed", seed, whole())
    settled = [settled_dag(result) for result in check.results]
    data = check.results[0].data
    free = np.array([place for place, name in enumerate(data.names) if name not in data.aside])
    orders = _permutations(settled, free, n, np.random.default_rng(seed))
    if not orders:
        raise ValueError(
            "check: its graph has no edges, or is the same however its variables are interchanged; there is nothing to "
            "compare it with"
        )
    variants = {f"permuted {k}": _permuted(order) for k, order in enumerate(orders, 1)}
    table = compare(check._trials, check.results, variants, check.what).table()
    graphs = [result.dag() for result in check.results]
    distance = [
        np.mean([shd(_among(variant(dag), data), graph) for dag, graph in zip(settled, graphs, strict=True)])
        for variant in variants.values()
    ]
    scores, reached = table.loc["all"].to_numpy(), float(check.table()["settled"].iloc[-1])
    permuted = pd.DataFrame({"log_likelihood": scores, "shd": distance}, index=table.columns)
    return RandomGraphControl(reached, permuted, 1 + int((scores >= reached).sum()), check.what)


def _among(dag: torch.Tensor, data: InterventionalData) -> nx.DiGraph:
    """The graph among the nodes of one over all variables."""
    found = nx.from_numpy_array(dag.numpy().T, create_using=nx.DiGraph)
    return nx.relabel_nodes(found, dict(enumerate(data.names))).subgraph(data.nodes)


def _permuted(order: np.ndarray) -> Variant:
    return lambda dag: dag[order][:, order]


def _permutations(
    dags: Sequence[torch.Tensor], free: np.ndarray, n: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Orders that change every graph, each in another way; n of them if so many are found. All but `free` stay."""
    found: dict[bytes, np.ndarray] = {}
    for _ in range(50 * n):
        order = np.arange(len(dags[0]))
        order[free] = free[generator.permutation(len(free))]
        made = [dag[order][:, order] for dag in dags]
        if not any(torch.equal(new, dag) for new, dag in zip(made, dags, strict=True)):
            found.setdefault(b"".join(new.numpy().tobytes() for new in made), order)
        if len(found) == n:
            break
    return list(found.values())

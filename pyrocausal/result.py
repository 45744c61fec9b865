"""What a fit gives back: beliefs over edges and targets from independent restarts, and the fitted programs."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.data import InterventionalData
from pyrocausal.model import CausalModel

__all__ = ["CausalPosterior", "Chain"]


@dataclass(frozen=True)
class Chain:
    """One independent restart.

    Attributes
    ----------
    seed
        Seed of everything random in it.
    model
        The fitted program.
    edge_probability
        Probability of every edge at the end, shape [d, d] (effect, cause): its share of the draws where graphs were
        drawn, else after settling that of `Settled`, else the beliefs.
    beliefs
        Beliefs at the end of the three phases, shape [d, d].
    target_probability
        Posterior over targets, shape [R, d + 1]; the last column is none.
    dag
        The settled graph, boolean, shape [d, d]; without settling the edges believed with more than one half, less the
        least believed one of every cycle and the least believed ones of a variable with too many causes.
    evidence
        log E(dag) in nats, up to a constant of the data; NaN without settling.
    trace
        One row per step of the three phases: loss, confidence, edges, gradient_norm.
    rounds
        One row per round of settling: evidence, edges, moves; empty without settling.
    settled
        Whether the stopping rule held at the end: of settling that a refit changed nothing, of the three phases alone
        that every belief was near 0 or 1.
    cpu_seconds
        Processor time of the restart.
    graphs
        Graphs drawn from the posterior, boolean, shape [draws, d, d], None where none were.
    graph_evidence
        log E of each of them in nats at `Sampling.price`, so not to be compared with `evidence`; shape [draws].
    """

    seed: int
    model: CausalModel
    edge_probability: torch.Tensor
    beliefs: torch.Tensor
    target_probability: torch.Tensor
    dag: torch.Tensor
    evidence: float
    trace: pd.DataFrame
    rounds: pd.DataFrame
    settled: bool
    cpu_seconds: float
    graphs: torch.Tensor | None = None
    graph_evidence: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class CausalPosterior:
    """Edge and target probabilities from several restarts.

    Attributes
    ----------
    data
        What was fitted.
    chains
        The restarts, at least one.
    seed
        Seed that the chains' seeds were made from.
    """

    data: InterventionalData
    chains: tuple[Chain, ...]
    seed: int

    @property
    def edge_probabilities(self) -> xr.DataArray:
        """Probability of every edge, averaged over chains; dims ("effect", "cause"), coordinates the variables' names.

        Of a chain that drew graphs: the share of them with the edge. Of one that only settled: each pair of variables
        has no edge, one or the other direction in proportion to the joint evidence while the rest of the settled graph
        stands still. Else: the beliefs of the three phases.
        """
        names = list(self.data.names)
        return xr.DataArray(
            _mean([chain.edge_probability for chain in self.chains]),
            dims=("effect", "cause"),
            coords={"effect": names, "cause": names},
            name="edge_probability",
        )

    @property
    def target_probabilities(self) -> xr.DataArray:
        """Belief in every target, averaged over chains; dims ("regime", "variable").

        Where a regime has one target at the most, what a row lacks to one is the probability that it has none (that can
        be seen), see `no_target_probability`.
        """
        return xr.DataArray(
            _mean([chain.target_probability[:, :-1] for chain in self.chains]),
            dims=("regime", "variable"),
            coords={"regime": list(self.data.regime_names), "variable": list(self.data.names)},
            name="target_probability",
        )

    @property
    def no_target_probability(self) -> xr.DataArray:
        """Probability that a regime has no target (that can be seen), averaged over chains; dims ("regime",)."""
        return xr.DataArray(
            _mean([chain.target_probability[:, -1] for chain in self.chains]),
            dims=("regime",),
            coords={"regime": list(self.data.regime_names)},
            name="no_target_probability",
        )

    @property
    def best(self) -> Chain:
        """The chain whose settled graph has the most evidence; without settling, the one closest to the average."""
        evidence = [chain.evidence for chain in self.chains]
        if not np.isnan(evidence).any():
            return self.chains[int(np.argmax(evidence))]
        mean = self.edge_probabilities.values
        distance = [float(np.abs(c.edge_probability.cpu().numpy() - mean).sum()) for c in self.chains]
        return self.chains[int(np.argmin(distance))]

    @property
    def model(self) -> CausalModel:
        """The Pyro program of the `best` chain."""
        return self.best.model

    def dag(self) -> nx.DiGraph:
        """The acyclic graph of the `best` chain: the settled one, see `Chain.dag`.

        Returns
        -------
        networkx.DiGraph
            All variables, edges cause -> effect with attribute "probability" (see `edge_probabilities`).
        """
        return self._graph(self.best.dag.cpu().numpy())

    @property
    def settled(self) -> bool:
        """Whether every chain met the stopping rule."""
        return all(chain.settled for chain in self.chains)

    def to_networkx(self, threshold: float = 0.5) -> nx.DiGraph:
        """Graph of the edges believed with more than `threshold`.

        Parameters
        ----------
        threshold
            In [0, 1).

        Returns
        -------
        networkx.DiGraph
            All variables, edges cause -> effect with attribute "probability".

        Raises
        ------
        ValueError
            If the threshold is outside [0, 1).
        """
        _check_threshold(threshold)
        return self._graph(self.edge_probabilities.values > threshold)

    def _graph(self, edges: np.ndarray) -> nx.DiGraph:
        names, probability = self.data.names, self.edge_probabilities.values
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(names)
        for effect, cause in zip(*np.nonzero(edges), strict=True):
            graph.add_edge(names[cause], names[effect], probability=float(probability[effect, cause]))
        return graph

    def targets(self, threshold: float = 0.5) -> dict[str, tuple[str, ...]]:
        """Targets of every regime believed with more than `threshold`; an empty tuple where none is.

        Parameters
        ----------
        threshold
            In [0, 1).

        Raises
        ------
        ValueError
            If the threshold is outside [0, 1).
        """
        _check_threshold(threshold)
        table = self.target_probabilities
        names = np.array(self.data.names)
        return {
            str(r): tuple(map(str, names[row > threshold]))
            for r, row in zip(table.regime.values, table.values, strict=True)
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Write the result, data and fitted programs to a file.

        Parameters
        ----------
        path
            The file, conventionally `*.pt`.
        """
        torch.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> CausalPosterior:
        """Read what `save` wrote. The file is a pickle: open only files that you trust.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        CausalPosterior

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds something else.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no such file: {path}")
        try:
            found = torch.load(path, map_location="cpu", weights_only=False)
        except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
            raise ValueError(f"{path} is not a file written by CausalPosterior.save: {error}") from error
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{path} needs code that is not here; import your own mechanisms: {error}") from error
        if not isinstance(found, cls):
            raise ValueError(f"{path} holds a {type(found).__name__}, not a CausalPosterior written by save")
        return found

    def __repr__(self) -> str:
        edges = int(self.best.dag.sum())
        state = "settled" if self.settled else "not settled"
        return (
            f"CausalPosterior({len(self.chains)} chains, {state}; {len(self.data.names)} variables, "
            f"{edges} edges, {len(self.data.regimes)} regimes)"
        )


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must be in [0, 1), got {threshold!r}")


def _mean(tensors: Sequence[torch.Tensor]) -> np.ndarray:
    return torch.stack(list(tensors)).mean(0).cpu().numpy()

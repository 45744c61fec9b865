"""Whether independent restarts agree: a check of a fit that needs no known truth.

Chains that disagree show that the data, or the search, do not decide. Chains that agree can still be wrong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import Chain

__all__ = ["Stability", "stability"]


@dataclass(frozen=True, eq=False)
class Stability:
    """How far chains agree; print it for a summary.

    Attributes
    ----------
    edges
        A row per edge that some chain has in its DAG, with the index (cause, effect): the `mean` of its probability
        over chains, the least and the greatest (`min`, `max`), their difference `spread`, and how many chains have it
        (`chains`). Those that chains disagree on most come first.
    edge_probability
        Of each chain; dims ("chain", "effect", "cause").
    shd
        Pairs of variables that the DAGs of two chains join differently; a row and a column per chain.
    targets
        A row per regime, a column per chain: the targets believed with more than one half, as tuples.
    target_differences
        Regimes whose targets two chains differ in; a row and a column per chain.
    evidence
        Joint evidence of each chain's DAG less that of the best one, nats; NaN without settling.

    Examples
    --------
    Going on from the example of `stability`:

    >>> compared.edges["chains"].to_list()  # both edges are in both chains
    [2, 2]
    """

    edges: pd.DataFrame
    edge_probability: xr.DataArray
    shd: pd.DataFrame
    targets: pd.DataFrame
    target_differences: pd.DataFrame
    evidence: pd.Series

    def __str__(self) -> str:
        C = len(self.evidence)
        pairs = np.triu_indices(C, 1)
        far, apart = self.shd.to_numpy()[pairs], self.target_differences.to_numpy()[pairs]
        torn = self.edges[self.edges["chains"] < C]
        split = self.targets[self.targets.nunique(axis=1) > 1]
        lines = [
            f"{C} chains; SHD between their graphs {far.mean():.1f} on average, {far.max()} at most; "
            f"targets differ in {apart.mean():.1f} of {len(self.targets)} regimes on average, {apart.max()} at most",
            f"{len(self.edges) - len(torn)} edges in all chains, {len(torn)} in some",
        ]
        if self.evidence.notna().any():
            nats = ", ".join(f"{each:.1f}" for each in self.evidence)
            lines.insert(1, f"evidence less that of the best chain: {nats} nats")
        lines += [torn.to_string(float_format="{:.2f}".format)] if len(torn) else []
        lines += ["regimes whose targets differ:", split.to_string()] if len(split) else []
        return "\n".join(lines)


def stability(result: CausalPosterior) -> Stability:
    """Compare the chains of a result.

    Parameters
    ----------
    result
        Of at least two chains.

    Returns
    -------
    Stability

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior`.
    ValueError
        If it has a single chain.

    Examples
    --------
    Going on from the example of `discover`:

    >>> closed = pc.Settling(refitting=None)
    >>> compared = pc.stability(pc.discover(data, settling=closed, chains=2, cores=1, seed=0, progress=False))
    >>> int(compared.shd.loc[0, 1])
    0
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    chains, names = result.chains, list(result.data.names)
    if len(chains) < 2:
        raise ValueError("result: it has a single chain, and nothing to compare it with; fit with chains=4")
    number = pd.RangeIndex(len(chains), name="chain")
    probability = torch.stack([chain.edge_probability.cpu() for chain in chains]).numpy()  # [C, d, d]
    dags = torch.stack([chain.dag.cpu().bool() for chain in chains])
    return Stability(
        edges=_edges(probability, dags.numpy(), names),
        edge_probability=xr.DataArray(
            probability,
            dims=("chain", "effect", "cause"),
            coords={"chain": number, "effect": names, "cause": names},
            name="edge_probability",
        ),
        shd=_pairwise([_joins(dag) for dag in dags], number),
        targets=pd.DataFrame(
            {k: _targets(chain, names) for k, chain in zip(number, chains, strict=True)},
            index=pd.Index(result.data.regime_names, name="regime"),
        ).rename_axis(columns="chain"),
        target_differences=_pairwise([_hit(chain).double() for chain in chains], number),
        evidence=_evidence(chains, number),
    )


def _edges(probability: np.ndarray, dags: np.ndarray, names: list[str]) -> pd.DataFrame:
    effects, causes = np.nonzero(dags.any(0))
    found = probability[:, effects, causes]  # [C, edges]
    labels = [(names[cause], names[effect]) for effect, cause in zip(effects, causes, strict=True)]
    columns = {
        "mean": found.mean(0),
        "min": found.min(0),
        "max": found.max(0),
        "spread": np.ptp(found, axis=0),
        "chains": dags[:, effects, causes].sum(0),
    }
    table = pd.DataFrame(columns, index=pd.MultiIndex.from_tuples(labels, names=["cause", "effect"]))
    return table.sort_values("spread", ascending=False, kind="stable")


def _joins(dag: torch.Tensor) -> torch.Tensor:
    """How each pair of variables is joined, 0, 1 or 2: shape [pairs, 1]."""
    state = dag.int() + 2 * dag.t().int()
    i, j = torch.triu_indices(len(dag), len(dag), 1)
    return state[i, j][:, None]


def _hit(chain: Chain) -> torch.Tensor:
    return chain.target_probability[:, :-1].cpu() > 0.5  # [R, d]


def _targets(chain: Chain, names: list[str]) -> list[tuple[str, ...]]:
    return [tuple(name for name, on in zip(names, row, strict=True) if on) for row in _hit(chain).tolist()]


def _pairwise(states: list[torch.Tensor], number: pd.RangeIndex) -> pd.DataFrame:
    """In how many rows two chains differ."""
    counts = [[int((one != other).any(1).sum()) for other in states] for one in states]
    return pd.DataFrame(counts, index=number, columns=number)


def _evidence(chains: tuple[Chain, ...], number: pd.RangeIndex) -> pd.Series:
    nats = pd.Series([chain.evidence for chain in chains], index=number, name="evidence")
    return nats - nats.max()

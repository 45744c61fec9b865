"""What every table says for an edge and against it: nats of the settled graph with the edge over that without it.

    log E_r(graph with the edge) - log E_r(graph without it)

for each regime r and the rows without intervention, the target of every regime being summed out under either graph
(`pyrocausal.evidence.joint_evidence`). A regime that acts on the effect says little, for its rows tell nothing of the
effect's mechanism; one that acts on the cause says much where the effect follows it, or does not.

It is reckoned anew from the rows, in closed form, so that it is there for any edge, and for a result that was loaded.
Where networks decided a fit, it is what closed forms say of the same graph.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.evidence.imputation import impute
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.sdi.target_prior import TargetOdds, TargetPrior, with_certain_targets, without_unmeasured
from pyrocausal.sdi.targets import known_targets
from pyrocausal.search.moves import closure
from pyrocausal.search.pooled_search import RICHER, hit_rate

__all__ = ["OBSERVED", "edge_evidence"]

OBSERVED = "without intervention"


@reproducible_torch()
@torch.no_grad()
def edge_evidence(result: CausalPosterior, cause: str, effect: str) -> pd.Series:
    """What every table says for an edge, nats; below 0 against it.

    Parameters
    ----------
    result
        A fit; the settled graph of its `best` chain is taken with the edge and without it.
    cause, effect
        The edge, which need not be in that graph.

    Returns
    -------
    pandas.Series
        Of every regime by its name, and last of the rows "without intervention", which pay for what the mechanism has
        more parameters with the edge. Prices of edges are left out.

    Raises
    ------
    ValueError
        If either is no variable, both are the same, or the edge would close a cycle in the settled graph.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> truth = pc.networks.load("chain3")
    >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
    >>> result = pc.discover(data, chains=1, seed=0, progress=False)
    >>> bool(edge_evidence(result, "X0", "X1").sum() > 100)
    True
    """
    data, chain = result.data, result.best
    for argument, name in (("cause", cause), ("effect", effect)):
        if name not in data.nodes:
            raise ValueError(f"{argument}: {name!r} is no variable of the graph; variables: {', '.join(data.nodes)}")
    if cause == effect:
        raise ValueError(f"effect: {effect!r} is the cause; name another variable")
    i, j = data.names.index(effect), data.names.index(cause)
    without = chain.dag.cpu().bool().clone()
    without[i, j] = False
    if bool(closure(without[None])[0][j, i]):
        raise ValueError(
            f"cause: in the settled graph {effect!r} acts on {cause!r}, so that {cause} -> {effect} would close a "
            "cycle; ask about an edge on the way back"
        )
    graph = without.clone()
    graph[i, j] = True
    complete = impute(data, seed=chain.seed)
    odds = _odds(data, result.settings, chain.several)
    made = _Made.of(complete, chain.dag.cpu().bool(), odds, drift=_drift(result))
    told = made.by_table(graph) - made.by_table(without)
    return pd.Series(told.numpy(), index=[*data.regime_names, _observed(data)], name=f"{cause} -> {effect}")


class _Made(NamedTuple):
    """How evidence is made that is as the search in closed form ends with: level, drift and rate of being hit."""

    plain: PooledEvidence  # at the lowest level, with that drift and rate
    level: int

    @classmethod
    def of(cls, data: InterventionalData, dag: torch.Tensor, odds: TargetOdds, *, drift: bool) -> _Made:
        """That with which a graph has most evidence, richer levels where they are worth it."""
        known, hit = known_targets(data.names, [regime.targets for regime in data.regimes])
        plain = PooledEvidence(data, TargetKnowledge(known, hit, odds), 0.0, drift=drift)
        best, value = None, -math.inf
        for level in range(plain.level, plain.levels + 1):
            richer = [cls(_at_its_rate(each, dag, level), level) for each in (plain, plain.steady()) if each]
            values = [made.by_table(dag).sum().item() for made in richer]
            if best is None or max(values) - value >= RICHER:
                best, value = richer[values.index(max(values))], max(values)
        assert best is not None
        return best

    def by_table(self, graph: torch.Tensor) -> torch.Tensor:
        """Nats of every table, [R + 1].

        Evidence that has not seen another graph weighs each of its families at every level, promising or not.
        """
        return _raised(self.plain, self.level).by_table(graph)


def _raised(evidence: PooledEvidence, level: int) -> PooledEvidence:
    for each in range(evidence.level + 1, level + 1):
        evidence = evidence.at_level(each)
    return evidence


def _at_its_rate(evidence: PooledEvidence, dag: torch.Tensor, level: int) -> PooledEvidence:
    """The same with the rate of being hit that a graph shows at a level, where that is to be learned."""
    raised = _raised(evidence, level)
    for _ in range(3):
        if (rate := hit_rate(raised, dag)) is None:
            break
        raised = raised.believing(rate)
    return evidence.believing(raised.prior)


def _odds(data: InterventionalData, settings: Mapping[str, Any] | None, several: bool) -> TargetOdds:
    """What was believed of targets beforehand, as far as it was written down, and whether there may be several."""
    told = TargetPrior(**((settings or {}).get("target_prior") or {}))
    _, believed = with_certain_targets(data, told)
    believed = without_unmeasured(data, believed) or told
    if believed.several is None:
        believed = replace(believed, several=several)
    regimes = {regime.name: regime.targets for regime in data.regimes}
    return believed.compile(data.names, regimes, data.aside)


def _drift(result: CausalPosterior) -> bool:
    settling = (result.settings or {}).get("settling") or {}
    return bool(settling.get("drift", True))


def _observed(data: InterventionalData) -> str:
    """What rows without intervention are called beside these regimes."""
    return OBSERVED if OBSERVED not in data.regime_names else f"({OBSERVED})"

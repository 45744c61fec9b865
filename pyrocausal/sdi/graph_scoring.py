"""Phase 2, graph scoring: predict who was hit in every regime, then score sampled graphs without the terms of the hit.

Scores go through the program and its handlers, see `pyrocausal.model.log_likelihood`.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.3.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pyro
import torch

from pyrocausal.data.weights import Part, drawing, total
from pyrocausal.model.log_likelihood import distinct_parent_sets, score_graphs, unpack
from pyrocausal.sdi.settings import GraphScoring
from pyrocausal.sdi.state import State
from pyrocausal.sdi.targets import TargetEvidence, target_posterior

__all__ = ["predict_targets", "score", "subsample"]

MOST_PAIRS = 5_000_000  # of a row and a graph that target evidence scores at a time, for the sake of memory


def predict_targets(state: State, scoring: GraphScoring) -> State:
    """Phase 2a, update the evidence on targets, and their posterior, with a few sampled graphs.

    It follows every refit; between refits only the beliefs move, and slowly. The same rows serve every time, and
    the new mechanisms they are compared with.

    Parameters
    ----------
    state
        Where the fit stands.
    scoring
        Settings.

    Returns
    -------
    State
        With `likelihood` and `target_probability` updated.
    """
    graphs = _sample_graphs(state, scoring.target_graphs)
    parts = [*state.target_rows, subsample(state.data.parts[0], scoring.rows)]
    rows, weights = [part.rows for part in parts], [part.weights for part in parts]
    nobody = torch.zeros(len(rows), graphs.shape[-1], dtype=torch.bool, device=graphs.device)
    packed, place = distinct_parent_sets(graphs)
    some = packed.split(max(1, MOST_PAIRS // sum(map(len, rows))))
    scores = torch.cat([score_graphs(state.model, rows, each, nobody, weights) for each in some])
    scores = unpack(scores, place)  # [K, R + 1, d]
    sizes = torch.tensor([total(*part) for part in parts], device=graphs.device)[:, None]
    averaged = (scores * sizes).logsumexp(0).sub(math.log(len(graphs))) / sizes
    now = torch.stack([scores.mean(0), averaged])  # [2, R + 1, d]
    memory = scoring.memory if state.step else 0.0
    state = replace(state, likelihood=memory * state.likelihood + (1 - memory) * now)
    return replace(state, target_probability=_targets(state, scoring))


def _targets(state: State, scoring: GraphScoring) -> torch.Tensor:
    expected, marginal = state.likelihood
    sizes = torch.tensor([total(*part) for part in state.target_rows], device=expected.device)
    evidence = TargetEvidence(
        expected=expected[:-1],
        marginal=marginal[:-1],
        observational=expected[-1],
        new_mechanism=(state.new_mechanisms.evidence(state.graph) / sizes[:, None]).to(expected.dtype),
        rows=sizes,
        log_odds=state.prior.log_odds,
        several=state.prior.several,
    )
    return target_posterior(scoring.target_rule, evidence, state.known, state.hit)


def score(state: State, scoring: GraphScoring) -> tuple[torch.Tensor, torch.Tensor]:
    """Phase 2b, score sampled graphs on every regime without the terms of its targets.

    Parameters
    ----------
    state
        Where the fit stands.
    scoring
        Settings.

    Returns
    -------
    tuple of torch.Tensor
        Graphs [K, d, d] and scores [K, R, d].
    """
    graphs = _sample_graphs(state, scoring.graphs)
    packed, place = distinct_parent_sets(graphs)
    rows, weights = zip(*_rows(state, scoring, len(packed)), strict=True)
    scores = score_graphs(state.model, rows, packed, state.targets, weights)
    return graphs, unpack(scores, place)


def _sample_graphs(state: State, count: int) -> torch.Tensor:
    """Graphs from the beliefs, by the model's own site: shape [count, d, d]."""
    with torch.no_grad(), pyro.plate("graphs", count, dim=-1):
        return state.model.beliefs()


def _rows(state: State, scoring: GraphScoring, graphs: int) -> list[Part]:
    """Rows of every regime, as many as the work allows for this number of graphs.

    Looking up the inputs of a row costs about as much as scoring it under five graphs.
    """
    regimes = state.split.scoring
    size = min(scoring.rows, max(1, scoring.work // ((graphs + 5) * len(regimes))))
    return [subsample(part, size) for part in regimes]


def subsample(part: Part, size: int) -> Part:
    """Random rows, all of them where there are no more than `size`; from a long table some may repeat.

    Rows with weights are drawn in proportion to them, and count once each, or less where all of them count as fewer.
    """
    rows, weights = part
    if len(rows) <= size:
        return part
    if weights is not None:
        each = min(1.0, total(*part) / size)
        return Part(rows[drawing(len(rows), weights, rows.device)(size)], weights.new_full((size,), each))
    if len(rows) > 20 * size:  # a permutation of a long table costs more than the step, and repetitions are rare
        return Part(rows[torch.randint(len(rows), (size,), device=rows.device)], None)
    return Part(rows[torch.randperm(len(rows), device=rows.device)[:size]], None)

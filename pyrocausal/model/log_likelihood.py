"""Graph scores: the log-likelihood of rows under given graphs, through the Pyro program and its handlers.

Scores factorise over effects: the term of X_i depends on row i of a graph alone. Sampled graphs repeat rows, the more
the further a fit has come, so a batch of graphs is scored through the fewest graphs that hold all the distinct rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import numpy as np
import pyro.distributions as dist
import torch
from pyro import poutine

from pyrocausal.data.weights import join
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.handlers import intervene

__all__ = [
    "distinct_parent_sets", "score_graphs", "score_rows", "site_conditionals", "site_log_probs", "unpack",
]  # fmt: skip


def distinct_parent_sets(graphs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pack graphs into fewer graphs that hold the same parent sets.

    Parameters
    ----------
    graphs
        0/1, shape [K, d, d] (effect, cause).

    Returns
    -------
    packed : torch.Tensor
        Shape [U, d, d], U <= K: row i of these graphs runs through the distinct rows i of `graphs`.
    place : torch.Tensor
        Shape [K, d]: `packed[place[k, i], i]` equals `graphs[k, i]`.
    """
    bits = np.packbits(graphs.cpu().numpy().astype(bool), axis=-1)  # [K, d, bytes]
    keys = np.ascontiguousarray(bits)  # numbers sort faster than bytes, where there is one each
    keys = (keys if bits.shape[-1] == 1 else keys.view(f"V{bits.shape[-1]}"))[..., 0]  # [K, d]
    found = [np.unique(keys[:, i], return_index=True, return_inverse=True) for i in range(keys.shape[1])]
    packed = graphs.new_zeros(max(len(first) for _, first, _ in found), *graphs.shape[1:])
    for i, (_, first, _) in enumerate(found):
        packed[: len(first), i] = graphs[first, i]
    place = np.stack([inverse.reshape(-1) for _, _, inverse in found], 1)
    return packed, torch.as_tensor(place, device=graphs.device)


def unpack(scores: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Scores of graphs from the scores of their packed parent sets.

    Parameters
    ----------
    scores
        Scores of `packed`, shape [U, R, d].
    place
        Shape [K, d], see `distinct_parent_sets`.

    Returns
    -------
    torch.Tensor
        Shape [K, R, d].
    """
    effects = torch.arange(place.shape[1], device=place.device)
    return scores.transpose(1, 2)[place, effects].transpose(1, 2)


def site_log_probs(model: CausalModel, values: torch.Tensor, graphs: torch.Tensor) -> torch.Tensor:
    """Log-probability of every variable in every row under every graph, as handlers in scope leave it.

    Parameters
    ----------
    model
        The program.
    values
        Encoded rows, shape [n, d].
    graphs
        Shape [K, d, d] (effect, cause).

    Returns
    -------
    torch.Tensor
        Shape [d, K, n].
    """
    trace = _traced(model, values, graphs)
    trace.compute_log_prob(lambda name, site: name in model.names)
    return torch.stack([trace.nodes[name]["log_prob"] for name in model.names])


def site_conditionals(model: CausalModel, values: torch.Tensor, graphs: torch.Tensor) -> list[dist.TorchDistribution]:
    """Distribution of every variable in every row given its parents under every graph, as handlers in scope leave it.

    Parameters
    ----------
    model
        The program.
    values
        Encoded rows, shape [n, d].
    graphs
        Shape [K, d, d] (effect, cause).

    Returns
    -------
    list of Distribution
        Of each variable, batch shape [K, n].
    """
    trace = _traced(model, values, graphs)
    return [cast(dist.TorchDistribution, trace.nodes[name]["fn"]) for name in model.names]


def _traced(model: CausalModel, values: torch.Tensor, graphs: torch.Tensor) -> poutine.Trace:
    return poutine.trace(model.given(graphs)).get_trace(values, graphs=len(graphs))


@torch.no_grad()
def score_graphs(
    model: CausalModel,
    rows: Sequence[torch.Tensor] | torch.Tensor,
    graphs: torch.Tensor,
    targets: torch.Tensor,
    weights: Sequence[torch.Tensor | None] | None = None,
) -> torch.Tensor:
    """Mean log-likelihood per row of each effect in each regime under each graph, without the targets' terms.

    All regimes go through one trace: each target is intervened on, in the rows of its regimes, at the value it took
    there; children see that value, and its own term is masked.

    Parameters
    ----------
    model
        The program.
    rows
        Encoded rows per regime, each of shape [n_r, d]; equal sizes as one tensor [R, n, d] are faster.
    graphs
        Shape [K, d, d].
    targets
        True where a variable is taken for a target of the regime, shape [R, d].
    weights
        How many rows each row counts as in the mean, shape [n_r] per regime, None where all count once; default: for
        all.

    Returns
    -------
    torch.Tensor
        Shape [K, R, d]; exactly zero where the effect is a target.

    Examples
    --------
    Going on from the example of `discover`:

    >>> chain = result.best.dag.float()
    >>> graphs = torch.stack([chain, chain.t()])
    >>> nobody = torch.zeros(1, 3, dtype=torch.bool)
    >>> scores = pc.score_graphs(result.model, [data.observational], graphs, nobody)  # graphs x regimes x variables
    >>> scores.shape
    torch.Size([2, 1, 3])
    """
    sizes = [len(block) for block in rows]
    values, counted = torch.cat(list(rows)), join(list(rows), weights or [None] * len(sizes))  # [sum n_r, d], [sum n_r]
    scaled: AbstractContextManager[object] = nullcontext()
    if counted is not None:  # to a mean of one in each regime
        scale = torch.cat([each / each.mean() for each in counted.split(sizes)]).to(values.dtype)
        scaled = poutine.scale(scale=scale)
    hit = targets.repeat_interleave(torch.tensor(sizes, device=targets.device), 0)  # [sum n_r, d]
    anywhere = targets.any(0).nonzero()[:, 0].tolist()
    rows_hit = {model.names[i]: hit[:, i] for i in anywhere}
    with scaled, intervene({model.names[i]: values[:, i] for i in anywhere}, rows=rows_hit):
        terms = site_log_probs(model, values, graphs)  # [d, K, sum n_r]
    if len(set(sizes)) == 1:
        means = terms.unflatten(-1, (len(sizes), sizes[0])).mean(-1)  # [d, K, R]
    else:
        means = torch.stack([block.mean(-1) for block in terms.split(sizes, -1)], -1)  # [d, K, R]
    return means.permute(1, 2, 0)


@torch.no_grad()
def score_rows(
    model: CausalModel,
    values: torch.Tensor,
    graphs: torch.Tensor,
    left_out: torch.Tensor,
    table: torch.Tensor,
    seen: torch.Tensor,
    work: int = 50_000,
) -> torch.Tensor:
    """Log-likelihood of every row under each of some graphs, without the terms of the graph's targets.

    Every graph has targets of its own, and parent sets that several graphs share are scored once, so terms are left out
    of the sum and not masked; what is left is what `pyrocausal.intervene` leaves.

    Parameters
    ----------
    model
        The program.
    values
        Encoded rows, shape [n, d].
    graphs
        0/1, shape [K, d, d] (effect, cause).
    left_out
        Where a variable is a target in a table of rows, shape [K, tables, d].
    table
        Which table a row is of, shape [n].
    seen
        Whether a value was observed, shape [n, d]; one that was filled in has no term.
    work
        Pairs of a row and a graph that are scored at a time.

    Returns
    -------
    torch.Tensor
        Nats, double, shape [K, n].
    """
    packed, place = distinct_parent_sets(graphs)
    total = torch.zeros(len(graphs), len(values), dtype=torch.double, device=values.device)
    step = max(1, work // len(packed))
    for at in range(0, len(values), step):
        some = slice(at, at + step)
        terms = site_log_probs(model, values[some], packed)  # [d, U, m]
        for i, term in enumerate(terms):
            keep = seen[some, i] & ~left_out[:, table[some], i]  # [K, m]
            total[:, some] += torch.where(keep, term[place[:, i]], 0.0)
    return total

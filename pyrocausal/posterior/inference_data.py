"""A result as ArviZ reads it: `arviz.InferenceData` before ArviZ 1.0, `xarray.DataTree` from then on.

Chains are independent restarts. Row = effect, column = cause, as everywhere. If chains have kept different numbers of
draws or steps, the last ones that all have stay.

Groups where every chain drew graphs (`pyrocausal.Sampling`):

- `posterior` (chain, draw): `edge` [effect, cause], the graphs drawn, 0 or 1; `target` [regime, target_variable],
  targets drawn from their exact posterior given each graph, 0 or 1; `n_edges`.
- `sample_stats`: `evidence`, log E of each graph in nats at the price of edges of the draws; `acyclic`, whether a graph
  has no cycle; `acceptance_rate` (chain), the share of proposals accepted.
- `warmup_posterior`: `edge_logit` [effect, cause], the log odds of the beliefs after the last steps of the three phases
  (`pyrocausal.posterior.chain.KEPT` at most), NaN where an edge is not learned.
- `warmup_sample_stats`: of each of these steps its number (`step`), `loss` (nats per row), `confidence`,
  `gradient_norm`, the edges believed with more than one half (`n_edges`) and whether these are `acyclic`.
- `log_likelihood`, if asked for: `table` [row], of each row under the draw's graph, nats; without the terms of the
  draw's targets and of values that were missing.

Where no graphs were drawn the two warm-up groups are `posterior` and `sample_stats` themselves, and there is no `edge`:
graphs drawn from beliefs that hold each edge for itself would say nothing that the beliefs do not.

Always:

- `observed_data` [row]: a variable per column, in the user's units or as the index of the state, -1 where a state is
  missing. A column is called as its variable; where netCDF or ArviZ do not take that ("/", the name of a dimension)
  "_" replaces it or is added. Its attribute `variable` has the name as it is, `states` the states as a JSON list.
- `constant_data`: the `regime_number` of each row (-1 for observational rows, which come first), `known_target`
  [regime, target_variable] (1 hit, 0 not, -1 unknown, as beside those of an `AtLeast`), `known_edge` [effect, cause]
  (1 required, 0 forbidden, -1 learned); where rows have weights, the `weight` of each. Other groups do not know of
  weights: `log_likelihood` is that of a row once, to be multiplied by its weight in sums, and predicted tables are as
  long as the recorded ones.
- `posterior_predictive`, if asked for: whole tables like the observed one. Targets keep the values that they took,
  since nobody knows the mechanism that an intervention put there; everything else follows from the model.

What they can show, and what not. R-hat and the effective sample size of `edge`, `target`, `n_edges` and `evidence` tell
whether walks from independent restarts have met; R-hat is enormous where each chain is sure, and not all of the same.
For an edge that is the same in all draws, as every diagonal one is, they tell nothing: R-hat is NaN, ArviZ warns of a
division, and the effective sample size is the number of draws. Chains that agree can be wrong together. Of
`edge_logit` they tell whether an optimisation has come to rest and where restarts differ, not how sure an edge is.
Log-likelihoods are those of the model's own mechanisms, one estimate that serves every parent set, was fitted around
the settled graph and has seen most of the rows. They compare rows and draws; leave-one-out estimates made of them are
too good (`pyrocausal.held_out_rows` makes honest ones), and where draws hold two or three graphs `az.loo` calls many
rows bad.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.draws import EDGES, TARGETS, Draws, draws_of, last_of_all
from pyrocausal.posterior.posterior_predictive import predicted
from pyrocausal.posterior.row_tables import Tables, constant_data, row_scores
from pyrocausal.queries.drawn_programs import SAMPLED, along
from pyrocausal.runtime.checked_settings import check, truth, whole
from pyrocausal.runtime.versions import versions
from pyrocausal.search.moves import closure

__all__ = ["inference_data"]

TRACED = {"loss": "loss", "confidence": "confidence", "gradient_norm": "gradient_norm", "edges": "n_edges"}


def inference_data(
    data: InterventionalData,
    chains: Sequence[Chain],
    fit_seed: int,
    settings: Mapping[str, Any] | None = None,
    *,
    thin: int = 1,
    log_likelihood: bool = False,
    posterior_predictive: int = 0,
    seed: int = 0,
) -> Any:
    """What `CausalPosterior.to_arviz` gives.

    Parameters
    ----------
    data
        What was fitted.
    chains
        The restarts.
    fit_seed
        Seed that theirs were made from.
    settings
        What they were fitted with, see `pyrocausal.settings.describe`.
    thin, log_likelihood, posterior_predictive, seed
        See `CausalPosterior.to_arviz`.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree

    Raises
    ------
    TypeError, ValueError
        As `CausalPosterior.to_arviz`.
    """
    for name, value, least in (("thin", thin, 1), ("posterior_predictive", posterior_predictive, 0), ("seed", seed, 0)):
        check(name, value, whole(least))
    check("log_likelihood", log_likelihood, truth())
    draws = draws_of(chains, int(thin))
    if log_likelihood and draws is None:
        raise ValueError(
            "log_likelihood: rows are scored under graphs that were drawn, and none were; fit with sampling=Sampling()"
        )
    if draws is not None and posterior_predictive > len(draws.number):
        raise ValueError(
            f"posterior_predictive: {posterior_predictive} tables asked for, but {len(draws.number)} graphs of each "
            "chain are kept; ask for fewer, thin less or draw more"
        )
    groups: dict[str, xr.Dataset] = {}
    if draws is not None:
        groups |= {"posterior": _posterior(data, draws), "sample_stats": _sample_stats(chains, draws)}
    prefix = "" if draws is None else "warmup_"
    if all(chain.belief_logits is not None for chain in chains):
        groups |= {f"{prefix}posterior": _beliefs(data, chains), f"{prefix}sample_stats": _trace(chains)}
    elif draws is None:
        raise ValueError("the chains of this result have kept neither graphs nor beliefs; fit again")
    tables = Tables(data)
    if log_likelihood and draws is not None:
        groups["log_likelihood"] = row_scores(tables, chains, draws)
    if posterior_predictive:
        groups["posterior_predictive"] = predicted(tables, chains, draws, int(posterior_predictive), int(seed))
    groups |= {"observed_data": tables.observed(), "constant_data": constant_data(tables, chains)}
    return _container(groups, _attributes(chains, fit_seed, settings))


def _container(groups: Mapping[str, xr.Dataset], attributes: Mapping[str, str]) -> Any:
    """The one place that knows which ArviZ there is."""
    if int(version("arviz").split(".")[0]) >= 1:
        return xr.DataTree.from_dict({"/": xr.Dataset(attrs=dict(attributes)), **groups})
    made = import_module("arviz").InferenceData  # here, because the import takes a second
    return made(**groups, attrs=dict(attributes), save_warmup=True)


def _attributes(chains: Sequence[Chain], seed: int, settings: Mapping[str, Any] | None) -> dict[str, str]:
    """Of the whole; all of them text, which every file format keeps as it is."""
    used = versions()
    return {
        "inference_library": "pyrocausal",
        "inference_library_version": used["pyrocausal"],
        "pyro_version": used["pyro-ppl"],
        "torch_version": used["torch"],
        "arviz_version": used["arviz"],
        "orientation": "row = effect, column = cause",
        "seed": str(seed),
        "chain_seeds": json.dumps([chain.seed for chain in chains]),
        "settings": json.dumps(settings),
    }


def _posterior(data: InterventionalData, draws: Draws) -> xr.Dataset:
    labels = {"effect": data.names, "cause": data.names, "regime": data.regime_names, "target_variable": data.names}
    graphs = draws.graphs.numpy()
    return xr.Dataset(
        {
            "edge": ((*SAMPLED, *EDGES), graphs.astype(np.int8)),
            "target": ((*SAMPLED, *TARGETS), draws.hit.numpy().astype(np.int8)),
            "n_edges": (SAMPLED, graphs.sum((-2, -1)).astype(np.int32)),
        },
        coords=along(draws.number, len(graphs), **labels),
    )


def _sample_stats(chains: Sequence[Chain], draws: Draws) -> xr.Dataset:
    accepted = [math.nan if chain.accepted is None else chain.accepted for chain in chains]
    return xr.Dataset(
        {
            "evidence": (SAMPLED, draws.evidence.double().numpy()),
            "acyclic": (SAMPLED, _acyclic(draws.graphs)),
            "acceptance_rate": (SAMPLED[:1], np.array(accepted)),
        },
        coords=along(draws.number, len(chains)),
    )


def _beliefs(data: InterventionalData, chains: Sequence[Chain]) -> xr.Dataset:
    logits = last_of_all([chain.belief_logits for chain in chains if chain.belief_logits is not None])
    free = torch.stack([chain.model.beliefs.free.cpu() for chain in chains])[:, None]  # [C, 1, d, d]
    return xr.Dataset(
        {"edge_logit": ((*SAMPLED, *EDGES), torch.where(free, logits, math.nan).numpy())},
        coords=along(np.arange(logits.shape[1]), len(chains), effect=data.names, cause=data.names),
    )


def _trace(chains: Sequence[Chain]) -> xr.Dataset:
    logits = last_of_all([chain.belief_logits for chain in chains if chain.belief_logits is not None])
    C, m = logits.shape[:2]
    last = [chain.trace.iloc[len(chain.trace) - m :] for chain in chains]
    columns = {name: column for column, name in TRACED.items() if all(column in trace for trace in last)}
    return xr.Dataset(
        {
            "step": (SAMPLED, np.stack([trace.index.to_numpy() for trace in last])),
            **{name: (SAMPLED, np.stack([trace[c].to_numpy() for trace in last])) for name, c in columns.items()},
            "acyclic": (SAMPLED, _acyclic(logits > 0)),
        },
        coords=along(np.arange(m), C),
    )


def _acyclic(graphs: torch.Tensor) -> np.ndarray:
    """Which graphs have no cycle: boolean [C, N, d, d] -> [C, N]."""
    distinct, place = graphs.flatten(0, 1).unique(dim=0, return_inverse=True)
    good = ~closure(distinct).diagonal(dim1=-2, dim2=-1).any(-1)
    return good[place].reshape(graphs.shape[:2]).numpy()

"""A result as ArviZ reads it: `arviz.InferenceData` before ArviZ 1.0, `xarray.DataTree` from then on.

Chains are independent restarts. Row = effect, column = cause, as everywhere. If chains have kept different numbers of
draws or steps, the last ones that all have stay.

Groups where every chain drew graphs (`pyrocausal.Sampling`):

- `posterior` (chain, draw): `edge` [effect, cause], the graphs drawn, 0 or 1; `target` [regime, target_variable],
  targets drawn from their exact posterior given each graph, 0 or 1; `n_edges`.
- `sample_stats`: `evidence`, log E of each graph in nats at the price of edges of the draws; `acyclic`, whether a graph
  has no cycle; `acceptance_rate` (chain), the share of proposals accepted.
- `warmup_posterior`: `edge_logit` [effect, cause], the log odds of the beliefs after the last steps of the three phases
  (`pyrocausal.chain.KEPT` at most), NaN where an edge is not learned.
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
  [regime, target_variable] (1 hit, 0 not, -1 unknown), `known_edge` [effect, cause] (1 required, 0 forbidden, -1
  learned); where rows have weights, the `weight` of each. Other groups do not know of weights: `log_likelihood` is that
  of a row once, to be multiplied by its weight in sums, and predicted tables are as long as the recorded ones.
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
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pyro
import torch
import xarray as xr

from pyrocausal.chain import Chain
from pyrocausal.data import InterventionalData
from pyrocausal.gaps import any_missing, present
from pyrocausal.handlers import intervene
from pyrocausal.imputation import impute
from pyrocausal.kinds import Categorical, Exposure, native
from pyrocausal.moves import closure
from pyrocausal.scoring import score_rows
from pyrocausal.targets import known_targets
from pyrocausal.threads import one_thread
from pyrocausal.weights import join

__all__ = ["inference_data"]

EDGES, TARGETS = ("effect", "cause"), ("regime", "target_variable")
SAMPLED = ("chain", "draw")
TRACED = {"loss": "loss", "confidence": "confidence", "gradient_norm": "gradient_norm", "edges": "n_edges"}
TAKEN = ("chain", "draw", "sample", "row")  # names that no column may have


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
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if not isinstance(log_likelihood, bool):
        raise TypeError(f"log_likelihood must be True or False, got {log_likelihood!r}")
    draws = _draws(chains, int(thin))
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
    tables = _Tables(data)
    if log_likelihood and draws is not None:
        groups["log_likelihood"] = _log_likelihood(tables, chains, draws)
    if posterior_predictive:
        groups["posterior_predictive"] = _predictive(tables, chains, draws, int(posterior_predictive), int(seed))
    groups |= {"observed_data": tables.observed(), "constant_data": _constants(tables, chains)}
    return _container(groups, _attributes(chains, fit_seed, settings))


def _container(groups: Mapping[str, xr.Dataset], attributes: Mapping[str, str]) -> Any:
    """The one place that knows which ArviZ there is."""
    if int(version("arviz").split(".")[0]) >= 1:
        return xr.DataTree.from_dict({"/": xr.Dataset(attrs=dict(attributes)), **groups})
    made = import_module("arviz").InferenceData  # here, because the import takes a second
    return made(**groups, attrs=dict(attributes), save_warmup=True)


def _attributes(chains: Sequence[Chain], seed: int, settings: Mapping[str, Any] | None) -> dict[str, str]:
    """Of the whole; all of them text, which every file format keeps as it is."""
    return {
        "inference_library": "pyrocausal",
        "inference_library_version": _own_version(),
        "pyro_version": pyro.__version__,
        "torch_version": str(torch.__version__),
        "arviz_version": version("arviz"),
        "orientation": "row = effect, column = cause",
        "seed": str(seed),
        "chain_seeds": json.dumps([chain.seed for chain in chains]),
        "settings": json.dumps(settings),
    }


def _own_version() -> str:
    try:
        return version("pyrocausal")
    except PackageNotFoundError:  # used from a folder
        return "unknown"


class _Draws(NamedTuple):
    number: np.ndarray  # of each draw among those that all chains have, [N]
    graphs: torch.Tensor  # [C, N, d, d]
    evidence: torch.Tensor  # [C, N]
    hit: torch.Tensor  # [C, N, R, d]


def _draws(chains: Sequence[Chain], thin: int) -> _Draws | None:
    """Every `thin`-th draw; None where a chain has none."""
    graphs, evidence, hit = ([getattr(c, f) for c in chains] for f in ("graphs", "graph_evidence", "graph_targets"))
    if any(each is None for each in (*graphs, *evidence, *hit)):
        return None
    number = np.arange(min(map(len, graphs)))[::thin]
    return _Draws(number, *(_last(each)[:, ::thin] for each in (graphs, evidence, hit)))


def _last(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """One tensor per chain, [n_c, ...], stacked as far back as all of them go: [C, min n_c, ...]."""
    common = min(map(len, tensors))
    return torch.stack([each[len(each) - common :].cpu() for each in tensors])


def _along(number: np.ndarray, chains: int, **labels: Sequence[str]) -> dict[str, Any]:
    """Coordinates of chains, draws and whatever else."""
    return {"chain": np.arange(chains), "draw": number, **{name: list(each) for name, each in labels.items()}}


def _posterior(data: InterventionalData, draws: _Draws) -> xr.Dataset:
    labels = {"effect": data.names, "cause": data.names, "regime": data.regime_names, "target_variable": data.names}
    graphs = draws.graphs.numpy()
    return xr.Dataset(
        {
            "edge": ((*SAMPLED, *EDGES), graphs.astype(np.int8)),
            "target": ((*SAMPLED, *TARGETS), draws.hit.numpy().astype(np.int8)),
            "n_edges": (SAMPLED, graphs.sum((-2, -1)).astype(np.int32)),
        },
        coords=_along(draws.number, len(graphs), **labels),
    )


def _sample_stats(chains: Sequence[Chain], draws: _Draws) -> xr.Dataset:
    accepted = [math.nan if chain.accepted is None else chain.accepted for chain in chains]
    return xr.Dataset(
        {
            "evidence": (SAMPLED, draws.evidence.double().numpy()),
            "acyclic": (SAMPLED, _acyclic(draws.graphs)),
            "acceptance_rate": (SAMPLED[:1], np.array(accepted)),
        },
        coords=_along(draws.number, len(chains)),
    )


def _beliefs(data: InterventionalData, chains: Sequence[Chain]) -> xr.Dataset:
    logits = _last([chain.belief_logits for chain in chains if chain.belief_logits is not None])
    free = torch.stack([chain.model.beliefs.free.cpu() for chain in chains])[:, None]  # [C, 1, d, d]
    return xr.Dataset(
        {"edge_logit": ((*SAMPLED, *EDGES), torch.where(free, logits, math.nan).numpy())},
        coords=_along(np.arange(logits.shape[1]), len(chains), effect=data.names, cause=data.names),
    )


def _trace(chains: Sequence[Chain]) -> xr.Dataset:
    logits = _last([chain.belief_logits for chain in chains if chain.belief_logits is not None])
    C, m = logits.shape[:2]
    last = [chain.trace.iloc[len(chain.trace) - m :] for chain in chains]
    columns = {name: column for column, name in TRACED.items() if all(column in trace for trace in last)}
    return xr.Dataset(
        {
            "step": (SAMPLED, np.stack([trace.index.to_numpy() for trace in last])),
            **{name: (SAMPLED, np.stack([trace[c].to_numpy() for trace in last])) for name, c in columns.items()},
            "acyclic": (SAMPLED, _acyclic(logits > 0)),
        },
        coords=_along(np.arange(m), C),
    )


def _acyclic(graphs: torch.Tensor) -> np.ndarray:
    """Which graphs have no cycle: boolean [C, N, d, d] -> [C, N]."""
    distinct, place = graphs.flatten(0, 1).unique(dim=0, return_inverse=True)
    good = torch.tensor([not bool(closure(graph).diagonal().any()) for graph in distinct])
    return good[place].reshape(graphs.shape[:2]).numpy()


class _Tables:
    """All rows, the observational ones first, and the names of their columns."""

    def __init__(self, data: InterventionalData) -> None:
        self.data = data
        self.sizes = [len(data.observational), *(len(regime.rows) for regime in data.regimes)]
        self.regime = np.arange(-1, len(data.regimes)).repeat(self.sizes)  # [n], -1 for observational rows
        self.rows = self.together(data)
        tables = [data.observational, *(regime.rows for regime in data.regimes)]
        self.weights = join(tables, [data.observational_weights, *(regime.weights for regime in data.regimes)])  # [n]
        self._completed: dict[int, torch.Tensor] = {}
        self.names: list[str] = []
        for name in data.names:
            safe = "_" if name == "." else name.replace("/", "_")
            while safe in (*TAKEN, *self.names) or (safe != name and safe in data.names):
                safe += "_"
            self.names.append(safe)

    @staticmethod
    def together(data: InterventionalData) -> torch.Tensor:
        """Encoded rows of all tables, [n, d]."""
        return torch.cat([data.observational, *(regime.rows for regime in data.regimes)])

    def completed(self, chain: Chain) -> torch.Tensor:
        """The same as a chain was fitted to them, missing values drawn."""
        if chain.seed not in self._completed:
            with one_thread():
                self._completed[chain.seed] = self.together(impute(self.data, seed=chain.seed))
        return self._completed[chain.seed]

    def columns(self, rows: np.ndarray, dims: Sequence[str]) -> dict[str, Any]:
        """A variable per column of encoded rows [..., d]."""
        found = {}
        for i, (safe, name, kind) in enumerate(zip(self.names, self.data.names, self.data.kinds, strict=True)):
            values = rows[..., i].astype(np.float64)
            attributes = {"variable": name}
            if isinstance(kind, Categorical):
                width = np.promote_types(np.int16, np.min_scalar_type(-kind.cardinality))
                values = np.where(np.isnan(values), -1, values).astype(width)
                attributes["states"] = json.dumps([str(native(state)) for state in kind.states])
            else:
                values = kind.decode(values.ravel()).to_numpy(np.float64).reshape(values.shape)
            found[safe] = (tuple(dims), values, attributes)
        return found

    def observed(self) -> xr.Dataset:
        columns = self.columns(self.rows.cpu().numpy(), ("row",))
        return xr.Dataset(columns, coords={"row": np.arange(len(self.regime))})


def _constants(tables: _Tables, chains: Sequence[Chain]) -> xr.Dataset:
    data, beliefs = tables.data, chains[0].model.beliefs
    known, hit = known_targets(data.names, [regime.targets for regime in data.regimes])
    counted = {} if tables.weights is None else {"weight": (("row",), tables.weights.cpu().numpy())}
    return xr.Dataset(
        {
            **counted,
            "regime_number": (("row",), tables.regime.astype(np.int32)),
            "known_target": (TARGETS, torch.where(known[:, None], hit, -1).numpy().astype(np.int8)),
            "known_edge": (EDGES, torch.where(beliefs.free, -1, beliefs.certain).cpu().numpy().astype(np.int8)),
        },
        coords={
            "row": np.arange(len(tables.regime)),
            "regime": list(data.regime_names),
            **{name: list(data.names) for name in ("target_variable", *EDGES)},
        },
    )


def _log_likelihood(tables: _Tables, chains: Sequence[Chain], draws: _Draws) -> xr.Dataset:
    found = []
    for chain, graphs, hit in zip(chains, draws.graphs, draws.hit, strict=True):
        raw = any_missing(chain.model.kinds)  # a model that reads gaps itself
        rows = tables.rows if raw else tables.completed(chain)
        both = torch.cat([graphs.flatten(1), hit.flatten(1)], 1).unique(dim=0, return_inverse=True)
        distinct, place = both
        d, R = graphs.shape[-1], hit.shape[1]
        left_out = torch.cat([distinct[:, d * d :].unflatten(1, (R, d)), distinct.new_zeros(len(distinct), 1, d)], 1)
        scores = score_rows(
            chain.model,
            rows,
            distinct[:, : d * d].unflatten(1, (d, d)).to(rows),
            left_out.to(rows.device),
            torch.as_tensor(tables.regime % (R + 1), device=rows.device),
            present(tables.rows),
        )
        found.append(scores.cpu()[place].numpy())
    return xr.Dataset(
        {"table": ((*SAMPLED, "row"), np.stack(found))},
        coords=_along(draws.number, len(chains)) | {"row": np.arange(len(tables.regime))},
    )


def _predictive(tables: _Tables, chains: Sequence[Chain], draws: _Draws | None, count: int, seed: int) -> xr.Dataset:
    if draws is None:
        number = chosen = np.arange(count)
    else:
        chosen = np.linspace(0, len(draws.number) - 1, count).round().astype(int)
        number = draws.number[chosen]
    found = []
    for c, chain in enumerate(chains):
        rows = tables.completed(chain).split(tables.sizes)
        with one_thread(), torch.random.fork_rng(), pyro.validation_enabled(False):
            torch.manual_seed(int(np.random.SeedSequence([seed, c]).generate_state(1)[0]))
            for k in chosen:
                graph = chain.dag if draws is None else draws.graphs[c, k]
                hit = chain.target_probability[:, :-1] > 0.5 if draws is None else draws.hit[c, k]
                found.append(_replicate(chain, rows, graph, hit).cpu().numpy())
    values = np.stack(found).reshape(len(chains), count, *found[0].shape)
    return xr.Dataset(
        tables.columns(values, (*SAMPLED, "row")),
        coords=_along(number, len(chains)) | {"row": np.arange(len(tables.regime))},
    )


@torch.no_grad()
def _replicate(chain: Chain, rows: Sequence[torch.Tensor], graph: torch.Tensor, hit: torch.Tensor) -> torch.Tensor:
    """Tables like those recorded, targets of each regime and exposures at the values that they took: [n, d]."""
    exposed = torch.tensor([isinstance(kind, Exposure) for kind in chain.model.kinds])
    model = pyro.condition(chain.model, {"edges": graph.to(rows[0])})
    nobody = hit.new_zeros(1, hit.shape[1])
    tables = []
    for recorded, here in zip(rows, torch.cat([nobody, hit]) | exposed, strict=True):
        with intervene({chain.model.names[i]: recorded[:, i] for i in here.nonzero()[:, 0].tolist()}):
            tables.append(model(size=len(recorded)))
    return torch.cat(tables)

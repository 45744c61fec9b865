"""Groups of a result that have a value for every row of the data: observed, what rows are, scores, predictions.

Rows come table by table, the observational ones first. What the groups hold is told in
`pyrocausal.posterior.inference_data`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyro
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Exposure, native
from pyrocausal.data.missing import any_missing, present
from pyrocausal.data.weights import Part
from pyrocausal.model.handlers import intervene
from pyrocausal.model.imputation import impute
from pyrocausal.model.log_likelihood import score_rows
from pyrocausal.posterior.chain import Chain
from pyrocausal.runtime.threads import one_thread
from pyrocausal.sdi.targets import known_targets

__all__ = [
    "EDGES", "SAMPLED", "TARGETS", "Draws", "Tables", "along", "constant_data", "draws_of", "last_of_all", "predicted",
    "predicted_tables", "row_scores",
]  # fmt: skip

EDGES, TARGETS = ("effect", "cause"), ("regime", "target_variable")
SAMPLED = ("chain", "draw")
TAKEN = ("chain", "draw", "sample", "row")  # names that no column may have


class Draws(NamedTuple):
    """Graphs that all chains have drawn, and their targets."""

    number: np.ndarray  # of each draw among those that all chains have, [N]
    graphs: torch.Tensor  # [C, N, d, d]
    evidence: torch.Tensor  # [C, N]
    hit: torch.Tensor  # [C, N, R, d]


def draws_of(chains: Sequence[Chain], thin: int) -> Draws | None:
    """Every `thin`-th draw; None where a chain has none."""
    graphs, evidence, hit = ([getattr(c, f) for c in chains] for f in ("graphs", "graph_evidence", "graph_targets"))
    if any(each is None for each in (*graphs, *evidence, *hit)):
        return None
    number = np.arange(min(map(len, graphs)))[::thin]
    return Draws(number, *(last_of_all(each)[:, ::thin] for each in (graphs, evidence, hit)))


def last_of_all(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """One tensor per chain, [n_c, ...], stacked as far back as all of them go: [C, min n_c, ...]."""
    common = min(map(len, tensors))
    return torch.stack([each[len(each) - common :].cpu() for each in tensors])


def along(number: np.ndarray, chains: int, **labels: Sequence[str]) -> dict[str, Any]:
    """Coordinates of chains, draws and whatever else."""
    return {"chain": np.arange(chains), "draw": number, **{name: list(each) for name, each in labels.items()}}


class Tables:
    """All rows, the observational ones first, and the names of their columns."""

    def __init__(self, data: InterventionalData) -> None:
        self.data = data
        self.sizes = [len(part.rows) for part in data.parts]
        self.regime = np.arange(-1, len(data.regimes)).repeat(self.sizes)  # [n], -1 for observational rows
        self.rows, self.weights = Part.of(data.parts)  # [n, d], [n]
        self._completed: dict[int, torch.Tensor] = {}
        self.names: list[str] = []
        for name in data.names:
            safe = "_" if name == "." else name.replace("/", "_")
            while safe in (*TAKEN, *self.names) or (safe != name and safe in data.names):
                safe += "_"
            self.names.append(safe)

    def completed(self, chain: Chain) -> torch.Tensor:
        """The same as a chain was fitted to them, missing values drawn."""
        if chain.seed not in self._completed:
            self._completed[chain.seed] = Part.of(impute(self.data, seed=chain.seed).parts).rows
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
        """The group observed_data."""
        columns = self.columns(self.rows.cpu().numpy(), ("row",))
        return xr.Dataset(columns, coords={"row": np.arange(len(self.regime))})


def constant_data(tables: Tables, chains: Sequence[Chain]) -> xr.Dataset:
    """The group of that name."""
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


def row_scores(tables: Tables, chains: Sequence[Chain], draws: Draws) -> xr.Dataset:
    """The group log_likelihood."""
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
        coords=along(draws.number, len(chains)) | {"row": np.arange(len(tables.regime))},
    )


def predicted(tables: Tables, chains: Sequence[Chain], draws: Draws | None, count: int, seed: int) -> xr.Dataset:
    """The group posterior_predictive: some tables per chain."""
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
        coords=along(number, len(chains)) | {"row": np.arange(len(tables.regime))},
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


def predicted_tables(
    data: InterventionalData, chains: Sequence[Chain], count: int, seed: int = 0
) -> dict[str, xr.Dataset]:
    """The groups posterior_predictive, observed_data and constant_data alone, which takes no ArviZ.

    Parameters
    ----------
    data, chains
        As in `inference_data`.
    count
        Tables to draw per chain, at least 1 and no more than graphs were drawn, if any.
    seed
        Of these tables.
    """
    tables, draws = Tables(data), draws_of(chains, 1)
    return {
        "posterior_predictive": predicted(tables, chains, draws, count, seed),
        "observed_data": tables.observed(),
        "constant_data": constant_data(tables, chains),
    }

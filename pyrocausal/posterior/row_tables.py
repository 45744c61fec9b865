"""The data row by row for ArviZ: the groups observed_data, constant_data and log_likelihood.

Rows come table by table, the observational ones first. What the groups hold is told in
`pyrocausal.posterior.inference_data`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from pyrocausal.data.columns import native
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.missing import any_missing, present
from pyrocausal.data.weights import Part
from pyrocausal.evidence.imputation import impute
from pyrocausal.model.log_likelihood import score_rows
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.draws import EDGES, TARGETS, Draws
from pyrocausal.queries.drawn_programs import SAMPLED, along
from pyrocausal.sdi.targets import known_targets

__all__ = ["Tables", "constant_data", "row_scores"]

TAKEN = ("chain", "draw", "sample", "row")  # names that no column may have


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
            "known_target": (TARGETS, torch.where(known[:, None] | hit, hit, -1).numpy().astype(np.int8)),
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

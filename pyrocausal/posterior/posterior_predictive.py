"""The group posterior_predictive: tables like the data, drawn from fitted programs under graphs that chains have drawn.

Rows are those of `pyrocausal.posterior.row_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyro
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.handlers import keep_values
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.draws import Draws, draws_of
from pyrocausal.posterior.row_tables import Tables, constant_data
from pyrocausal.queries.drawn_programs import SAMPLED, along
from pyrocausal.runtime.torch_state import reproducible_torch

__all__ = ["predicted", "predicted_tables"]

TOGETHER = 100_000  # rows that are drawn at a time


def predicted(tables: Tables, chains: Sequence[Chain], draws: Draws | None, count: int, seed: int) -> xr.Dataset:
    """The group posterior_predictive: some tables per chain."""
    if draws is None:
        number = chosen = np.arange(count)
    else:
        chosen = np.linspace(0, len(draws.number) - 1, count).round().astype(int)
        number = draws.number[chosen]
    found, aside = [], torch.tensor([name in tables.data.aside for name in tables.data.names])
    for c, chain in enumerate(chains):
        rows = tables.completed(chain)
        with reproducible_torch(), torch.random.fork_rng(), pyro.validation_enabled(False):
            torch.manual_seed(int(np.random.SeedSequence([seed, c]).generate_state(1)[0]))
            if draws is None:
                kept = _kept(tables, chain.target_probability[:, :-1] > 0.5, aside)
                found += _replicates(chain, rows, chain.dag, kept, count)
                continue
            for k in chosen:
                kept = _kept(tables, draws.hit[c, k], aside)
                found += _replicates(chain, rows, draws.graphs[c, k], kept, 1)
    values = np.stack(found).reshape(len(chains), count, *found[0].shape)
    return xr.Dataset(
        tables.columns(values, (*SAMPLED, "row")),
        coords=along(number, len(chains)) | {"row": np.arange(len(tables.regime))},
    )


def _kept(tables: Tables, hit: torch.Tensor, aside: torch.Tensor) -> torch.Tensor:
    """Where a row has the value that was recorded, of the targets of its regime and of what stands aside: [n, d]."""
    nobody = hit.new_zeros(1, hit.shape[1])
    return (torch.cat([nobody, hit]).cpu() | aside)[torch.as_tensor(tables.regime + 1)]


@torch.no_grad()
def _replicates(
    chain: Chain, rows: torch.Tensor, graph: torch.Tensor, kept: torch.Tensor, count: int
) -> list[np.ndarray]:
    """Tables like those recorded, [n, d] each; all their rows, and several tables, go through the program together."""
    model: Any = chain.model.given(graph.to(rows))
    kept, found = kept.to(rows.device), list[np.ndarray]()
    while len(found) < count:
        times = min(count - len(found), max(1, TOGETHER // len(rows)))
        recorded, here = rows.repeat(times, 1), kept.repeat(times, 1)
        columns = {
            name: (here[:, i], recorded[:, i]) for i, name in enumerate(chain.model.names) if bool(kept[:, i].any())
        }
        with keep_values(columns):
            drawn = model(size=len(recorded))
        found += list(drawn.view(times, *rows.shape).cpu().numpy())
    return found


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

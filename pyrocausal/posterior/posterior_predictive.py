"""The group posterior_predictive: tables like the data, drawn from fitted programs under graphs that chains have drawn.

Rows are those of `pyrocausal.posterior.row_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyro
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.handlers import intervene
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.draws import SAMPLED, Draws, along, draws_of
from pyrocausal.posterior.row_tables import Tables, constant_data
from pyrocausal.runtime.threads import one_thread

__all__ = ["predicted", "predicted_tables"]


def predicted(tables: Tables, chains: Sequence[Chain], draws: Draws | None, count: int, seed: int) -> xr.Dataset:
    """The group posterior_predictive: some tables per chain."""
    if draws is None:
        number = chosen = np.arange(count)
    else:
        chosen = np.linspace(0, len(draws.number) - 1, count).round().astype(int)
        number = draws.number[chosen]
    found, aside = [], torch.tensor([name in tables.data.aside for name in tables.data.names])
    for c, chain in enumerate(chains):
        rows = tables.completed(chain).split(tables.sizes)
        with one_thread(), torch.random.fork_rng(), pyro.validation_enabled(False):
            torch.manual_seed(int(np.random.SeedSequence([seed, c]).generate_state(1)[0]))
            for k in chosen:
                graph = chain.dag if draws is None else draws.graphs[c, k]
                hit = chain.target_probability[:, :-1] > 0.5 if draws is None else draws.hit[c, k]
                found.append(_replicate(chain, rows, graph, hit, aside).cpu().numpy())
    values = np.stack(found).reshape(len(chains), count, *found[0].shape)
    return xr.Dataset(
        tables.columns(values, (*SAMPLED, "row")),
        coords=along(number, len(chains)) | {"row": np.arange(len(tables.regime))},
    )


@torch.no_grad()
def _replicate(
    chain: Chain, rows: Sequence[torch.Tensor], graph: torch.Tensor, hit: torch.Tensor, aside: torch.Tensor
) -> torch.Tensor:
    """Tables like those recorded, with the values there of each regime's targets and of what stands aside: [n, d]."""
    model = chain.model.given(graph.to(rows[0]))
    nobody = hit.new_zeros(1, hit.shape[1])
    tables = []
    for recorded, here in zip(rows, torch.cat([nobody, hit]) | aside, strict=True):
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

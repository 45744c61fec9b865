"""Groups of an ArviZ result as data sets, whichever ArviZ there is, and the rows that they are about."""

from __future__ import annotations

from importlib.metadata import version

import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData

NEW = int(version("arviz").split(".")[0]) >= 1


def groups(found) -> dict[str, xr.Dataset]:
    names = found.children if NEW else found.groups()
    return {name: found[name].to_dataset() if NEW else found[name] for name in names}


def together(data: InterventionalData) -> torch.Tensor:
    return torch.cat([data.observational, *(regime.rows for regime in data.regimes)])

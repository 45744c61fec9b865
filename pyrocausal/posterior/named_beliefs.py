"""Beliefs under the names of what they are about: averages over chains with labels, and networkx graphs."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
import torch
import xarray as xr

__all__ = ["averaged", "named_graph"]


def averaged(beliefs: Sequence[torch.Tensor], name: str, **labels: Sequence[str]) -> xr.DataArray:
    """Mean over chains of one tensor each, `labels` naming its dimensions in order and every entry along them."""
    mean = torch.stack(list(beliefs)).mean(0).cpu().numpy()
    coordinates = {dimension: list(names) for dimension, names in labels.items()}
    return xr.DataArray(mean, dims=tuple(labels), coords=coordinates, name=name)


def named_graph(names: Sequence[str], edges: np.ndarray, **attributes: np.ndarray) -> nx.DiGraph:
    """Graph cause -> effect of some edges, boolean [d, d] (effect, cause), each with its entry of [d, d] attributes."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(names)
    for effect, cause in zip(*np.nonzero(edges), strict=True):
        graph.add_edge(
            names[cause], names[effect], **{what: float(each[effect, cause]) for what, each in attributes.items()}
        )
    return graph

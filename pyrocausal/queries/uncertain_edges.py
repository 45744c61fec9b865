"""How an answer depends on edges that the data leave open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch.distributions import Distribution

from pyrocausal.queries.drawn_programs import SAMPLED, DrawnPrograms
from pyrocausal.search.moves import closure

__all__ = ["by_uncertain_edges", "drawn_with"]

BETWEEN = 0.05, 0.95  # shares of the graphs between which an edge is uncertain


def drawn_with(draws: int, seed: int, about: Iterable[str], *worlds: Mapping[str, Any]) -> dict[str, int | str]:
    """Attributes of an answer that lead back to its graphs, and say which of their edges may matter.

    Parameters
    ----------
    draws, seed
        Of `DrawnPrograms`.
    about
        Variables that it depends on: the one that is asked about, and those that are observed.
    worlds
        What is set in each that it compares. What acts on a variable that all set does not matter, unless they set a
        function of what it would have been.
    """
    first, *others = worlds or ({},)
    held = [
        name
        for name in first
        if all(name in world for world in others)
        and not any(callable(each[name]) and not isinstance(each[name], Distribution) for each in worlds)
    ]
    return {"draws": int(draws), "seed": int(seed), "about": json.dumps([*about]), "held": json.dumps(held)}


def by_uncertain_edges(programs: DrawnPrograms, names: Sequence[str], answer: xr.DataArray) -> pd.DataFrame:
    """Compare an answer in graphs that have an edge with that in graphs that lack it.

    Parameters
    ----------
    programs
        That were asked.
    names
        The variables, length d.
    answer
        Dims "chain", "draw", some or all of the programs', and "state" of a variable that has states.

    Returns
    -------
    pandas.DataFrame
        See `CausalPosterior.by_edge`.

    Raises
    ------
    ValueError
        If the answer has other dims.
    """
    if not set(SAMPLED) <= set(answer.dims) <= {*SAMPLED, "state"}:
        raise ValueError(
            f"answer: expected the dims chain and draw, and state where there are several, got "
            f"{', '.join(map(str, answer.dims)) or 'none'}; select along others alone, such as answer.sel(way='direct')"
        )
    chain, draw = (torch.tensor(answer[dim].values.tolist()) for dim in SAMPLED)
    graphs = programs.graphs[chain][:, draw].flatten(0, 1)  # [D, effect, cause]
    values = answer.transpose(*SAMPLED, ...).values.reshape(len(graphs), -1)  # [D, states]
    about, held = ([names.index(name) for name in json.loads(answer.attrs[key])] for key in ("about", "held"))
    graphs[:, held] = False
    reaches = closure(graphs)[:, about].any(1)  # [D, d]
    reaches[:, about] = True
    matters = (graphs & reaches[:, :, None]).any(0)
    share, (low, high) = graphs.double().mean(0), BETWEEN
    states = answer.state.values.tolist() if "state" in answer.dims else [""]
    found = []
    for effect, cause in (matters & (share >= low) & (share <= high)).nonzero().tolist():
        has = graphs[:, effect, cause].numpy()
        one, other = values[has].mean(0), values[~has].mean(0)
        apart = np.abs(one - other)
        most = int((apart >= 0.999 * apart.max()).argmax())  # of two states always the first
        found.append([names[cause], names[effect], float(has.mean()), states[most], one[most], other[most]])
    table = pd.DataFrame(found, columns=["cause", "effect", "share", "state", "with", "without"])
    return table.iloc[(table["with"] - table["without"]).abs().argsort(kind="stable")[::-1]].reset_index(drop=True)

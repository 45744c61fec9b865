"""How an answer depends on edges that the data leave open."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.search.moves import closure

__all__ = ["by_uncertain_edges"]

BETWEEN = 0.05, 0.95  # shares of the graphs between which an edge is uncertain


def by_uncertain_edges(
    result: CausalPosterior, answer: xr.DataArray, *, draws: int, seed: int = 0, held: Collection[str] = ()
) -> pd.DataFrame:
    """Compare an answer in graphs that have an edge with that in graphs that lack it.

    Other edges may come and go together with it: a difference is what goes along with the edge, not what it does alone.

    Parameters
    ----------
    result
        A fit.
    answer
        What `CausalPosterior.effect` or `outcome` gave with these draws and this seed.
    draws, seed
        As there.
    held
        Variables that are set whatever is compared: edges into them do not matter.

    Returns
    -------
    pandas.DataFrame
        A row for every edge that is in between 5 and 95 % of the graphs and on a path to the variable that was asked
        about, in some of them: columns cause, effect; share of the graphs; state ("" of a mean), the one that differs
        most; with and without, means of the answer. The largest difference comes first.

    Raises
    ------
    ValueError
        If the answer is of other draws.

    Examples
    --------
    >>> answer = result.effect("Erk", do={"PKA": "high"}, draws=100)  # doctest: +SKIP
    >>> by_uncertain_edges(result, answer, draws=100)  # doctest: +SKIP
    """
    names = result.data.names
    graphs = result.programs(draws, seed=seed).graphs.flatten(0, 1).bool().clone()  # [D, effect, cause]
    values = answer.values.reshape(answer.sizes["chain"] * answer.sizes["draw"], -1)  # [D, states]
    if len(values) != len(graphs):
        raise ValueError(f"answer: it has {len(values)} draws, and {len(graphs)} graphs are asked for")
    graphs[:, [names.index(name) for name in held]] = False
    place = names.index(str(answer.name))
    reaches = closure(graphs)[:, place] | (torch.arange(len(names)) == place)  # [D, d], the variable itself among them
    on_path = (graphs & reaches[:, :, None]).any(0)
    share, (low, high) = graphs.double().mean(0), BETWEEN
    states = [str(state) for state in answer.state.values] if "state" in answer.dims else [""]
    found = []
    for effect, cause in (on_path & (share >= low) & (share <= high)).nonzero().tolist():
        has = graphs[:, effect, cause].numpy()
        one, other = values[has].mean(0), values[~has].mean(0)
        apart = np.abs(one - other)
        most = int((apart >= 0.999 * apart.max()).argmax())  # of two states always the first
        found.append([names[cause], names[effect], float(has.mean()), states[most], one[most], other[most]])
    table = pd.DataFrame(found, columns=["cause", "effect", "share", "state", "with", "without"])
    return table.iloc[(table["with"] - table["without"]).abs().argsort(kind="stable")[::-1]].reset_index(drop=True)

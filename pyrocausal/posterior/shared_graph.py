"""What one experiment says of the graph of another that is much like it: two cell lines, two tissues, two shops.

Every edge of the one graph is an edge of the other as well, or none of both, with probability `same`. What rows say of
an edge, as odds, then passes on from one to the other as

    (same r + 1 - same) / ((1 - same) r + same),

r being how many times more probable the rows have made the edge than edges are on average. It is bounded by
same / (1 - same): nobody is overruled, and where the rows of the one say nothing, nothing is passed on. So that nothing
comes back to where it was said, fit each alone, and then each with what the others alone have said.
"""

from __future__ import annotations

import numpy as np

from pyrocausal.data.knowledge import Knowledge
from pyrocausal.posterior.labelled_chains import LabelledChains
from pyrocausal.runtime.checked_settings import check, number

__all__ = ["shared_knowledge"]

CERTAIN = 1e-6  # probability that is as good as none


def shared_knowledge(result: LabelledChains, same: float = 0.9) -> Knowledge:
    """Knowledge for the fit of another table of the same variables.

    Parameters
    ----------
    result
        Of the first table, fitted alone.
    same
        Probability that an edge is in both graphs or in none, above 0.5 and below 1; default 0.9.

    Returns
    -------
    Knowledge
        A probability for every ordered pair of variables. What was known for certain in the first fit is not passed on.

    Raises
    ------
    TypeError, ValueError
        If `same` is no number in that range.

    Examples
    --------
    Going on from the example of `discover`:

    >>> round(pc.shared_knowledge(result).probability["X0", "X1"], 2)
    0.9
    """
    check("same", same, number(above=0.5, below=1))
    names, belief = result.data.nodes, result.edge_probabilities.values.clip(CERTAIN, 1 - CERTAIN)
    free = result.best.model.beliefs.free.cpu().numpy()[np.ix_(result.data.places, result.data.places)]
    if not free.any():
        return Knowledge()
    usual = float(belief[free].mean())
    ratio = belief / (1 - belief) / (usual / (1 - usual))
    odds = (same * ratio + 1 - same) / ((1 - same) * ratio + same)
    return Knowledge(
        probability={
            (names[j], names[i]): float(odds[i, j] / (1 + odds[i, j])) for i, j in zip(*np.nonzero(free), strict=True)
        }
    )

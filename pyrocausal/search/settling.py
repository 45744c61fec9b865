"""Settling: from what the three phases propose to the DAG with the most joint evidence.

A search in closed form finds the graph and the targets from all rows; networks refine them where they predict better
(`pyrocausal.search.rounds`). In the end the model's mechanisms are fitted once more, around the settled graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import torch

from pyrocausal.runtime.interruption import Interrupted, uninterrupted
from pyrocausal.sdi.state import State
from pyrocausal.search.rounds import Rounds
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled

__all__ = ["settle"]


def settle(
    state: State,
    settling: Settling | None = None,
    *,
    seed: int = 0,
    on_settled: Callable[[Settled], object] | None = None,
    budget: float | None = None,
) -> Settled:
    """Settle a fit. Torch's global random state is left as it was.

    Parameters
    ----------
    state
        The end of the three phases; its mechanisms are fitted further in place, and its beliefs become what settling
        believes of edges.
    settling
        Settings; default `Settling()`.
    seed
        Of the random numbers of the last fit. Copies are fitted to rows drawn in the same order whatever it is, so that
        they can be compared.
    on_settled
        Called after every round.
    budget
        Seconds that networks may take at the most; default: as many as they need. Closed forms, but for
        richer ones that were left out at first, and the last fit, which comes after them in any case, are not among
        them. A round that is cut short does not count.

    Returns
    -------
    Settled
        Of the last round that was done, or of the best graph that the first one had met when it was asked to stop.

    Raises
    ------
    Interrupted
        If it is asked to stop (see `pyrocausal.runtime.interruption`) before a graph was weighed. Asked later, it
        leaves out the rounds to come and the last fit, or the rest of it.
    ValueError
        If the fit held out no observational rows, no round is asked for, or the settings leave no way to estimate a
        mechanism of the settled graph.

    Examples
    --------
    Going on from the example of `discover`:

    >>> state, info = pc.SDI(fitting=pc.GraphFitting(warm_up=20)).begin(data, seed=0)
    >>> settled = pc.settle(state, pc.Settling(refitting=None, final_steps=20))
    >>> settled.dag.int().tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    """
    settling = settling or Settling()
    if not len(state.split.held_out.rows):
        raise ValueError("settling needs held-out observational rows; fit with GraphFitting.held_out above 0")
    if not settling.rounds:
        raise ValueError("Settling.rounds is 0: there is nothing to do")
    if state.model.mechanisms.copies([(0, ())]) is None:
        if not settling.closed_form:
            raise ValueError(
                "Settling.closed_form is off, but these mechanisms cannot be copied to be refitted; leave it on"
            )
        settling = replace(settling, refitting=None)
    last: deque[Settled] = deque(maxlen=1)

    def tell(settled: Settled) -> None:
        last.append(settled)
        if on_settled is not None:
            on_settled(settled)

    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            rounds = Rounds(state, settling, tell, budget)
            rounds.run()
    except Interrupted:
        if not last:
            with uninterrupted():
                if (best := rounds.cut_short()) is None:
                    raise
            last.append(best)
    state.model.beliefs.believe(last[0].edge_probability)
    return last[0]

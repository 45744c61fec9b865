"""Noise as sites of its own: a program becomes a structural model, x = f(parents, u), whose worlds share the noise.

Inside the handler a variable is no draw any more but a function of its parents' values and of noise, which is a sample
site ``<variable>_noise`` of the plates that the program runs in. Two runs with the same noise are two worlds of the
same rows: with it as it was drawn, common random numbers; with what `abduct` finds behind rows that were observed,
their counterfactuals. How noise and distributions are joined is an assumption, see `pyrocausal.model.couplings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger

from pyrocausal.data.missing import present
from pyrocausal.model.couplings import coupling_of
from pyrocausal.model.intervened_values import kind_of
from pyrocausal.model.program import Program

__all__ = ["NOISE", "Exogenous", "abduct"]

NOISE = "_noise"  # follows the name of a variable


class Exogenous(Messenger):
    """Variables of a `Program` that are not observed come from noise, which is a site.

    Interventions go outside or inside of it alike; `pyro.condition` on a variable does not (its noise would not follow:
    use `abduct`). The sites ``<variable>_noise`` may be conditioned, replayed or shared as any others.

    Parameters
    ----------
    noise
        Of some variables, by their names, as `abduct` or an earlier run gives it; the others draw theirs. Default: all
        of them.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> truth = pc.networks.load("chain3")
    >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
    >>> program = pc.discover(data, chains=1, seed=0, progress=False).program()
    >>> with pc.Exogenous(), pyro.poutine.trace() as first:
    ...     rows = program(5)
    >>> noise = {name: first.trace.nodes[f"{name}_noise"]["value"] for name in program.names}
    >>> with pc.Exogenous(noise):
    ...     bool((program(5) == rows).all())
    True
    """

    def __init__(self, noise: Mapping[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        self.noise = dict(noise or {})

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        if kind_of(msg) is None or msg["is_observed"]:
            return
        coupling = coupling_of(msg["fn"])
        noise = pyro.sample(name + NOISE, coupling.noise, obs=self.noise.get(name))
        value = coupling.push(noise)
        # As `pyro.deterministic` has it, but not masked: a value that is conditioned on instead is impossible.
        msg["fn"], msg["value"], msg["is_observed"] = dist.Delta(value), value, True
        msg["infer"] = {**msg["infer"], "_deterministic": True}


@torch.no_grad()
def abduct(program: Program, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """Noise behind rows that were observed, one draw of what it may have been.

    Parameters
    ----------
    program
        The program.
    values
        Encoded rows, shape [n, d].

    Returns
    -------
    dict
        Of every variable its noise, for `Exogenous`: shape [n], or [n, states].

    Raises
    ------
    ValueError
        If a value is missing.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> truth = pc.networks.load("chain3")
    >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
    >>> program = pc.discover(data, chains=1, seed=0, progress=False).program()
    >>> rows = data.observational[:5]
    >>> with pc.Exogenous(pc.abduct(program, rows)):
    ...     bool((program(5) == rows).all())
    True
    """
    if not bool(present(values).all()):
        lacking = program.names[int((~present(values)).any(0).nonzero()[0])]
        raise ValueError(f"values: {lacking!r} is missing in some rows, so its noise is not known; use complete rows")
    with poutine.block():  # what is done around it is not what was done to the rows
        trace = poutine.trace(program).get_trace(values=values)
    fns = [cast(dist.TorchDistribution, trace.nodes[name]["fn"]) for name in program.names]
    return {
        name: coupling_of(fn).pull(values[:, i]) for i, (name, fn) in enumerate(zip(program.names, fns, strict=True))
    }

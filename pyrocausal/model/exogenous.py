"""Noise as sites of its own: a program becomes a structural model, x = f(parents, u), whose worlds share the noise.

Inside the handler a variable is no draw any more but a function of its parents' values and of noise, which is a sample
site ``<variable>_noise`` of the plates that the program runs in (``<variable>_noise_`` where another variable is called
so). Two runs with the same noise are two worlds of the same rows: with it as it was drawn, common random numbers; with
what `abduct` finds behind rows that were observed, their counterfactuals. How noise and distributions are joined is an
assumption, see `pyrocausal.model.couplings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.poutine.messenger import Messenger

from pyrocausal.data.missing import present
from pyrocausal.model.couplings import coupling_of
from pyrocausal.model.intervened_values import kind_of, site_beside
from pyrocausal.model.program import Program
from pyrocausal.model.row_plate import check_fits

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
    Going on from the example of `discover`:

    >>> program = result.program()
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
        self._met: set[str] = set()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        met, self._met = self._met, set()
        if exception[0] is None and met and (missed := [name for name in self.noise if name not in met]):
            raise ValueError(f"noise: {missed[0]!r} is no variable; variables: {', '.join(sorted(met))}")

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        if kind_of(msg) is None:
            return
        self._met.add(name)
        if msg["is_observed"]:
            return
        coupling, given = coupling_of(msg["fn"], name), self.noise.get(name)
        if given is not None:
            _check_noise(name, given, coupling.noise)
        value = coupling.push(pyro.sample(site_beside(name, NOISE, msg), coupling.noise, obs=given))
        # As `pyro.deterministic` has it, but not masked: a value that is conditioned on instead is impossible.
        msg["fn"], msg["value"], msg["is_observed"] = _Made(value, msg["fn"]), value, True
        msg["infer"] = {**msg["infer"], "_deterministic": True}


class _Made(dist.Delta):
    """A value that was made of noise: a point, of which a reader of supports is told what it could have been.

    Parameters
    ----------
    value
        The value.
    of
        The distribution that it is of.
    """

    def __init__(self, value: torch.Tensor, of: dist.TorchDistribution) -> None:
        self._of = of
        super().__init__(value)

    @constraints.dependent_property
    def support(self) -> Any:
        """Of the distribution."""
        return self._of.support

    def expand(self, batch_shape: Any, _instance: Any = None) -> _Made:
        """See `torch.distributions.Distribution.expand`."""
        new = super().expand(batch_shape, self._get_checked_instance(_Made, _instance))
        new._of = self._of
        return new


def _check_noise(name: str, given: Any, wanted: dist.TorchDistribution) -> None:
    event, what = tuple(wanted.event_shape), f"noise of {name!r}"
    if not isinstance(given, torch.Tensor):
        raise TypeError(f"{what}: expected a tensor, got {type(given).__name__}; take that of abduct")
    if tuple(given.shape[given.dim() - len(event) :]) != event:
        numbers = f"{event[0]} numbers, one for each state" if event else "one number"
        raise ValueError(f"{what}: a row has {numbers}; got shape {list(given.shape)}; take that of abduct")
    check_fits(what, given, len(event))


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
    TypeError, ValueError
        If `values` are no encoded rows of the program, a value is missing or next to impossible, or a variable has a
        distribution without coupling.

    Examples
    --------
    Going on from the example of `discover`:

    >>> program = result.program()
    >>> rows = data.observational[:5]
    >>> with pc.Exogenous(pc.abduct(program, rows)):
    ...     bool((program(5) == rows).all())
    True
    """
    program.check_values(values)
    if not bool(present(values).all()):
        lacking = program.names[int((~present(values)).any(0).nonzero()[0])]
        raise ValueError(f"values: {lacking!r} is missing in some rows, so its noise is not known; use complete rows")
    with poutine.block():  # what is done around it is not what was done to the rows
        trace = poutine.trace(program).get_trace(values=values)
    fns = [cast(dist.TorchDistribution, trace.nodes[name]["fn"]) for name in program.names]
    found = {}
    for i, (name, fn) in enumerate(zip(program.names, fns, strict=True)):
        found[name] = coupling_of(fn, name).pull(values[:, i])
        if not bool((known := found[name].isfinite()).all()):
            row = int((~known.view(len(values), -1).all(1)).nonzero()[0])
            raise ValueError(
                f"values: {name!r} has {float(values[row, i]):g} in row {row}, which is so improbable under its "
                "mechanism that no noise makes it; check the row, or leave it out"
            )
    return found

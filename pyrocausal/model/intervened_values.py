"""What an intervention sets a variable to, as a tensor that the program's sites can have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch.distributions import Distribution

from pyrocausal.data.kind import Kind
from pyrocausal.model.row_plate import check_fits

__all__ = ["DRAWN", "Codes", "Natural", "coded", "kind_of", "resolved", "site_beside"]

DRAWN = "_do"  # follows the name of a variable whose value is drawn


class Codes(NamedTuple):
    """Values that are codes already."""

    values: torch.Tensor


class Natural(NamedTuple):
    """What a site has without intervention.

    Attributes
    ----------
    value
        Of every row, [...].
    kind
        Of the variable, in whose labels and units values are given; None where the site is none of a program.
    draws
        What the site of values that are drawn instead is called.
    """

    value: torch.Tensor
    kind: Kind | None
    draws: str

    @classmethod
    def of(cls, name: str, msg: Any) -> Natural:
        """What a message says of a site."""
        return cls(msg["value"], kind_of(msg), site_beside(name, DRAWN, msg))


def kind_of(msg: Any) -> Kind | None:
    """The kind of the variable that a site is; None where it is none of a program."""
    return (msg["infer"] or {}).get("kind")


def site_beside(name: str, suffix: str, msg: Any) -> str:
    """What another site of a variable is called: underscores follow where a variable of the program is called so."""
    found = name + suffix
    while found in (msg["infer"] or {}).get("variables", ()):
        found += "_"
    return found


def resolved(name: str, given: Any, natural: Natural) -> Any:
    """What the children of a site receive.

    Parameters
    ----------
    name
        Of the site.
    given
        See `pyrocausal.intervene`.
    natural
        What it has without intervention.

    Returns
    -------
    torch.Tensor or number
        Broadcasts against the natural values.

    Raises
    ------
    TypeError, ValueError
        As `pyrocausal.intervene`.
    """
    found = _resolved(name, given, natural)
    if isinstance(found, torch.Tensor):
        check_fits(f"values that {name!r} is set to", found)
    return found


def _resolved(name: str, given: Any, natural: Natural) -> Any:
    value, kind = natural.value, natural.kind
    if isinstance(given, Codes):
        return given.values
    if isinstance(given, Distribution):
        if not isinstance(given, TorchDistributionMixin):
            raise TypeError(f"values: {name!r} is set to a distribution of torch; take that of pyro.distributions")
        if kind is not None and kind.discrete:
            raise TypeError(f"values: {name!r} has labels, of which a distribution knows nothing; give a function")
        drawn = pyro.sample(natural.draws, cast(Any, given))
        return drawn if kind is None else coded(name, drawn, value, kind)
    if isinstance(given, Callable):  # type: ignore[arg-type]
        return _of_function(name, given, value, kind)
    if kind is not None:
        return coded(name, given, value, kind)
    if not isinstance(given, Number | torch.Tensor):
        raise TypeError(
            f"values: {name!r} is set to {given!r}, but its site knows no labels; give a number or a tensor, or use a "
            "Program"
        )
    return given


def _of_function(name: str, function: Callable[[Any], Any], natural: torch.Tensor, kind: Kind | None) -> torch.Tensor:
    if kind is None:
        return torch.as_tensor(function(natural))
    if not kind.discrete:
        return coded(name, function(kind.in_units(natural)), natural, kind)
    labels = kind.decode(natural.detach().cpu().double().reshape(-1).numpy())
    found = coded(name, function(labels), labels, kind)
    return found.to(natural.device).expand(natural.numel()).reshape(natural.shape)


def coded(name: str, given: Any, natural: Any, kind: Kind) -> torch.Tensor:
    """Codes of values in labels and units: of one value [], of several [n].

    Parameters
    ----------
    name
        Of the variable.
    given
        A value, or several.
    natural
        A tensor of the type and on the device that codes are to be; anything else: the defaults.
    kind
        Of the variable.

    Raises
    ------
    TypeError, ValueError
        If a value is none of the variable.
    """
    where = f"what {name!r} is set to"
    like = natural if isinstance(natural, torch.Tensor) else torch.zeros(())
    dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
    if (
        isinstance(given, torch.Tensor | np.ndarray)
        and not np.shape(given)
        and not (isinstance(given, torch.Tensor) and given.requires_grad)
    ):
        given = given.item()
    if isinstance(given, torch.Tensor) and not kind.discrete:
        found = kind.in_codes(given.to(dtype))
        if bool(found.isnan().any()):
            raise ValueError(f"{where} is missing; give a value")
        if not kind.allows(found):
            raise ValueError(f"{where} has to be {kind.required}")
        return found
    several = isinstance(given, torch.Tensor | np.ndarray | pd.Series | pd.Categorical | list) or (
        isinstance(given, Sequence) and not isinstance(given, str) and not _is_state(given, kind)
    )
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu().numpy()
    shape = np.shape(given) if several else ()
    column = pd.Series(np.reshape(given, -1) if len(shape) > 1 else given if several else [given])
    codes = torch.from_numpy(np.asarray(kind.encode(column, where), dtype=np.float64)).to(like.device, dtype)
    if bool(codes.isnan().any()):
        raise ValueError(f"{where} is missing; give a value")
    return kind.typed(codes.reshape(shape) if several else codes[0])


def _is_state(given: Any, kind: Kind) -> bool:
    return given in getattr(kind, "states", ())

"""What is asked: variables, interventions and conditions, checked against the variables and what was ever seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.distributions import Distribution

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.missing import present
from pyrocausal.model.intervened_values import Codes, coded

__all__ = ["check_apart", "check_do", "check_variable", "codes_of", "in_words", "typical", "with_values"]


def check_variable(argument: str, name: Any, data: InterventionalData) -> str:
    """The name of a variable that may be asked about.

    Raises
    ------
    ValueError
        If there is none, or it is a covariate or an exposure.
    """
    if name not in data.names:
        raise ValueError(f"{argument}: {name!r} is no variable; variables: {', '.join(data.nodes)}")
    if name not in data.nodes:
        raise ValueError(f"{argument}: {name!r} is a covariate or an exposure, on which no mechanism was learned")
    return str(name)


def check_apart(variable: str, do: Mapping[str, Any], given: Mapping[str, Any] | None) -> None:
    """Complain of a variable that has two parts in a question.

    Raises
    ------
    ValueError
        If what is asked about is set or observed, or what is set is observed as well.
    """
    if variable in do:
        raise ValueError(f"variable: {variable!r} is what is set; ask about another one")
    for name in given or ():
        if name == variable or name in do:
            what = "asked about" if name == variable else "set"
            raise ValueError(f"given: {name!r} is {what}, and cannot be observed as well")


def check_do(argument: str, values: Any, data: InterventionalData) -> dict[str, Any]:
    """What variables are set to, or observed to be; nothing where it is None.

    Raises
    ------
    TypeError
        If it is no mapping.
    ValueError
        If a variable is none, a value is none of it, or it was in no row: then nothing says what would happen.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise TypeError(f"{argument}: expected variables and their values, such as {{'PKA': 'high'}}, got {values!r}")
    for name, value in values.items():
        check_variable(argument, name, data)
        if not isinstance(value, Distribution | Callable):
            _check_seen(argument, name, value, data)
    return dict(values)


def with_values(
    argument: str, values: Mapping[str, Any], data: InterventionalData, n: int, seed: int
) -> dict[str, Any]:
    """The same with n values of every distribution, the same in every world, and functions that heed what was seen.

    Torch's random state is left as it was.

    Raises
    ------
    ValueError
        If most values of a distribution are where no row was; functions raise it where they are called.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Distribution):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed + data.names.index(name))
                drawn = value.sample(torch.Size([n])).reshape(n, -1)[:, 0]
            _check_seen(argument, name, drawn, data, most=True)
            found[name] = drawn
        elif callable(value):
            found[name] = partial(_called, argument, name, value, data)
        else:
            found[name] = value
    return found


def _called(argument: str, name: str, function: Callable[[Any], Any], data: InterventionalData, natural: Any) -> Any:
    value = function(natural)
    _check_seen(argument, name, value, data, most=True)
    return value


def codes_of(values: Mapping[str, Any], data: InterventionalData) -> dict[int, float] | None:
    """Codes of values that are the same for all rows, by the number of the variable; None where one is not."""
    found = {}
    for name, value in values.items():
        if isinstance(value, Distribution | Callable):
            return None
        codes = coded(name, value, torch.zeros((), dtype=torch.double), data.kinds[data.names.index(name)])
        if codes.dim():
            return None
        found[data.names.index(name)] = float(codes)
    return found


def typical(data: InterventionalData) -> dict[str, Codes]:
    """Exposures at their typical value, for which counts are told of: a count of 16 is much in a small cell."""
    return {name: Codes(torch.zeros(())) for name in data.exposures}


def in_words(values: Mapping[str, Any]) -> str:
    """What variables are set to, for a label."""
    return ", ".join(f"{name} = {value}" for name, value in values.items()) or "no intervention"


def _check_seen(argument: str, name: str, value: Any, data: InterventionalData, *, most: bool = False) -> None:
    """Complain of values that were in no row; of numbers `most` says whether it takes more than half of them."""
    i = data.names.index(name)
    kind = data.kinds[i]
    codes = coded(name, value, torch.zeros((), dtype=torch.double), kind).double().reshape(-1)
    columns = torch.cat([part.rows[:, i].cpu().double() for part in data.parts])
    seen = columns[present(columns)]
    if kind.discrete:
        for code in codes.unique():
            if not bool((seen == code).any()):
                label = kind.decode(np.array([float(code)])).iloc[0]
                raise ValueError(
                    f"{argument}: {name!r} was {label!r} in no row, so that nothing says what would happen"
                )
        return
    low, high = seen.min(), seen.max()
    slack = 1e-6 * (high - low)
    away = ((codes < low - slack) | (codes > high + slack)).double().mean()
    if away > (0.5 if most else 0.0):
        bounds = kind.decode(np.array([float(low), float(high)]))
        raise ValueError(
            f"{argument}: {name!r} was only ever from {bounds.iloc[0]:g} to {bounds.iloc[1]:g}, so that nothing says "
            f"what would happen {'there' if most else f'at {value}'}"
        )

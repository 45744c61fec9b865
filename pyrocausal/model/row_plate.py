"""The plate that the rows of a program are in: one of the user's, or one of the program's own, called `"rows"`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import pyro
import torch
from pyro.poutine.indep_messenger import IndepMessenger
from pyro.poutine.runtime import _PYRO_STACK
from pyro.poutine.trace_messenger import TraceMessenger

from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["ROWS", "check_fits", "row_plate"]

ROWS = "rows"


def row_plate(size: int | pyro.plate | None, n: int | None) -> AbstractContextManager[object]:
    """The plate of rows to be sampled, or of n rows that are observed; nothing where they are in one already.

    A second program in the same traced model has a plate `"rows_1"`, the next one `"rows_2"`.

    Parameters
    ----------
    size
        See `CausalModel.forward`.
    n
        Rows that are observed; None: rows are sampled.

    Raises
    ------
    ValueError
        If the rows do not fit the plate, or a number of rows or a plate is given where it is not wanted.
    """
    around = _entered()
    if around is not None and size is not None:
        raise ValueError(
            f"size: the program is called in the plate {around.name!r}, and has a row for each of its places; leave "
            "size out"
        )
    if around is not None:
        if n not in (None, _places(around)):
            raise ValueError(
                f"values: {n} rows do not fit the plate {around.name!r} of {_places(around)} that the program is "
                "called in; give a row for each of its places"
            )
        return nullcontext()
    if isinstance(size, pyro.plate):
        if size.dim not in (None, -1) or (n is not None and _places(size) != n):
            wanted = "" if n is None else f" and size {n}, as values have it"
            raise ValueError(f"size: a plate of rows has dim -1{wanted}; got dim {size.dim} and size {_places(size)}")
        return size
    check("size", size, whole(1, optional=True))
    if n is not None and size is not None:
        raise ValueError("give either values, to observe every variable, or a number of rows to sample, not both")
    number = size if n is None else n
    return nullcontext() if number is None else pyro.plate(_free(ROWS), number, dim=-1)


def check_fits(what: str, value: torch.Tensor, event_dim: int = 0) -> None:
    """Complain of values [..., n, *event] that are not those of the rows that a program runs for.

    Raises
    ------
    ValueError
        If there are neither one nor as many as the plate has places.
    """
    plate, shape = _entered(), value.shape[: value.dim() - event_dim]
    if plate is not None and shape and shape[-1] not in (1, _places(plate)):
        raise ValueError(
            f"{what}: {shape[-1]} do not fit the {_places(plate)} rows of the plate {plate.name!r}; give one, or one "
            "for each row"
        )


def _entered() -> IndepMessenger | None:
    """The plate of dim -1 around, if there is one."""
    plates: Iterable[IndepMessenger] = (each for each in reversed(_PYRO_STACK) if isinstance(each, IndepMessenger))
    return next((each for each in plates if each.dim == -1), None)


def _places(plate: IndepMessenger) -> int:
    """Of a mini-batch where there is one."""
    return int(getattr(plate, "subsample_size", plate.size))


def _free(name: str) -> str:
    """The name, numbered where a trace around has it already."""
    traces = [each.trace for each in _PYRO_STACK if isinstance(each, TraceMessenger)]
    number, found = 0, name
    while any(found in trace for trace in traces):
        number += 1
        found = f"{name}_{number}"
    return found

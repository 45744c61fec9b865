"""The methods that the benchmarks know: every `Method` that one of these modules defines."""

from __future__ import annotations

import importlib

from benchmarks.methods import enco, gies, gnies, ours, reference_sdi, ut_igsp
from benchmarks.methods.base import Method

__all__ = ["METHODS", "find"]

MODULES = ours, reference_sdi, enco, ut_igsp, gnies, gies

METHODS: dict[str, Method] = {
    value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Method)
}


def find(name: str) -> Method:
    """Find a method by its name, or a method of your own as "module:variable".

    Raises
    ------
    ValueError
        When there is no such method.
    """
    if name in METHODS:
        return METHODS[name]
    module, _, variable = name.partition(":")
    if not variable:
        raise ValueError(f"no method is called {name!r}; there are {', '.join(METHODS)}, and module:variable")
    found = getattr(importlib.import_module(module), variable)
    if not isinstance(found, Method):
        raise ValueError(f"{name!r} is no Method but {found!r}")
    return found

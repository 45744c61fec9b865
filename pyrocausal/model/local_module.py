"""Pyro modules that keep their parameters to themselves."""

from __future__ import annotations

from typing import Any

import pyro
from pyro.nn import PyroModule
from pyro.nn.module import _Context

__all__ = ["LocalModule"]


class LocalModule(PyroModule):
    """A PyroModule whose parameters never enter Pyro's global store.

    By default Pyro keeps the parameters of modules in one store by name, so that two models of one class would
    overwrite each other's. Pyro's own cure is the setting `module_local_params`; this class applies it around its
    construction and its calls, and leaves the user's setting alone. Unlike that setting it does not empty the store for
    the time of a call, for what runs around it, such as a guide, may need its own parameters there.

    A module of the user that holds one as an attribute calls it as any other; parameters are then named for that
    place.
    """

    def __init__(self) -> None:
        with pyro.settings.context(module_local_params=True):
            super().__init__()
        self._pyro_context = _LocalContext()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module on its own parameters."""
        with pyro.settings.context(module_local_params=True):
            return super().__call__(*args, **kwargs)

    def _pyro_set_supermodule(self, name: str, context: _Context) -> None:
        """Become part of a module: of one of this class with its context, of any other with its own."""
        if isinstance(context, _LocalContext):
            super()._pyro_set_supermodule(name, context)
        else:
            _rename(self, name)


class _LocalContext(_Context):
    """The time of a call, in which the values of sampled attributes are kept; the store stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.param_state = {"params": {}, "constraints": {}}  # where Pyro looks for parameters that are not ours

    def __enter__(self) -> None:
        self.active += 1
        self.used = True

    def __exit__(self, *exception: object) -> None:
        self.active -= 1
        if not self.active:
            self.cache.clear()
            self.used = False  # nothing is left of the names, so that a module may still become part of another


def _rename(module: PyroModule, name: str) -> None:
    """Name a module and those within it for where they stand."""
    module._pyro_name = name
    for key, each in module._modules.items():
        if isinstance(each, PyroModule):
            _rename(each, f"{name}.{key}" if name else key)

"""Pyro modules that keep their parameters to themselves."""

from __future__ import annotations

from typing import Any

import pyro
from pyro.nn import PyroModule

__all__ = ["LocalModule"]


class LocalModule(PyroModule):
    """A PyroModule whose parameters never enter Pyro's global store.

    By default Pyro keeps the parameters of modules in one store by name, so that two models of one class would
    overwrite each other's. Pyro's own cure is the setting `module_local_params`; this class applies it around its
    construction and its calls, and leaves the user's setting alone.
    """

    def __init__(self) -> None:
        with pyro.settings.context(module_local_params=True):
            super().__init__()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module on its own parameters."""
        with pyro.settings.context(module_local_params=True):
            if not hasattr(self._pyro_context, "param_state"):
                # Part of a module that was made under the global setting: Pyro then has no place for local state.
                self._pyro_context.param_state = {"params": {}, "constraints": {}}
            return super().__call__(*args, **kwargs)

"""Which versions of what a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["versions"]

PACKAGES = "pyrocausal", "pyro-ppl", "torch", "numpy", "arviz"


def versions() -> dict[str, str]:
    """Versions by package, and that of Python; "unknown" for one that is used from a folder."""
    return {**{name: _version(name) for name in PACKAGES}, "Python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

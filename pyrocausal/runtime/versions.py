"""Which versions of what a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["version_of", "versions"]

PACKAGES = "pyrocausal", "pyro-ppl", "torch", "numpy", "arviz"


def versions() -> dict[str, str]:
    """Versions by package, and that of Python; "unknown" for one that is used from a folder."""
    return {**{name: version_of(name) for name in PACKAGES}, "Python": platform.python_version()}


def version_of(package: str) -> str:
    """Version of a package that is installed, "unknown" for one that is used from a folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

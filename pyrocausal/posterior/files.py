"""Results as files: what a fit gave back is pickled by torch, and read again on the CPU."""

from __future__ import annotations

import pickle
from os import PathLike
from pathlib import Path
from typing import Any

import torch

__all__ = ["load_result", "save_result"]


def save_result(result: Any, path: str | PathLike[str]) -> None:
    """Write a result, data and fitted programs with it, to a file."""
    torch.save(result, path)


def load_result(path: str | PathLike[str]) -> Any:
    """Read what a file holds, whatever that is; what it must be says the caller.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no pickle, or needs code that is not here.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(f"{path} is not a file written by CausalPosterior.save: {error}") from error
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path} needs code that is not here; import your own mechanisms: {error}") from error

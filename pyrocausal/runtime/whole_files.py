"""Files that are there wholly or not at all: written beside, synced, and renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO

__all__ = ["check_writable", "write_bytes", "write_text", "write_whole"]


def write_whole(path: str | PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Write a file by a function that is given it open for bytes; an earlier one is replaced in one step.

    Parameters
    ----------
    path
        The file. Its folder has to be there.
    write
        Writes it.

    Raises
    ------
    OSError
        If it cannot be written. Nothing is left behind then, and an earlier file is as it was.
    ValueError
        If `path` is a folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a", lambda file: file.write(b"whole"))
    ...     (Path(folder) / "a").read_bytes()
    b'whole'
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"path: {path} is a folder; name a file")
    try:
        place, beside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(place, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def write_bytes(path: str | PathLike[str], content: bytes) -> None:
    """Write bytes, wholly or not at all; see `write_whole`."""
    write_whole(path, lambda file: file.write(content))


def write_text(path: str | PathLike[str], text: str) -> None:
    """Write text as UTF-8, wholly or not at all; see `write_whole`."""
    write_bytes(path, text.encode("utf-8"))


def check_writable(folder: str | PathLike[str]) -> None:
    """Raise the error that writing a file into a folder would raise, before there is anything to write.

    Raises
    ------
    OSError
        If it cannot be written to, or holds not even a few bytes more.
    """
    try:
        place, probe = tempfile.mkstemp(prefix=".pyrocausal.", suffix=".part", dir=folder)
        try:
            os.write(place, bytes(4096))
            os.fsync(place)
        finally:
            os.close(place)
            Path(probe).unlink()
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from error


def _umask() -> int:
    """What a new file's permissions leave out; there is no other way to ask than to set it."""
    found = os.umask(0)
    os.umask(found)
    return found

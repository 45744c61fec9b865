"""Arrays in a file as numpy writes it, read without running code, and none larger than the file can hold."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

__all__ = ["read_arrays"]

LARGE, PACKED = 2**28, 100  # bytes of an array that are never too many; otherwise so many times those it takes packed
DAMAGE = (
    ValueError, TypeError, KeyError, RuntimeError, NotImplementedError, OSError, EOFError, MemoryError, SyntaxError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def read_arrays(path: Path, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Those arrays of a `.npz` file that are there, by their keys.

    Parameters
    ----------
    path
        The file.
    keys
        Of the arrays that are wanted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no archive; if an array holds objects, is damaged, or is packed so tightly that it is taken for a trap.
    """
    if not path.exists():
        raise FileNotFoundError(f"path: there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"path: {path} is no .npz archive; write it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: _array(archive, key, path) for key in keys if key in archive.files}
    except zipfile.BadZipFile as error:
        raise ValueError(f"path: {path} is damaged: {error}") from error


def _array(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    try:
        assert archive.zip is not None
        packed = archive.zip.getinfo(f"{key}.npy")
        if packed.file_size > max(LARGE, PACKED * packed.compress_size):
            raise ValueError(f"{packed.file_size:,} bytes packed into {packed.compress_size:,} are taken for a trap")
        found = archive[key]
    except DAMAGE as error:
        what = "holds objects, which could run code" if "allow_pickle" in str(error) else f"cannot be read: {error}"
        raise ValueError(f"path: array {key!r} of {path} {what}; write it anew with numpy.savez") from error
    if not isinstance(found, np.ndarray):
        raise ValueError(f"path: {key!r} of {path} is no array; write it with numpy.savez")
    return found

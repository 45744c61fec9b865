"""Results and checkpoints as files: a zip of JSON and arrays, which holds no code, so that opening one runs none.

Members are stored as they are, not compressed, so that a small file cannot become a large one: "result.json" says what
the file is, which version wrote it, and how what it holds is put together (see `pyrocausal.posterior.plain_form`); the
others are arrays in numpy's format, without objects.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.regime import Regime
from pyrocausal.data.slips import Slip
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.drawn_graphs import DrawnGraphs
from pyrocausal.model.edge_beliefs import IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.own_mechanisms import OwnMechanisms
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.plain_form import Reader, Writer
from pyrocausal.runtime.versions import version_of
from pyrocausal.runtime.whole_files import write_whole

__all__ = ["FORMAT", "load_objects", "save_objects"]

FORMAT = 1  # raised where an older version could not read what is written
HEAD, RESULT = "result.json", "pyrocausal result"
KNOWN = {
    each.__name__: each
    for each in (
        InterventionalData, Regime, AtLeast, Slip, Categorical, Continuous, Count, Exposure, Chain, CausalModel,
        IndependentBeliefs, OrientedBeliefs, DrawnGraphs, NeuralMechanisms,
        OwnMechanisms,
    )
}  # fmt: skip
# What reading raises where a file is not what it says, encrypted or of a strange version among that.
DAMAGE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, NotImplementedError, OverflowError,
    EOFError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
ANY_TIME = 1980, 1, 1, 0, 0, 0  # the same result makes the same file


def save_objects(value: Any, path: str | PathLike[str], what: str = RESULT) -> None:
    """Write an object and all it is made of to a file, wholly or not at all; `what` says what it is.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If something in it cannot be written down, such as a mechanism whose constructor takes what it does not keep.
    """
    writer = Writer()
    node = writer.node(value, "the result" if what == RESULT else what)
    head = {"what": what, "format": FORMAT, "written by": f"pyrocausal {version_of('pyrocausal')}", "result": node}

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(HEAD, ANY_TIME), json.dumps(head, allow_nan=False))
            for name, array in writer.arrays.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(name, ANY_TIME), member.getbuffer())

    write_whole(path, write)


def load_objects(path: str | PathLike[str], classes: Mapping[str, type], what: str = RESULT) -> Any:
    """Read what `save_objects` wrote, on the CPU; torch's random state stays as it is.

    Parameters
    ----------
    path
        The file.
    classes
        Of the user, by the names that the file calls them by.
    what
        What the file has to be, as `save_objects` was told.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `classes` is no mapping of names to classes.
    ValueError
        If the file is something else, damaged, of a later format, or holds what `classes` does not name.
    """
    if not isinstance(classes, Mapping) or not all(isinstance(each, type) for each in classes.values()):
        raise TypeError(f"classes: expected classes by their names, as {{'Hill': Hill}}, got {classes!r}")
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    right = "a file written by CausalPosterior.save" if what == RESULT else f"a {what}"
    try:
        head, arrays = _members(Path(path))
    except DAMAGE as error:
        raise ValueError(f"{path} is not {right}, or is damaged: {error}") from error
    if not isinstance(head, dict) or head.get("what") != what or not isinstance(head.get("format"), int):
        raise ValueError(f"{path} is not {right}")
    if head["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {head['format']} and was written by {str(head.get('written by'))[:60]}; this version "
            f"reads format {FORMAT}: install the one that wrote it"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            return Reader(arrays, {**KNOWN, **classes}).value(head["result"])
    except DAMAGE as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _members(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """What JSON says, and arrays by their names; nothing is taken to be larger than it is in the file."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > path.stat().st_size:
                raise ValueError(f"it holds {member.filename[:60]!r} packed, which save never does")
        names = [name for name in archive.namelist() if name != HEAD]
        return json.loads(archive.read(HEAD)), {name: _array(name, archive.read(name)) for name in names}


def _array(name: str, content: bytes) -> np.ndarray:
    """An array of a member, none of objects, and none larger than the member."""
    member = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError("another version of numpy's format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    except ValueError as error:
        raise ValueError(f"array {name[:60]!r} is damaged: {error}") from error
    if dtype.hasobject:
        raise ValueError(f"array {name[:60]!r} holds objects, which could run code: it is not read")
    rest = content[member.tell() :]
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
    if fortran or len(rest) != size:
        raise ValueError(f"array {name[:60]!r} is damaged: {len(rest)} bytes for shape {shape} of {dtype}")
    return np.frombuffer(rest, dtype).reshape(shape)

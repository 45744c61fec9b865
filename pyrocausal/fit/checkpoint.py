"""Checkpoints: a folder in which the chains of a fit keep their journals, so that a fit that was killed is taken up.

"fit.json" says which fit it is. A chain has a folder of its own: "part-0.zip" and those that follow hold results in
their order, "snapshot.zip" where the three phases stand (see `pyrocausal.runtime.journal`). Every file is written
wholly or not at all. Two locks, which end with the process that holds them, keep two runs from one folder, and a run
from a chain whose process has outlived its run for a moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pyrocausal.posterior.files import load_objects, save_objects
from pyrocausal.posterior.plain_form import Writer
from pyrocausal.runtime.journal import Entry, Journal
from pyrocausal.runtime.versions import versions
from pyrocausal.runtime.whole_files import check_writable, write_text

__all__ = ["ChainJournal", "Checkpoint"]

WHAT = "pyrocausal checkpoint"
WAIT = 20.0  # seconds that a lock is waited for: a worker whose run was killed ends itself sooner
HEAD, LOCK, SNAPSHOT = "fit.json", "lock", "snapshot.zip"
PART = re.compile(r"part-\d+\.zip")


class ChainJournal(Journal):
    """The journal of one chain.

    Parameters
    ----------
    folder
        Of the chain.
    mark
        Of the fit and the chain, in every file of it.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder, self._mark, self._begun_at = folder, mark, time.process_time()
        self._before, self._broken = 0.0, False
        entries: list[Entry] = []
        parts = sorted((path for path in folder.iterdir() if PART.fullmatch(path.name)), key=_number)
        for path in parts:
            start, found, self._before = self._load(path)
            del entries[start:]
            entries += [Entry(*each) for each in found]
        self._next_part = _number(parts[-1]) + 1 if parts else 0
        kept = folder / SNAPSHOT
        snapshot = self._load(kept) if kept.exists() else None
        super().__init__(entries, snapshot, self._save)

    def _load(self, path: Path) -> Any:
        try:
            mark, found = load_objects(path, {}, WHAT)
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"checkpoint: {error}; name another folder, and begin anew") from error
        if mark != self._mark:
            raise ValueError(f"checkpoint: {path} is of another fit or chain; name another folder, and begin anew")
        return found

    @property
    def seconds(self) -> float:
        """Processor time of the chain so far, with what of runs that were killed is not lost."""
        return self._before + time.process_time() - self._begun_at

    def _save(self, start: int, entries: list[Entry], snapshot: Any) -> None:
        """Write a part, and then a snapshot, which so never knows of steps that no part does."""
        if self._broken:
            return
        try:
            part = start, [tuple(entry) for entry in entries], self.seconds
            save_objects((self._mark, part), self._folder / f"part-{self._next_part}.zip", WHAT)
            self._next_part += 1
            if snapshot is not None:
                save_objects((self._mark, snapshot), self._folder / SNAPSHOT, WHAT)
        except OSError as error:
            self._broken = True
            warnings.warn(
                f"checkpoint: {error.filename or self._folder} cannot be written ({error.strerror}); the fit goes on, "
                "but if it is killed it can be taken up no later than here",
                RuntimeWarning,
                stacklevel=2,
            )


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a fit.

    Attributes
    ----------
    folder
        The folder.
    seed
        Of the fit.
    mark
        What tells it from other fits.
    """

    folder: Path
    seed: int
    mark: str

    @classmethod
    @contextmanager
    def opened(
        cls, folder: str | PathLike[str], resume: bool, fit: dict[str, Any], seed: int | None, fresh: int
    ) -> Iterator[Checkpoint]:
        """Keep a folder for one run.

        Parameters
        ----------
        folder
            Made if it is not there.
        resume
            Whether a fit that is there already is taken up.
        fit
            What makes this fit, all but its seed and how many chains it has.
        seed
            Of the fit; None: that of a fit that is taken up, or else `fresh`.
        fresh
            A fresh one.

        Raises
        ------
        OSError
            If the folder cannot be made or written to.
        ValueError
            If another fit or run has it, or a fit is there and was not to be taken up.
        """
        path = Path(folder)
        if not os.fspath(folder):
            raise ValueError("checkpoint: its name is empty; name a folder, . for this one")
        if path.exists() and not path.is_dir():
            raise ValueError(f"checkpoint: {path} is a file; name a folder")
        path.mkdir(parents=True, exist_ok=True)
        check_writable(path)
        with _locked(path, f"checkpoint: another run is using {path}; name another folder, or wait until it has ended"):
            found = _head(path / HEAD)
            if found is None:
                if chains := sorted(path.glob("chain-*")):
                    raise ValueError(
                        f"checkpoint: {path} has {chains[0].name}, but no {HEAD} that says of which fit; name another "
                        "folder"
                    )
                seed = fresh if seed is None else seed
                now = {"what": WHAT, "seed": seed, **_marks(fit)}
                write_text(path / HEAD, json.dumps(now, indent=1))
            elif not resume:
                raise ValueError(
                    f"checkpoint: a fit is in {path} already; say resume=True (--resume in the shell) to take it up, "
                    "or name another folder"
                )
            else:
                seed = found["seed"] if seed is None else seed
                now = {"what": WHAT, "seed": seed, **_marks(fit)}
                if other := [name for name in now if found.get(name) != now[name]]:
                    raise ValueError(_another(path, other[0], found.get(other[0]), now[other[0]]))
            mark = hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()[:16]
            yield cls(path.absolute(), seed, mark)  # absolute, for a process of another folder

    @contextmanager
    def journal(self, number: int) -> Iterator[ChainJournal]:
        """The journal of a chain.

        Raises
        ------
        ValueError
            If a part of it is damaged, or another process writes it.
        """
        folder = self.folder / f"chain-{number}"
        folder.mkdir(exist_ok=True)
        with _locked(folder, f"checkpoint: another process still writes {folder}; wait until it has ended"):
            yield ChainJournal(folder, f"{self.mark} chain {number}")


@contextmanager
def _locked(folder: Path, otherwise: str) -> Iterator[None]:
    lock = FileLock(folder / LOCK, timeout=WAIT)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(otherwise) from None
    try:
        yield
    finally:
        lock.release()


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _head(path: Path) -> dict[str, Any] | None:
    """What a folder says of its fit; None where there is none."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"checkpoint: {path} is damaged ({error}); name another folder") from error
    if not isinstance(found, dict) or found.get("what") != WHAT:
        raise ValueError(f"checkpoint: {path} is not of a checkpoint; name another folder")
    if type(found.get("seed")) is not int or found["seed"] < 0:
        raise ValueError(f"checkpoint: {path} is damaged (it has no seed); name another folder")
    return found


def _marks(fit: dict[str, Any]) -> dict[str, str]:
    """What tells fits from each other, in a few letters each, and versions, for others may compute otherwise."""
    found = {}
    for name, value in fit.items():
        writer = Writer()
        mark = hashlib.sha256(json.dumps(writer.node(value, name)).encode())
        for array in writer.arrays.values():
            mark.update(f"{array.dtype} {array.shape}".encode())
            mark.update(array.tobytes())
        found[name] = mark.hexdigest()[:16]
    return found | {f"version of {name}": each for name, each in versions().items()}


def _another(path: Path, what: str, then: Any, now: Any) -> str:
    said = f"its {what} is {then}, not {now}" if what.startswith(("version", "seed")) else f"its {what} are not these"
    return f"checkpoint: another fit is in {path}: {said}; name another folder, or take it up as it was"

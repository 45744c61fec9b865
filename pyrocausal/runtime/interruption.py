"""Long work that can be asked where it stands, and to stop: whoever begins it says how, and it looks now and then.

Work stops at a `checkpoint` only, between two gradient steps, fits or draws, and so never in the middle of an update.
A part of it may have a time limit, after which it goes on behind that part.
On its way it says what it is doing (`now_doing`) and what it has found (`best_so_far`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "Interrupted", "Work", "best_so_far", "checkpoint", "interruptible", "now_doing", "time_limit", "uninterrupted",
]  # fmt: skip


class Interrupted(Exception):
    """Work stopped because it was asked to, and has nothing to give back."""


class _OutOfTime(Interrupted):
    """The time of a part of the work is over."""


class Work:
    """What runs in an `interruptible` block.

    Attributes
    ----------
    asked
        Whether it is to stop.
    stopped
        Whether it has stopped at a checkpoint.
    out_of_time
        Whether a part of it was cut short by its time limit.
    doing
        What it does at present, in words.
    done, of
        Steps of that; `of` is 0 where nobody knows how many there will be.
    families
        Variables with some parents whose evidence was asked for.
    evidence, edges
        Of the best graph so far; NaN and -1 before there is one.
    """

    def __init__(self, asked: Callable[[], bool]) -> None:
        self.asked, self.lock = asked, threading.Lock()
        self.stopped = self.out_of_time = False
        self.doing, self.done, self.of = "", 0, 0
        self.families, self.evidence, self.edges = 0, math.nan, -1


_under_way: ContextVar[Work | None] = ContextVar("work", default=None)
_until: ContextVar[float] = ContextVar("until", default=math.inf)  # on the clock `time.monotonic`


@contextmanager
def interruptible(asked: Callable[[], bool]) -> Iterator[Work]:
    """Let what runs in the block stop at its next checkpoint.

    Parameters
    ----------
    asked
        Whether it is to stop; called at every checkpoint, so it should take no time.

    Yields
    ------
    Work
        Which says where it stands, and afterwards whether it was stopped.
    """
    work = Work(asked)
    token = _under_way.set(work)
    try:
        yield work
    finally:
        _under_way.reset(token)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let what runs in the block go on whatever was asked: little work that makes a result of what was found."""
    tokens = _under_way.set(None), _until.set(math.inf)
    try:
        yield
    finally:
        _under_way.reset(tokens[0])
        _until.reset(tokens[1])


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Leave what runs in the block at its first checkpoint after so many seconds; None: never.

    Examples
    --------
    >>> with interruptible(lambda: False) as work, time_limit(0.0):
    ...     checkpoint()
    ...     print("not reached")
    >>> work.out_of_time
    True
    """
    if seconds is None:
        yield
        return
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    except _OutOfTime:
        if (work := _under_way.get()) is not None:
            work.out_of_time = True
    finally:
        _until.reset(token)


def checkpoint(families: int = 0) -> None:
    """Stop here if that was asked for, or time is over.

    Parameters
    ----------
    families
        How many are evaluated next.

    Raises
    ------
    Interrupted
        If so.
    """
    if time.monotonic() > _until.get():
        raise _OutOfTime("out of time")
    work = _under_way.get()
    if work is None:
        return
    with work.lock:  # jobs of a chain that run side by side
        work.families += families
        if work.asked():
            work.stopped = True
            raise Interrupted("asked to stop")


def now_doing(what: str, done: int = 0, of: int = 0) -> None:
    """Say what is done from here on, in words, and which step of how many it is; `of` is 0 where nobody knows."""
    if (work := _under_way.get()) is not None:
        work.doing, work.done, work.of = what, done, of


def best_so_far(evidence: float, edges: int) -> None:
    """Say how much evidence the best graph so far has, nats, and how many edges."""
    if (work := _under_way.get()) is not None:
        work.evidence, work.edges = evidence, edges

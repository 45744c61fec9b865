"""Long work that can be asked where it stands, and to stop: whoever begins it says how, and it looks now and then.

Work stops at a `checkpoint` only, between two gradient steps, fits or draws, and so never in the middle of an update.
On its way it says what it is doing (`now_doing`) and what it has found (`best_so_far`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Interrupted", "Work", "best_so_far", "checkpoint", "interruptible", "now_doing", "uninterrupted"]


class Interrupted(Exception):
    """Work stopped because it was asked to, and has nothing to give back."""


class Work:
    """What runs in an `interruptible` block.

    Attributes
    ----------
    asked
        Whether it is to stop.
    stopped
        Whether it has stopped at a checkpoint.
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
        self.asked, self.stopped = asked, False
        self.doing, self.done, self.of = "", 0, 0
        self.families, self.evidence, self.edges = 0, math.nan, -1


_under_way: ContextVar[Work | None] = ContextVar("work", default=None)


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
    token = _under_way.set(None)
    try:
        yield
    finally:
        _under_way.reset(token)


def checkpoint(families: int = 0) -> None:
    """Stop here if that was asked for.

    Parameters
    ----------
    families
        How many are evaluated next.

    Raises
    ------
    Interrupted
        If so.
    """
    work = _under_way.get()
    if work is None:
        return
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

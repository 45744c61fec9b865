"""Long work that can be asked to stop: whoever begins it says how to ask, and it looks now and then.

Work stops at a `checkpoint` only, between two gradient steps, fits or draws, and so never in the middle of an update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Interrupted", "Work", "checkpoint", "interruptible"]


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
    """

    def __init__(self, asked: Callable[[], bool]) -> None:
        self.asked, self.stopped = asked, False


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
        Which says afterwards whether it was stopped.
    """
    work = Work(asked)
    token = _under_way.set(work)
    try:
        yield work
    finally:
        _under_way.reset(token)


def checkpoint() -> None:
    """Stop here if that was asked for.

    Raises
    ------
    Interrupted
        If so.
    """
    work = _under_way.get()
    if work is not None and work.asked():
        work.stopped = True
        raise Interrupted("asked to stop")

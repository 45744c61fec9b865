"""A journal of long work: what was dear to compute, in order, so that work that was lost comes to the same again soon.

Work that begins at a seed and comes to its results in one order is the same whenever it is done. So it is taken up by
beginning anew, while `recorded` gives back what the journal holds instead of computing it. Where the results of all
steps would be too much to keep, a `snapshot` of where the work stands, which the next one replaces, takes it there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar, cast

from pyrocausal.runtime.torch_state import random_state, same_random_state, set_random_state

__all__ = ["Entry", "Journal", "current_journal", "journal_kept", "recorded"]

EVERY, SHARE = 5.0, 0.01  # seconds between two writings at the least, and their share of the time so far
T = TypeVar("T")


class Entry(NamedTuple):
    """One result.

    Attributes
    ----------
    what
        What was asked for, in words.
    value
        Texts, numbers, tensors, and tuples, lists and mappings of them.
    random
        Torch's random state afterwards; None where it is as before.
    """

    what: str
    value: Any
    random: list[Any] | None


class Journal:
    """Results of work that was lost, and those that are added.

    Parameters
    ----------
    past
        Results so far, in their order.
    snapshot
        Where the work stood; None where nobody said.
    write
        Is given the place of the first new result, the new results, and perhaps a snapshot, to keep them.

    Attributes
    ----------
    past
        What is not given back yet.
    snapshot
        As given.
    """

    def __init__(self, past: Sequence[Entry], snapshot: Any, write: Callable[[int, list[Entry], Any], object]) -> None:
        self.past, self.snapshot, self._write = deque(past), snapshot, write
        self._place, self._new, self._closed = 0, list[Entry](), False
        self._begun = self._written = time.monotonic()

    def recorded(self, what: str, compute: Callable[[], T]) -> T:
        """See the function of this name."""
        if self._closed:
            return compute()
        if self.past:
            entry = self._next()
            if entry.what != what:
                raise ValueError(
                    f"checkpoint: it holds {entry.what[:80]!r} where this fit asks for {what[:80]!r}, so it is "
                    "damaged, or what made it was changed since; begin anew in another folder"
                )
            if entry.random is not None:
                set_random_state(entry.random)
            return cast(T, entry.value)
        before = random_state()
        value, after = compute(), random_state()
        self.add(Entry(what, value, None if same_random_state(before, after) else after))
        self.save()
        return value

    def take_up(self, what: str, steps: int) -> list[Entry]:
        """The results of as many steps as a snapshot is of; later ones, which it does not know, are computed anew."""
        taken = [self._next() for _ in range(min(steps, len(self.past)))]
        if self.past and self.past[0].what == what:
            self.past.clear()
        return taken

    def _next(self) -> Entry:
        self._place += 1
        return self.past.popleft()

    def add(self, entry: Entry) -> None:
        """Add a result, unless the journal is closed."""
        if not self._closed:
            self._new.append(entry)

    def save(self, snapshot: Callable[[], Any] | None = None, *, at_once: bool = False) -> None:
        """Write what was added, if some seconds have gone by or `at_once`; `snapshot` says where the work stands."""
        now = time.monotonic()
        due = at_once or now - self._written >= max(EVERY, SHARE * (now - self._begun))
        if self._closed or not due or not (self._new or snapshot):
            return
        self._write(self._place, self._new, None if snapshot is None else snapshot())
        self._place, self._new = self._place + len(self._new), []
        self._written = time.monotonic()

    def close(self) -> None:
        """Write what was added, and take nothing more: what follows is not what undisturbed work would do."""
        self.save(at_once=True)
        self._closed = True


_kept: ContextVar[Journal | None] = ContextVar("journal", default=None)


@contextmanager
def journal_kept(journal: Journal | None) -> Iterator[None]:
    """Keep a journal of what runs in the block; None: of nothing."""
    token = _kept.set(journal)
    try:
        yield
        if journal is not None:
            journal.close()
    finally:
        _kept.reset(token)


def current_journal() -> Journal | None:
    """The journal of what runs here, if one is kept."""
    return _kept.get()


def recorded(what: str, compute: Callable[[], T]) -> T:
    """A result from the journal, or else computed, and written into it; without a journal it is just computed.

    Parameters
    ----------
    what
        Says what is asked for, so that a journal of something else is found out.
    compute
        Comes to the same every time, but for torch's random state, which is kept with it. It must not ask for what is
        recorded itself, nor change anything but what it returns.

    Returns
    -------
    T
        Made of texts, numbers, tensors, and tuples, lists and mappings of them; not to be changed.

    Raises
    ------
    ValueError
        If the journal holds something else here.

    Examples
    --------
    >>> written = []
    >>> with journal_kept(Journal([Entry("a", 1, None)], None, lambda start, new, _: written.extend(new))):
    ...     recorded("a", lambda: 1 / 0), recorded("b", lambda: 2)
    (1, 2)
    >>> [entry.what for entry in written]
    ['b']
    """
    journal = _kept.get()
    return compute() if journal is None else journal.recorded(what, compute)

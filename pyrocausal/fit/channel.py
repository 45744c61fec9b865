"""The channel between a chain and whoever began it: the chain says how far it is, and asks whether to go on.

A chain in the same process calls a function. One in another process of the same machine goes through a socket that this
process listens at. On another machine there is no such socket: the chain goes on unseen, and nobody can stop it.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from pyrocausal.runtime.progress import Report

__all__ = ["Channel", "open_channel"]

WATCH, GRACE = "parent of chains", 3.0  # name of a thread; seconds that a chain has to write down where it is
EVERY = 0.2  # seconds between two questions of a chain, or two reports that nobody asked for


class Channel:
    """A chain's end of it. It can be pickled.

    Parameters
    ----------
    show
        Takes reports, in this process.
    stop
        Set where chains are to stop, in this process.
    address, key
        Of the socket for chains in others.

    Attributes
    ----------
    parent
        Number of the process that began the chains.
    lost
        In that process: chains of others that hung up before they had ended, the first one first.
    """

    # What another process finds, for these do not travel.
    show: Callable[[Report], object] | None = None
    stop: threading.Event | None = None
    _connection: Connection | None = None
    _last: tuple[float, bool] = (0.0, False)  # when a chain last asked, and the answer

    def __init__(self, show: Callable[[Report], object], stop: threading.Event, address: Any, key: bytes) -> None:
        self.show, self.stop = show, stop
        self.address, self.key, self.parent = address, key, os.getpid()
        self.lost: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address, "key": self.key, "parent": self.parent}

    @property
    def local(self) -> bool:
        """Whether this is the process that began the chains."""
        return self.stop is not None

    def report(self, report: Report) -> None:
        """Say how far a chain is."""
        if self.show is not None:
            self.show(report)
        else:
            self._exchange(tuple(report))

    def asked_to_stop(self, now: Callable[[], Report]) -> bool:
        """Whether a chain is to stop; says how far it is, too, if it has not for a while."""
        at, answer = self._last
        late = time.monotonic() - at > EVERY
        if self.stop is None or self.show is None:
            return answer or (late and (self.orphaned or self._exchange(tuple(now()))))
        if late:
            self.show(now())
            self._last = time.monotonic(), False
        return self.stop.is_set()

    @property
    def orphaned(self) -> bool:
        """Whether this is a process of a pool on the machine that began the chains, and who began them is gone.

        Others are children of somebody else, such as a nanny of Dask.
        """
        process = multiprocessing.current_process()
        pooled = "loky" in type(process).__module__ or "PoolWorker" in process.name
        return pooled and os.getppid() != self.parent

    def leave_with_parent(self) -> None:
        """Let this process end soon after the one that began the chains is gone, also when it waits for more to do."""
        if self.local or any(thread.name == WATCH for thread in threading.enumerate()):
            return

        def watch() -> None:
            while not self.orphaned:
                time.sleep(1.0)
            time.sleep(GRACE)
            os._exit(1)

        threading.Thread(target=watch, name=WATCH, daemon=True).start()

    def _exchange(self, message: tuple[Any, ...]) -> bool:
        try:
            if self._connection is None:
                self._connection = Client(self.address, authkey=self.key)
            self._connection.send(message)
            answer = bool(self._connection.recv())
        except (OSError, EOFError, AuthenticationError):
            answer = self._connection is not None  # once there was somebody, and nobody waits any more
        self._last = time.monotonic(), answer
        return answer


@contextmanager
def open_channel(show: Callable[[Report], object], stop: threading.Event) -> Iterator[Channel]:
    """Listen to chains in threads of this process.

    A `multiprocessing.Manager` would do, but it starts a process that imports the user's script again wherever
    processes are spawned, and so breaks scripts without a `__main__` guard.

    Parameters
    ----------
    show
        Takes what chains report.
    stop
        Chains stop once it is set; set at the end of the block, for those that are still there.

    Yields
    ------
    Channel
        For all chains.
    """
    key = secrets.token_bytes(16)
    with Listener(authkey=key) as listener:

        def answer(connection: Connection) -> None:
            report = None
            with suppress(EOFError, OSError):
                while True:
                    report = Report(*connection.recv())
                    show(report)
                    connection.send(stop.is_set())
            if report is not None and not report.ended:
                channel.lost.append(report.chain)

        def accept() -> None:
            while True:
                try:
                    connection = listener.accept()
                except (EOFError, AuthenticationError):  # a stranger knocked
                    continue
                except OSError:  # the listener was closed: all chains are done
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        channel = Channel(show, stop, listener.address, key)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield channel
        finally:
            stop.set()
            with suppress(OSError, EOFError, AuthenticationError):  # wake the accepting thread
                Client(listener.address, authkey=key).close()
            listener.close()
            thread.join(timeout=1.0)

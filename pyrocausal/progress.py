"""One progress bar for chains that may run in other processes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, NamedTuple

from tqdm.auto import tqdm

__all__ = ["Report", "progress_bar"]


class Report(NamedTuple):
    """What a chain says after a step: `left` is how many it will still make at the most."""

    chain: int
    step: int
    confidence: float
    edges: int
    left: int


@contextmanager
def progress_bar(chains: int, max_steps: int, *, across_processes: bool) -> Iterator[Callable[[Report], None]]:
    """Show the steps of all chains, the lowest confidence, the range of edges and the time left at the most.

    Parameters
    ----------
    chains, max_steps
        What the bar counts to, until chains say that they have less left.
    across_processes
        Whether reports come from other processes.

    Yields
    ------
    callable
        Takes a `Report`; picklable where reports cross processes.
    """
    with tqdm(total=chains * max_steps, unit="step", desc="discover", dynamic_ncols=True) as bar:
        latest: dict[int, Report] = {}
        lock = threading.Lock()

        def show(report: Report) -> None:
            with lock:
                latest[report.chain] = report
                bar.total = sum(r.step + r.left for r in latest.values()) + (chains - len(latest)) * max_steps
                edges = sorted({r.edges for r in latest.values()})
                confidence = min(r.confidence for r in latest.values())
                span = "-".join(str(n) for n in (edges[:1] if len(edges) == 1 else (edges[0], edges[-1])))
                bar.set_postfix_str(f"confidence {confidence:.3f}, edges {span}", refresh=False)
                bar.update(sum(r.step for r in latest.values()) - bar.n)

        if across_processes:
            with _listening(show) as sender:
                yield sender
        else:
            yield show


class _Sender:
    """Sends reports to the process that shows them; if that cannot be reached, the fit goes on unseen."""

    def __init__(self, address: Any, key: bytes) -> None:
        self.address, self.key = address, key
        self.connection: Connection | None = None

    def __call__(self, report: Report) -> None:
        with suppress(OSError, EOFError, AuthenticationError):
            if self.connection is None:
                self.connection = Client(self.address, authkey=self.key)
            self.connection.send(tuple(report))
            if not report.left:
                self.connection.close()


@contextmanager
def _listening(show: Callable[[Report], None]) -> Iterator[_Sender]:
    """Receive reports in threads of this process.

    A `multiprocessing.Manager` would do, but it starts a process that imports the user's script again wherever
    processes are spawned, and so breaks scripts without a `__main__` guard.
    """
    key = secrets.token_bytes(16)
    with Listener(authkey=key) as listener:

        def receive(connection: Connection) -> None:
            with suppress(EOFError, OSError):
                while True:
                    show(Report(*connection.recv()))

        def accept() -> None:
            while True:
                try:
                    connection = listener.accept()
                except (EOFError, AuthenticationError):  # a stranger knocked
                    continue
                except OSError:  # the listener was closed: all chains are done
                    return
                threading.Thread(target=receive, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield _Sender(listener.address, key)
        finally:
            with suppress(OSError):  # wake the accepting thread
                Client(listener.address, authkey=key).close()
            listener.close()
            thread.join(timeout=1.0)

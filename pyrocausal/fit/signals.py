"""Ctrl-C and SIGTERM, which ask chains to stop: caught while they run; workers hear of them by the channel alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["deaf", "stopping_signals"]

USUAL = {
    signal.SIGINT: (signal.default_int_handler,),
    signal.SIGTERM: (signal.SIG_DFL, signal.default_int_handler),  # the second is what the shell makes of it
}
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
SAME = 1.0  # seconds in which SIGTERM again is the same one: `timeout` sends it to a process and to its group


@contextmanager
def stopping_signals(stop: threading.Event) -> Iterator[list[str]]:
    """Let the first Ctrl-C or SIGTERM ask chains to stop, and only the second one raise.

    Where a signal does something else already, as in a server, or cannot be caught, as in a thread, it is left alone.

    Parameters
    ----------
    stop
        Set when one comes.

    Yields
    ------
    list of str
        Names of those that came.
    """
    heard: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    came, own = [-SAME], os.getpid()

    def ask(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:  # a process that was forked, and has inherited this; it hears of Ctrl-C by the channel
            if number == signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        again = number == signal.SIGTERM and heard and time.monotonic() - came[0] < SAME
        if stop.is_set() and not again:
            signal.default_int_handler(number, frame)
        came[0] = time.monotonic()
        heard.append(NAMES[signal.Signals(number)])
        stop.set()

    before = {number: signal.getsignal(number) for number in USUAL}
    caught = [number for number, usual in USUAL.items() if before[number] in usual]
    try:
        for number in caught:
            signal.signal(number, ask)
        yield heard
    finally:
        for number in caught:
            signal.signal(number, before[number])


@contextmanager
def deaf() -> Iterator[None]:
    """Let a worker process ignore both signals while a chain runs in it.

    A terminal, and `timeout`, send them to workers too. Those of loky ignore them ever after, for even idle ones would
    die of them and take the others along; a pool of multiprocessing ends its idle workers with SIGTERM.
    """
    if threading.current_thread() is threading.main_thread():
        for number in NAMES:
            signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        loky = "loky" in type(multiprocessing.current_process()).__module__
        if threading.current_thread() is threading.main_thread() and not loky:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

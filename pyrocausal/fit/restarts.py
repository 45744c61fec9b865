"""Independent restarts through joblib, in processes: asked to stop by signals, and kept where a process is killed."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from pyrocausal.fit.channel import Channel, open_channel
from pyrocausal.fit.checkpoint import Checkpoint
from pyrocausal.fit.one_restart import NOT_BEGUN, Ending, Restart
from pyrocausal.fit.signals import deaf, stopping_signals
from pyrocausal.posterior.chain import Chain
from pyrocausal.runtime.progress import Report

__all__ = ["Ended", "run_restarts"]

HERE = "LokyBackend", "SequentialBackend", "MultiprocessingBackend"  # of joblib: processes of this machine
FOR_MEMORY = ", perhaps for want of memory; take fewer cores, cores=1 (--cores 1 in the shell), and fit again"


class Ended(NamedTuple):
    """What restarts give back.

    Attributes
    ----------
    chains
        Those that there are.
    stopped
        What Ctrl-C or SIGTERM has cut short; None where neither came.
    out_of_time
        What the budget has cut short; None where it was enough.
    """

    chains: list[Chain]
    stopped: str | None
    out_of_time: str | None


def run_restarts(restart: Restart, seeds: Sequence[int], cores: int | None, show: Callable[[Report], object]) -> Ended:
    """Run a chain per seed, in processes.

    Parameters
    ----------
    restart
        What they have in common; its budget is that of all of them, which is parted if they take turns.
    seeds
        One each.
    cores
        Processes at the most; None: what `joblib.parallel_config` says, or else all cores.
    show
        Takes reports.

    Returns
    -------
    Ended

    Raises
    ------
    KeyboardInterrupt
        If either came before a chain had made a step, or twice.
    ChildProcessError
        If a process was killed, and no chain is left.

    Warns
    -----
    RuntimeWarning
        If a process was killed. Chains that were under way in other ones are run once more.
    """
    stop = threading.Event()
    endings: dict[int, Ending] = {}
    killed: list[int] = []
    left = [*range(len(seeds))]
    restart = _parted(restart, cores, len(seeds))
    with stopping_signals(stop) as heard, open_channel(show, stop) as channel:
        while left:
            jobs = (delayed(_run)(restart, number, seeds[number], channel) for number in left)
            try:
                least = 2 if killed else 1  # one would run here, and might kill this process
                for number, ending in _parallel(max(least, _processes(cores, len(left))))(jobs):
                    endings[number] = ending
            except Exception as error:
                if stop.is_set():  # a worker that was still starting dies of the signal
                    if not endings:
                        raise KeyboardInterrupt from error
                    endings |= {number: NOT_BEGUN for number in left if number not in endings}
                elif isinstance(error, BrokenProcessPool):  # it takes the others along, which are run once more
                    killed.append(_killed(channel, left, endings, error))
                else:
                    raise
            left = [number for number in left if number not in (*endings, *killed)]
        stopped = stop.is_set()
    if killed:
        warnings.warn(_told_of_killed(killed, endings, restart.checkpoint), RuntimeWarning, stacklevel=3)
    chains = [endings[number].chain for number in sorted(endings)]
    kept = [chain for chain in chains if chain is not None]
    if not kept:
        raise KeyboardInterrupt
    late = any(ending.out_of_time for ending in endings.values())
    return Ended(
        kept,
        _told(endings, heard[0]) if stopped else None,
        _told(endings, "the budget of time was used up") if late and not stopped else None,
    )


def _run(restart: Restart, number: int, seed: int, channel: Channel) -> tuple[int, Ending]:
    if not channel.local:
        channel.leave_with_parent()
        channel.report(Report(number, "starting"))  # so that it is known which chain this process runs
    with nullcontext() if channel.local else deaf():  # workers hear of signals by the channel
        return number, restart.run(number, seed, channel)


def _parallel(processes: int) -> Parallel:
    """Gives back chains as they end, where joblib's backend can: what comes later may break."""
    how = "generator_unordered" if get_active_backend()[0].supports_return_generator else "list"
    return Parallel(n_jobs=processes, batch_size=1, max_nbytes=None, return_as=how)


def _killed(channel: Channel, left: Sequence[int], endings: Mapping[int, Ending], error: Exception) -> int:
    """The chain whose process was killed: the first that hung up, for joblib kills the others only then.

    Raises
    ------
    ChildProcessError
        If it is not known, or the last one, and none has ended.
    """
    time.sleep(0.5)  # let the channel hear of it
    missing = [number for number in left if number not in endings]
    first = next((number for number in channel.lost if number in missing), missing[0] if len(missing) == 1 else None)
    channel.lost.clear()
    if first is None or (len(missing) == 1 and not endings):
        which = "" if first is None else f" of chain {first}"
        raise ChildProcessError(f"the process{which} was killed{FOR_MEMORY}") from error
    return first


def _told_of_killed(killed: Sequence[int], endings: Mapping[int, Ending], checkpoint: Checkpoint | None) -> str:
    """Which chains were killed, and what to do, in a sentence."""
    chains = f"chain{'s' * (len(killed) > 1)} {', '.join(map(str, killed))}"
    again = ", with resume=True (--resume in the shell)" if checkpoint else ""
    return (
        f"{chains} of {len(killed) + len(endings)} {'were' if len(killed) > 1 else 'was'} killed and "
        f"{'are' if len(killed) > 1 else 'is'} left out{FOR_MEMORY}{again}"
    )


def _processes(cores: int | None, chains: int) -> int:
    """How many processes joblib is asked for. A cluster has as many as it has."""
    return min(_available(cores), chains)


def _available(cores: int | None) -> int:
    """How many processes or threads joblib may run at a time."""
    configured = get_active_backend()[1] if cores is None else cores
    return effective_n_jobs(-1 if configured is None else configured)


def _parted(restart: Restart, cores: int | None, chains: int) -> Restart:
    """With the cores that each chain has to itself, one on other machines and in threads, and its part of the time."""
    backend = type(get_active_backend()[0]).__name__
    each = max(1, _available(cores) // chains) if backend in HERE else 1
    turns = chains if "Thread" in backend else math.ceil(chains / _processes(cores, chains))
    return replace(restart, cores=each, budget=None if restart.budget is None else restart.budget / turns)


def _told(endings: Mapping[int, Ending], by: str) -> str:
    """What a signal has cut short, in a sentence."""
    cut = [f"chain {number} {ending.cut}" for number, ending in sorted(endings.items()) if ending.cut]
    left_out = sum(ending.chain is None for ending in endings.values())
    what = f"{', '.join(cut) or 'all chains had ended'}"
    return f"{by}: {what}; {len(endings) - left_out} of {len(endings)} chains are kept"

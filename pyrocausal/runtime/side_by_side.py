"""Work of one chain on several cores: jobs that know nothing of each other, in threads of its process.

Torch lets other threads run while it computes. So threads gain where a job spends its time in large tensors, and need
no copies of the rows. Every job computes with one thread, and comes to the same whatever runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

import torch

__all__ = ["cores_of_a_chain", "side_by_side"]

T = TypeVar("T")
_pool: ContextVar[ThreadPoolExecutor | None] = ContextVar("pool", default=None)


@contextmanager
def cores_of_a_chain(cores: int) -> Iterator[None]:
    """Let `side_by_side` take so many cores in the block."""
    if cores < 2:
        yield
        return
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        token = _pool.set(pool)
        try:
            yield
        finally:
            _pool.reset(token)


def side_by_side(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What jobs come to, in their order; on as many cores as `cores_of_a_chain` says, or one after the other.

    Parameters
    ----------
    jobs
        They may read the same objects, but change none that another one reads, nor draw from torch's global random
        state. Asked to stop, all of them do.

    Examples
    --------
    >>> with cores_of_a_chain(2):
    ...     side_by_side([lambda: 1, lambda: 2])
    [1, 2]
    """
    pool = _pool.get()
    if pool is None or len(jobs) < 2:
        return [job() for job in jobs]
    under_way = [pool.submit(copy_context().run, _alone, job) for job in jobs]
    try:
        return [each.result() for each in under_way]
    finally:
        for each in under_way:
            each.cancel()


def _alone(job: Callable[[], T]) -> T:
    """What a job comes to; jobs of its own wait for no thread that may be waiting for it."""
    _pool.set(None)
    return job()

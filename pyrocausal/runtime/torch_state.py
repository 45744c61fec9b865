"""What of torch's state decides results: its number of threads, the precision of new tensors, and randomness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

__all__ = ["random_state", "reproducible_torch", "same_random_state", "set_random_state"]


@contextmanager
def reproducible_torch() -> Iterator[None]:
    """One thread and single precision, whatever the caller computes with, which it has again afterwards.

    The sums of a parallel reduction depend on the number of threads. Rows and mechanisms are in single precision; where
    more is needed, tensors say so themselves.
    """
    threads, precision = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(precision)


def random_state() -> list[torch.Tensor]:
    """Torch's global random state, that of the CPU and then those of devices that are in use."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ())]


def set_random_state(state: Sequence[torch.Tensor]) -> None:
    """Set it to what `random_state` said."""
    first, *others = state
    torch.set_rng_state(first)
    for device, each in enumerate(others):
        torch.cuda.set_rng_state(each, device)


def same_random_state(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    """Whether two random states are one."""
    return len(one) == len(other) and all(map(torch.equal, one, other))

"""What of torch's state decides results: how many threads it computes with, and the precision of new tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["reproducible_torch"]


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

"""One progress bar for all chains."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

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
def progress_bar(chains: int, max_steps: int) -> Iterator[Callable[[Report], None]]:
    """Show the steps of all chains, the lowest confidence, the range of edges and the time left at the most.

    Parameters
    ----------
    chains, max_steps
        What the bar counts to, until chains say that they have less left.

    Yields
    ------
    callable
        Takes a `Report`, from any thread.
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

        yield show

"""One line for all chains that says what they are doing: phase, families evaluated, evidence, and the time to go.

No bar grows in it, for nobody knows how long a search takes. The time to go is told where something it can be told from
has been seen: another chain that has ended, or a good part of the draws.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tqdm.auto import tqdm

__all__ = ["DRAWING", "Report", "Seen", "describe", "progress_line", "time_to_go"]

DRAWING = "drawing graphs"  # the last thing that a chain does
ENOUGH = 0.2  # share of the draws from which their time is told
LIVE, LOGGED = 0.5, 30.0  # seconds between two lines, on a screen and elsewhere


class Report(NamedTuple):
    """Where a chain stands, see `pyrocausal.runtime.interruption.Work`; `ended`, that it has nothing more to do."""

    chain: int
    doing: str
    done: int = 0
    of: int = 0
    families: int = 0
    evidence: float = math.nan
    edges: int = -1
    ended: bool = False


@dataclass
class Seen:
    """What is known of a chain: its last report, and when it began, began what it does now, and ended."""

    report: Report
    begun: float
    phase: float
    ended: float | None = None


def describe(seen: Mapping[int, Seen]) -> str:
    """What chains do, in a few words."""
    running = [each.report for each in seen.values() if each.ended is None]
    doing = Counter(each.doing for each in running)
    words = []
    for what, number in doing.items():
        here = [each for each in running if each.doing == what]
        steps = f" {min(each.done for each in here):,}/{here[0].of:,}" if here[0].of else ""
        words.append(f"{what}{steps}" + (f" ({number} chains)" if number > 1 else ""))
    reports = [each.report for each in seen.values()]
    words.append(f"{sum(each.families for each in reports):,} families")
    if known := [each for each in reports if not math.isnan(each.evidence)]:
        best = max(known, key=lambda each: each.evidence)
        edges = sorted({each.edges for each in known})
        span = f"{edges[0]}" if len(edges) == 1 else f"{edges[0]}-{edges[-1]}"
        words.append(f"evidence {best.evidence:,.1f}, edges {span}")
    return ", ".join(words)


def time_to_go(seen: Mapping[int, Seen], chains: int, now: float) -> float | None:
    """Seconds until all chains have ended; None where nothing tells.

    Parameters
    ----------
    seen
        Of the chains that have begun, by their numbers.
    chains
        How many there are.
    now
        The time.
    """
    ended = [each.ended - each.begun for each in seen.values() if each.ended is not None]
    usual = sum(ended) / len(ended) if ended else None
    left = []
    for each in seen.values():
        report, elapsed = each.report, now - each.begun
        if each.ended is not None:
            continue
        if report.doing == DRAWING and report.done >= ENOUGH * report.of:
            left.append((now - each.phase) * (report.of - report.done) / max(1, report.done))
        elif usual is not None and usual > elapsed:
            left.append(usual - elapsed)
        else:
            return None
    if not (waiting := chains - len(seen)):
        return max(left, default=0.0)
    if usual is None:
        return None
    return max(left, default=0.0) + usual * math.ceil(waiting / max(1, len(left)))


@contextmanager
def progress_line(chains: int) -> Iterator[Callable[[Report], None]]:
    """Show what chains do, twice a second at the most, or twice a minute where no screen shows it.

    Parameters
    ----------
    chains
        How many there will be.

    Yields
    ------
    callable
        Takes a `Report`, from any thread.
    """
    shape = "{desc}: {n_fmt} of {total_fmt} chains done [{elapsed}{postfix}]"
    with tqdm(total=chains, unit="chain", desc="discover", dynamic_ncols=True, bar_format=shape) as bar:
        every = LIVE if bar.gui or getattr(bar.fp, "isatty", bool)() else LOGGED
        seen: dict[int, Seen] = {}
        lock, shown = threading.Lock(), [-math.inf]

        def show(report: Report) -> None:
            with lock:
                now = time.monotonic()
                _take(seen, report, now)
                if now - shown[0] < every and not report.ended:
                    return
                shown[0] = now
                bar.n = sum(each.ended is not None for each in seen.values())
                left = None if bar.n == chains else time_to_go(seen, chains, now)
                bar.set_postfix_str(
                    describe(seen) + ("" if left is None else f", about {tqdm.format_interval(left)} to go")
                )

        yield show


def _take(seen: dict[int, Seen], report: Report, now: float) -> None:
    before = seen.get(report.chain)
    if before is None:
        seen[report.chain] = before = Seen(report, now, now)
    elif before.report.doing != report.doing:
        before.phase = now
    before.report = report
    before.ended = now if report.ended else before.ended

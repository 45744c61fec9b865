"""Is anything lost when a fit is killed? Two chains in two processes, killed by kill -9 at random moments and taken up.

*all* kills the run and its processes at a moment that is drawn evenly from the time that an undisturbed run takes, and
takes it up; asked for is a result whose digest is that of the undisturbed run. *SIGKILL* and *SIGTERM* reach the parent
alone, after some seconds; asked for is that no process is left ten seconds later. Not for Windows.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import pandas as pd

import pyrocausal as pc
from benchmarks.rows import add_missing
from pyrocausal.posterior.plain_form import Writer

__all__ = ["AFTER", "kills", "told_kills"]

AFTER = 0.5, 5.0, 20.0, 60.0  # seconds after which a parent is killed
PATIENCE = 10.0  # seconds until no process may be left
SENT = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
SIZE = 40_000  # rows: two chains of `sachs` take half a minute


def digest(result: pc.CausalPosterior) -> str:
    """Of everything in a result, but for times."""
    found = hashlib.sha256()
    for chain in result.chains:
        for field in fields(chain):
            if field.name != "cpu_seconds":
                writer = Writer()
                found.update(json.dumps(writer.node(getattr(chain, field.name), field.name)).encode())
                for array in writer.arrays.values():
                    found.update(array.tobytes())
    return found.hexdigest()


def fit(folder: Path) -> None:
    """What is killed: two chains with draws. Prints their digest."""
    truth = pc.networks.load("sachs")
    data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=SIZE, seed=0).data
    result = pc.discover(
        data, chains=2, cores=2, seed=0, sampling=pc.Sampling(), progress=False, checkpoint=folder, resume=True
    )
    print(digest(result), flush=True)


def begin(folder: Path) -> subprocess.Popen[str]:
    """A run in a process group of its own."""
    command = [sys.executable, "-m", "benchmarks.killing", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def kills(seeds: Sequence[int], out: Path, *, after: Sequence[float] = AFTER) -> pd.DataFrame:
    """Kill runs, and write a row for each to `kills.csv`; rows that are there are kept.

    Parameters
    ----------
    seeds
        Of the moments at which a whole run is killed.
    out
        Folder of the results.
    after
        Seconds after which a parent alone is killed, and after which it is sent SIGTERM.

    Returns
    -------
    pandas.DataFrame
        All rows of the file: `how`, `number` (the seed, or the seconds), whether the result is the `same`, the seconds
        of an undisturbed run and of the one that is taken up, and whether any process is `left`.
    """
    path = out / "kills.csv"
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        expected = begin(Path(folder)).communicate()[0]
        whole = time.perf_counter() - start
    add_missing(path, {"how": ["all"], "number": seeds}, partial(_killed_whole, whole=whole, expected=expected))
    return add_missing(path, {"how": [*SENT], "number": after}, _left_behind)


def _killed_whole(how: str, number: float, whole: float, expected: str) -> dict[str, object]:
    """Kill a run and its processes at a random moment, and take it up."""
    moment = random.Random(number).uniform(0, whole)
    row = {"how": how, "number": number, "moment": moment, "whole": whole}
    with tempfile.TemporaryDirectory() as folder, begin(Path(folder)) as process:
        try:
            found, again = process.communicate(timeout=moment)[0], 0.0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            start = time.perf_counter()
            found = begin(Path(folder)).communicate()[0]
            again = time.perf_counter() - start
    return {**row, "again": again, "same": found == expected}


def _left_behind(how: str, number: float) -> dict[str, object]:
    """Send a signal to a parent, and see whether a process of its group is there some seconds later."""
    with tempfile.TemporaryDirectory() as folder, begin(Path(folder)) as process:
        time.sleep(number)
        process.send_signal(SENT[how])
        time.sleep(PATIENCE)
        process.poll()
        left = True
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            left = False
    return {"how": how, "number": number, "moment": number, "left": left}


def told_kills(found: pd.DataFrame) -> list[str]:
    """What came of it, in a few lines."""
    whole, others = found[found.how == "all"], found[found.how != "all"]
    lines = []
    if len(whole):
        lost = (whole.moment + whole.again - whole.whole).mean()
        lines.append(
            f"- Killed at {len(whole)} random moments of {whole.whole.mean():.0f} s: {int(whole.same.sum())} ended "
            f"with the same bits, {lost:.1f} s later on average, the start of processes among it."
        )
    for how, rows in others.groupby("how"):
        times = ", ".join(f"{each:g}" for each in rows.number)
        left = [f"{row.number:g} s" for row in rows.itertuples() if row.left]
        what = f"some processes were left after {', '.join(left)}" if left else "no process was left"
        lines.append(f"- {how} to the parent after {times} s: {what} {PATIENCE:g} s later.")
    return lines


if __name__ == "__main__":
    fit(Path(sys.argv[1]))

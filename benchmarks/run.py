"""Runs of a suite: every problem, method and seed in a process of its own, with one thread."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import methods
from benchmarks.judging import judge
from benchmarks.rows import add_row, keys
from benchmarks.strengths import judge_strengths
from benchmarks.suites import Suite
from benchmarks.worker import ANSWER, EXPERIMENT, SIGHT, UNHANDLED

__all__ = ["Job", "one", "run"]

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class Job(NamedTuple):
    """One run to do."""

    suite: str
    problem: str
    method: str
    seed: int
    cpu_limit: float | None
    checkout: Path | None

    def __str__(self) -> str:
        return f"{self.suite} {self.problem} {self.method} seed {self.seed}"


def run(
    suite: Suite,
    names: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    *,
    problems: Sequence[str] | None = None,
    jobs: int = 1,
    cpu_limit: float | None = None,
    checkouts: Mapping[str, Path] | None = None,
    again: bool = False,
) -> None:
    """Run what is not in `out`/SUITE.csv yet, and write it there.

    Parameters
    ----------
    suite
        Whose problems.
    names
        Of the methods; one that is not available is left out with a line that says why.
    seeds
        Each decides the data and the fit.
    out
        Folder of the results.
    problems
        Names; None means all.
    jobs
        Runs at a time.
    cpu_limit
        CPU seconds of a fit after which it is ended, and its last graph judged.
    checkouts
        Path of the code of methods that are no packages.
    again
        Whether to run what is there already, and replace it.

    Raises
    ------
    ValueError
        When a method or problem is unknown.
    """
    known = [problem.name for problem in suite.problems]
    if strange := [name for name in problems or () if name not in known]:
        raise ValueError(f"suite {suite.name} has no problem {strange[0]!r}; it has {', '.join(known)}")
    file, checkouts = out / f"{suite.name}.csv", checkouts or {}
    done = set() if again else keys(file)
    available = []
    for name in names:
        reason = methods.find(name).missing(checkouts.get(name))
        if reason is None:
            available.append(name)
        else:
            print(f"{name} is left out: {reason}", flush=True)
    todo = [
        Job(suite.name, problem, name, seed, cpu_limit, checkouts.get(name))
        for problem in problems or known
        for name in available
        for seed in seeds
        if (problem, name, seed) not in done
    ]
    skipped = len(problems or known) * len(available) * len(seeds) - len(todo)
    print(f"{suite.name}: {len(todo)} runs to do, {skipped} already in {file}", flush=True)
    unhandled: set[tuple[str, str]] = set()

    def do(job: Job) -> None:
        if (job.problem, job.method) in unhandled:
            return
        row = one(job)
        if row is None:
            unhandled.add((job.problem, job.method))
            print(f"{job.method} is not made for {job.problem}", flush=True)
            return
        add_row(file, row)
        shown = (f"{column} {row[column]}" for column in ("shd_dag", "shd_edges") if column in row)
        seconds = f"{row['cpu_total']:.1f} CPU s" if "cpu_total" in row else ""
        print(f"{job}: {', '.join(filter(None, (row['status'], *shown, seconds)))}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(do, todo))


def one(job: Job) -> dict[str, Any] | None:
    """Do one run in a process of its own.

    Returns
    -------
    dict
        The row of the results; None if the method is not made for the data.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.worker", *map(str, job[:4]), name]
        if job.cpu_limit is not None:
            command += ["--cpu-limit", str(job.cpu_limit)]
        if job.checkout is not None:
            command += ["--checkout", str(job.checkout.resolve())]
        paths = [str(Path(__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
        # Files, not pipes: a child that outlives its parent would keep a pipe open.
        with (folder / "output").open("w+b") as output:
            process = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
        if process.returncode == -signal.SIGINT:
            raise KeyboardInterrupt  # it was not the run that failed
        if process.returncode == UNHANDLED:
            return None
        return _row(job, folder, process.returncode)


def _row(job: Job, folder: Path, status: int) -> dict[str, Any]:
    row: dict[str, Any] = {"suite": job.suite, "problem": job.problem, "method": job.method, "seed": job.seed}
    true, seen = _read(folder / EXPERIMENT), _read(folder / ANSWER)
    row["status"] = "ok"
    if status == -signal.SIGXCPU:
        row["status"], seen = "cpu-limit", _read(folder / SIGHT)
        row["cpu_total"] = job.cpu_limit
    elif status != 0 or seen is None:
        row["status"] = f"error: {_complaint(folder / 'output', status)}"
        seen = None
    if true is not None:
        row |= {
            "variables": len(true.graph),
            "edges_true": true.graph.number_of_edges(),
            "n_regimes": len(true.targets),
            "n_visible": sum(true.visible.values()),
            "n_placebo": sum(not true.targets[name] for name in true.sought),
            "n_hidden": true.n_hidden,
            "note": true.note,
        }
    if true is not None and seen is not None:
        row |= judge(seen.found, true) | judge_strengths(seen.found, true)
        row |= {
            "cpu_to_keep": seen.cpu_to_keep,
            "cpu_total": max(row.get("cpu_total", 0.0), seen.cpu),  # the system counts whole seconds
            "peak_memory_mb": seen.memory_rise,
            "peak_memory_total_mb": seen.memory,
            "steps": seen.steps,
            "wall_total": seen.wall,
        }
    return row


def _read(path: Path) -> Any:
    return pickle.loads(path.read_bytes()) if path.exists() else None


def _complaint(output: Path, status: int) -> str:
    """The last line that a run printed, and all of them on our own standard error."""
    text = output.read_text(errors="replace").strip()
    print(text, file=sys.stderr, flush=True)
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return " ".join(text.splitlines()[-1:])[:200] or f"exit status {status}"

"""One run in a process of its own: simulate, fit, and leave in a folder what there is to judge.

Everything seen on the way is written as it comes, so that a run which is killed leaves its last graph behind.
Started by `benchmarks.run`, with one thread.
"""

from __future__ import annotations

import argparse
import math
import pickle
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import methods
from benchmarks.judging import Experiment, Found, Sight, experiment
from benchmarks.suites import SUITES

__all__ = ["ANSWER", "EXPERIMENT", "SIGHT", "UNHANDLED", "main", "memory_held"]

EXPERIMENT, SIGHT, ANSWER = "experiment.pkl", "sight.pkl", "answer.pkl"
UNHANDLED = 3  # exit status of a run whose method is not made for the data
SAVE_EVERY = 1.0  # CPU seconds after which beliefs are written again though the graph is the same


class Watcher:
    """Keeps the time and writes what a method shows; its own work does not count."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.began = folder, time.monotonic()
        self.memory = memory_held(reset=True)
        self.apart = _cpu()  # before the fit, and later while watching
        self.dag: np.ndarray | None = None
        self.changed = self.saved = 0.0

    def watch(self, edge_probability: np.ndarray, dag: np.ndarray) -> None:
        """Note a graph [d, d] and its beliefs [d, d]."""
        entered = _cpu()
        now, dag = entered - self.apart, np.array(dag, dtype=bool)
        different = self.dag is None or not np.array_equal(dag, self.dag)
        if different:
            self.dag, self.changed = dag, now
        if different or now - self.saved > SAVE_EVERY:
            self.saved = now
            _write(self.folder / SIGHT, self.sight(Found(np.array(edge_probability, dtype=float), dag, None), now))
        self.apart += _cpu() - entered

    def conclude(self, found: Found, steps: int | None) -> Sight:
        """Sum up a run that has ended."""
        now = _cpu() - self.apart
        if self.dag is None or not np.array_equal(found.dag, self.dag):
            self.changed = now
        return self.sight(found, now, steps)

    def sight(self, found: Found, now: float, steps: int | None = None) -> Sight:
        """Where the run stands after `now` CPU seconds."""
        memory = memory_held()
        wall = time.monotonic() - self.began
        return Sight(found, self.changed, now, max(memory - self.memory, 0.0), memory, steps, wall)


def _cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def memory_held(reset: bool = False) -> float:
    """Most memory held so far, in MB; `reset` forgets the past where the system can.

    Linux keeps the maximum that `getrusage` gives over the start of a program, so that it may be the parent's.
    """
    if reset:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    with suppress(OSError):
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        if "VmHWM" in status:
            return int(status["VmHWM"].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _write(path: Path, value: Experiment | Sight) -> None:
    """Write so that a reader finds the old or the new, whenever the process ends."""
    part = path.with_suffix(".part")
    part.write_bytes(pickle.dumps(value))
    part.replace(path)


@contextmanager
def _limited_cpu(seconds: float | None) -> Iterator[None]:
    """Let the system end this process when it has used so many more CPU seconds, whole ones, in the block."""
    before, used = resource.getrlimit(resource.RLIMIT_CPU), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    if seconds is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the end of a process is no crash to look into
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, before)


def main(arguments: list[str] | None = None) -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("suite", "problem", "method"):
        parser.add_argument(name)
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpu-limit", type=float)
    parser.add_argument("--checkout", type=Path)
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    method = methods.find(options.method)
    problem = SUITES[options.suite].problem(options.problem)
    simulation, note = problem.build(options.seed)
    given = problem.given(simulation, options.seed)
    fit = method.informed(given) if given and method.informed else method.fit
    if not method.handles(simulation.data) or (given and not method.informed):
        return UNHANDLED
    true = experiment(simulation, note, given)
    _write(options.folder / EXPERIMENT, true)
    data = replace(simulation.data, truth=None)  # nobody can look at the answer
    # Imports are nobody's work: a peer is imported here, and torch's first optimiser imports its compiler.
    method.missing(options.checkout)
    torch.optim.Adam([torch.zeros(1)])
    watcher = Watcher(options.folder)
    told = true.targets if method.told_targets else given.targets
    with _limited_cpu(options.cpu_limit):
        answer = fit(data, told, options.seed, watcher.watch, options.checkout)
    graphs = np.asarray(answer.edge_probability, dtype=float), np.asarray(answer.dag, dtype=bool)
    strengths = answer.edge_strength, answer.target_strength
    found = Found(*graphs, answer.targets, answer.target_probability, *strengths)
    _write(options.folder / ANSWER, watcher.conclude(found, answer.steps))
    return 0


if __name__ == "__main__":
    sys.exit(main())

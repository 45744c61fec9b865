"""Recovery of graph and targets, targets unknown, thresholded at 0.5; SHD counts a reversal once.

Columns: SHD per seed; regimes whose target was found; the same among regimes whose rows show that something was done
(see `visible_regimes`); fits that met the stopping rule; steps per seed; median CPU seconds of a whole fit; networks
rejected for an edge without effect.

Run: python -m benchmarks.recovery [--cases chain3 sachs-uniform ...] [--seeds 0 1 2 3 4] [--paper] [--jobs 2]
"""

from __future__ import annotations

import argparse

import numpy as np
from joblib import Parallel, delayed

from benchmarks.cases import CASES, Outcome, fit
from pyrocausal import SDI


def _one(name: str, seed: int, paper: bool) -> tuple[int, Outcome]:
    case = CASES[name](seed)
    return case.rejections, fit(case, SDI.paper() if paper else SDI(), seed)


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="seeds of data and fit")
    parser.add_argument("--paper", action="store_true", help="the published algorithm instead of the default one")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(
        f"{'case':<16} {'SHD':<16} {'targets':<8} {'visible':<8} {'settled':<8} {'steps':<22} CPU s (median)  rejected"
    )
    for name in options.cases:
        runs = Parallel(n_jobs=options.jobs)(delayed(_one)(name, seed, options.paper) for seed in options.seeds)
        found = [outcome for _, outcome in runs]
        regimes = len(CASES[name](options.seeds[0]).simulation.targets) * len(found)
        targets = f"{sum(o.right for o in found)}/{regimes}"
        visible = f"{sum(o.visible_right for o in found)}/{sum(o.visible for o in found)}"
        settled = f"{sum(o.settled for o in found)}/{len(found)}"
        shds, steps = " ".join(str(o.shd) for o in found), " ".join(str(o.steps) for o in found)
        cpu, rejected = np.median([o.cpu for o in found]), sum(rejections for rejections, _ in runs)
        print(
            f"{name:<16} {shds:<16} {targets:<8} {visible:<8} {settled:<8} {steps:<22} {cpu:<15.1f} {rejected}",
            flush=True,
        )


if __name__ == "__main__":
    main()

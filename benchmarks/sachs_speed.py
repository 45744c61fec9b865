"""CPU seconds to reach and keep SHD 0 on the Sachs network, beside a plain-torch script of the same algorithm.

The other script is run on the same tables in the same process order, one after the other, one thread each; it must
have a function `discover(obs, regimes, cards, truth, true_targets, log_every=...)` that prints "SHD n ... cpu t" lines.

Run: python -m benchmarks.sachs_speed --sketch PATH/sdi_sketch.py [--seeds 0 1 2 3 4]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import re
import subprocess
import sys

import networkx as nx
import numpy as np
import torch

from benchmarks.cases import CASES, fit
from pyrocausal import SDI


def ours(seed: int) -> tuple[int, float]:
    """Final SHD of the default fit and the CPU seconds after which it was kept."""
    outcome = fit(CASES["sachs-uniform"](seed), SDI(), seed)
    return outcome.shd, outcome.kept_at


def sketch(path: str, seed: int) -> tuple[int, float]:
    """The same for the other script."""
    spec = importlib.util.spec_from_file_location("sketch", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data, truth, targets = CASES["sachs-uniform"](seed).simulation
    names = list(data.names)
    adjacency = nx.to_numpy_array(truth.graph, names).T.astype(bool)
    true_targets = [names.index(targets[name][0]) for name in data.regime_names]
    regimes = [regime.rows.long() for regime in data.regimes]
    torch.set_num_threads(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        module.discover(
            data.observational.long(),
            regimes,
            list(data.cardinalities),
            adjacency,
            true_targets,
            seed=seed,
            log_every=1,
        )
    lines = re.findall(r"SHD\s+(\d+).*cpu ([\d.]+)s", printed.getvalue())
    last, kept = int(lines[-1][0]), len(lines)
    while kept and int(lines[kept - 1][0]) == last:
        kept -= 1
    return last, float(lines[kept][1])


def main() -> None:
    """Print one line per seed and the ratio of the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sketch", required=True, help="path of the other script")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--only", choices=["ours", "sketch"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        for seed in options.seeds:
            print(*(ours(seed) if options.only == "ours" else sketch(options.sketch, seed)))
        return
    totals = {"ours": 0.0, "sketch": 0.0}
    print("seed  ours: SHD, CPU s   sketch: SHD, CPU s")
    for seed in options.seeds:
        row = {}
        for which in totals:
            command = [sys.executable, "-m", "benchmarks.sachs_speed", "--sketch", options.sketch, "--only", which]
            shown = subprocess.run([*command, "--seeds", str(seed)], check=True, capture_output=True, text=True).stdout
            row[which] = [float(x) for x in shown.split()]
            totals[which] += row[which][1]
        (a, b), (c, d) = row["ours"], row["sketch"]
        print(f"{seed:<5} {a:8.0f} {b:9.1f} {c:12.0f} {d:9.1f}", flush=True)
    n = len(options.seeds)
    print(
        f"mean CPU s: ours {totals['ours'] / n:.1f}, sketch {totals['sketch'] / n:.1f}; "
        f"ratio {totals['ours'] / np.maximum(totals['sketch'], 1e-9):.2f}"
    )


if __name__ == "__main__":
    main()

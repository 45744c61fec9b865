"""The command line: `fit` and `check` for a table, `effect` for a result, `demo` for a network with a known truth."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TextIO

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.cli.arguments import INTERVENTIONS, LARGE_SIZES, SMALL, SMALL_SIZES, make_parser, targets_of
from pyrocausal.cli.effect_command import effect
from pyrocausal.cli.printing import compare_targets, print_edges, print_targets, print_verdict
from pyrocausal.cli.table_options import probable_targets, read_table
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.table_findings import TableWarning
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.posterior.graph_writing import write_graph
from pyrocausal.report.write import SAVED, WRITTEN, save_results, write_report
from pyrocausal.runtime.whole_files import check_writable
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.settings import Settling
from pyrocausal.simulate import networks
from pyrocausal.simulate.experiments import simulate

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments; by default those of the process.

    Returns
    -------
    int
        0, or 2 after bad input (one line on standard error says what is wrong), or 130 after Ctrl-C or SIGTERM, which
        leave a report of what there is, or 1 where nobody reads on.
    """
    try:
        with _warnings_in_one_line(), _sigterm_interrupts():
            arguments = make_parser().parse_args(argv)
            {"fit": _fit, "check": _check, "effect": effect, "demo": _demo}[arguments.command](arguments)
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough, as `head` may
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python says it once more at its end
        return 1
    except (ValueError, TypeError, OSError) as error:
        _say_error(error)
        return 2
    except KeyboardInterrupt:
        print("pyrocausal: interrupted", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM, of `timeout` and schedulers, do what Ctrl-C does, unless it does something else already."""
    usual = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _say_error(error: Exception) -> None:
    text = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
    if "kinds" in text:
        kinds = "--categorical, --levels, --continuous or --count NAME, --count-all, --exposure NAME"
        text += f" (on the command line: {kinds})"
    print("pyrocausal: error:", " ".join(text.split()), file=sys.stderr)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        text = str(message).replace("raise max_steps", "raise --max-steps")  # what it is called here
        print("pyrocausal: warning:", " ".join(text.split()), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.simplefilter("ignore", TableWarning)  # whose findings are printed before
        warnings.showwarning = show
        yield


# ---------------------------------------------------------------------- fit
def _fit(arguments: argparse.Namespace) -> None:
    data = read_table(arguments, targets_of(arguments.target, arguments.at_least, arguments.targets_file))
    _make_folder(arguments.out)
    if arguments.graph_file is not None:
        _check_no_folder(arguments.graph_file)
        check_writable(arguments.graph_file.parent)
    _print_check(data)
    if arguments.resume and arguments.checkpoint is not None and arguments.checkpoint.exists():
        print(f"taking up the fit in {arguments.checkpoint}", flush=True)
    result = _discover(arguments, data, SDI.paper() if arguments.paper else None)
    save_results(result, arguments.out)  # whatever becomes of what follows
    if arguments.graph_file is not None:
        write_graph(result.to_networkx(), arguments.graph_file)
    diagnosis = diagnose(result)
    print_verdict(result, diagnosis)
    print_edges(result)
    print_targets(result)
    print(f"seed {result.seed}")
    if arguments.no_report:
        print(f"results: {arguments.out / SAVED}, edges.csv and targets.csv beside it")
    else:
        print(f"drawing the report; results are in {arguments.out} already", flush=True)
        print(f"report: {write_report(result, arguments.out, diagnosis=diagnosis, shell=True)}")
    if arguments.graph_file is not None:
        print(f"graph: {arguments.graph_file}")
    if result.stopped:  # which the warning of it has explained
        raise KeyboardInterrupt


def _print_check(data: InterventionalData) -> None:
    """What is dangerous or doubtful in a table, in a few lines; what only is good to know, `pyrocausal check` tells."""
    check = data.check()
    if lines := check.lines(shell=True, severities=("dangerous", "doubtful")):
        print("the table:", check.verdict)
        print("\n".join(f"  {line}" for line in lines), flush=True)


def _knowledge(files: Sequence[Path], max_parents: int | None) -> Knowledge:
    return reduce(or_, map(Knowledge.from_file, files), Knowledge(max_parents=max_parents))


# ---------------------------------------------------------------------- check
def _check(arguments: argparse.Namespace) -> None:
    print(read_table(arguments).check().text(shell=True))


# ---------------------------------------------------------------------- demo
def _demo(arguments: argparse.Namespace) -> None:
    if arguments.list:
        print("\n".join(networks.available()))
        return
    if arguments.name is None:
        raise ValueError(f"say which network: {', '.join(networks.available())} (see pyrocausal demo --help)")
    truth = networks.load(arguments.name)
    small = len(truth.names) <= SMALL
    kind = arguments.intervention or ("soft" if small else "uniform")
    regimes, rows, rows_per_regime = SMALL_SIZES if small else LARGE_SIZES
    simulation = simulate(
        truth,
        intervention=INTERVENTIONS[kind],
        rows=arguments.rows or rows,
        rows_per_regime=arguments.rows_per_regime or rows_per_regime,
        regimes_per_variable=arguments.regimes_per_variable or regimes,
        seed=arguments.seed,
    )
    data = simulation.data
    if arguments.out is not None:
        _make_folder(arguments.out)
    print(
        f"{arguments.name}: {data.d} variables, {truth.graph.number_of_edges()} edges; simulated {data.n:,} "
        f"observational rows and {len(data.regimes)} regimes of {len(data.regimes[0].rows):,} rows, {kind} "
        "interventions, targets hidden",
        flush=True,
    )
    start = time.perf_counter()
    result = _discover(arguments, data, None)
    seconds = time.perf_counter() - start
    diagnosis = None if arguments.out is None else diagnose(result)
    print_verdict(result, diagnosis)
    print_edges(result)
    compare_targets(result, simulation, kind)
    print(f"structural Hamming distance: {shd(result.to_networkx(), truth.graph)}")
    if not arguments.no_settling:
        print(f"structural Hamming distance of the settled graph: {shd(result.dag(), truth.graph)}")
    cpu = sum(chain.cpu_seconds for chain in result.chains)
    print(f"wall time {seconds:.1f} s, processor time {cpu:.1f} s, chains {len(result.chains)}, seed {result.seed}")
    if arguments.out is not None:
        print(f"report: {write_report(result, arguments.out, diagnosis=diagnosis, shell=True)}")
    if result.stopped:
        raise KeyboardInterrupt


# ---------------------------------------------------------------------- both
def _make_folder(folder: Path) -> None:
    """Complain before the work if the report cannot be written."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out: {folder} is a file, not a directory")
    folder.mkdir(parents=True, exist_ok=True)
    for name in WRITTEN:
        _check_no_folder(folder / name)
    check_writable(folder)


def _check_no_folder(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder, where a file is to be written; name another one")


def _discover(arguments: argparse.Namespace, data: InterventionalData, algorithm: SDI | None) -> CausalPosterior:
    several, at_most_one = (getattr(arguments, name, False) for name in ("several_targets", "one_target"))
    wanted = {
        "--draws": arguments.draws, "--no-settling": arguments.no_settling,
        "--paper": getattr(arguments, "paper", False), "--several-targets": several,
        "--one-target": at_most_one, "--exposure": getattr(arguments, "exposure", None),
    }  # fmt: skip
    pairs = [
        ("--draws", "--no-settling"),
        ("--several-targets", "--one-target"),
        *((each, "--paper") for each in ("--draws", "--several-targets", "--exposure")),
    ]
    if getattr(arguments, "resume", False) and arguments.checkpoint is None:
        raise ValueError("--resume: say where the fit is, with --checkpoint DIR")
    for one, other in pairs:
        if wanted[one] and wanted[other]:
            raise ValueError(f"{one} cannot be had with {other}; drop one of them")
    return discover(
        data,
        chains=arguments.chains,
        cores=arguments.cores,
        seed=arguments.seed,
        max_steps=arguments.max_steps,
        progress=not arguments.quiet,
        required=[tuple(edge) for edge in getattr(arguments, "required", ())],
        forbidden=[tuple(edge) for edge in getattr(arguments, "forbidden", ())],
        target_prior=TargetPrior(
            several=several if several or at_most_one else None,
            probability=probable_targets(getattr(arguments, "probable_target", ())),
        ),
        knowledge=_knowledge(getattr(arguments, "knowledge", ()), getattr(arguments, "max_parents", None)),
        algorithm=algorithm,
        settling=Settling(rounds=0) if arguments.no_settling else None,
        sampling=Sampling(draws=arguments.draws) if arguments.draws else None,
        checkpoint=getattr(arguments, "checkpoint", None),
        budget=arguments.budget,
        resume=getattr(arguments, "resume", False),
    )

"""Runs of the benchmark suites and reports on them: `python -m benchmarks run SUITE`, `python -m benchmarks report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.calibration import calibrate, summary
from benchmarks.chains import PROBLEMS, time_chains
from benchmarks.checks import KINDS, check_checks, told
from benchmarks.compared import PAGE, write_compared
from benchmarks.consensus import ROWS_PER_REGIME, measure_consensus, of_consensus
from benchmarks.costs import SHAPES, costs, told_costs
from benchmarks.covariates import KINDS as BATCH_KINDS
from benchmarks.covariates import compare_covariates, of_covariates
from benchmarks.diagnosing import CASES, diagnose_cases, said
from benchmarks.digests import PROBLEMS as DIGESTED
from benchmarks.digests import digests
from benchmarks.effect_intervals import KINDS as EFFECT_KINDS
from benchmarks.effect_intervals import ask_effects, of_effects
from benchmarks.fuzzing import CLASSES, fuzz, told_fuzz
from benchmarks.killing import kills, told_kills
from benchmarks.measured.fits import TABLES, How, fit_measured, said_of_measured
from benchmarks.methods import METHODS
from benchmarks.report import report
from benchmarks.resting import ALGORITHMS, DONE, rest, rested
from benchmarks.run import run
from benchmarks.sharing import KINDS as SHARED_KINDS
from benchmarks.sharing import compare_sharing, of_sharing
from benchmarks.suites import SUITES

__all__ = ["main", "parse_seeds"]

HERE = Path(__file__).parent


def parse_seeds(text: str) -> list[int]:
    """Read seeds such as "0-4", "0,3" or "0-2,7".

    Examples
    --------
    >>> parse_seeds("0-2,7")
    [0, 1, 2, 7]
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise argparse.ArgumentTypeError(f"seeds look like 0-4 or 0,3 or 0-2,7; got {text!r}")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"there are no seeds in {text!r}")
    return list(dict.fromkeys(seeds))


def parse_checkout(text: str) -> tuple[str, Path]:
    """Read METHOD=PATH."""
    name, equals, path = text.partition("=")
    if not equals or not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"a checkout is METHOD=PATH of a folder; got {text!r}")
    return name, Path(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    runs = commands.add_parser("run", help="fit the problems of a suite and write a row per run")
    runs.add_argument("suite", choices=list(SUITES))
    runs.add_argument("--methods", nargs="+", default=["ours"], help=f"of {', '.join(METHODS)}, or module:variable")
    runs.add_argument("--seeds", type=parse_seeds, default="0-4", help="such as 0-4 or 0,3; default %(default)s")
    runs.add_argument("--problems", nargs="+", help="default: all of the suite")
    runs.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each; default %(default)s")
    runs.add_argument("--cpu-limit", type=float, help="CPU seconds after which a fit is ended and judged as it is")
    runs.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    runs.add_argument(
        "--checkout", type=parse_checkout, nargs="+", action="extend", default=[], help="METHOD=PATH of its code"
    )
    runs.add_argument("--again", action="store_true", help="replace rows that are there already")

    calibrates = commands.add_parser("calibrate", help="compare probabilities with frequencies on many small problems")
    calibrates.add_argument("--seeds", type=parse_seeds, default="0-209", help="default %(default)s")
    calibrates.add_argument("--jobs", type=int, default=1, help="fits at a time, one thread each; default %(default)s")
    calibrates.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    _add_measured(commands)

    takes = commands.add_parser("costs", help="time a fit, a check and a report of tables of five shapes")
    takes.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES), help="default: all")
    takes.add_argument("--seeds", type=parse_seeds, default="0", help="default %(default)s")
    takes.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    killed = commands.add_parser("kills", help="kill fits that keep a checkpoint, and take them up")
    killed.add_argument("--seeds", type=parse_seeds, default="0-19", help="of the moments; default %(default)s")
    killed.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    fuzzes = commands.add_parser("fuzz", help="try bad and odd inputs, made at random")
    fuzzes.add_argument("--seeds", type=parse_seeds, default="0-19", help="of every class; default %(default)s")
    fuzzes.add_argument("--classes", nargs="+", choices=list(CLASSES), default=list(CLASSES), help="default: all")

    checks = commands.add_parser("checks", help="try the checks without a truth where the truth is known")
    checks.add_argument("--seeds", type=parse_seeds, default="0-4", help="default %(default)s")
    checks.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=KINDS[:1], help="of variables; default: categorical"
    )
    checks.add_argument("--jobs", type=int, default=1, help="problems at a time, one thread each; default %(default)s")
    checks.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    chains = commands.add_parser("chains", help="time several chains against one")
    chains.add_argument("--seeds", type=parse_seeds, default="0", help="default %(default)s")
    chains.add_argument("--problems", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS), help="default: all")
    chains.add_argument("--chains", type=int, default=4, help="default %(default)s")
    chains.add_argument("--cores", type=int, default=2, help="processes for them; default %(default)s")

    batches = commands.add_parser("covariates", help="compare fits that know of batches with fits that do not")
    batches.add_argument("--seeds", type=parse_seeds, default="0-4", help="default %(default)s")
    batches.add_argument("--kinds", nargs="+", choices=list(BATCH_KINDS), default=list(BATCH_KINDS), help="all")
    batches.add_argument("--jobs", type=int, default=1, help="fits at a time, one thread each; default %(default)s")
    batches.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    effects = commands.add_parser("effects", help="see whether intervals of effects hold what is true")
    effects.add_argument("--seeds", type=parse_seeds, default="0-29", help="default %(default)s")
    effects.add_argument("--kinds", nargs="+", choices=list(EFFECT_KINDS), default=list(EFFECT_KINDS), help="all")
    effects.add_argument("--jobs", type=int, default=1, help="problems at a time, one thread each; default %(default)s")
    effects.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    sharing = commands.add_parser("sharing", help="see whether a table of a second cell line helps the first")
    sharing.add_argument("--seeds", type=parse_seeds, default="0-4", help="default %(default)s")
    sharing.add_argument("--kinds", nargs="+", choices=list(SHARED_KINDS), default=list(SHARED_KINDS), help="all")
    sharing.add_argument("--jobs", type=int, default=1, help="problems at a time, one thread each; default %(default)s")
    sharing.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    consensus = commands.add_parser("consensus", help="see what draws agree on where rows are few, targets several")
    consensus.add_argument("--seeds", type=parse_seeds, default="0-4", help="default %(default)s")
    consensus.add_argument("--rows", nargs="+", type=int, choices=ROWS_PER_REGIME, default=list(ROWS_PER_REGIME),
                           help="in a regime; default: all of them")  # fmt: skip
    consensus.add_argument("--jobs", type=int, default=1, help="problems at a time, one thread each")
    consensus.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    same = commands.add_parser(
        "digests", help="print digests of small fits, to see whether a change has changed a number"
    )
    same.add_argument("--problems", nargs="+", choices=list(DIGESTED), default=list(DIGESTED), help="default: all")

    diagnoses = commands.add_parser("diagnose", help="ask diagnose what is wrong with fits where that is known")
    diagnoses.add_argument("--seeds", type=parse_seeds, default="0-19", help="default %(default)s")
    diagnoses.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), help="default: all")
    diagnoses.add_argument("--jobs", type=int, default=1, help="cases at a time, one thread each; default %(default)s")
    diagnoses.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    rests = commands.add_parser("rest", help="see whether the three phases come to rest, on graphs of three variables")
    rests.add_argument("--seeds", type=parse_seeds, default="0-4", help="default %(default)s")
    rests.add_argument(
        "--algorithms", nargs="+", choices=list(ALGORITHMS), default=list(ALGORITHMS), help="default: all"
    )
    rests.add_argument("--done", nargs="+", choices=list(DONE), default=list(DONE), help="interventions; default: all")
    rests.add_argument("--jobs", type=int, default=1, help="fits at a time, one thread each; default %(default)s")
    rests.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")

    others = commands.add_parser("compared", help="write the table of ours beside other methods into the docs")
    others.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    others.add_argument("--page", type=Path, default=PAGE, help="where the table stands, between its marks")

    reports = commands.add_parser("report", help="sum up the results in a page with pictures")
    reports.add_argument("suites", nargs="*", help="default: all that have results")
    reports.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    reports.add_argument("--page", type=Path, default=HERE / "RESULTS.md", help="where to write the page")
    return parser


def _add_measured(commands: argparse._SubParsersAction) -> None:
    measured = commands.add_parser("measured", help="fit measured tables, and hold them against what is known")
    measured.add_argument("data", type=Path, help="folder of the tables; those that it lacks are skipped")
    measured.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="default: all")
    measured.add_argument("--seeds", type=parse_seeds, default="0", help="default %(default)s")
    measured.add_argument("--jobs", type=int, default=1, help="fits at a time, one thread each; default %(default)s")
    measured.add_argument("--several", action="store_true", help="say that a regime may have several targets")
    measured.add_argument("--components", type=int, default=1, help="normal distributions of a mechanism; default 1")
    measured.add_argument("--closed-form", action="store_true", help="settle the graph with closed forms alone")
    measured.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    measured.add_argument("--again", action="store_true", help="replace rows that are there already")


def _measured(options: argparse.Namespace) -> None:
    how = How(options.several, options.components, options.closed_form)
    found = fit_measured(
        options.data, options.seeds, options.out, tables=options.tables, how=how, jobs=options.jobs, again=options.again
    )
    if len(found):
        print(said_of_measured(found))


def main(arguments: list[str] | None = None) -> int:
    """Run a command."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.command == "run":
            run(
                SUITES[options.suite],
                options.methods,
                options.seeds,
                options.out,
                problems=options.problems,
                jobs=options.jobs,
                cpu_limit=options.cpu_limit,
                checkouts=dict(options.checkout),
                again=options.again,
            )
        elif options.command == "compared":
            print(write_compared(options.out, options.page))
        elif options.command == "calibrate":
            print(summary(calibrate(options.seeds, options.out, jobs=options.jobs)).to_string())
        elif options.command == "chains":
            time_chains(options.seeds, options.problems, chains=options.chains, cores=options.cores)
        elif options.command == "digests":
            digests(options.problems)
        elif options.command == "costs":
            print("\n".join(told_costs(costs(options.shapes, options.seeds, options.out))))
        elif options.command == "kills":
            print("\n".join(told_kills(kills(options.seeds, options.out))))
        elif options.command == "fuzz":
            print("\n".join(told_fuzz(fuzz(options.seeds, options.classes))))
        elif options.command == "checks":
            print("\n".join(told(check_checks(options.seeds, options.out, kinds=options.kinds, jobs=options.jobs))))
        elif options.command == "diagnose":
            found = diagnose_cases(options.seeds, options.out, cases=options.cases, jobs=options.jobs)
            print("\n".join(said(found)))
        elif options.command == "measured":
            _measured(options)
        elif options.command == "covariates":
            print(of_covariates(compare_covariates(options.seeds, options.out, kinds=options.kinds, jobs=options.jobs)))
        elif options.command == "effects":
            print(of_effects(ask_effects(options.seeds, options.out, kinds=options.kinds, jobs=options.jobs)))
        elif options.command == "sharing":
            print(of_sharing(compare_sharing(options.seeds, options.out, kinds=options.kinds, jobs=options.jobs)))
        elif options.command == "consensus":
            print(of_consensus(measure_consensus(options.seeds, options.out, rows=options.rows, jobs=options.jobs)))
        elif options.command == "rest":
            which = {"algorithms": options.algorithms, "done": options.done}
            print("\n".join(rested(rest(options.seeds, options.out, jobs=options.jobs, **which))))
        else:
            print(report(options.suites, options.out, options.page))
    except (ValueError, ImportError, OSError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What can be said on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pyrocausal
from pyrocausal.cli import argument_types
from pyrocausal.cli.effect_command import add_effect
from pyrocausal.cli.table_options import add_table_options
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.target_files import read_targets
from pyrocausal.simulate import networks
from pyrocausal.simulate.interventions import Intervention, hard_random, hard_uniform, soft

__all__ = ["INTERVENTIONS", "LARGE_SIZES", "SMALL", "SMALL_SIZES", "make_parser", "targets_of"]

INTERVENTIONS: dict[str, Intervention] = {"soft": soft, "uniform": hard_uniform, "random": hard_random}
SMALL, SMALL_SIZES, LARGE_SIZES = 3, (3, 10_000, 500), (1, 50_000, 512)  # variables; regimes each, rows, rows of each

RAW = argparse.RawDescriptionHelpFormatter

FIT_EXAMPLES = """\
examples:
  One column, condition, says under which condition a row was recorded; "control" marks rows without intervention:
    pyrocausal fit cells.csv --regime-column condition --observational control --out results

  Age comes before everything else, and what the drug hits is known:
    pyrocausal fit trial.csv --regime-column arm --observational placebo --out results \\
        --forbidden weight age --forbidden dose age --target drug=dose

  A drug is known to hit AKT, and may hit more:
    pyrocausal fit cells.csv --regime-column condition --observational control --out results --at-least drug=AKT

  Molecules of two genes in cells, in proportion to all molecules of a cell:
    pyrocausal fit genes.csv --regime-column guide --observational none --out results \\
        --count A B --exposure depth

  A column names the variables that were acted on, and is empty in rows without intervention:
    pyrocausal fit screen.tsv --targets-column target --ignore cell_id --count-all --out results

  Some genes of cells as scanpy stores them:
    pyrocausal fit cells.h5ad --regime-column perturbation --observational control --genes KRAS TP53 MYC --out results

Column types are inferred: text and whole numbers are categories, other numbers continuous. Counts have to be named, but
for those of .h5ad.
"""
CHECK_EXAMPLES = """\
example:
  pyrocausal check cells.csv --regime-column condition --observational control

Dangerous is what can turn the answer, doubtful what may not be what was meant; the rest is good to know.
"""
DEMO_EXAMPLES = """\
examples:
  pyrocausal demo chain3
  pyrocausal demo sachs --chains 1 --out results
  pyrocausal demo asia --intervention soft --regimes-per-variable 6
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave it to `main` to say what is wrong, in one line."""
        raise ValueError(f"{message} (see {self.prog} --help)")


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of `pyrocausal`; what it returns has the name of the command in `command`."""
    parser = _Parser(
        prog="pyrocausal",
        formatter_class=RAW,
        description="Causal graphs from experiments whose targets nobody wrote down.",
        epilog="examples:\n  pyrocausal demo sachs\n  pyrocausal fit cells.csv --regime-column condition "
        "--observational control --out results\n  pyrocausal effect results --on Erk --do PKA=high --versus PKA=low\n\n"
        "See pyrocausal COMMAND --help for all options.",
    )
    parser.add_argument("--version", action="version", version=f"pyrocausal {pyrocausal.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    _add_fit(commands)
    _add_check(commands)
    add_effect(commands)
    _add_demo(commands)
    return parser


def _add_fit(commands: Any) -> None:
    text = "learn the graph and the targets from a table"
    fit = commands.add_parser(
        "fit", help=text, formatter_class=RAW, epilog=FIT_EXAMPLES,
        usage="%(prog)s TABLE --regime-column COLUMN [--observational NAME] --out DIR [options]",
        description="Learn a causal graph, and which variable each experiment acted on, from a table.",
    )  # fmt: skip
    add_table_options(fit)
    fit.add_argument("--out", metavar="DIR", type=argument_types.folder, required=True, help="where the report goes")
    fit.add_argument(
        "--graph-file", metavar="PATH", type=argument_types.graph_file,
        help="write the graph there too: .gml, .graphml, .dot or .cyjs (Cytoscape)",
    )  # fmt: skip
    fit.add_argument("--no-report", action="store_true", help="write results alone, without pictures and pages")
    known = fit.add_argument_group("what is known beforehand (each option can be repeated)")
    pair: dict[str, Any] = {"nargs": 2, "action": "append", "metavar": ("CAUSE", "EFFECT"), "default": []}
    known.add_argument("--required", help="an edge that is there", **pair)
    known.add_argument("--forbidden", help="an edge that cannot be there", **pair)
    known.add_argument(
        "--knowledge", metavar="FILE", type=Path, action="append", default=[],
        help="edges (columns cause, effect, probability: 1 is required, 0 forbidden) or tiers (columns variable, tier) "
        "as text, or a graph: .gml, .graphml, .dot, .dagitty",
    )  # fmt: skip
    known.add_argument(
        "--several-targets", action="store_true", help="a regime may have several targets; default: asked of the data"
    )
    known.add_argument("--one-target", action="store_true", help="a regime has one target at the most, or none")
    known.add_argument(
        "--max-parents",
        metavar="N",
        type=partial(argument_types.whole, least=0),
        help="direct causes a variable has at the most",
    )
    known.add_argument(
        "--target", metavar="REGIME=VARIABLE", action="append", default=[], type=_target,
        help='a known target of a regime, which has no others; "REGIME=" if it has none',
    )  # fmt: skip
    known.add_argument(
        "--at-least", metavar="REGIME=VARIABLE", action="append", default=[], type=partial(_target, none=False),
        help="a certain target of a regime that may have others too, which are to be found",
    )  # fmt: skip
    known.add_argument(
        "--targets-file", metavar="FILE.csv", type=Path, action="append", default=[],
        help="the same (columns regime, target and perhaps at_least: yes where there may be others)",
    )  # fmt: skip
    known.add_argument(
        "--probable-target", nargs=3, action="append", metavar=("REGIME", "VARIABLE", "P"), default=[],
        help="how likely a variable is a target of a regime, from 0 to 1",
    )  # fmt: skip
    _add_kinds(fit)
    fit.add_argument("--paper", action="store_true", help="the algorithm of the paper (arXiv:1910.01075), as published")
    _add_common(fit, seed="default: a fresh one, kept in the report", default_seed=None)
    lasting = fit.add_argument_group("a run that may be killed")
    lasting.add_argument(
        "--checkpoint",
        metavar="DIR",
        type=argument_types.folder,
        help="keep there, every few seconds, what has been computed",
    )
    lasting.add_argument(
        "--resume", action="store_true", help="take up the fit that is in --checkpoint, or begin one if none is"
    )


def _add_check(commands: Any) -> None:
    text = "look at a table before it is fitted"
    check = commands.add_parser(
        "check", help=text, formatter_class=RAW, epilog=CHECK_EXAMPLES,
        usage="%(prog)s TABLE --regime-column COLUMN [--observational NAME] [options]",
        description="Say what columns were taken for, and what looks wrong with them, before anything is fitted.",
    )  # fmt: skip
    add_table_options(check)
    _add_kinds(check)


def _add_kinds(parser: argparse.ArgumentParser) -> None:
    """What the columns are."""
    kinds = parser.add_argument_group("what the columns are")
    names: dict[str, Any] = {"nargs": "+", "action": "extend", "metavar": "NAME", "default": []}
    kinds.add_argument("--categorical", help="variables that are categories", **names)
    kinds.add_argument(
        "--levels", nargs="+", action="append", metavar=("NAME", "LEVEL"), default=[],
        help="a variable whose levels have an order, from the lowest to the highest; again for another variable",
    )  # fmt: skip
    kinds.add_argument("--continuous", help="variables that are numbers", **names)
    kinds.add_argument(
        "--components", metavar="N", type=argument_types.count,
        help="those named by --continuous are mixtures of N normal distributions; default: normal",
    )  # fmt: skip
    kinds.add_argument("--count", help="variables that count something", **names)
    kinds.add_argument(
        "--count-all", action="store_true", help="so are all others that hold whole numbers of at least 0"
    )
    kinds.add_argument(
        "--count-components", metavar="N", type=argument_types.count,
        help="counts are mixtures of N negative binomials, such as 2 where a part of the cells responds; default: 1",
    )  # fmt: skip
    kinds.add_argument(
        "--exposure", metavar="NAME", help="column that all counts are in proportion to, such as a cell's molecules"
    )
    kinds.add_argument(
        "--weights",
        metavar="COLUMN",
        help="column that tells how many rows each row counts as; no variable of the graph",
    )


def _add_demo(commands: Any) -> None:
    text = "simulate experiments on a network, learn it back, compare with the truth"
    demo = commands.add_parser(
        "demo", help=text, formatter_class=RAW, epilog=DEMO_EXAMPLES,
        usage="%(prog)s NAME [options]\n       %(prog)s --list", description=text[0].upper() + text[1:] + ".",
    )  # fmt: skip
    demo.add_argument(
        "name", metavar="NAME", nargs="?",
        help=f"{', '.join(networks.available())}; with pgmpy installed also its networks, such as alarm",
    )  # fmt: skip
    demo.add_argument("--list", action="store_true", help="list the networks that come with pyrocausal, and end")
    demo.add_argument(
        "--intervention", choices=INTERVENTIONS,
        help="soft redraws a mechanism, uniform and random replace it; default: uniform, soft for 3 variables",
    )  # fmt: skip
    small, large = SMALL_SIZES, LARGE_SIZES
    for option, what, few, many in (
        ("--regimes-per-variable", "experiments on each variable", small[0], large[0]),
        ("--rows", "observational rows", small[1], large[1]),
        ("--rows-per-regime", "rows of each experiment", small[2], large[2]),
    ):
        demo.add_argument(
            option,
            metavar="N",
            type=argument_types.count,
            help=f"{what}; default: {many:,}, or {few:,} for 3 variables",
        )
    demo.add_argument("--out", metavar="DIR", type=argument_types.folder, help="write a report there, too")
    _add_common(demo, seed="of the simulation and the fit; default: 0", default_seed=0)


def _add_common(parser: argparse.ArgumentParser, seed: str, default_seed: int | None) -> None:
    group = parser.add_argument_group("the run")
    group.add_argument("--seed", metavar="N", type=argument_types.seed, default=default_seed, help=seed)
    group.add_argument(
        "--chains", metavar="N", type=argument_types.count, default=4, help="independent restarts; default: 4"
    )
    group.add_argument(
        "--cores", metavar="N", type=argument_types.count, help="processes for the chains; default: all cores"
    )
    group.add_argument(
        "--max-steps", metavar="N", type=argument_types.count, help="steps of the three phases at the most"
    )
    group.add_argument(
        "--budget",
        metavar="TIME",
        help='wall time for networks, such as "10 min"; no other part of the run keeps to it; default: no limit',
    )
    group.add_argument("--no-settling", action="store_true", help="end after the three phases")
    group.add_argument("--draws", metavar="N", type=argument_types.count, help="then draw N graphs from the posterior")
    group.add_argument("--quiet", action="store_true", help="no progress, only the results")


def _target(text: str, none: bool = True) -> tuple[str, str]:
    regime, equals, variable = text.rpartition("=")
    if not none and not (regime and variable):
        raise argparse.ArgumentTypeError(f"expected REGIME=VARIABLE, got {text!r}")
    if not (regime and equals):
        raise argparse.ArgumentTypeError(f"expected REGIME=VARIABLE, or REGIME= for none, got {text!r}")
    return regime, variable


def targets_of(
    known: Sequence[tuple[str, str]], certain: Sequence[tuple[str, str]], files: Sequence[Path]
) -> dict[str, tuple[str, ...] | AtLeast]:
    """What is said of the targets of each regime.

    Parameters
    ----------
    known, certain
        Pairs of regime and variable, of --target and of --at-least.
    files
        Of --targets-file.

    Raises
    ------
    ValueError
        If a regime is said to have a target and none, or is spoken of in two ways or files, or a file is not of
        targets.
    """
    targets: dict[str, tuple[str, ...] | AtLeast] = {}
    for regime, variables in _by_regime(known).items():
        if "" in variables and set(variables) != {""}:
            raise ValueError(f"--target says both that regime {regime!r} has no target and that it has one")
        targets[regime] = tuple(filter(None, variables))
    partly: dict[str, tuple[str, ...] | AtLeast] = {r: AtLeast(*names) for r, names in _by_regime(certain).items()}
    for where, told in (("--at-least", partly), *((f"--targets-file {path}", read_targets(path)) for path in files)):
        if twice := [regime for regime in told if regime in targets]:
            raise ValueError(f"{where} names regime {twice[0]!r}, whose targets are given already; drop one of the two")
        targets |= told
    return targets


def _by_regime(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for regime, variable in pairs:
        found.setdefault(regime, []).append(variable)
    return found

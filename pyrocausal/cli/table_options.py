"""How a table is to be read, on the command line: its form, its columns and their kinds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.table_files import format_of
from pyrocausal.data.tables import Targets

__all__ = ["add_table_options", "kinds_of", "probable_targets", "read_table"]

NAMES: dict[str, Any] = {"nargs": "+", "action": "extend", "metavar": "NAME", "default": []}
SEPARATORS = {"tab": "\t", "\\t": "\t", "space": " "}


def add_table_options(fit: argparse.ArgumentParser) -> None:
    """Add the table and the options that say how to read it; what they ask for does `read_table`."""
    fit.add_argument(
        "table", metavar="TABLE", type=Path,
        help="rows with a header: .csv, .tsv, .txt (packed too), .parquet, .h5ad; or a folder of such files",
    )  # fmt: skip
    fit.add_argument("--regime-column", metavar="COLUMN", help="column that tells each row's regime")
    fit.add_argument(
        "--targets-column", metavar="COLUMN",
        help="column that names the variables acted on, several with , ; or + between them, empty where none was; "
        "beside --regime-column or in its place",
    )  # fmt: skip
    fit.add_argument(
        "--observational",
        help="labels of rows without intervention; '' for rows without a label, which is the default", **NAMES,
    )  # fmt: skip
    form = fit.add_argument_group("the form of the table")
    form.add_argument("--sep", metavar="TEXT", help="what separates fields, also tab or space; default: found out")
    form.add_argument("--encoding", metavar="NAME", help="such as latin-1; default: UTF-8, or UTF-16 by its mark")
    form.add_argument("--missing", help="what stands for a missing value beside empty cells, such as -999", **NAMES)
    form.add_argument("--index-column", metavar="NAME", help="column that only numbers or names rows; no variable")
    form.add_argument("--ignore", help="columns that are no variables", **NAMES)
    form.add_argument(
        "--covariate", dest="covariates",
        help="columns that are conditioned on, such as batch: they may act on everything and are no node", **NAMES,
    )  # fmt: skip
    form.add_argument(
        "--group", metavar="NAME", help="column of rows that belong together, such as patient; groups are counted"
    )
    form.add_argument("--genes", help="of .h5ad: the genes that are variables; default: all", **NAMES)
    form.add_argument("--obs", help="of .h5ad: columns of obs that are variables too", **NAMES)
    form.add_argument("--layer", metavar="NAME", help="of .h5ad: the layer to read; default: X")


def read_table(arguments: argparse.Namespace, targets: Targets = None) -> InterventionalData:
    """The table that the arguments of `pyrocausal fit` name, by its suffix.

    Raises
    ------
    TypeError, ValueError
        As the readers of `InterventionalData`, and if options are of no use for such a file.
    """
    form = "folder" if arguments.table.is_dir() else format_of(arguments.table)
    if form != "folder" and arguments.regime_column is None and arguments.targets_column is None:
        raise ValueError("--regime-column is missing: name the column that tells each row's regime (see --help)")
    of_text = {"--sep": arguments.sep, "--encoding": arguments.encoding, "--missing": arguments.missing}
    of_cells = {"--genes": arguments.genes, "--obs": arguments.obs, "--layer": arguments.layer}
    of_tables = {"--ignore": arguments.ignore, "--index-column": arguments.index_column}
    of_files = {"--regime-column": arguments.regime_column}
    idle = {
        "text": of_cells, "folder": {**of_files, **of_cells}, "parquet": {**of_text, **of_cells},
        "h5ad": {**of_text, **of_tables},
    }[form]  # fmt: skip
    if given := [name for name, value in idle.items() if value]:
        raise ValueError(f"{given[0]} is given, but has no meaning for {arguments.table.name}; drop it")
    labels = arguments.observational
    options: dict[str, Any] = {
        "regime": arguments.regime_column,
        "observational": labels if len(labels) > 1 else labels[0] if labels else None,
        "kinds": kinds_of(arguments, in_cells=form == "h5ad"),
        "targets": targets,
        "weights": arguments.weights,
        "targets_column": arguments.targets_column,
        "covariates": arguments.covariates,
        "groups": arguments.group,
    }
    if form == "h5ad":
        options |= {"genes": arguments.genes or None, "obs": arguments.obs, "exposure": arguments.exposure}
        return InterventionalData.from_anndata(arguments.table, layer=arguments.layer, **options)
    options |= {"ignore": arguments.ignore, "index_column": arguments.index_column}
    written = {"encoding": arguments.encoding, "missing": arguments.missing}
    sep = SEPARATORS.get(arguments.sep, arguments.sep)
    if form == "folder":
        del options["regime"]
        return InterventionalData.from_folder(arguments.table, sep=sep, **written, **options)
    if form == "parquet":
        return InterventionalData.from_parquet(arguments.table, **options)
    sep = sep or ("\t" if ".tsv" in arguments.table.suffixes else None)
    return InterventionalData.from_csv(arguments.table, sep=sep, **written, **options)


def kinds_of(arguments: argparse.Namespace, in_cells: bool = False) -> dict[Any, Any]:
    """Kinds of the variables that options name, and under `...` that of the others with --count-all.

    Raises
    ------
    ValueError
        If a variable is named twice, or an option has nothing to work on.
    """
    levels = levels_of(arguments.levels)
    given: dict[str, Sequence[str]] = {
        "categorical": arguments.categorical, "levels": [*levels], "continuous": arguments.continuous,
        "count": arguments.count,
    }  # fmt: skip
    for (first, names), (second, others) in combinations(given.items(), 2):
        if both := sorted(set(names) & set(others)):
            raise ValueError(f"{both[0]!r} is given both as --{first} and as --{second}")
    if arguments.exposure is not None and not (arguments.count or arguments.count_all or in_cells):
        raise ValueError("--exposure is given, but no --count or --count-all that could be in proportion to it")
    if arguments.components is not None and not arguments.continuous:
        raise ValueError("--components is given, but no --continuous that could be a mixture")
    numbers = Continuous if arguments.components is None else Continuous(components=arguments.components)
    if arguments.count_components is not None and not (arguments.count or arguments.count_all):
        raise ValueError("--count-components is given, but no --count or --count-all that could be a mixture")
    count = Count(arguments.exposure, components=arguments.count_components or 1)
    return {
        **dict.fromkeys(arguments.categorical, Categorical),
        **levels,
        **dict.fromkeys(arguments.continuous, numbers),
        **dict.fromkeys(arguments.count, count),
        **({...: count} if arguments.count_all else {}),
    }


def levels_of(told: Sequence[Sequence[str]]) -> dict[str, Categorical]:
    """What --levels says, each NAME and its levels; whole numbers where all of them are.

    Raises
    ------
    ValueError
        If a variable has fewer than two levels, or is named twice.
    """
    found: dict[str, Categorical] = {}
    for name, *levels in told:
        if len(levels) < 2:
            raise ValueError(f"--levels {name!r} needs its levels, the lowest first, got {levels}")
        if name in found:
            raise ValueError(f"--levels names {name!r} twice; drop one")
        try:
            states: list[Any] = [int(level) for level in levels]
        except ValueError:
            states = levels
        try:
            found[name] = Categorical(tuple(states), ordered=True)
        except ValueError as error:
            raise ValueError(f"--levels {name!r}: {error}") from None
    return found


def probable_targets(told: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """What --probable-target says, each REGIME, VARIABLE and P, for `TargetPrior`.

    Raises
    ------
    ValueError
        If a probability is no number, or one is given twice.
    """
    found: dict[str, dict[str, float]] = {}
    for regime, variable, text in told:
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"--probable-target: expected a probability from 0 to 1, got {text!r}") from None
        if variable in found.setdefault(regime, {}):
            raise ValueError(f"--probable-target gives {variable!r} in regime {regime!r} twice; drop one")
        found[regime][variable] = number
    return found

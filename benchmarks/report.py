"""A page with the results of the suites: tables and pictures, from the rows that runs have written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks import checks, pictures
from benchmarks.literature import LITERATURE
from benchmarks.measured.fits import read_measured
from benchmarks.methods import METHODS
from benchmarks.report_sections import (
    calibration_section,
    checks_section,
    consensus_section,
    costs_section,
    covariates_section,
    diagnoses_section,
    effects_section,
    kills_section,
    link,
    measured_section,
    rest_section,
    seeds_of,
    sharing_section,
)
from benchmarks.rows import read_table
from benchmarks.suites import SUITES, Suite
from benchmarks.suites_drift import against_clean
from benchmarks.suites_expression import at_strengths
from benchmarks.suites_large import by_family

__all__ = ["report"]

INTRODUCTION = """# Results

Written by `python -m benchmarks report` from the rows in `{folder}`. A cell says, from the top:

- mean structural Hamming distance (SHD) of the DAG that a method ends with / of its edges above one half;
- the first of the two for each seed;
- what a suite adds, mean over seeds: see its own lines;
- targets found, of the regimes whose rows show that something was done; no such line for methods that know the targets;
- median CPU seconds of a fit, and in brackets those after which its graph did not change any more;
- the number of seeds.

A run at the CPU limit counts with its last graph, one that failed does not count. The data of a problem and a seed are
the same for all methods. Figures of the literature are for other draws of the same kind of problem, and not checked by
us."""


TELLS = {
    "expected_shd": "expected SHD {:.1f}",
    "average_precision": "edge AUPRC {:.2f}",
    "target_auprc": "target AUPRC {:.2f}",
    "placebo_none": "placebos called none {:.0%}",
    "hidden_found": "hidden edges found {:.1f}",
    "precision": "precision {:.3f}",
    "recall": "recall {:.3f}",
    "peak_memory_total_mb": "{:,.0f} MB",
    "wall_total": "wall {:,.0f} s",
}

GROWTH = "CPU seconds of a fit, and its memory, against the number of variables"
OWN_TABLES = {"drift": against_clean, "expression": at_strengths}  # of suites that ask for another one


def report(names: Sequence[str], folder: Path, page: Path) -> str:
    """Write a page, and pictures beside the rows.

    Parameters
    ----------
    names
        Suites; none means all that have results.
    folder
        Where the rows are, and where pictures go.
    page
        The page.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    ValueError
        When a suite is unknown or has no results.
    """
    if strange := [name for name in names if name not in SUITES]:
        raise ValueError(f"there is no suite {strange[0]!r}; there are {', '.join(SUITES)}")
    files = {name: folder / f"{name}.csv" for name in names or SUITES}
    if names and (empty := [name for name in names if not files[name].exists()]):
        raise ValueError(f"suite {empty[0]} has no results in {folder}")
    parts = [INTRODUCTION.format(folder=link(folder, page))]
    for name, file in files.items():
        if file.exists():
            runs = read_table(file)
            parts += _section(SUITES[name], runs, folder, page)
    if not names and (table := folder / "measured.csv").exists():
        parts += measured_section(read_measured(table))
    if not names and (table := folder / "covariates.csv").exists():
        parts += covariates_section(pd.read_csv(table))
    if not names and (table := folder / "effects.csv").exists():
        parts += effects_section(pd.read_csv(table))
    if not names and (table := folder / "sharing.csv").exists():
        parts += sharing_section(pd.read_csv(table))
    if not names and (table := folder / "consensus.csv").exists():
        parts += consensus_section(pd.read_csv(table))
    if not names and (table := folder / "calibration.csv").exists():
        parts += calibration_section(pd.read_csv(table), folder, page)
    if not names and (table := folder / "checks.csv").exists():
        parts += checks_section(checks.read_checks(table))
    if not names and (table := folder / "diagnose.csv").exists():
        parts += diagnoses_section(pd.read_csv(table))
    if not names and (table := folder / "costs.csv").exists():
        parts += costs_section(pd.read_csv(table))
    if not names and (table := folder / "kills.csv").exists():
        parts += kills_section(pd.read_csv(table))
    if not names and (table := folder / "rest.csv").exists():
        parts += rest_section(pd.read_csv(table))
    if len(parts) == 1:
        raise ValueError(f"there are no results in {folder}; start with python -m benchmarks run SUITE")
    text = "\n\n".join(parts) + "\n"
    page.write_text(text, encoding="utf-8")
    return text


def _section(suite: Suite, runs: pd.DataFrame, folder: Path, page: Path) -> list[str]:
    order = [problem.name for problem in suite.problems]
    there = set(runs.problem)
    problems = [name for name in order if name in there] + sorted(there - set(order))
    literature = {label: means for label, means in LITERATURE.get(suite.name, {}).items() if there & set(means)}
    drawn = {}
    if runs.shd_dag.notna().any():
        drawn[f"{suite.name}-shd.png", "SHD by problem and method"] = pictures.distance(runs, problems, literature)
    if runs.cpu_total.notna().any():
        drawn[f"{suite.name}-cpu.png", "CPU seconds by problem and method"] = pictures.cpu(runs, problems)
    if suite.name == "scaling" and runs.cpu_total.notna().any():
        drawn["scaling-growth.png", GROWTH] = pictures.scaling(runs)
    if suite.name == "large":
        for family, some in by_family(runs):
            if some.variables.nunique() < 2:  # nothing grows
                continue
            drawn[f"large-growth-{family}.png", f"{family}: {GROWTH}"] = pictures.scaling(some)
    if suite.name == "density" and runs.shd_dag.notna().any():
        drawn["density-variables.png", "SHD against the number of variables"] = pictures.against_variables(runs)
    shown = []
    for (name, title), figure in drawn.items():
        figure.savefig(folder / name, dpi=130)
        shown.append(f"![{title}]({link(folder / name, page)})")
    own = OWN_TABLES.get(suite.name)
    table = own(runs) if own else _table(runs, problems, literature, suite.tells)
    more = [*_wrong(runs, problems), *(_growth(runs) if suite.name == "scaling" else [])]
    if suite.name == "large":
        more += [f"{family}: {line}" for family, some in by_family(runs) for line in _growth(some)]
    return [f"## {suite.name}", suite.about, _what_was_run(suite, runs), table, *more, *shown]


def _growth(runs: pd.DataFrame) -> list[str]:
    seconds, memory = pictures.exponents(runs, "ours")
    if math.isnan(seconds):
        return []
    return [f"`ours`: CPU seconds grow as the number of variables to the power {seconds:.2f}, memory {memory:.2f}."]


def _wrong(runs: pd.DataFrame, problems: Sequence[str], most: int = 3) -> list[str]:
    """Pairs that the default has wrong, in runs that have no more than a few so."""
    ours = runs[(runs.method == "ours") & (runs.shd_dag <= most) & runs.wrong.notna()]
    ours = ours.sort_values("seed").sort_values("problem", key=lambda column: column.map(problems.index), kind="stable")
    lines = [f"- {row.problem}, seed {row.seed}: {row.wrong}" for row in ours.itertuples()]
    return (
        ["Pairs that `ours` has wrong, where these are few, and what it believes of them:", "\n".join(lines)]
        if lines
        else []
    )


def _what_was_run(suite: Suite, runs: pd.DataFrame) -> str:
    methods, seeds = pictures.methods_of(runs), sorted(set(runs.seed))
    at_limit, failed = (int(runs.status.str.startswith(what).sum()) for what in ("cpu-limit", "error"))
    command = f"python -m benchmarks run {suite.name} --methods {' '.join(methods)} --seeds {seeds_of(seeds)}"
    said = [f"{len(runs)} runs", *_counted(at_limit, "at the CPU limit"), *_counted(failed, "failed")]
    return f"Run with `{command}`: {', '.join(said)}."


def _counted(number: int, what: str) -> list[str]:
    return [f"{number} {what}"] if number else []


def _table(
    runs: pd.DataFrame, problems: Sequence[str], literature: dict[str, dict[str, float]], tells: Sequence[str]
) -> str:
    methods = pictures.methods_of(runs)
    told = [f"{name}, told targets" if name in METHODS and METHODS[name].told_targets else name for name in methods]
    header = ["problem", *told, *(f"{label} (literature)" for label in literature)]
    lines = [header, ["---"] * len(header)]
    for problem in problems:
        here = runs[runs.problem == problem]
        cells = [_cell(here[here.method == method].sort_values("seed"), tells) for method in methods]
        cells += [f"{means[problem]:g}" if problem in means else "" for means in literature.values()]
        lines.append([problem, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(runs: pd.DataFrame, tells: Sequence[str] = ()) -> str:
    """What the introduction of the page says."""
    if runs.empty:
        return ""
    judged = runs[runs.shd_dag.notna()]
    parts = []
    if len(judged):
        parts.append(f"**{judged.shd_dag.mean():.1f}** / {judged.shd_edges.mean():.1f}")
        parts.append(" ".join(f"{each:.0f}" for each in judged.shd_dag))
        parts += [TELLS[name].format(judged[name].mean()) for name in tells if judged[name].notna().any()]
        known = judged[judged.target_accuracy_visible.notna()]
        if len(known):
            right = round(float((known.target_accuracy_visible * known.n_visible).sum()))
            parts.append(f"targets {right}/{int(known.n_visible.sum())}")
    if runs.cpu_total.notna().any():
        kept = f" ({_seconds(judged.cpu_to_keep.median())})" if judged.cpu_to_keep.notna().any() else ""
        parts.append(f"{_seconds(runs.cpu_total.median())}{kept} s")
    at_limit, failed = (int(runs.status.str.startswith(what).sum()) for what in ("cpu-limit", "error"))
    counts = [f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"]
    parts.append(", ".join([*counts, *_counted(at_limit, "at the limit"), *_counted(failed, "failed")]))
    return "<br>".join(parts)


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"

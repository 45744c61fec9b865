"""Sections of the report that are no suites, and how seeds and links are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks import (
    calibration,
    checks,
    consensus,
    costs,
    covariates,
    diagnosing,
    effect_intervals,
    killing,
    pictures,
    resting,
    sharing,
)
from benchmarks.calibration import summary
from benchmarks.measured.fits import said_of_measured

__all__ = [
    "calibration_section",
    "checks_section",
    "consensus_section",
    "costs_section",
    "covariates_section",
    "diagnoses_section",
    "effects_section",
    "kills_section",
    "link",
    "measured_section",
    "rest_section",
    "seeds_of",
    "sharing_section",
]


def calibration_section(table: pd.DataFrame, folder: Path, page: Path) -> list[str]:
    """Probabilities beside frequencies; draws a picture."""
    name = "calibration-reliability.png"
    pictures.reliability(table).savefig(folder / name, dpi=130)
    seeds = sorted(set(table.seed))
    found = summary(table)
    header = [*found.index.names, *found.columns]
    lines = [header, ["---"] * len(header)]
    for index, row in found.iterrows():
        counts, errors = row.iloc[:2], row.iloc[2:]
        assert isinstance(index, tuple)
        lines.append([*index, *(f"{count:.0f}" for count in counts), *(f"{error:.3f}" for error in errors)])
    return [
        "## calibration",
        " ".join(str(calibration.__doc__).split()),
        f"Run with `python -m benchmarks calibrate --seeds {seeds_of(seeds)}`.",
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        f"![Reliability of edge and target probabilities]({link(folder / name, page)})",
    ]


def costs_section(table: pd.DataFrame) -> list[str]:
    """What fits, checks and reports take."""
    return [
        "## costs",
        " ".join(str(costs.__doc__).split()),
        f"Run with `python -m benchmarks costs --seeds {seeds_of(sorted(set(table.seed)))}`; wall seconds, CPU "
        "seconds in brackets, and the most memory held in GiB; medians over seeds.",
        "\n".join(costs.told_costs(table)),
    ]


def kills_section(table: pd.DataFrame) -> list[str]:
    """Whether fits that were killed lost anything."""
    return ["## kills", " ".join(str(killing.__doc__).split()), "\n".join(killing.told_kills(table))]


def checks_section(table: pd.DataFrame) -> list[str]:
    """What the checks without a truth have told."""
    commands = [
        f"`python -m benchmarks checks --kinds {kind} --seeds {seeds_of(sorted(runs.seed))}`"
        for kind, runs in table.groupby("kind", sort=False)
    ]
    return [
        "## checks",
        " ".join(str(checks.__doc__).split()),
        f"Run with {' and '.join(commands)}: {table.cpu_seconds.sum():.0f} CPU seconds.",
        "\n".join(f"- {line}" for line in checks.told(table)),
    ]


def covariates_section(table: pd.DataFrame) -> list[str]:
    """What it helps to name a batch as a covariate."""
    return [
        "## covariates",
        " ".join(str(covariates.__doc__).split()),
        f"Run with `python -m benchmarks covariates --seeds {seeds_of(sorted(set(table.seed)))}`: "
        f"{table.cpu_seconds.sum():.0f} CPU seconds.",
        covariates.of_covariates(table),
    ]


def effects_section(table: pd.DataFrame) -> list[str]:
    """How often intervals of effects hold what is true."""
    return [
        "## effects",
        " ".join(str(effect_intervals.__doc__).split()),
        f"Run with `python -m benchmarks effects --seeds {seeds_of(sorted(set(table.seed)))}`.",
        effect_intervals.of_effects(table),
    ]


def consensus_section(table: pd.DataFrame) -> list[str]:
    """What draws agree on where rows are few and targets several."""
    return [
        "## consensus",
        " ".join(str(consensus.__doc__).split()),
        f"Run with `python -m benchmarks consensus --seeds {seeds_of(sorted(set(table.seed)))}`.",
        consensus.of_consensus(table),
    ]


def sharing_section(table: pd.DataFrame) -> list[str]:
    """What a table of a second cell line helps the first."""
    return [
        "## sharing",
        " ".join(str(sharing.__doc__).split()),
        f"Run with `python -m benchmarks sharing --seeds {seeds_of(sorted(set(table.seed)))}`. Mean average precision:",
        sharing.of_sharing(table),
    ]


def diagnoses_section(table: pd.DataFrame) -> list[str]:
    """What `diagnose` has found where it is known what is wrong."""
    commands: dict[str, list[str]] = {}
    for case, runs in table.groupby("case", sort=False):
        commands.setdefault(seeds_of(sorted(runs.seed)), []).append(str(case))
    run = [f"`python -m benchmarks diagnose --seeds {seeds} --cases {' '.join(of)}`" for seeds, of in commands.items()]
    return [
        "## diagnose",
        str(diagnosing.__doc__).strip(),
        f"Run with {' and '.join(run)}: {table.cpu_seconds.sum():.0f} CPU seconds.",
        "\n".join(f"- {line}" for line in diagnosing.said(table)),
    ]


def measured_section(table: pd.DataFrame) -> list[str]:
    """What measured tables have given."""
    return [
        "## measured",
        "Tables that were measured, and are not part of the repository. The proteins of Sachs et al. (2005) as numbers "
        "and in three levels, nine conditions: edges against the graph of 17 that the literature draws. Targeted "
        "Perturb-seq (Schraivogel et al. 2020), counts of 12 genes: a regime for each gene or enhancer that guides "
        "repress, without and with the batch as a variable. PetShop, log latency of services of a web shop at low and "
        "high traffic, normal hours and 14 issues: the root cause is to be named, told the call graph (*-graph*) or "
        "not. A right pair is joined by what is found and by the graph, in either direction. The target that is named "
        "is the most probable one.",
        f"Run with `python -m benchmarks measured DIR --seeds {seeds_of(sorted(set(table.seed)))}`.",
        said_of_measured(table),
    ]


def seeds_of(seeds: Sequence[int]) -> str:
    """Write seeds as the command line takes them, such as "0-4,7"."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def link(target: Path, page: Path) -> str:
    """Write a path as a link from a page."""
    return Path(os.path.relpath(target, page.parent)).as_posix()


def rest_section(table: pd.DataFrame) -> list[str]:
    """What `python -m benchmarks rest` has found."""
    asked: dict[tuple[str, str], list[str]] = {}  # algorithms by seeds and interventions
    for name, fits in table.groupby("algorithm", sort=False):
        key = seeds_of(sorted(set(fits.seed))), " ".join(dict.fromkeys(fits.done))
        asked.setdefault(key, []).append(str(name))
    commands = [
        f"`python -m benchmarks rest --seeds {seeds} --algorithms {' '.join(names)} --done {done}`"
        for (seeds, done), names in asked.items()
    ]
    return [
        "## rest",
        str(resting.__doc__).strip(),
        f"Run with {' and '.join(commands)}: {table.cpu_seconds.sum():.0f} CPU seconds.",
        "\n".join(f"- {line}" for line in resting.rested(table)),
    ]

"""Fits of measured tables, a row each, and what the report says of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd

from benchmarks.measured import petshop, sachs, tap_seq
from benchmarks.measured.tables import Measured, Table
from benchmarks.rows import add_missing
from pyrocausal import CausalPosterior, Continuous, Settling, TargetPrior, discover
from pyrocausal.posterior.graph_metrics import shd

__all__ = ["COLUMNS", "TABLES", "How", "fit_measured", "judge_measured", "read_measured", "said_of_measured"]

TABLES: dict[str, Table] = {each.name: each for each in (*sachs.TABLES, *tap_seq.TABLES, *petshop.TABLES)}
KEY = ["table", "how", "seed"]
COLUMNS = (
    *KEY, "variables", "regimes", "edges", "shd", "right_pairs", "pair_precision", "called", "callable", "right",
    "known", "mean_probability", "cpu", "status", "named", "further", "note",
)  # fmt: skip
CALLED = 0.5  # a variable is called a target above this probability


@dataclass(frozen=True)
class How:
    """What a fit is asked for beside the defaults.

    Attributes
    ----------
    several
        Whether a fit is told in advance that a regime may have several targets; if not, it asks the evidence.
    components
        Normal distributions that a mechanism of numbers mixes, see `Continuous`.
    closed_form
        Whether closed forms alone settle the graph, which takes a fraction of the time.
    """

    several: bool = False
    components: int = 1
    closed_form: bool = False

    def __str__(self) -> str:
        mixed = f"{self.components} components" if self.components > 1 else ""
        said = ("several" * self.several, mixed, "closed form" * self.closed_form)
        return ", ".join(filter(None, said)) or "default"

    def fit(self, table: Measured, seed: int) -> CausalPosterior:
        """Fit a table, one chain."""
        kinds = [replace(k, components=self.components) if isinstance(k, Continuous) else k for k in table.data.kinds]
        options: dict[str, Any] = {"knowledge": table.knowledge}
        options["target_prior"] = TargetPrior(several=True) if self.several else None
        options["settling"] = Settling(refitting=None) if self.closed_form else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled counts like any other
            data = replace(table.data, kinds=tuple(kinds))
            result = discover(data, chains=1, cores=1, seed=seed, progress=False, **options)
        if result.stopped:  # a fit that Ctrl-C has cut short does not
            raise KeyboardInterrupt
        return result


def fit_measured(
    folder: Path,
    seeds: Sequence[int],
    out: Path,
    *,
    tables: Sequence[str] = tuple(TABLES),
    how: How = How(),
    jobs: int = 1,
    again: bool = False,
) -> pd.DataFrame:
    """Fit tables as they are, and write a row per table and seed to `measured.csv`.

    A table whose files are missing is skipped with a line that says so.

    Parameters
    ----------
    folder
        Of the data.
    seeds
        Of the fits.
    out
        Folder of the results. Fits that are in its `measured.csv` already are not repeated.
    tables
        Of `TABLES`.
    how
        What is asked for.
    jobs
        Fits at a time, one thread each.
    again
        Whether to replace the rows that are there.

    Returns
    -------
    pandas.DataFrame
        The rows of these tables, seeds and settings.
    """
    there = []
    for name in tables:
        if missing := TABLES[name].missing(folder):
            print(f"{name} is skipped: there is no {' and no '.join(missing)} in {folder}", flush=True)
        else:
            there.append(name)
    if not there:
        return pd.DataFrame(columns=list(COLUMNS))
    path, wanted = out / "measured.csv", {"table": there, "how": [str(how)], "seed": list(seeds)}
    if again and path.exists():
        rows = read_measured(path)
        rows[~_among(rows, wanted)].to_csv(path, index=False)
    found = add_missing(path, wanted, partial(_row, folder, how), jobs=jobs, read=read_measured)
    return found[_among(found, wanted)]


def read_measured(path: Path) -> pd.DataFrame:
    """Read what `fit_measured` has written."""
    return pd.read_csv(path, dtype=dict.fromkeys(("named", "further", "note", "status"), str)).reindex(
        columns=list(COLUMNS)
    )


def _among(rows: pd.DataFrame, wanted: dict[str, list]) -> pd.Series:
    return pd.concat([rows[name].isin(values) for name, values in wanted.items()], axis=1).all(axis=1)


def _row(folder: Path, asked: How, table: str, how: str, seed: int) -> dict[str, object]:
    row = {"table": table, "how": how, "seed": seed}
    try:
        measured = TABLES[table].read(folder)
        result = asked.fit(measured, seed)
    except ValueError as error:
        return row | {"status": f"error: {error}"}
    return row | judge_measured(result, measured) | {"status": "ok", "cpu": result.chains[0].cpu_seconds}


def judge_measured(result: CausalPosterior, table: Measured) -> dict[str, object]:
    """Hold a fit of one chain against what is known of its table.

    Returns
    -------
    dict
        `edges`; `shd`, `right_pairs` and `pair_precision` against the first published graph (pairs that both join, in
        either direction, and their share of those that the fit joins); `called` targets of `callable` pairs of a
        regime and a variable; `right`, regimes whose most probable target is that which is said, of `known`, and
        `mean_probability` of the most probable one; `named` and `further`, that target and all others that are called
        too, by regime; `note`.
    """
    dag = result.dag()
    belief = result.target_probabilities.to_pandas()
    first = belief.idxmax(axis=1)
    row: dict[str, object] = {"variables": belief.shape[1], "regimes": len(belief), "edges": dag.number_of_edges()}
    notes = [table.note]
    for place, (label, graph) in enumerate(table.graphs.items()):
        pairs = sum(nx.Graph(dag).has_edge(*edge) for edge in graph.edges)
        if place:
            notes.append(f"graph with {label}: SHD {shd(dag, graph)}, {pairs} right pairs")
        else:
            row |= {"shd": shd(dag, graph), "right_pairs": pairs}
            row["pair_precision"] = pairs / dag.number_of_edges() if dag.number_of_edges() else None
    right = [str(first[regime]) == name for regime, name in table.acts_on.items()]
    called = belief > CALLED
    row |= {"called": int(called.to_numpy().sum()), "callable": belief.size, "right": sum(right), "known": len(right)}
    row |= {"mean_probability": float(belief.max(axis=1).mean()), "note": "; ".join(filter(None, notes))}
    row["named"] = "; ".join(f"{regime}: {name} {belief.loc[regime, name]:.2f}" for regime, name in first.items())
    more = {r: [n for n in belief if called.loc[r, n] and n != first[r]] for r in belief.index}
    row["further"] = "; ".join(
        f"{regime}: {', '.join(f'{name} {belief.loc[regime, name]:.2f}' for name in names)}"
        for regime, names in more.items()
        if names
    )
    return row


def said_of_measured(runs: pd.DataFrame) -> str:
    """Markdown: a row per table and settings, and the targets that the first seed of each has named."""
    lines = [["table", "settings", "edges", "SHD", "right pairs", "pairs' precision", "targets called"]]
    lines[0] += ["right target named", "mean probability of the named", "CPU s", "seeds"]
    lines.append(["---"] * len(lines[0]))
    told = []
    for (table, how), here in runs.groupby(["table", "how"], sort=False):
        good = here[here.status == "ok"]
        failed = len(here) - len(good)
        seeds = f"{len(good)}{f', {failed} failed' if failed else ''}"
        if good.empty:
            lines.append([str(table), str(how), *[""] * 8, seeds])
            continue
        known, first = bool(good.shd.notna().any()), good.iloc[0]
        lines.append([
            str(table), str(how), f"{good.edges.mean():.1f}", *(
                (f"{good.shd.mean():.1f}", f"{good.right_pairs.mean():.1f}", f"{good.pair_precision.mean():.2f}")
                if known else ("", "", "")
            ),
            f"{good.called.mean():.1f} of {first.callable:.0f}", f"{good.right.mean():.1f} of {first.known:.0f}",
            f"{good.mean_probability.mean():.2f}", f"{good.cpu.median():.1f}", seeds,
        ])  # fmt: skip
        more = f" Called too: {first.further}." if isinstance(first.further, str) else ""
        note = f" {first.note}." if isinstance(first.note, str) else ""
        told.append(f"- {table}, {how}, seed {first.seed}: {first.named}.{more}{note}")
    table_ = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table_, "Targets that were named, and their probabilities:", "\n".join(told)])

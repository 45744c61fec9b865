"""Ours beside other methods on the problems that both were given: the table of `docs/which_method.md`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.literature import LITERATURE
from benchmarks.rows import read_table

__all__ = ["MARKS", "PAGE", "compared", "write_compared"]

SUITES = "paper", "bnlearn", "synthetic25", "continuous"  # where others have been run
NAMES = {
    "ours": "pyrocausal",
    "gies": "GIES †",
    "gnies": "GnIES",
    "ut-igsp": "UT-IGSP",
    "enco-cpu": "ENCO †",
    "sdi-reference": "SDI's code",
}
MARKS = "<!-- compared: begin -->\n", "<!-- compared: end -->\n"
PAGE = Path(__file__).parent.parent / "docs" / "which_method.md"


def _cell(rows: pd.DataFrame) -> str:
    """Mean SHD, the number of seeds, and median CPU seconds; a star where a run ended at its limit."""
    rows = rows[rows.status.isin(("ok", "cpu-limit"))]
    if rows.empty:
        return ""
    limited = "\\*" if (rows.status == "cpu-limit").any() else ""
    seconds = rows.cpu_total.median()
    return f"**{rows.shd_dag.mean():.1f}** ({len(rows)}; {seconds:.{int(seconds < 10)}f}&nbsp;s{limited})"


def _told(suite: str, problem: str) -> str:
    found = {name: means[problem] for name, means in LITERATURE.get(suite, {}).items() if problem in means}
    return "; ".join(f"{name.replace(', told targets', ' †')} {mean:.1f}" for name, mean in found.items())


def compared(results: Path) -> str:
    """Make a Markdown table: a row for each problem that another method was given too, a column for each method.

    Parameters
    ----------
    results
        The folder of the results, a file a suite.
    """
    columns = [*NAMES.values(), "literature"]
    lines = [f"| problem | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for suite in SUITES:
        table = read_table(results / f"{suite}.csv")
        table = table[table.method.isin(NAMES)]
        for problem in dict.fromkeys(table.problem):
            rows = table[table.problem == problem]
            if set(rows.method) - {"ours"}:
                cells = [_cell(rows[rows.method == method]) for method in NAMES]
                lines.append(f"| {problem} | {' | '.join([*cells, _told(suite, problem)])} |")
    return "\n".join(
        [*lines, "", "† Told the targets. \\* A run ended at its CPU limit, and counts with its last graph.", ""]
    )


def write_compared(results: Path, page: Path = PAGE) -> str:
    """Put the table between its marks in a page, and give it back.

    Raises
    ------
    ValueError
        If the page has no such marks.
    """
    text, table = page.read_text(encoding="utf-8"), compared(results)
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise ValueError(f"{page} has no marks {MARKS[0].strip()} and {MARKS[1].strip()} to put the table between")
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
    return table

"""What a check of a table before a fit gives back: findings, and all of them in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

import pandas as pd

from pyrocausal.data.columns import listing, number_of

__all__ = ["SEVERITIES", "TableCheck", "TableFinding", "TableWarning", "named_regimes"]

SEVERITIES = {
    "dangerous": "can turn the answer",
    "doubtful": "may not be what was meant",
    "noted": "good to know",
}
OBSERVATIONAL = "the observational rows"
NOTHING = "Nothing was found that speaks against this table."
SHOWN_ROWS, SHOWN_FINDINGS, IN_A_WARNING = 20, 12, 4
WIDTH, CELL = 110, 40  # characters of a line of a finding, and of a cell, at the most


class TableWarning(RuntimeWarning):
    """What `discover` warns with where a check of the table found something dangerous.

    Examples
    --------
    >>> import warnings
    >>> import pyrocausal as pc
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", pc.TableWarning)  # what a check has found is known
    """


@dataclass(frozen=True)
class TableFinding:
    """One thing that was found in a table.

    Attributes
    ----------
    name
        What it is, such as "missing-code"; findings of one kind have one name.
    severity
        "dangerous" (can turn the answer), "doubtful" (may not be what was meant) or "noted" (good to know).
    variables, regimes
        Of which; empty where it is of all, and "" among the regimes stands for the observational rows.
    message
        In plain words.
    advice
        What to do, in Python; empty where there is nothing to do.
    in_shell
        The same in the words of the command line; empty where it is the same.
    numbers
        What it rests on: values, shares, numbers of rows, by their names.

    Examples
    --------
    >>> import pandas as pd
    >>> import pyrocausal as pc
    >>> table = pd.DataFrame({"A": [0.1, 0.4, -999.0, 0.2] * 20, "B": [1.5, 0.3, 0.2, 1.1] * 20})
    >>> table["arm"] = ["none", "drug"] * 40
    >>> finding = pc.InterventionalData.from_frame(table, "arm", "none").check().dangerous[0]
    >>> finding.severity, finding.variables
    ('dangerous', ('A',))
    """

    name: str
    severity: str
    variables: tuple[str, ...]
    regimes: tuple[str, ...]
    message: str
    advice: str = ""
    in_shell: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)

    def what_to_do(self, shell: bool = False) -> str:
        """The advice, in Python or for the shell."""
        return (self.in_shell or self.advice) if shell else self.advice


@dataclass(frozen=True, eq=False, repr=False)
class TableCheck:
    """What a check of a table has found; print it.

    Attributes
    ----------
    table
        A row for each variable: kind, why it was taken for that, different values, a few of them, share missing.
    findings
        The most severe first.
    about
        What was checked: numbers of variables, rows and regimes, and whether rows were sampled.

    Examples
    --------
    Going on from the example of `discover`:

    >>> check = data.check()
    >>> check.dangerous
    ()
    >>> list(check.table.index)
    ['X0', 'X1', 'X2']
    """

    table: pd.DataFrame
    findings: tuple[TableFinding, ...] = ()
    about: str = ""

    def named(self, name: str) -> tuple[TableFinding, ...]:
        """Findings of one name, such as "missing-code", or of one severity, such as "dangerous"."""
        return tuple(each for each in self.findings if name in (each.name, each.severity))

    @property
    def dangerous(self) -> tuple[TableFinding, ...]:
        """Findings that can turn the answer."""
        return self.named("dangerous")

    @property
    def verdict(self) -> str:
        """How many findings there are of each severity, in one sentence."""
        many = {severity: len(self.named(severity)) for severity in SEVERITIES}
        told = [f"{count} {severity} ({SEVERITIES[severity]})" for severity, count in many.items() if count]
        return f"{number_of(len(self.findings), 'finding')}: {', '.join(told)}" if told else NOTHING

    @property
    def warning(self) -> str:
        """What is dangerous, in one line; empty where nothing is."""
        if not self.dangerous:
            return ""
        told = "; ".join(each.message for each in self.dangerous[:IN_A_WARNING])
        more = len(self.dangerous) - IN_A_WARNING
        rest = f"; and {more} more" if more > 0 else ""
        return f"the table has what can turn the answer: {told}{rest}; data.check() says what to do"

    def lines(self, *, shell: bool = False, severities: tuple[str, ...] = tuple(SEVERITIES)) -> list[str]:
        """Findings of some severities as lines of text, what to do below each.

        Parameters
        ----------
        shell
            Whether advice is in the words of the command line.
        severities
            Which are told.
        """
        told: list[str] = []
        for severity in severities:
            found = self.named(severity)
            for each in found[:SHOWN_FINDINGS]:
                told += _wrapped(f"{severity}: {each.message}", "  ")
                if advice := each.what_to_do(shell):
                    told += _wrapped(f"What to do: {advice}", "    ", "    ")
            if len(found) > SHOWN_FINDINGS:
                told.append(f"{severity}: and {len(found) - SHOWN_FINDINGS} more")
        return told

    def text(self, *, shell: bool = False) -> str:
        """Table and findings for a terminal, advice in Python or for the shell."""
        more = len(self.table) - SHOWN_ROWS
        rest = [f"... and {number_of(more, 'more variable')}" + ("" if shell else ", see .table")] if more > 0 else []
        shown = _columns(self.table.head(SHOWN_ROWS).reset_index())
        return "\n".join([self.about, "", *shown, *rest, "", self.verdict, *self.lines(shell=shell)])

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{line}</li>" for line in self._html_items())
        table = self.table.to_html(escape=True, border=0)
        return (
            f"<p>{escape(self.about)}</p><p><strong>{escape(self.verdict)}</strong></p><ul>{items}</ul>"
            f"<details><summary>Kinds of the variables</summary>{table}</details>"
        )

    def _html_items(self) -> Iterator[str]:
        for each in self.findings:
            advice = f"<br>What to do: {escape(each.advice)}" if each.advice else ""
            yield f"<strong>{each.severity}</strong>: {escape(each.message)}{advice}"


def named_regimes(regimes: tuple[str, ...], most: int = 5) -> str:
    """How regimes are spoken of, "" being the observational rows."""
    named = [name for name in regimes if name]
    told = [OBSERVATIONAL] * ("" in regimes)
    if named:
        told.append(f"regime {named[0]!r}" if len(named) == 1 else f"regimes {listing(named, most)}")
    return " and ".join(told)


def _columns(table: pd.DataFrame) -> list[str]:
    """Lines of a table whose cells are texts, each column as wide as it needs."""
    cells = [[str(name) for name in table], *([*map(str, row)] for row in table.itertuples(index=False))]
    cells = [[cell if len(cell) <= CELL else f"{cell[: CELL - 3]}..." for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def _wrapped(text: str, indent: str, first: str = "") -> list[str]:
    """Words of a text in lines, all but the first of them indented."""
    lines, now = [], first
    for word in text.split():
        if len(now) + 1 + len(word) > WIDTH and now.strip():
            lines.append(now)
            now = indent + word
        else:
            now = f"{now}{' ' if now.strip() else ''}{word}"
    return [*lines, now]

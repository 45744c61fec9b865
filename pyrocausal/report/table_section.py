"""The section of a report about its table: what a check found before anything was fitted."""

from __future__ import annotations

from collections.abc import Iterator

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.table_findings import SEVERITIES
from pyrocausal.report.document import Folded, Heading, Items, Part, Strong, Table, Text
from pyrocausal.report.pieces import plain_text

__all__ = ["table_section"]

MOST_FINDINGS = 20  # of a severity


def table_section(data: InterventionalData, shell: bool) -> Iterator[Part]:
    """Findings of the table, the most severe first, and what its columns were taken for, folded away.

    Advice is for the shell or in Python.
    """
    check = data.check()
    yield Heading("The table")
    yield plain_text(f"{check.about}. {check.verdict}".rstrip(".") + ".")
    for severity in SEVERITIES:
        found = check.named(severity)
        if not found:
            continue
        yield Items(
            tuple(
                Text((Strong(severity), f": {each.message}. {each.what_to_do(shell)}".rstrip()))
                for each in found[:MOST_FINDINGS]
            )
        )
        if len(found) > MOST_FINDINGS:
            yield plain_text(f"And {len(found) - MOST_FINDINGS} more that are {severity}.")
    table = check.table.reset_index()
    yield Folded("Kinds of the variables, guessed or told", Table([*map(str, table)], table.to_numpy().tolist()))

"""`InterventionalData.check`: what is wrong with a table, before anything is fitted."""

from __future__ import annotations

from pyrocausal.data.columns import number_of
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.table_findings import SEVERITIES, TableCheck
from pyrocausal.tables.amount_findings import amount_findings
from pyrocausal.tables.copy_findings import copy_findings
from pyrocausal.tables.count_findings import count_findings
from pyrocausal.tables.kind_findings import kind_findings
from pyrocausal.tables.kinds_table import kinds_table
from pyrocausal.tables.look import SAMPLED, Look
from pyrocausal.tables.near_copies import near_copy_findings
from pyrocausal.tables.row_findings import row_findings
from pyrocausal.tables.value_findings import value_findings

__all__ = ["check_table"]


def check_table(data: InterventionalData) -> TableCheck:
    """What `InterventionalData.check` does."""
    look = Look.at(data)
    findings = [
        *value_findings(look), *amount_findings(look), *row_findings(look), *near_copy_findings(look),
        *copy_findings(look), *kind_findings(look), *count_findings(look),
    ]  # fmt: skip
    order = [*SEVERITIES]
    findings.sort(key=lambda each: order.index(each.severity))
    rows = len(look.rows) - data.n
    about = (
        f"{number_of(data.d, 'variable')}, {number_of(data.n, 'observational row')}, {number_of(rows, 'row')} in "
        f"{number_of(len(data.regimes), 'regime')}"
    )
    if len(look.sample) < len(look.rows):
        about += f"; copies were looked for in {SAMPLED:,} rows, drawn with a fixed seed"
    return TableCheck(kinds_table(look), tuple(findings), about)

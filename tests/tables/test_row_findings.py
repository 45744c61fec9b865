"""Rows that are like their neighbours, and rows that are there again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from example_checked import changed, data_of, numbers, tables, words

import pyrocausal as pc
from pyrocausal.tables.row_findings import repeated_rows


def series(strength):
    def change(table, name):
        values = table["A"].to_numpy(copy=True)
        for t in range(1, len(values)):
            values[t] += strength * values[t - 1]
        return table.assign(A=values)

    return change


def in_blocks(table, name):
    """Rows of one patient come one after the other, and share what is theirs."""
    patient = np.arange(len(table)) // 8
    return table.assign(C=table["C"] + 2 * np.random.default_rng(1).normal(size=patient.max() + 1)[patient])


def states_in_runs(table, name):
    rng = np.random.default_rng(len(name))
    runs = np.cumsum(rng.random(len(table)) < 0.2)
    return table.assign(C=rng.choice(["low", "high"], runs.max() + 1)[runs])


@pytest.mark.parametrize(
    ("make", "change", "variable"),
    [(numbers, series(0.9), "A"), (numbers, in_blocks, "C"), (words, states_in_runs, "C")],
)
def test_rows_that_hang_together_with_their_neighbours(make, change, variable):
    (found,) = changed(make, change).check().dangerous
    assert found.name == "like-neighbours" and found.variables[0] == variable
    assert "rows are not independent" in found.message and "neighbours" in found.message


def test_a_sorted_table_is_noted():
    (found,) = changed(numbers, lambda table, name: table.sort_values("A")).check().findings
    assert found.severity == "noted" and "sorted by A" in found.message


def test_interventions_alone_make_no_neighbours():
    assert not changed(numbers, lambda table, name: table + 50 * (name == "doB")).check().findings


@pytest.mark.parametrize(("share", "severity"), [(1.0, "dangerous"), (0.4, "dangerous"), (0.05, "doubtful")])
def test_rows_that_are_there_again(share, severity):
    def change(table, name):
        return pd.concat([table, table[: round(share * len(table))]], ignore_index=True)

    (found,) = changed(numbers, change).check().findings
    assert (found.name, found.severity) == ("repeated-rows", severity)


def test_rows_of_the_controls_in_a_regime():
    control, regimes = tables(numbers)
    regimes["placebo"] = control[:200]
    (found,) = data_of(control, regimes).check().findings
    assert found.name == "repeated-rows" and "in another table" in found.message


def test_states_and_rounded_numbers_repeat_by_chance():
    assert not changed(words, lambda table, name: table).check().named("repeated-rows")
    assert not changed(numbers, lambda table, name: table.round(0)).check().named("repeated-rows")


def test_how_many_rows_repeat():
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert repeated_rows(rows) == 0
    rows[10], rows[20, 1] = rows[3], np.nan
    assert repeated_rows(np.concatenate([rows, rows[20:21]])) == 2


@pytest.mark.parametrize(("weight", "found"), [(1e5, True), (2.0, False)])
def test_weights_that_make_rows_count_as_many(weight, found):
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.normal(size=(60, 2)), columns=["A", "B"]).assign(w=weight) for _ in range(2)]
    data = pc.InterventionalData.from_frames(tables[0], {"drug": tables[1]}, weights="w")
    assert bool(data.check().named("heavy-weights")) is found
    counted = [pd.DataFrame({"A": [0, 1, 0, 1], "B": [0, 0, 1, 1], "w": weight}) for _ in range(2)]
    data = pc.InterventionalData.from_frames(counted[0], {"drug": counted[1]}, weights="w")
    assert not data.check().named("heavy-weights")  # equal rows that were counted


def test_a_code_in_every_tenth_row_is_no_series_in_time():
    rng = np.random.default_rng(1)
    tables = [pd.DataFrame(rng.normal(size=(400, 2)), columns=["A", "B"]) for _ in range(2)]
    for table in tables:
        table.loc[::10, "A"] = -999.0
    check = pc.InterventionalData.from_frames(tables[0], {"drug": tables[1]}).check()
    assert check.named("missing-code") and not check.named("like-neighbours") and not check.named("repeated-value")
    assert "--missing -999" in check.named("missing-code")[0].what_to_do(shell=True)

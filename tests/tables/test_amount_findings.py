"""Too little: columns that a regime lacks, few rows, many states."""

from __future__ import annotations

import numpy as np
import pytest
from example_checked import changed, numbers, tables, words

from pyrocausal import InterventionalData


def lacking(share, only="doA", column="B"):
    def change(table, name):
        if name == only:
            hit = np.arange(len(table)) >= round((1 - share) * len(table))
            table[column] = table[column].mask(hit)
        return table

    return change


@pytest.mark.parametrize(
    ("make", "share", "severity"),
    [(make, *case) for make in (numbers, words) for case in ((1.0, "dangerous"), (0.97, "dangerous"), (0.4, None))]
    + [(numbers, 0.6, "doubtful"), (words, 0.6, "dangerous")],
)
def test_a_column_that_a_regime_lacks(make, share, severity):
    found = changed(make, lacking(share)).check().named("missing-in-regime")
    assert [each.severity for each in found] == ([severity] if severity else [])
    for each in found:
        assert (each.variables, each.regimes) == (("B",), ("doA",))
        assert "missing in regime 'doA'" in each.message


@pytest.mark.parametrize(
    ("states", "rows", "rows_each", "severity"),
    [(40, 60, 30, "dangerous"), (20, 80, 30, "dangerous"), (12, 60, 20, "dangerous"), (9, 100, 30, "doubtful"),
     (40, 1500, 300, None), (5, 60, 20, None)],
)  # fmt: skip
def test_many_states_and_few_rows(states, rows, rows_each, severity):
    def aged(table, name):
        return table.assign(age=np.random.default_rng(len(table)).integers(0, states, len(table)))

    found = changed(words, aged, rows, rows_each).check().named("many-states")
    assert [each.severity for each in found] == ([severity] if severity else [])
    for each in found:
        assert each.variables == ("age",) and "would do" in each.message
        assert "pc.Continuous" in each.advice and "--continuous age" in each.in_shell


def test_texts_are_not_advised_to_be_numbers():
    def change(table, name):
        return table.assign(town=np.random.default_rng(len(table)).integers(0, 40, len(table))).astype({"town": str})

    (found,) = changed(words, change, 60, 30).check().named("many-states")
    assert "Continuous" not in found.advice and "Join states" in found.advice


def test_regimes_of_few_rows_rare_states_and_switches():
    def change(table, name):
        table = table.assign(switch="on" if name == "doB" else "off")
        if name == "":
            table.loc[[1, 2], "A"] = "odd"
        return table[:12] if name == "doC" else table

    check = changed(words, change).check()
    assert {each.name: each.severity for each in check.findings} == {
        "few-rows": "doubtful", "rare-state": "noted", "constant-in-controls": "noted",
    }  # fmt: skip
    assert check.named("few-rows")[0].regimes == ("doC",) and "12 rows" in check.named("few-rows")[0].message
    assert "'odd'" in check.named("rare-state")[0].message
    assert check.named("constant-in-controls")[0].variables == ("switch",)


@pytest.mark.parametrize("numeric", [False, True])
def test_a_column_that_names_the_regime_is_no_measurement(numeric):
    def named(table, name):
        return table.assign(label={"": 0.0, "doA": 1.0, "doB": 2.0, "doC": 3.0}[name] if numeric else f"{name}_24h")

    (found,) = changed(words, named).check().named("names-the-regime")
    assert (found.severity, found.variables) == ("dangerous", ("label",)) and "--ignore" in found.in_shell
    assert not changed(words, named).check().named("constant-in-controls")

    def twice(table, name):  # then it may be a switch that two regimes turn
        return named(table, "doA" if name == "doB" else name)

    assert not changed(words, twice).check().named("names-the-regime")


def test_a_covariate_that_is_constant_in_the_controls_is_no_switch():
    control, regimes = tables(words, 300, 100)
    regimes = {name: table.assign(batch="one" if name == "doA" else "two") for name, table in regimes.items()}
    data = InterventionalData.from_frames(control.assign(batch="one"), regimes, covariates=["batch"])
    (found,) = [each for each in data.check().findings if "batch" in each.variables]
    assert (found.name, found.severity) == ("covariate-constant-in-controls", "doubtful")
    assert "cannot be told apart" in found.message

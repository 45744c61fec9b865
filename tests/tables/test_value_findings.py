"""Codes for missing values, slips, limits, codes among states."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from example_checked import COUNTED, changed, counts, numbers, words

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.tables.far_values import far_values


def coded(value, share, column="B"):
    def change(table, name):
        hit = np.random.default_rng(len(name)).random(len(table)) < share
        return table.assign(**{column: table[column].astype(float).mask(hit, value)})

    return change


def slipped(value, column="B", only="doC"):
    def change(table, name):
        if name == only:
            table.loc[7, column] = value
        return table

    return change


@pytest.mark.parametrize(("value", "share"), [(-999.0, 0.02), (9999.0, 0.1), (1e20, 0.01), (-99.0, 0.05)])
def test_codes_for_missing_values(value, share):
    check = changed(numbers, coded(value, share)).check()
    (found,) = check.dangerous
    assert found.name == "missing-code" and found.variables == ("B",) and found.numbers["value"] == pytest.approx(value)
    assert f"B is {value:g}" in found.message.replace("e+20", "e+20") and "NaN" in found.advice
    assert "leave these cells of column B empty" in found.in_shell and "np.nan" not in found.in_shell


@pytest.mark.parametrize("value", [4000.0, -123456.0, 40000.0])
def test_a_lone_value_far_out(value):
    (found,) = changed(numbers, slipped(value)).check().dangerous
    assert found.name == "extreme-value" and (found.variables, found.regimes) == (("B",), ("doC",))
    assert f"{value:.6g}" in found.message and "row 7 of regime 'doC'" in found.message


def test_a_count_that_cannot_be():
    (found,) = changed(counts, slipped(65535, "A"), kinds=COUNTED).check().dangerous
    assert found.variables == ("A",) and "65535" in found.message


def test_two_codes_in_one_column():
    def change(table, name):
        table.loc[[3, 4, 5, 8], "B"] = 999.0
        table.loc[[10, 11, 12], "B"] = 9999.0
        return table

    found = changed(numbers, change).check().named("missing-code")
    assert sorted(each.numbers["value"] for each in found) == pytest.approx([999, 9999])


def test_values_that_are_ordinary_in_another_regime_are_let_alone():
    def escaped(table, name):  # some cells of a regime that sets B to 50 escape it, and nothing else is that far
        if name == "doB":
            table["B"] = np.where(np.arange(len(table)) < 2, table["B"], 50 + 0.001 * table["B"])
        return table

    assert not changed(numbers, escaped).check().named("extreme-value")


@pytest.mark.parametrize("draw", ["standard_cauchy", "standard_exponential", "standard_normal"])
def test_heavy_tails_are_no_fault(draw):
    rng = np.random.default_rng(0)
    assert sum(len([*far_values(getattr(rng, draw)(300))]) for _ in range(200)) == 0


def test_limits_and_values_filled_in():
    def clipped(table, name):
        return table.assign(B=table["B"].clip(upper=1.2), A=table["A"].mask(np.arange(len(table)) % 9 == 0, 0.25))

    found = {each.variables: each for each in changed(numbers, clipped).check().named("repeated-value")}
    assert found["B",].severity == "noted" and "limit" in found["B",].message
    assert found["A",].severity == "doubtful" and "0.25" in found["A",].message


@pytest.mark.parametrize("label", ["n.d.", "?", "missing"])
def test_texts_that_mean_missing(label):
    def change(table, name):
        return table.assign(B=table["B"].mask(np.arange(len(table)) % 20 == 0, label))

    (found,) = changed(words, change).check().named("doubtful")
    assert found.name == "missing-code" and repr(label) in found.message


def test_a_number_among_states_that_means_missing():
    def change(table, name):
        codes = table["B"].map({"low": 0, "mid": 1, "high": 2})
        return table.assign(B=codes.mask(np.arange(len(table)) % 20 == 0, -999))

    (found,) = changed(words, change).check().named("missing-code")
    assert "-999" in found.message and found.variables == ("B",)


@pytest.mark.parametrize("stray", ["n.d.", "<0.5", "1.2.3"])
def test_one_stray_text_in_a_column_of_numbers(stray):
    frame = pd.concat([numbers(60, 0).assign(arm="no"), numbers(30, 1, "A").assign(arm="drug")], ignore_index=True)
    frame["B"] = frame["B"].astype(object)
    frame.loc[70, "B"] = stray
    for table in (frame, frame.astype({"B": str})):
        with pytest.raises(ValueError, match=r"'B' in regime 'drug' .*row 70.*(missing|empty)") as error:
            InterventionalData.from_frame(table, "arm", "no")
        assert repr(stray) in str(error.value)


def test_numbers_as_text_and_decimal_commas():
    frame = pd.concat([numbers(60, 0).assign(arm="no"), numbers(30, 1, "A").assign(arm="drug")])
    commas = frame["B"].map("{:.3f}".format).str.replace(".", ",")
    for text, advice in ((frame["B"].map(str), "to_numeric"), (commas, "decimal")):
        with pytest.raises(ValueError, match=f"variable 'B' holds numbers .*{advice}"):
            InterventionalData.from_frame(frame.assign(B=text), "arm", "no")


def test_chromosomes_are_states():
    frame = numbers(200, 0).assign(arm=np.repeat(["no", "drug"], 100))
    frame["B"] = np.random.default_rng(0).choice([*map(str, range(1, 23)), "X"], 200)
    assert InterventionalData.from_frame(frame, "arm", "no").kinds[1].cardinality == 23

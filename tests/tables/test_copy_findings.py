"""Copies, functions and sums of other columns."""

from __future__ import annotations

import numpy as np
import pytest
from example_checked import changed, numbers, words

import pyrocausal as pc


def with_column(make):
    return lambda table, name: table.assign(D=make(table))


@pytest.mark.parametrize(
    ("make", "name", "severity"),
    [
        (lambda t: t["A"], "copy", "dangerous"),
        (lambda t: 32 + 1.8 * t["A"], "copy", "dangerous"),
        (lambda t: -t["A"].round(3), "copy", "doubtful"),
        (lambda t: np.exp(t["A"]), "function", "doubtful"),
    ],
)
def test_copies_and_functions_of_a_number(make, name, severity):
    (found,) = changed(numbers, with_column(make)).check().named(name)
    assert (found.severity, found.variables) == (severity, ("A", "D"))


def test_exact_copies_are_not_fitted_unless_a_regime_parts_them():
    data = changed(numbers, with_column(lambda t: 32 + 1.8 * t["A"]))
    with pytest.raises(ValueError, match=r"'D' is a copy of 'A'.*leave all but one out, as in ignore=\['D'\]"):
        pc.discover(data, chains=1, seed=0, progress=False)
    parted = changed(numbers, lambda t, name: t.assign(D=t["A"] + 3.0 * (name == "doB")))
    assert not any(each.numbers.get("exact") for each in parted.check().named("copy"))


@pytest.mark.parametrize(
    "make", [lambda t: t["A"] + t["C"], lambda t: 1 - t["A"] / 3 - t["C"] / 5, lambda t: (t["A"] + t["C"]).round(4)]
)
def test_sums(make):
    (found,) = changed(numbers, with_column(make)).check().findings
    assert found.name == "sum" and set(found.variables) == {"A", "C", "D"}


@pytest.mark.parametrize(
    "names",
    [
        {"low": "a", "mid": "b", "high": "c"},
        {"low": 3, "mid": 1, "high": 2},
        {"low": "low", "mid": "mid", "high": "high"},
    ],
)
def test_states_called_otherwise(names):
    (found,) = changed(words, with_column(lambda t: t["A"].map(names))).check().findings
    assert (found.name, found.variables) == ("copy", ("A", "D"))


@pytest.mark.parametrize("values", [{"low": "x", "mid": "y", "high": "y"}, {"low": 0.5, "mid": 1.5, "high": 4.25}])
def test_functions_of_a_state(values):
    found = changed(words, with_column(lambda t: t["A"].map(values))).check().named("function")
    assert [each.variables for each in found] == [("D", "A")]


def test_close_is_no_copy():
    noisy = with_column(lambda t: t["A"] + 0.05 * np.random.default_rng(len(t)).normal(size=len(t)))
    assert not changed(numbers, noisy).check().findings


def test_codes_in_the_same_rows_make_no_copies():
    def change(table, name):
        table.loc[[5, 17, 29, 60, 90], ["A", "C"]] = -9999.0
        return table

    assert {each.name for each in changed(numbers, change).check().findings} == {"missing-code"}

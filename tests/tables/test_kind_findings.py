"""Doubtful guesses, row numbers, skewed numbers, mixed units."""

from __future__ import annotations

import numpy as np
import pytest
from example_checked import changed, numbers, words

from pyrocausal.data.kinds import Categorical, Continuous, Count


def with_column(name, make):
    return lambda table, regime: table.assign(**{name: make(table)})


@pytest.mark.parametrize(
    ("name", "make", "kinds"),
    [
        ("number", lambda t: np.arange(len(t)), {"number": Continuous}),
        ("time", lambda t: 0.5 * np.arange(len(t)) + 3, None),
        ("id", lambda t: [f"cell {a:.6f}" for a in t["A"]], {"id": Categorical}),
    ],
)
def test_columns_that_number_or_name_rows(name, make, kinds):
    found = changed(numbers, with_column(name, make), kinds=kinds).check().named("numbers-rows")
    assert [each.variables for each in found] == [(name,)]
    assert found[0].severity == ("dangerous" if name == "id" else "doubtful")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda t: np.random.default_rng(1).choice([0.0, 0.5, 2.5], len(t)), "continuous number but has 3"),
        (lambda t: np.random.default_rng(1).choice([0.0, 1.0], len(t)), "continuous number but has 2"),
        (
            lambda t: np.random.default_rng(1).integers(5, 20, len(t)),
            "holds 15 whole numbers from 5 to 19",
        ),
    ],
)
def test_doubtful_guesses(make, kind):
    (found,) = changed(words, with_column("D", make), 600).check().named("doubtful")
    assert found.name == "kind" and found.variables == ("D",) and kind in found.message
    assert "pc.Categorical" in found.advice and "--categorical D" in found.in_shell
    told = Continuous if "continuous" in kind else Categorical
    assert not changed(words, with_column("D", make), 600, kinds={"D": told}).check().named("kind")


@pytest.mark.parametrize("spread", [1.2, 1.5, 2.0])
def test_skewed_numbers(spread):
    make = with_column("D", lambda t: np.random.default_rng(1).lognormal(0, spread, len(t)))
    (found,) = changed(numbers, make).check().findings
    assert found.name == "skewed" and "np.log(frame['D'])" in found.advice and "--count D" in found.in_shell
    assert not changed(numbers, make, kinds={"D": Continuous(components=3)}).check().findings


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6])
def test_mixed_units(factor):
    def make(table):
        rng = np.random.default_rng(1)
        return rng.normal(50, 8, len(table)) * np.where(rng.random(len(table)) < 0.3, factor, 1.0)

    found = changed(numbers, with_column("D", make)).check().named("mixed-units")
    assert [each.variables for each in found] == [("D",)]


def test_counts_may_be_skewed():
    make = with_column("D", lambda t: np.random.default_rng(1).negative_binomial(0.5, 0.02, len(t)) + 1)
    assert not changed(numbers, make, kinds={"D": Count}).check().findings

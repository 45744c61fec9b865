"""The check as a whole: clean tables pass, texts read well, large tables are quick, and a fit warns."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import torch
from example_checked import COUNTED, changed, counts, data_of, numbers, tables, words

import pyrocausal as pc
from pyrocausal.data.table_findings import NOTHING, SEVERITIES, named_regimes
from pyrocausal.simulate.experiments import additive_noise_truth, neural_network_truth, simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.interventions import hard_normal, hard_random, hard_uniform, soft
from pyrocausal.simulate.networks import load


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("make", "kinds"), [(numbers, None), (words, None), (counts, COUNTED)])
def test_clean_tables_pass(make, kinds, seed):
    for sizes in ((400, 120), (60, 25), (1500, 300)):
        check = data_of(*tables(make, *sizes, seed=seed), kinds).check()
        assert not check.named("dangerous") and not check.named("doubtful"), check.lines()


@pytest.mark.parametrize("seed", range(5))
def test_simulated_experiments_pass(seed):
    rng = np.random.default_rng(seed)
    graph = random_dag(6, 1.5, rng)
    made = [
        simulate(neural_network_truth(graph, rng, states=3)[0], intervention=hard_random, rows=800, seed=seed),
        simulate(additive_noise_truth(graph, rng), intervention=hard_normal(2.0), rows=800, seed=seed),
        simulate(load("sachs"), intervention=soft, rows=800, rows_per_regime=100, seed=seed),
        simulate(load("chain3"), intervention=hard_uniform, rows=800, seed=seed),
    ]
    for each in made:
        check = each.data.check()
        assert not check.named("dangerous") and not check.named("doubtful"), check.lines()


def coded(table, name):
    table.loc[[3, 5, 7], "B"] = -999.0
    return table


def test_what_is_printed():
    clean = data_of(*tables(numbers)).check()
    assert str(clean).endswith(NOTHING) and repr(clean) == str(clean) and not clean.lines() and not clean.warning
    check = changed(numbers, coded).check()
    text = str(check)
    assert text.startswith("3 variables, 400 observational rows, 360 rows in 3 regimes\n")
    assert "guessed: numbers with a point" in text and "1 finding: 1 dangerous (can turn the answer)" in text
    assert "\ndangerous: B is -999 in 12 rows" in text and ".replace(-999, np.nan)" in text.replace("\n    ", " ")
    assert max(map(len, text.splitlines())) <= 120
    assert "np.nan" not in check.text(shell=True) and "empty" in check.text(shell=True)
    assert "<strong>dangerous</strong>: B is -999" in check._repr_html_() and "<details>" in check._repr_html_()
    assert check.warning.count("\n") == 0 and "B is -999" in check.warning


def test_html_is_escaped_and_lists_are_cut():
    def change(table, name):
        return coded(table, name).rename(columns={"B": "<b>"}).assign(**{f"v{k}": table["A"] for k in range(30)})

    check = changed(numbers, change).check()
    assert "<b>" not in check._repr_html_() and "&lt;b&gt;" in check._repr_html_()
    assert "... and 13 more variables, see .table" in str(check) and len(check.table) == 33


def test_the_table_of_kinds():
    data = changed(words, lambda table, name: table.assign(D=numbers(len(table), 5)["A"]), kinds={"D": pc.Continuous})
    table = data.check().table
    assert table.loc["A", "kind"] == "Categorical" and table.loc["A", "why"] == "guessed: text"
    assert table.loc["A", "such as"] == "'high', 'low', 'mid'" and table.loc["A", "different values"] == 3
    assert table.loc["D", "why"] == "told" and " to " in table.loc["D", "such as"]
    assert data.guessed == dict.fromkeys("ABC", "text") and pickle.loads(pickle.dumps(data)).guessed == data.guessed


def test_data_that_were_built_by_hand():
    unit = pc.Continuous(0.0, 1.0)
    rows = torch.randn(50, 2)
    data = pc.InterventionalData(("A", "B"), (unit, unit), rows, (pc.Regime("drug", rows + 1),))
    assert data.guessed == {} and set(data.check().table["why"]) == {"told"}


def test_names_of_regimes():
    assert named_regimes(("",)) == "the observational rows"
    assert named_regimes(("", "a")) == "the observational rows and regime 'a'"
    assert named_regimes(("a", "b")) == "regimes 'a', 'b'"


def test_severities_come_in_order():
    def change(table, name):
        return coded(table, name).assign(D=np.exp(table["A"]), E=1.0 * (name == "doA"))

    order = [*SEVERITIES]
    found = [
        order.index(each.severity) for each in changed(numbers, change, kinds={"E": pc.Categorical}).check().findings
    ]
    assert found == sorted(found) and set(found) == {0, 1, 2}


def test_a_fit_warns_in_one_line():
    quick = {"chains": 1, "cores": 1, "seed": 0, "progress": False, "max_steps": 1, "settling": pc.Settling(rounds=0)}
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        pc.discover(changed(numbers, coded), **quick)
    (said,) = [str(each.message) for each in heard if issubclass(each.category, pc.TableWarning)]
    assert "B is -999 in 12 rows" in said and "data.check()" in said and "\n" not in said


@pytest.mark.parametrize("make", [numbers, words])
def test_of_a_large_table_copies_are_looked_for_in_some_rows(make):
    parts = [make(25_000, k).add_suffix(str(k)) for k in range(4)]
    control = parts[0].join(parts[1:])
    regimes = {f"r{k}": control[400 * k : 400 * k + 400].iloc[:, ::-1].shift(k + 1).dropna() for k in range(2)}
    assert "copies were looked for in 20,000 rows" in data_of(control.iloc[2000:], regimes).check().about

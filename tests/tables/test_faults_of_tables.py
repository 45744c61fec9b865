"""Seven kinds of fault that people meet in tables, three members of each: a right answer, or a word that names it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_checked import COUNTED, changed, counts, numbers, tables, words

import pyrocausal as pc

CHAIN, HIT = {("A", "B"), ("B", "C")}, {f"do{name}": (name,) for name in "ABC"}
PLACE = {"": 0, "doA": 1, "doB": 2, "doC": 3}


def rng_of(name: str) -> np.random.Generator:
    return np.random.default_rng(70 + PLACE[name])


def found(data: pc.InterventionalData, name: str) -> pc.TableFinding:
    """The one finding of that name."""
    (one,) = data.check().named(name)
    return one


def fit(data: pc.InterventionalData, **options) -> pc.CausalPosterior:
    """One quick chain that closed forms settle."""
    settling = pc.Settling(refitting=None, final_steps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of steps that are few
        return pc.discover(data, chains=1, cores=1, seed=0, progress=False, max_steps=5, settling=settling, **options)


def long(table: pd.DataFrame | None = None) -> pd.DataFrame:
    control, regimes = tables(numbers)
    return pd.concat([control.assign(arm="control"), *(rows.assign(arm=name) for name, rows in regimes.items())])


def written(text: str, folder: Path) -> Path:
    path = folder / "cells.csv"
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- 1: a column that a regime lacks
def test_two_panels_that_measured_different_variables():
    data = changed(
        numbers,
        lambda t, name: t.assign(**{{"doA": "C", "doB": "A"}[name]: np.nan} if name in HIT and name != "doC" else {}),
    )
    lacking = {(each.variables, each.regimes) for each in data.check().dangerous}
    assert lacking == {(("C",), ("doA",)), (("A",), ("doB",))}


def test_a_gene_that_hardly_a_cell_of_one_guide_has_a_count_of():
    def change(table, name):
        return table.assign(B=table.B.where((np.arange(len(table)) < 4) | (name != "doC")))

    one = found(changed(counts, change, kinds=COUNTED), "missing-in-regime")
    assert (one.severity, one.variables, one.regimes) == ("dangerous", ("B",), ("doC",))


def test_gaps_of_a_placebo_do_not_make_it_a_regime_that_acts():
    control, regimes = tables(words)
    regimes["placebo"] = words(120, 9).assign(B=lambda t: t.B.where(np.arange(len(t)) % 9 > 3))  # 44 % are missing
    data = pc.InterventionalData.from_frames(control, regimes)
    assert not data.check().named("missing-in-regime")
    assert fit(data).targets()["placebo"] == ()


# ---------------------------------------------------------------- 2: a few impossible values
def test_two_values_in_another_unit_leave_the_graph_alone():
    def change(table, name):
        if name == "doB":
            table.loc[[10, 30], "A"] *= 1000
        return table

    data = changed(numbers, change)
    one = found(data, "extreme-value")
    assert (one.severity, one.variables, one.regimes) == ("dangerous", ("A",), ("doB",)) and "row 10" in one.message
    result = fit(data)
    assert set(result.dag().edges) == CHAIN and result.targets() == HIT


def test_a_code_among_counts():
    def change(table, name):
        if name in ("", "doB"):
            table.loc[[3, 8, 13], "A"] = 9999
        return table

    one = found(changed(counts, change, kinds=COUNTED), "missing-code")
    assert (one.severity, one.variables, one.regimes) == ("dangerous", ("A",), ("", "doB")) and "9999" in one.message


def test_zeros_and_words_for_what_nobody_knows():
    def change(table, name):
        age = rng_of(name).normal(50, 10, len(table))
        age[[4, 9, 17]] = 0.0
        sex = rng_of(name).choice(["m", "f"], len(table)).astype(object)
        sex[2] = "unknown"
        return table.assign(age=age, sex=sex)

    codes = {each.variables[0]: each.message for each in changed(numbers, change).check().named("missing-code")}
    assert set(codes) == {"age", "sex"}
    assert codes["age"].startswith("age is 0 in 9 rows") and "'unknown' in 4 rows" in codes["sex"]


# ---------------------------------------------------------------- 3: rows that are not independent
def test_replicates_in_any_order():
    def change(table, name):
        rng = rng_of(name)
        three = pd.concat([table + 0.01 * rng.normal(size=table.shape) for _ in range(3)])
        return three.sample(frac=1, random_state=0).reset_index(drop=True)

    one = found(changed(numbers, change, rows=150, rows_each=40), "near-copies")
    assert one.severity == "dangerous" and one.regimes == ("", "doA", "doB", "doC")
    assert "rows are not independent" in one.message and "near copies" in one.message


def test_four_machines_whose_rows_come_in_turn():
    def change(table, name):
        rng, values = rng_of(name), np.zeros((len(table), 3))
        noise = rng.normal(size=values.shape)
        for k in range(4, len(table)):
            values[k] = 0.9 * values[k - 4] + noise[k]
        return pd.DataFrame(values, columns=list("ABC"))

    one = found(changed(numbers, change), "like-neighbours")
    assert one.severity == "dangerous" and set(one.variables) == set("ABC") and "the rows 4 before them" in one.message


def test_day_and_night():
    def change(table, name):
        hour = np.arange(len(table))
        return table.assign(A=table.A + 3 * np.sin(hour * np.pi / 12), C=table.C + 3 * np.sin(hour * np.pi / 12))

    one = found(changed(numbers, change), "like-neighbours")
    assert one.severity == "dangerous" and set(one.variables) == {"A", "C"}


# ---------------------------------------------------------------- 4: many states, few rows
def test_towns_of_a_few_patients():
    data = changed(
        words, lambda t, name: t.assign(town=[f"t{k}" for k in rng_of(name).integers(0, 30, len(t))]), 70, 25
    )
    one = found(data, "many-states")
    assert (one.severity, one.variables) == (
        "dangerous",
        ("town",),
    ) and "30 states and there are 145 rows" in one.message


def test_species_of_which_most_are_rare():
    def change(table, name):
        return table.assign(species=np.minimum(rng_of(name).geometric(0.12, len(table)), 25).astype(str))

    assert found(changed(words, change, 150, 40), "many-states").variables == ("species",)


def test_seven_states_in_a_hundred_rows_buy_no_edge():
    def change(table, name):
        rng = rng_of(name)
        return table.assign(**{key: rng.integers(0, 7, len(table)).astype(str) for key in ("U", "V")})

    data = changed(words, change, rows=60, rows_each=25)
    assert not data.check().named("many-states")
    edges = fit(data).edge_probabilities.to_pandas()
    assert edges.loc[["U", "V"]].to_numpy().max() < 0.8 and edges[["U", "V"]].to_numpy().max() < 0.8


# ---------------------------------------------------------------- 5: files as other programs write them
@pytest.mark.parametrize("observational", ["control", None])
def test_empty_rows_that_a_spreadsheet_leaves(tmp_path, observational):
    table = long().assign(A=lambda t: (t.A > 0).astype(int))  # a gap would make other numbers of these
    table = table if observational else table.assign(arm=table.arm.replace("control", ""))
    path = written(table.to_csv(index=False, sep=";") + ";;;\n" * 5, tmp_path)
    with pytest.warns(RuntimeWarning, match=r"the last 5 rows of .*cells\.csv hold nothing but empty cells"):
        data = pc.InterventionalData.from_csv(path, "arm", observational)
    assert data.n == 400 and isinstance(data.kinds[0], pc.Categorical) and data.kinds[0].states == (0, 1)
    lines = table.to_csv(index=False).splitlines()
    with pytest.raises(ValueError, match=r"1 row of .* with rows below hold nothing .* row 3, counted from 0; remove"):
        pc.InterventionalData.from_csv(
            written("\n".join([*lines[:4], ",,,", *lines[4:]]), tmp_path), "arm", observational
        )


def test_labels_that_are_written_in_two_ways(tmp_path):
    table = long()
    table.iloc[::3, 3] = table.arm[::3] + " "
    table.iloc[1::3, 3] = table.arm[1::3].str.upper()
    path = written(table.to_csv(index=False), tmp_path)
    with pytest.warns(RuntimeWarning, match=r"labels in column 'arm' differ in .*: 'control ', 'CONTROL', 'control'; "):
        data = pc.InterventionalData.from_csv(path, "arm", "control")
    assert "control " in data.regime_names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "My experiment,,,\n,,,\n" + text, "3 columns without a heading beside 'My experiment'"),
        (lambda text: "sep=;\n" + text.replace(",", ";"), "more fields than its header 'sep=', ''; name every column"),
        (lambda text: "# by hand\n" + text, "its header '# by hand'; name every column, or remove"),
        (lambda text: text.replace("A,B,C,arm", "A,B,C"), "more fields than its header 'A', 'B', 'C'; name every"),
    ],
)  # fmt: skip
def test_what_stands_before_a_header(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        pc.InterventionalData.from_csv(written(change(long().to_csv(index=False)), tmp_path), "arm", "control")


def test_a_separator_at_the_end_of_every_line(tmp_path):
    text = long().to_csv(index=False, sep=";", decimal=",").replace("\n", ";\n")
    with pytest.warns(RuntimeWarning, match="1 column without a heading and without a value, which are left out"):
        data = pc.InterventionalData.from_csv(written(text, tmp_path), "arm", "control")
    assert data.names == ("A", "B", "C") and data.n == 400


# ---------------------------------------------------------------- 6: kinds guessed from how values are stored
def test_switches_and_doses_that_are_floats():
    def change(table, name):
        rng = rng_of(name)
        return table.assign(
            on=rng.integers(0, 2, len(table)).astype(float), dose=rng.choice([0.5, 1.5, 5.0], len(table))
        )

    told = {each.variables[0]: each for each in changed(numbers, change).check().named("kind")}
    assert set(told) == {"on", "dose"} and "2 different values (0, 1)" in told["on"].message
    assert "pc.Categorical" in told["dose"].advice and told["dose"].severity == "doubtful"


def test_whole_millimetres_of_mercury():
    data = changed(numbers, lambda t, name: t.assign(bp=rng_of(name).normal(120, 8, len(t)).round().astype(int)))
    one = found(data, "kind")
    assert one.variables == ("bp",) and "taken for a category" in one.message and "pc.Continuous" in one.advice


def test_numbers_with_marks_and_states_with_capitals():
    with pytest.raises(ValueError, match=r"variable 'A' has \d+ distinct values, such as '-?\d+\.\d+%'"):
        changed(numbers, lambda t, name: t.assign(A=t.A.map("{:.3f}%".format)))
    data = changed(
        numbers, lambda t, name: t.assign(on=rng_of(name).choice(["no", "yes"] if name else ["No", "yes "], len(t)))
    )
    alike = {each.message.split(",")[0] for each in data.check().named("alike-states")}
    assert alike == {"on has the states 'No'", "on has the states 'yes'"}


# ---------------------------------------------------------------- 7: exactness taken for dependence
@pytest.mark.parametrize(
    ("change", "name", "variables"),
    [
        (lambda t: t.assign(F=1.8 * t.A + 32), "copy", ("A", "F")),
        (lambda t: t.assign(T=t.A + t.B + t.C), "sum", ("T", "A", "B", "C")),
        (lambda t: t.assign(E=np.exp(t.A)), "function", ("A", "E")),
    ],
)
def test_columns_that_others_decide(change, name, variables):
    one = found(changed(numbers, lambda t, _: change(t)), name)
    assert one.variables == variables and "Keep one of them" in one.advice

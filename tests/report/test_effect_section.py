"""What a report says would happen."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from example_verdicts import made_result, settled_chain

from pyrocausal.checks.findings import Diagnosis
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report import effect_section as section
from pyrocausal.report.document import Heading, Picture, Table, Text
from pyrocausal.report.effect_section import HEADER, ask_effects, effect_section
from pyrocausal.report.sections import contents
from pyrocausal.report.write import write_report


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(section, "VISITS", 0)
    monkeypatch.setattr(section, "FEWEST_DRAWS", 4)


def words(parts) -> str:
    return " ".join("".join(part.words) for part in parts if isinstance(part, Text))


def test_effects_are_told_as_a_table_a_picture_and_words(quick):
    result = made_result(settled_chain(targets=(0, 1, 4)))
    asked = ask_effects(result)
    assert (asked.causes, asked.draws, asked.failure) == (["X0", "X1"], 4, "")
    pd.testing.assert_frame_equal(asked.table, result.effects(["X0", "X1"], draws=4))
    parts = list(effect_section(result, asked))
    assert parts[0] == Heading("What would happen")
    (table,) = [part for part in parts if isinstance(part, Table)]
    assert table.header == HEADER and len(table.rows) == len(asked.table) > 1
    first = asked.table.iloc[0]
    interval = f"{first.low:+z.4g} to {first.high:+z.4g}"
    assert table.rows[0] == (
        first.cause, first.versus, first.do, f"mean of {first.effect}", f"{first['mean']:+z.4g}", interval,
        f"{first.path:.0%}",
    )  # fmt: skip
    assert [part.name for part in parts if isinstance(part, Picture)] == ["effects"]
    told = words(parts)
    assert (
        "Asked about: all 2 variables that a regime is believed to act on." in told
        and "moved by one standard deviation" in told
    )
    assert "nine tenths of 4 draws, each of a graph and of the mechanisms in it" in told
    assert "states" not in told and "rough guide" in told


def test_a_fit_that_was_not_finished_is_not_asked_and_the_report_says_so():
    result = made_result(settled_chain(settled=False))
    assert ask_effects(result) is None and "The fit was not finished" in words(effect_section(result, None))


def test_it_is_not_there_where_nothing_has_settled_or_is_found():
    without_rounds = made_result(settled_chain(rounds=pd.DataFrame()))
    without_edges = made_result(settled_chain(edges={}))
    for result in (without_rounds, without_edges):
        assert ask_effects(result) is None and not list(effect_section(result, None))


def test_many_effects_are_counted_and_many_causes_limited(quick, monkeypatch):
    monkeypatch.setattr(section, "SHOWN", 1)
    monkeypatch.setattr(section, "MOST_CAUSES", 2)
    monkeypatch.setattr(section, "FEWEST_CAUSES", 1)
    strength = torch.diag(torch.tensor([0.1, 0.5, 0.3, 0.0]))[:3].double()
    result = made_result(settled_chain(target_strength=strength))
    asked = ask_effects(result)
    assert asked.causes == ["X1", "X2"]
    told = words(effect_section(result, asked))
    assert "Asked about: the 2 variables hit most strongly, of 3." in told
    left = len(asked.table) - 1
    assert not left or f"{left} smaller effect" in told


def test_time_does_not_grow_with_variables(monkeypatch):
    asked = []

    def effects(self, causes, *, draws):
        asked.append((len(causes), draws))
        return pd.DataFrame()

    monkeypatch.setattr(CausalPosterior, "effects", effects)
    result = made_result()
    monkeypatch.setattr(section, "_candidates", lambda result: ([f"X{k}" for k in range(30)], False))
    ask_effects(result)
    ask_effects(replace(result, chains=result.chains * 4))
    assert asked == [(20, 100), (20, 25)]  # among the chains; of 4 variables as many as are ever asked for
    asked.clear()
    monkeypatch.setattr(section, "VISITS", 250)
    ask_effects(result)
    assert asked == [(20, 12)]


def test_a_question_that_fails_is_told_and_the_report_written(quick, monkeypatch, tmp_path):
    def fails(*_, **__):
        raise ValueError("'X0' was never seen.\n")

    result = made_result()
    (tmp_path / "effects.csv").write_text("of an earlier fit")
    monkeypatch.setattr(CausalPosterior, "effects", fails)
    monkeypatch.setattr("pyrocausal.report.sections.PANELS", 1)
    write_report(result, tmp_path, diagnosis=Diagnosis())
    assert not (tmp_path / "effects.csv").exists()
    page = (tmp_path / "report.md").read_text()
    assert "The fitted programs could not be asked: 'X0' was never seen.\n" in page and "effects.csv" not in page


def test_the_folder_has_the_table_and_the_picture(quick, monkeypatch, tmp_path):
    monkeypatch.setattr("pyrocausal.report.sections.PANELS", 1)
    result = made_result()
    write_report(result, tmp_path, diagnosis=Diagnosis())
    found = pd.read_csv(tmp_path / "effects.csv", dtype={"versus": str, "do": str})
    table = ask_effects(result).table
    pd.testing.assert_frame_equal(found, table, rtol=1e-4)
    page = (tmp_path / "report.md").read_text()
    assert "`effects.csv`" in page and "(effects.png)" in page and (tmp_path / "effects.png").exists()
    headings = [part.text for part in contents(result, Diagnosis()) if isinstance(part, Heading) and part.level == 2]
    assert headings.index("What would happen") == headings.index("Targets") + 1


def test_a_question_of_no_consequence(monkeypatch):
    empty = pd.DataFrame({"cause": []})
    monkeypatch.setattr(CausalPosterior, "effects", lambda *_, **__: empty)
    result = made_result(settled_chain(targets=(3, 4, 4)))
    told = words(effect_section(result, ask_effects(result)))
    assert told.endswith(
        "the one variable that a regime is believed to act on. In no graph drawn do they act on another variable."
    )


def test_where_nothing_is_hit_all_are_asked_about_by_their_edges(quick):
    asked = ask_effects(made_result(settled_chain({("X1", "X2"): 0.9}, {("X1", "X2"): 0.3}, (4, 4, 4))))
    assert asked.causes[0] == "X1" and set(asked.causes) == {"X0", "X1", "X2", "X3"}
    assert asked.about == "all 4 variables"

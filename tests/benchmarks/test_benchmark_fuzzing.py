"""Inputs that are bad or odd, made at random: each is refused in a line, told of, or taken where it is valid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import fuzzing as module
from benchmarks.__main__ import main
from benchmarks.fuzzing import CLASSES, Class, fuzz, outcome, told_fuzz

seeds = st.integers(1000, 10**9)


@pytest.mark.parametrize("name", CLASSES)
@given(seed=seeds)
@settings(max_examples=3, deadline=None, derandomize=True)
def test_an_input_is_refused_told_of_or_taken(name, seed):
    how, said = outcome(name, seed)
    assert how == "right", said


@given(st.sampled_from(["options of the shell", "a text table", "a result", "settings", "how a table is read"]), seeds)
@settings(max_examples=60, deadline=None)
def test_many_inputs_of_the_widest_classes(name, seed):
    how, said = outcome(name, seed)
    assert how == "right", said


def test_what_is_not_right_is_found(monkeypatch):
    def fails(error):
        def attempt(rng, folder):
            raise error

        return attempt

    classes = {
        "raw": Class("any", fails(KeyError("x"))),
        "says nothing": Class("any", fails(ValueError("bad"))),
        "silent": Class("refused", lambda rng, folder: None),
        "not told": Class("told", lambda rng, folder: None),
        "refused though valid": Class("taken", fails(ValueError("this is refused for a reason"))),
        "fine": Class("refused", fails(ValueError("this is refused for a reason"))),
        "as it says": Class("any", lambda rng, folder: "refused"),
    }
    monkeypatch.setattr(module, "CLASSES", classes)
    found = fuzz([0]).set_index("name").outcome.to_dict()
    assert found == {
        "raw": "raw", "says nothing": "raw", "silent": "silent", "not told": "silent",
        "refused though valid": "refused though valid", "fine": "right", "as it says": "silent",
    }  # fmt: skip
    assert told_fuzz(fuzz([0]))[-1] == "7 inputs of 7 classes, 6 not right"


def test_the_command_says_what_came_of_it(capsys):
    assert main(["fuzz", "--seeds", "0-1", "--classes", "targets", "arrays"]) == 0
    assert capsys.readouterr().out.endswith("4 inputs of 2 classes, 0 not right\n")

"""Digests tell whether two fits have the same numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import pyrocausal as pc
from benchmarks import digests
from benchmarks.__main__ import main


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.0 + 2**-52),
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.double)),
        ([1, [2, 3]], [[1, 2], 3]),
        ({"a": 1}, {"b": 1}),
        (np.array(["a"]), np.array(["b"])),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0]}, index=[1])),
        (None, 0),
    ],
)
def test_what_differs_has_another_digest(one, other):
    assert digests.digest(one) == digests.digest(one) != digests.digest(other)


@pytest.mark.parametrize("name", digests.PROBLEMS)
def test_every_problem_is_made_the_same_again(name):
    (one, options), (other, _) = digests.PROBLEMS[name](), digests.PROBLEMS[name]()
    assert isinstance(one, pc.InterventionalData) and set(options) <= {"knowledge", "target_prior", "sampling"}
    assert digests.digest(list(one.parts)) == digests.digest(list(other.parts))


def test_the_command_prints_a_line_a_problem_and_a_setting_changes_it(monkeypatch, capsys):
    brief = replace(digests.SETTLING, refitting=None, draft=None, rounds=1, proposal=2, final_steps=1)
    lines = []
    for price in (1.5, 1.5, 4.0):
        monkeypatch.setattr(digests, "SETTLING", replace(brief, price=price))
        assert main(["digests", "--problems", "several"]) == 0
        lines.append(capsys.readouterr().out.splitlines())
    ((one,), (again,), (dearer,)) = lines
    assert one.startswith("several: phases ")
    assert one == again != dearer
    assert one.split(" graph ")[0] == dearer.split(" graph ")[0]  # the three phases know no price

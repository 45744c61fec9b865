"""This library as a method: every variant runs, leaves everything as it was, and is told of in the README."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchmarks
from benchmarks.methods import METHODS, ours
from benchmarks.methods.base import Method
from pyrocausal import Descent, Refitting, networks, simulate
from pyrocausal.copies.screening import Screen
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.model.new_mechanisms import NewMechanisms

OURS = [method.name for method in vars(ours).values() if isinstance(method, Method)]
LONG = {"paper", "phases", "greatest-drop", "drawn"}  # the three phases to certainty, and what others test
README = (Path(benchmarks.__file__).parent / "README.md").read_text(encoding="utf-8")
CHAIN = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]  # row = effect


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Settle with few gradient steps, which closed forms do not need; the list fills with settled fits."""
    settle, heard = ours.settle, []

    def briefly(state, settling, **options):
        if settling.refitting:
            settling = replace(settling, draft=None, refitting=Refitting(Descent(40, 128, 2e-2), decays=(0.0,)))
        heard.append(settle(state, replace(settling, rounds=2, final_steps=1), **options))
        return heard[-1]

    monkeypatch.setattr(ours, "settle", briefly)
    return heard


@pytest.mark.parametrize("name", [name for name in OURS if name not in LONG])
def test_every_variant_settles_a_chain(name: str, brief: list[object]) -> None:
    made = simulate.simulate(
        networks.load("chain3"), intervention=simulate.hard_uniform, rows=1_000, rows_per_regime=200, seed=0
    )
    method, before = METHODS[name], (NewMechanisms.of, PooledEvidence._fresh, Screen.promising)
    told = dict(made.targets) if method.told_targets else {}
    answer = method.fit(replace(made.data, truth=None), told, 0, lambda *graph: None, None)
    assert (NewMechanisms.of, PooledEvidence._fresh, Screen.promising) == before
    assert len(brief) == 1 and np.array_equal(answer.dag, brief[0].dag)
    joined = answer.dag | answer.dag.T
    assert joined[0, 1] and joined[1, 2]
    assert answer.edge_strength.shape == (3, 3) and ((answer.edge_strength != 0) <= answer.dag).all()
    assert (answer.edge_strength[answer.dag] > 0.01).sum() >= 2
    if method.told_targets:
        assert answer.targets is None and answer.target_strength is None
        assert answer.dag.tolist() == CHAIN
    else:
        assert len(answer.targets) == len(answer.target_probability) == len(answer.target_strength) == 3


def test_the_readme_names_every_variant_and_none_that_is_gone() -> None:
    section = README.split("## Methods")[1].split("## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row)) == sorted(OURS)
    commands = [found.replace("\\\n", " ").split() for found in re.findall(r"--methods ((?:[a-z -]|\\\n)+)", section)]
    names = [name for command in commands for name in command]
    assert len(names) > 10 and set(names) <= {*METHODS, "module"}  # of module:variable

"""A budget of time cuts networks short, and nothing else; what it was too little for is taken up later."""

import math
import time
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import torch

import pyrocausal as pc
from pyrocausal.fit import discover
from pyrocausal.runtime.interruption import checkpoint, interruptible, time_limit, uninterrupted


@pytest.fixture(scope="module")
def bent():
    """A table that networks predict better than closed forms do."""
    rng = np.random.default_rng(0)

    def rows(n, hit=None):
        a = rng.normal(2 if hit == "a" else 0, 1, n)
        b = rng.normal(2, 1, n) if hit == "b" else np.tanh(2 * a) + 0.3 * rng.normal(size=n)
        c = rng.normal(2, 1, n) if hit == "c" else np.sin(2 * a) * b + 0.3 * np.exp(0.5 * a) * rng.normal(size=n)
        return pd.DataFrame({"a": a, "b": b, "c": c})

    return pc.InterventionalData.from_frames(rows(300), {f"r{hit}": rows(80, hit) for hit in "abc"})


def fit(data, **options):
    how = {"chains": 1, "cores": 1, "seed": 0, "progress": False, "settling": pc.Settling(final_steps=5)}
    return pc.discover(data, **(how | options))


def same(one, other):
    return one.evidence == other.evidence and torch.equal(one.edge_probability, other.edge_probability)


def test_the_time_over_closed_forms_remain_and_a_later_fit_goes_on(bent, tmp_path):
    whole = fit(bent)
    assert whole.chains[0].predictive
    with pytest.warns(
        RuntimeWarning,
        match="the budget of time was used up: chain 0 was cut short after step 1 and round 2 of settling",
    ):
        cut = fit(bent, budget=1e-6, checkpoint=tmp_path / "fit")
    chain = cut.chains[0]
    assert not chain.settled
    assert cut.stopped is None
    assert len(chain.rounds) == 2  # straight lines, and then richer closed forms, which had waited for networks
    assert same(chain, fit(bent, settling=pc.Settling(refitting=None, final_steps=5)).chains[0])
    diagnosis = pc.diagnose(cut)
    assert "budget=" in str(diagnosis)
    again = fit(bent, budget="10 min", checkpoint=tmp_path / "fit", resume=True)
    assert again.chains[0].settled
    assert same(again.chains[0], whole.chains[0])


def test_enough_time_changes_nothing(bent):
    assert same(fit(bent, budget=timedelta(hours=1)).chains[0], fit(bent).chains[0])


def test_without_closed_forms_what_was_met_so_far_counts(bent):
    with pytest.warns(RuntimeWarning, match="the budget of time was used up: chain 0 was cut short"):
        cut = fit(bent, budget=1e-6, settling=pc.Settling(closed_form=False))
    assert not cut.chains[0].settled


@pytest.mark.parametrize("budget", [0, -1.0, "soon", "0", "nan", "inf", math.nan, True, [1]])
def test_budgets_that_are_none(bent, budget):
    kind = TypeError if budget in (True, [1]) else ValueError
    with pytest.raises(kind, match='budget must be a time above 0, such as "10 min"'):
        fit(bent, budget=budget)


def test_chains_that_take_turns_part_it(bent, monkeypatch):
    asked = []

    def settle(state, *rest, budget, **options):
        asked.append(budget)
        return pc.settle(state, *rest, budget=0.0, **options)

    monkeypatch.setattr("pyrocausal.fit.one_restart.settle", settle)
    with pytest.warns(
        RuntimeWarning,
        match="the budget of time was used up: chain 0 was cut short .* chain 1 .* 2 of 2 chains are kept",
    ):
        fit(bent, chains=2, cores=1, budget=100)
    assert len(asked) == 2
    assert all(40 < each <= 50 for each in asked)


def test_a_limit_ends_its_block_alone():
    with interruptible(lambda: False) as work:
        with time_limit(3600.0), time_limit(1e-3):
            time.sleep(2e-3)
            with uninterrupted():
                checkpoint()
            checkpoint()
            pytest.fail("went on")
        checkpoint()
    assert work.out_of_time
    assert not work.stopped


@pytest.mark.parametrize(
    ("budget", "seconds"), [("0.5", 0.5), ("60", 60.0), ("60 s", 60.0), ("2 min", 120.0), (7, 7.0)]
)
def test_a_number_is_one_of_seconds_as_text_too(budget, seconds):
    assert discover._seconds(budget) == seconds

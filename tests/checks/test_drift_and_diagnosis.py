"""A variable that drifts as the fit says contradicts nothing; one that is changed in earnest does."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.residual_values import Left, drift_nats
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.fit.discover import discover
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.settings import Settling

NAMES = "ABC"


def table(rows: int, seed: int, hit: str = "", moved: float = 0.0, drift: float = 0.1) -> pd.DataFrame:
    """A -> B -> C; where `drift`, every value is shifted and stretched, and C by `moved` deviations."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=rows) + 2 * (hit == "A")
    b = a + 0.5 * rng.normal(size=rows) if hit != "B" else rng.normal(size=rows) - 2
    c = 0.8 * b + 0.5 * rng.normal(size=rows) if hit != "C" else rng.normal(size=rows) + 3
    made = pd.DataFrame({"A": a, "B": b, "C": c + moved})
    return made * np.exp(drift * rng.normal(size=3)) + drift * rng.normal(size=3)


def fit(moved: float, **settings: bool):
    regimes = {f"do{hit}": table(600, k, hit) for k, hit in enumerate(NAMES, 1)}
    regimes |= {f"day {k}": table(600, 10 + k) for k in range(4)}
    regimes["late"] = table(600, 20, moved=moved)
    told = {f"do{hit}": hit for hit in NAMES} | {f"day {k}": () for k in range(4)} | {"late": ()}
    data = InterventionalData.from_frames(table(1_500, 0, drift=0.0), regimes, targets=told)
    return discover(
        data, chains=1, seed=0, progress=False, max_steps=8, settling=Settling(refitting=None, **settings),
        required=[("A", "B"), ("B", "C")], forbidden=[("A", "C")], target_prior=TargetPrior(several=False),
    )  # fmt: skip


@pytest.fixture(scope="module")
def drifting():
    return fit(0.0)


def test_what_drifts_as_the_fit_says_is_not_changed(drifting) -> None:
    drift = drifting.drift.sel(regime=[f"day {k}" for k in range(4)])
    assert 0.02 < float(drift.mean()) < 0.3
    changed = {each.subject for each in diagnose(drifting).named("changed-mechanism")}
    without = {each.subject for each in diagnose(fit(0.0, drift=False)).named("changed-mechanism")}
    assert len(changed) <= 2 and len(changed) <= len(without) / 3


def test_what_is_changed_by_more_is_told(drifting) -> None:
    changed = {each.subject for each in diagnose(fit(3.0)).named("changed-mechanism")}
    assert ("late", "C") in changed


def test_nats_that_a_drift_comes_to() -> None:
    one = torch.ones(5, 1, dtype=torch.double)
    number, count, states = Continuous(0.0, 1.0), Count(None, 1.5, 0.8), Categorical((0, 1))
    left = Left(one, 3 * one, 0.5 * one)
    assert drift_nats(number, left, 0.1) == pytest.approx(0.04)
    assert drift_nats(number, left, 7.0) == drift_nats(number, left, 0.3)  # no more than a fit expects
    assert drift_nats(count, left, 0.1) == pytest.approx(0.36)
    assert drift_nats(states, left, 0.05) == pytest.approx(0.01)
    assert drift_nats(number, left, math.nan) == 0.0

"""What is left of a variable that its causes all but determine is no noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.residual_values import least_noise
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous, Count
from pyrocausal.fit.discover import discover
from pyrocausal.search.settings import Settling


def test_the_least_noise_is_a_share_of_the_deviation_or_of_the_step() -> None:
    column = torch.randn(3_000)
    number = Continuous(0.0, 1.0)
    assert least_noise(number, column) == pytest.approx(0.05 * float(column.double().std()))
    assert least_noise(number, 2 * column + 7) == pytest.approx(2 * least_noise(number, column), rel=1e-5)
    assert least_noise(number, (4 * column).round() / 4) == pytest.approx(0.125)  # half a step
    assert least_noise(number, column[:1]) == 0.0
    rare = torch.poisson(torch.full((3_000,), 0.1))  # whose deviation of 0.3 is no rounding
    assert least_noise(Count(None, 0.1, 1.0), rare) == 0.0


def table(rows: int, hit: str | None, decimals: int, noise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows) + 3 * (hit == "X")
    shared = noise * rng.normal(size=rows)  # acts on both effects
    w = 0.5 * x + shared + noise * rng.normal(size=rows) if hit != "W" else rng.normal(size=rows) + 2
    y = 0.8 * x - shared if hit != "Y" else rng.normal(size=rows) - 2
    return pd.DataFrame({"X": x, "W": w, "Y": y}).round(decimals)


@pytest.mark.parametrize(("decimals", "noise"), [(12, 0.0), (1, 0.0), (12, 0.3)], ids=["exact", "rounded", "noise"])
def test_two_functions_of_one_cause_have_no_other(decimals: int, noise: float) -> None:
    regimes = {f"do{hit}": table(300, hit, decimals, noise, k) for k, hit in enumerate("XWY", 1)}
    data = InterventionalData.from_frames(table(1_500, None, decimals, noise, 0), regimes)
    result = discover(
        data, chains=1, seed=0, progress=False, max_steps=8, settling=Settling(refitting=None),
        forbidden=[("W", "Y"), ("Y", "W")],
    )  # fmt: skip
    found = diagnose(result)
    together = [each for each in found.findings if {"W", "Y"} <= set(each.subject)]
    said = [each.message for each in found.remarks if "rounding rather than noise" in each.message]
    assert bool(together) is bool(noise)  # a common cause in earnest is told
    assert bool(said) is not bool(noise)

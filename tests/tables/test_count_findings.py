"""Zeros beyond those of a negative binomial are told, with their share; those that it has are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count


def made(
    seed=0, *, silent=0.0, mean=6.0, size=2.0, rows=600, exposure=None, components=1, gaps=0
) -> InterventionalData:
    rng = np.random.default_rng(seed)

    def table(n):
        depth = np.exp(rng.normal(0.0, 0.8, n)) if exposure else np.ones(n)
        counts = rng.poisson(depth * mean * rng.gamma(size, 1 / size, n)) * (rng.random(n) >= silent)
        columns = {"A": counts.astype(float), "B": rng.poisson(9, n)}
        columns["A"][:gaps] = np.nan
        return pd.DataFrame(columns | ({"depth": depth} if exposure else {}))

    kinds = {"A": Count(exposure, components=components), "B": Count(exposure)}
    return InterventionalData.from_frames(table(rows), {"r": table(100)}, kinds)


@pytest.mark.parametrize("options", [{}, {"exposure": "depth"}, {"gaps": 40}])
def test_zeros_are_told_with_their_share(options):
    (found,) = made(silent=0.3, **options).check().named("zeros")
    assert (found.variables, found.severity) == (("A",), "doubtful")
    assert found.numbers["share"] == pytest.approx(0.3, abs=0.07)
    assert "beyond what a negative binomial has" in found.message and "components=2" in found.advice
    assert found.what_to_do(shell=True) == "Say --count A --count-components 2."


@pytest.mark.parametrize("seed", range(10))
def test_zeros_that_a_negative_binomial_has_are_not(seed):
    for options in ({"mean": 1.0}, {"mean": 0.3, "size": 0.5}, {"size": 0.4}, {"exposure": "depth"}):
        assert not made(seed, **options).check().named("zeros")


def test_nothing_is_told_where_it_is_taken_in_or_too_little_is_there():
    assert not made(silent=0.3, components=2).check().named("zeros")
    assert not made(silent=0.3, rows=25).check().named("zeros")

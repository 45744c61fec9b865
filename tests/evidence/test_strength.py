"""Strength of edges and targets: nats per row, whatever their number."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.regressors import ADDITIVE
from pyrocausal.evidence.strength import edge_strengths, target_strengths

SLOPE = 0.8


def made(rows: int) -> PooledEvidence:
    """Evidence of x -> y beside z, and of a regime in which y is drawn anew."""
    rng = np.random.default_rng(0)

    def draw(hit: bool) -> pd.DataFrame:
        x, z = rng.normal(size=(2, rows))
        y = SLOPE * x + math.sqrt(1 - SLOPE**2) * rng.normal(size=rows)
        return pd.DataFrame({"x": x, "y": 2 + rng.normal(size=rows) if hit else y, "z": z})

    data = InterventionalData.from_frames(draw(False), {"drug": draw(True)})
    return PooledEvidence(data, TargetKnowledge.nothing(1, 3), price=5.0)


def graph(*edges: tuple[int, int]) -> torch.Tensor:
    found = torch.zeros(3, 3, dtype=torch.bool)
    for effect, cause in edges:
        found[effect, cause] = True
    return found


@pytest.mark.parametrize("rows", [1_000, 4_000])
def test_edges_are_as_strong_as_what_causes_tell(rows: int) -> None:
    strength = edge_strengths(made(rows), graph((1, 0), (2, 0)))
    told = -0.5 * math.log(1 - SLOPE**2)  # mutual information; in half of the rows y is drawn anew
    assert float(strength[1, 0]) == pytest.approx(told / 2, rel=0.1)
    assert -0.01 < float(strength[2, 0]) <= 0.001  # x tells nothing of z, and is paid for by no price here
    others = ~graph((1, 0), (2, 0))
    assert (strength[others] == 0).all()


def test_targets_are_as_strong_as_a_mechanism_of_their_own_fits_better() -> None:
    strength = target_strengths(made(4_000), graph((1, 0)))
    # Rows N(2, 1) that are expected at N(0.8 x, 0.36), the mean of x being 0.
    expected = 0.5 * ((4 + 1 + SLOPE**2) / (1 - SLOPE**2) - 1 + math.log(1 - SLOPE**2))
    assert strength.shape == (1, 3)
    assert float(strength[0, 1]) > 0.1
    assert float(strength[0, 1]) < 1.1 * expected
    assert float(strength[0, 0]) < 0
    assert float(strength[0, 2]) < 0


def test_targets_are_judged_by_the_rows_of_their_own_regime() -> None:
    rng = np.random.default_rng(0)
    control, one, two = (pd.DataFrame(rng.normal(size=(rows, 2)), columns=["x", "y"]) for rows in (500, 60, 20))
    data = InterventionalData.from_frames(control, {"one": one, "two": two})
    evidence = PooledEvidence(data, TargetKnowledge.nothing(2, 2), price=5.0)
    strength = target_strengths(evidence, torch.zeros(2, 2, dtype=torch.bool))
    for i in range(2):
        told = evidence.family(i, ())
        torch.testing.assert_close(strength[:, i] * torch.tensor([60.0, 20.0]), told.new - told.old)


def test_what_is_left_is_weighed_at_every_level() -> None:
    rng = np.random.default_rng(1)

    def draw(rows: int) -> pd.DataFrame:
        x = rng.normal(size=rows)
        z = x**2 + 0.3 * rng.normal(size=rows)
        return pd.DataFrame({"x": x, "y": z + 0.3 * rng.normal(size=rows), "z": z})

    data = InterventionalData.from_frames(draw(2_000), {"nothing": draw(200)})

    def additive() -> PooledEvidence:
        return PooledEvidence(data, TargetKnowledge.nothing(1, 3), price=0.0).at_level(ADDITIVE)

    whole, searched = graph((1, 0), (1, 2)), additive()
    searched.of(whole)  # which is straight, so that curves do not look promising; without z there is one
    strength = edge_strengths(searched, whole)
    for cause, kept in ((0, 2), (2, 0)):
        less = additive().of(graph((1, kept)))  # nothing better is known there
        assert float(strength[1, cause]) == pytest.approx((searched.of(whole) - less) / 2_200, abs=1e-6)

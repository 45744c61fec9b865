"""Logistic regressions of categories on numbers, in closed form over all tables."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import pyrocausal as pc
from pyrocausal.data.weights import Part
from pyrocausal.evidence.drift import spared_evidence
from pyrocausal.evidence.pooled_logistic import PooledLogistic
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, Regressors
from pyrocausal.model.logistic_regression import SPREAD

KINDS = (pc.Continuous(0.0, 1.0), pc.Categorical(("a", "b", "c")), pc.Categorical((0, 1)))


def make_rows(n: int, seed: int, slope: float = 1.5, kinds=KINDS) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    three = np.stack([0 * x, slope * x, -slope * x + 0.5], 1) + rng.gumbel(size=(n, 3))
    two = np.stack([0 * x, slope * x], 1) + rng.gumbel(size=(n, 2))
    return torch.from_numpy(np.stack([x, three.argmax(1), two.argmax(1)], 1)).float()


def spared(rows, family, hit=None, level=LINEAR, weights=None, kinds=KINDS):
    weights = weights or [None] * len(rows)
    regressors = Regressors(kinds, [Part(each, weight) for each, weight in zip(rows, weights, strict=True)])
    hit = torch.full((len(rows),), -torch.inf).double() if hit is None else hit
    return *PooledLogistic(kinds, regressors).spared(family, level, hit), hit


def value(found, hit) -> float:
    return float(spared_evidence(found.log_prob, found.common, hit))


def test_evidence_is_that_of_an_integral():
    rows = make_rows(80, 0)
    drifting, still, hit = spared([rows], (2, (0,)))
    x = Regressors(KINDS, [Part(rows)]).columns((0,), LINEAR)
    grid = torch.linspace(-4, 4, 161).double()
    b = torch.cartesian_prod(grid, grid)  # N(0, 1) beforehand, and a logit is sqrt 2 of a contrast
    logits = SPREAD * math.sqrt(2.0) * b @ x.t()
    sign = 2 * rows[:, 2].double() - 1
    best = -torch.inf
    for direction in (sign, -sign):  # of the contrast, which the prior does not tell
        joint = (
            torch.nn.functional.logsigmoid(direction * logits).sum(1) - 0.5 * b.square().sum(1) - math.log(2 * math.pi)
        )
        best = max(best, float(joint.logsumexp(0)) + 2 * math.log(float(grid[1] - grid[0])))
    assert value(still, hit) == pytest.approx(best, abs=0.15)  # Laplace's
    assert value(drifting, hit) >= value(still, hit) - 1e-6


def test_names_of_states_do_not_matter():
    rows = make_rows(200, 1)
    other = rows.clone()
    other[:, 1] = (rows[:, 1] + 1) % 3
    one, two = (spared([each], (1, (0,))) for each in (rows, other))
    assert value(one[1], one[2]) == pytest.approx(value(two[1], two[2]), abs=1e-4)


def test_a_table_that_was_hit_tells_nothing():
    rows, strange = make_rows(300, 2), make_rows(300, 3, slope=-4.0)
    hit = torch.tensor([torch.inf, -torch.inf]).double()
    _, with_it, _ = spared([strange, rows], (1, (0,)), hit)
    _, without, plain = spared([rows], (1, (0,)))
    # the columns are made with the numbers of all rows, which are alike
    assert value(with_it, hit) == pytest.approx(value(without, plain), abs=1.0)
    doubtful = torch.tensor([-200.0, -torch.inf]).double()  # a fresh mechanism that would say much more than its rows
    _, told, _ = spared([strange, rows], (1, (0,)), doubtful)
    assert float(told.log_prob[0]) < -400 and value(told, doubtful) == pytest.approx(value(with_it, hit) - 200, abs=1.0)


def test_tables_may_drift():
    tables = [make_rows(400, seed, slope) for seed, slope in enumerate((0.4, 1.0, 1.7, 3.0, 1.5))]
    drifting, still, hit = spared(tables, (1, (0,)))
    assert value(drifting, hit) > value(still, hit) + 2
    assert float(still.drift.abs().max()) == 0 and float(drifting.drift[0]) > 0.01
    same = [make_rows(400, seed) for seed in range(5)]
    drifting, still, hit = spared(same, (1, (0,)))
    assert value(drifting, hit) < value(still, hit) + 2


def test_no_table_is_more_probable_than_certain():
    rng = np.random.default_rng(8)

    def draw(
        rows: int, hit: bool
    ) -> torch.Tensor:  # a steep mechanism, and numbers far out that have nothing to do with it
        state = rng.random(rows) < 0.5
        x = rng.normal(2.0, 1.0, rows) if hit else 0.8 * state + 0.15 * rng.normal(size=rows)
        return torch.from_numpy(np.stack([x, 0 * x, state], 1)).float()

    tables = [draw(100, True), *(draw(100, False) for _ in range(5)), draw(1000, False)]
    for level in (LINEAR, ADDITIVE):
        drifting, still, _ = spared(tables, (2, (0,)), level=level)
        assert float(still.log_prob.max()) < 0 and float(drifting.log_prob.max()) < 0
        assert float(drifting.log_prob[0]) < -100 * math.log(2)  # a coin says more, and is allowed for


def test_tables_by_themselves_and_all_others_as_one():
    tables = [make_rows(60 + 10 * seed, seed, slope) for seed, slope in enumerate((1.0, 1.5, 2.0, 1.5))]
    parts = [Part(each) for each in tables]
    hit = torch.tensor([-30.0, -torch.inf]).double()
    grouped = PooledLogistic(KINDS, Regressors(KINDS, parts)).spared((1, (0,)), LINEAR, hit, torch.tensor([2]))
    joined = [Part(tables[2]), Part(torch.cat([tables[0], tables[1], tables[3]]))]
    expected = PooledLogistic(KINDS, Regressors(KINDS, joined)).spared((1, (0,)), LINEAR, hit)
    for one, other in zip(grouped, expected, strict=True):
        torch.testing.assert_close(one.log_prob, other.log_prob, rtol=1e-6, atol=1e-4)
        torch.testing.assert_close(one.common, other.common, rtol=1e-6, atol=1e-4)


def test_weights_and_gaps():
    rows = make_rows(120, 5)
    _, twice, hit = spared([rows], (1, (0,)), weights=[torch.full((120,), 2.0).double()])
    _, repeated, _ = spared([torch.cat([rows, rows])], (1, (0,)))
    assert value(twice, hit) == pytest.approx(value(repeated, hit), abs=1e-3)
    gappy = rows.clone()
    gappy[60:, 1] = torch.nan
    counted = torch.cat([torch.ones(60), torch.full((60,), 1e-9)]).double()
    kinds = (KINDS[0], replace(KINDS[1], missing=True), KINDS[2])
    _, gaps, _ = spared([gappy], (1, (0,)), kinds=kinds)
    _, whole, _ = spared([rows], (1, (0,)))
    assert value(whole, hit) < value(gaps, hit) < 0
    assert value(gaps, hit) == pytest.approx(value(spared([rows], (1, (0,)), weights=[counted])[1], hit), abs=1.5)


def test_a_bent_mechanism_needs_steps():
    rng = np.random.default_rng(6)
    x = rng.normal(size=1500)
    state = (2.0 * np.cos(2.5 * x) + rng.logistic(size=1500) > 0).astype(float)
    rows = torch.from_numpy(np.stack([x, 0 * x, state], 1)).float()
    _, straight, hit = spared([rows], (2, (0,)))
    _, bent, _ = spared([rows], (2, (0,)), level=ADDITIVE)
    assert value(bent, hit) > value(straight, hit) + 100


def make_table(seed: int, hit: str) -> pd.DataFrame:
    rng = np.random.default_rng(seed)

    def draw(n: int, do: str = "") -> pd.DataFrame:
        x = rng.normal(1.5, 0.5, n) if do == "x" else rng.normal(size=n)
        on = rng.random(n) < (0.8 if do == "s" else 1 / (1 + np.exp(-1.5 * x)))
        y = rng.normal(1.0, 0.5, n) if do == "y" else 0.8 * on + 0.5 * rng.normal(size=n)
        return pd.DataFrame({"x": x, "s": np.where(on, "on", "off"), "y": y})

    return pd.concat([draw(500).assign(regime="none"), *(draw(100, do).assign(regime=do) for do in hit)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hit", ["xsy", "xy", "sy"])
def test_a_number_that_acts_on_a_state_is_not_reversed(hit, seed):
    data = pc.InterventionalData.from_frame(make_table(seed, hit), regime="regime", observational="none")
    algorithm = pc.SDI(fitting=pc.GraphFitting(warm_up=50))
    settling = pc.Settling(refitting=None, final_steps=20)
    result = pc.discover(data, algorithm=algorithm, settling=settling, chains=1, cores=1, seed=seed, progress=False)
    assert set(result.to_networkx().edges) == {("x", "s"), ("s", "y")}
    found = (result.chains[0].target_probability > 0.5).nonzero().tolist()
    assert found == [[r, "xsy".index(name)] for r, name in enumerate(hit)]

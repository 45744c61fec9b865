"""Genes that regulate genes, knock-downs, and what is counted of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pyrocausal.simulate import cell_counts, expression_truth, graphs, knock_down, linear_truth, simulate
from pyrocausal.simulate.expression import NOISE, Regulated


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_production_is_a_sum_of_hill_functions() -> None:
    gene = Regulated(0.5, np.array([2.0, -3.0]), np.array([1.0, 4.0]))
    levels = np.array([[1.0, 4.0], [0.0, 0.0], [1e9, 1e9]])
    assert gene.production(levels) == pytest.approx([0.5 + 1.0 + 1.5, 0.5 + 3.0, 0.5 + 2.0])


def test_levels_vary_by_their_noise_around_production(rng: np.random.Generator) -> None:
    gene = Regulated(0.5, np.array([2.0]), np.array([1.0]))
    logs = np.log(gene.sample(np.ones((20_000, 1)), rng))
    assert logs.mean() == pytest.approx(np.log(1.5), abs=0.01)
    assert logs.std() == pytest.approx(NOISE, rel=0.02)


def test_a_knock_down_leaves_a_share_and_regulators_at_work(rng: np.random.Generator) -> None:
    truth = expression_truth(graphs.chain(2), rng)
    own = truth.mechanisms["X1"]
    put = knock_down(0.1)(truth, "X1", rng)
    levels = rng.uniform(0.5, 3, (50, 1))
    assert put.production(levels) == pytest.approx(0.1 * own.production(levels))
    assert put.redraw(rng).factor == put.factor
    assert (knock_down(0.0)(truth, "X0", rng).sample(np.empty((9, 0)), rng) == 0).all()


def test_knock_downs_that_are_none(rng: np.random.Generator) -> None:
    for wrong in (-0.1, 1.0):
        with pytest.raises(ValueError, match="to must be at least 0 and less than 1"):
            knock_down(wrong)
    with pytest.raises(ValueError, match="'X0' is no gene"):
        knock_down()(linear_truth(graphs.chain(2), rng), "X0", rng)


def test_counts_follow_levels_alone_or_what_cells_share_too(rng: np.random.Generator) -> None:
    graph = graphs.fork(6)
    levels = pd.DataFrame(2.0, range(20_000), list(graph))
    alone = cell_counts(graph, rng, depth=3.0)(levels, rng)
    counts = np.expm1(alone.to_numpy())
    assert np.allclose(counts, counts.round())
    assert counts.mean(0) == pytest.approx(np.full(6, 6.0), rel=0.02)
    assert counts.var(0) == pytest.approx(np.full(6, 6.0), rel=0.05)
    assert np.abs(np.corrcoef(alone.T)[~np.eye(6, dtype=bool)]).max() < 0.03
    sized = cell_counts(graph, rng, depth=3.0, size=0.5)(levels, rng)
    assert np.corrcoef(sized.T)[~np.eye(6, dtype=bool)].min() > 0.4
    stated = cell_counts(graph, rng, depth=3.0, loadings=0.5)(levels, rng)
    between = np.corrcoef(stated.T)[~np.eye(6, dtype=bool)]
    assert between.max() > 0.15 and between.min() < -0.15


def test_how_genes_follow_a_cell_is_the_same_in_every_table(rng: np.random.Generator) -> None:
    graph = graphs.fork(5)
    seen, levels = cell_counts(graph, rng, loadings=0.5), pd.DataFrame(2.0, range(20_000), list(graph))
    one, other = (np.corrcoef(seen(levels, rng).T) for _ in range(2))
    assert one == pytest.approx(other, abs=0.05)


@pytest.mark.parametrize("wrong", [{"depth": 0.0}, {"size": -1.0}, {"loadings": -1.0}, {"states": -1}])
def test_measurements_that_are_none(wrong: dict[str, float], rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="depth must be positive, and size, loadings and states not negative"):
        cell_counts(graphs.chain(2), rng, **wrong)
    with pytest.raises(ValueError, match="must have the genes"):
        cell_counts(graphs.chain(2), rng)(pd.DataFrame({"X0": [1.0]}), rng)


def test_a_measurement_changes_what_is_seen_and_nothing_else(rng: np.random.Generator) -> None:
    truth = expression_truth(graphs.chain(3), rng)
    plain, seen = (
        simulate(truth, intervention=knock_down(), rows=300, rows_per_regime=100, measurement=how, seed=4)
        for how in (None, lambda table, rng: 2 * table + 1)
    )
    assert plain.targets == seen.targets
    for one, other in zip(plain.data.parts, seen.data.parts, strict=True):
        was, now = plain.data.decode(one.rows), seen.data.decode(other.rows)
        np.testing.assert_allclose(2 * was + 1, now, rtol=1e-4)

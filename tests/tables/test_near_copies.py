"""Groups of near copies are seen, and what is no group is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from pyrocausal.tables.near_copies import near_copies

RNG = np.random.default_rng(0)


def replicates(groups: int, size: int, noise: float, columns: int = 4) -> np.ndarray:
    rows = np.repeat(RNG.normal(size=(groups, columns)), size, 0)
    return RNG.permutation(rows + noise * RNG.normal(size=rows.shape))


@pytest.mark.parametrize(("size", "noise"), [(2, 0.01), (3, 0.03), (8, 0.05)])
def test_groups_are_seen(size, noise):
    assert near_copies(replicates(600 // size, size, noise)) > 0.6


def test_gaps_do_not_hide_them_and_few_of_them_are_no_matter():
    rows = replicates(100, 3, 0.01)
    rows[::15, 0] = np.nan
    assert near_copies(rows) > 0.6
    assert near_copies(np.concatenate([RNG.normal(size=(900, 4)), rows[:50]])) < 0.2


CURVE = RNG.uniform(0, 40, (1000, 1))


@pytest.mark.parametrize(
    "rows",
    [
        RNG.normal(size=(500, 2)),
        RNG.standard_cauchy((500, 3)),
        RNG.normal(size=(2000, 30)),
        np.column_stack([CURVE, np.sin(CURVE), np.cos(CURVE)]),
        np.column_stack([CURVE, np.sin(9 * CURVE) + 0.01 * RNG.normal(size=CURVE.shape)]),
        np.cumsum(RNG.normal(size=(1000, 3)), axis=0),
        RNG.normal(size=(1000, 3)).round(1),
        RNG.lognormal(0, 2, (1000, 3)),
        RNG.normal(size=(1000, 3)) + 50 * RNG.integers(0, 20, (1000, 1)),
        np.repeat(RNG.normal(size=(200, 3)), 3, 0),
        RNG.normal(size=(50, 3)),
        RNG.normal(size=(500, 1)),
    ],
    ids=["normal", "Cauchy", "wide", "curve", "sine", "walk", "rounded", "skewed", "clusters", "copies", "few", "1"],
)  # fmt: skip
def test_what_is_no_group(rows):
    assert near_copies(rows) < 0.2

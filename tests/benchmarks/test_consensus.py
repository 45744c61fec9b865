"""What draws agree on: completed graphs, calibration, and the table that tells of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.consensus import (
    VARIABLES,
    _agreed,
    calibration_error,
    completed,
    differing_pairs,
    of_consensus,
    problem,
)


def dag(d, *edges):
    found = np.zeros((d, d), dtype=bool)
    for cause, effect in edges:
        found[effect, cause] = True
    return found


def test_a_chain_is_completed_by_what_regimes_hit():
    chain, nobody = dag(3, (0, 1), (1, 2)), np.zeros((1, 3), dtype=bool)
    assert completed(chain, nobody) == (set(), {(0, 1), (1, 0), (1, 2), (2, 1)})
    assert completed(chain, np.array([[True, False, False]])) == ({(0, 1), (1, 2)}, set())  # and no collider follows
    assert completed(chain, np.array([[False, False, True]])) == ({(1, 2)}, {(0, 1), (1, 0)})
    both = np.array([[False, True, True]])  # tells the first edge, and not the one within it
    assert completed(chain, both) == ({(0, 1), (1, 2)}, set())
    assert completed(dag(3, (0, 1), (2, 1)), nobody) == ({(0, 1), (2, 1)}, set())


def test_pairs_that_differ_count_once():
    nobody = np.zeros((1, 3), dtype=bool)
    first, collider = completed(dag(3, (0, 1), (1, 2)), nobody), completed(dag(3, (0, 1), (2, 1)), nobody)
    assert differing_pairs(first, first) == 0
    assert differing_pairs(first, collider) == 2
    assert differing_pairs(first, completed(dag(3, (0, 1)), nobody)) == 1
    assert differing_pairs(completed(dag(3, (2, 1), (1, 0)), nobody), first) == 0


def test_cycles_of_agreed_edges_lose_their_least_sure_one():
    probability = np.zeros((3, 3))
    probability[1, 0], probability[2, 1], probability[0, 2] = 0.9, 0.6, 0.8
    assert (_agreed(probability) == dag(3, (0, 1), (2, 0))).all()


def test_calibration_error():
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0
    assert calibration_error(np.full(4, 0.75), np.array([True, False, False, False])) == pytest.approx(0.5)


def test_problems_are_as_they_say():
    made = problem(20, 3)
    assert len(made.data.names) == VARIABLES
    assert len(made.data.observational) == 200
    assert [len(part.rows) for part in made.data.parts] == [200] + [20] * 10
    assert {len(each) for each in made.targets.values()} - {1}  # some have several


def test_what_is_told():
    table = pd.DataFrame({
        "rows": [5, 5], "seed": [1, 0], "edges": [200, 201], "shd": [7, 5], "ece": [0.001, 0.003],
        "ece_edges": [0.02, 0.04], "targets": [20, 18], "right_targets": [15, 16], "false_targets": [1, 0],
        "cpu_seconds": [10.0, 30.0],
    })  # fmt: skip
    assert "| 5 | 6.0 (5 7) | 0.0020 | 0.030 | 31/38 | 0.5 | 20 |" in of_consensus(table)

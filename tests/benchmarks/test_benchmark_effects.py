"""Intervals of effects against the truth, and two experiments with one graph."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from benchmarks.effect_intervals import of_effects, problem, true_effect
from benchmarks.sharing import of_sharing, two_lines


def test_a_true_effect_is_that_of_the_tables():
    made = problem("tables", 3)
    cause, effect = next(iter(made.truth.graph.edges))
    if list(made.truth.parents(effect)) == [cause]:
        table = made.truth.table(effect)
        np.testing.assert_allclose(true_effect(made, cause, effect, 0.0, 1.0, 0), table[1] - table[0], atol=0.01)
    assert true_effect(made, effect, cause, 0.0, 1.0, 0) == pytest.approx(0.0)  # against the arrow, the same noise


def test_two_lines_have_nearly_one_graph():
    (first, one), (second, other) = two_lines("tables", 5)
    assert first.names == second.names and nx.is_directed_acyclic_graph(other)
    assert len(set(one.edges) & set(other.edges)) >= 0.6 * one.number_of_edges()
    assert not first.observational.equal(second.observational)


def test_what_is_told():
    effects = pd.DataFrame({
        "kind": ["linear"] * 2, "seed": [0, 1], "pairs": [4, 6], "covered": [4, 5], "error": [0.1, 0.3],
        "width": [0.2, 0.2], "fit_seconds": [1.0, 3.0],
    })  # fmt: skip
    assert "| linear | 2 | 10 | **90.0%** | 0.200 | 0.200 | 2.0 |" in of_effects(effects)
    sharing = pd.DataFrame({"kind": ["tables"] * 2, "seed": [0, 1], "apart": [0.8, 0.9], "shared": [0.9, 0.85]})
    assert "| tables | 0.850 | **0.875** | 1 | 2 |" in of_sharing(sharing)

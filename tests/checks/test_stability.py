"""Agreement of chains, on results made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import KINDS, make_chain, make_model, small_data

from pyrocausal.checks.stability import stability
from pyrocausal.posterior.causal_posterior import CausalPosterior

NOBODY = torch.eye(5)[[4, 4, 4]]


def chain(probability, targets=NOBODY, evidence=math.nan):
    """A chain by edge probabilities {(cause, effect): p}."""
    edges = torch.zeros(4, 4)
    for (cause, effect), p in probability.items():
        edges[effect, cause] = p
    return make_chain(make_model(KINDS["categorical"]), edges, targets, evidence=evidence)


@pytest.fixture
def check():
    hit = torch.eye(5)[[0, 4, 2]]
    one = chain({(0, 1): 1.0, (1, 2): 0.8}, hit, evidence=-10.0)
    other = chain({(0, 1): 0.9, (2, 1): 0.7, (3, 2): 0.6}, hit, evidence=-12.5)
    third = chain({(0, 1): 1.0, (1, 2): 0.8}, torch.eye(5)[[1, 4, 4]], evidence=-10.0)
    return stability(CausalPosterior(small_data(), (one, other, third), 0))


def test_edges(check):
    assert list(check.edges.columns) == ["mean", "min", "max", "spread", "chains"]
    assert check.edges.index.names == ["cause", "effect"]
    assert check.edges.loc[("X0", "X1")].tolist() == pytest.approx([2.9 / 3, 0.9, 1.0, 0.1, 3])
    assert check.edges.loc[("X1", "X2")].tolist() == pytest.approx([1.6 / 3, 0.0, 0.8, 0.8, 2])
    assert check.edges.loc[("X3", "X2")].tolist() == pytest.approx([0.2, 0.0, 0.6, 0.6, 1])
    assert [tuple(edge) for edge in check.edges.index] == [("X1", "X2"), ("X2", "X1"), ("X3", "X2"), ("X0", "X1")]
    found = check.edge_probability
    assert found.dims == ("chain", "effect", "cause")
    assert found.sel(chain=1, effect="X1", cause="X2").item() == pytest.approx(0.7)


def test_pairs_of_chains(check):
    # A reversed edge counts once, an added one once.
    assert check.shd.to_numpy().tolist() == [[0, 2, 0], [2, 0, 2], [0, 2, 0]]
    assert check.target_differences.to_numpy().tolist() == [[0, 0, 2], [0, 0, 2], [2, 2, 0]]
    assert check.targets.loc["regime 0"].tolist() == [("X0",), ("X0",), ("X1",)]
    assert check.targets.loc["regime 1"].tolist() == [(), (), ()]
    assert check.targets.loc["regime 2"].tolist() == [("X2",), ("X2",), ()]
    assert check.evidence.tolist() == [0.0, -2.5, 0.0]


def test_summary(check):
    text = str(check)
    assert "3 chains; SHD between their graphs 1.3 on average, 2 at most" in text
    assert "targets differ in 1.3 of 3 regimes on average, 2 at most" in text
    assert "1 edges in all chains, 3 in some" in text
    assert "evidence less that of the best chain: 0.0, -2.5, 0.0 nats" in text
    assert "regime 2" in text
    assert "regime 1" not in text


def test_chains_that_agree():
    same = stability(CausalPosterior(small_data(), (chain({(0, 1): 1.0}), chain({(0, 1): 1.0})), 0))
    assert not same.shd.to_numpy().any()
    assert "1 edges in all chains, 0 in some" in str(same)
    assert "differ:" not in str(same)
    none = stability(CausalPosterior(small_data(), (chain({}), chain({})), 0))
    assert not len(none.edges)
    assert "0 edges in all chains" in str(none)
    assert none.evidence.isna().all()
    assert "evidence" not in str(none)


def test_errors():
    with pytest.raises(ValueError, match=r"single chain.*fit with chains=4"):
        stability(CausalPosterior(small_data(), (chain({}),), 0))
    with pytest.raises(TypeError, match="result must be a CausalPosterior, got int"):
        stability(3)

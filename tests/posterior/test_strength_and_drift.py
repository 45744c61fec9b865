"""What a result says of strengths and drift, on a fit in closed form."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc


@pytest.fixture(scope="module")
def result() -> pc.CausalPosterior:
    """x -> y -> w, z by itself; x, y and z are set in a regime each, and every regime measures a little otherwise."""
    rng = np.random.default_rng(1)

    def draw(hit: str | None) -> pd.DataFrame:
        values: dict[str, np.ndarray] = {}
        for name, cause, slope in (("x", None, 0.0), ("y", "x", 1.0), ("w", "y", -0.2), ("z", None, 0.0)):
            value = rng.normal(size=1_500) + (slope * values[cause] if cause else 0.0)
            values[name] = rng.normal(2, 1, 1_500) if name == hit else value
        table = pd.DataFrame(values)
        return table if hit is None else table * (1 + 0.05 * rng.normal(size=4)) + 0.1 * rng.normal(size=4)

    data = pc.InterventionalData.from_frames(draw(None), {f"on {name}": draw(name) for name in "xyz"})
    settling = pc.Settling(refitting=None, final_steps=1)
    return pc.discover(data, chains=1, cores=1, seed=0, progress=False, settling=settling)


def test_strength_tells_weak_edges_from_strong_ones(result: pc.CausalPosterior) -> None:
    strength = result.edge_strengths
    assert list(strength.dims) == ["effect", "cause"]
    strong, weak = (float(strength.sel(effect=e, cause=c)) for e, c in (("y", "x"), ("w", "y")))
    assert strong > 0.2 > 0.05 > weak > 0.005
    assert float(strength.sel(effect="z", cause="x")) == 0
    assert set(result.to_networkx().edges) == {("x", "y"), ("y", "w")}
    assert set(result.to_networkx(strength=0.1).edges) == {("x", "y")}
    for wrong, error in (("0.5", TypeError), (-1, ValueError), (math.nan, ValueError)):
        with pytest.raises(error, match="strength must be"):
            result.to_networkx(strength=wrong)
    assert result.dag().edges["y", "w"]["strength"] == pytest.approx(weak)


def test_sizes_are_the_slopes_and_shifts_that_were_made(result: pc.CausalPosterior) -> None:
    edges, targets = result.edges(), result.target_table()
    found = {(r.cause, r.effect): r for r in edges.itertuples(index=False)}
    assert list(found) == [("x", "y"), ("y", "w")]  # the strongest first
    assert found["x", "y"].size == pytest.approx(1 / 2**0.5, abs=0.1)
    assert found["y", "w"].size == pytest.approx(-0.2 * 2**0.5 / 1.08**0.5, abs=0.1)
    assert edges["measured as"].tolist() == ["sd per sd"] * 2
    assert result.dag().edges["y", "w"]["size"] == result.to_networkx().edges["y", "w"]["size"] == found["y", "w"].size
    hit = targets.set_index("variable").loc[list("xyz")]
    assert hit["size"].tolist() == pytest.approx([2, 2**0.5, 2], abs=0.3)
    assert set(hit["measured as"]) == {"sd"}


def test_tables_have_strengths(result: pc.CausalPosterior) -> None:
    edges, targets = result.edges(None), result.target_table(None)
    assert len(edges) == 12 and len(targets) == 3 * 5
    assert edges.strength.is_monotonic_decreasing and targets.strength.dropna().is_monotonic_decreasing
    first = edges.iloc[0]
    assert float(first.strength) == float(result.edge_strengths.sel(effect=first.effect, cause=first.cause))
    none = targets[targets.variable == "none"]
    assert len(none) == 3 and none[["strength", "size"]].isna().all(axis=None)
    on_y = targets[targets.regime == "on y"].iloc[0]
    assert on_y.variable == "y"
    assert on_y.strength > 0.2
    assert targets[targets.variable.isin(["x", "z"]) & (targets.probability < 0.5)].strength.max() < 0.02
    likely = result.target_table()
    assert set(zip(likely.regime, likely.variable, strict=True)) == {(f"on {name}", name) for name in "xyz"}


def test_drift_is_seen_and_is_no_target(result: pc.CausalPosterior) -> None:
    assert result.targets() == {f"on {name}": (name,) for name in "xyz"}
    assert not result.several_targets
    drift = result.drift
    assert list(drift.dims) == ["regime", "variable"]
    hit = result.target_probabilities > 0.5
    assert bool((drift.isnull() == hit).all())
    assert 0.02 < float(drift.median()) < 0.3


def test_without_settling_there_are_none(result: pc.CausalPosterior) -> None:
    algorithm = pc.SDI(fitting=pc.GraphFitting(warm_up=10))
    with pytest.warns(RuntimeWarning, match="settled"):
        fit = pc.discover(
            result.data,
            chains=1,
            cores=1,
            seed=0,
            progress=False,
            max_steps=1,
            algorithm=algorithm,
            settling=pc.Settling(rounds=0),
        )
    assert bool(fit.edge_strengths.isnull().all())
    assert bool(fit.target_strengths.isnull().all())
    assert bool(fit.drift.isnull().all())
    assert fit.edges(None).probability.is_monotonic_decreasing  # where no strength is known
    assert fit.target_table(None).probability.is_monotonic_decreasing
    with pytest.raises(ValueError, match=r"strength.*not settled"):
        fit.to_networkx(strength=0.1)
    assert isinstance(fit.to_networkx(), nx.DiGraph)

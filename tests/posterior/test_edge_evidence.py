"""What tables say for an edge: against the strengths that a fit ends with, and where it ought to come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc
from pyrocausal.posterior.edge_evidence import edge_evidence

ROWS = 400


@pytest.fixture(scope="module")
def result() -> pc.CausalPosterior:
    """x -> y -> w, all numbers; each is set in a regime."""
    rng = np.random.default_rng(1)

    def draw(hit: str | None) -> pd.DataFrame:
        values: dict[str, np.ndarray] = {}
        for name, cause in (("x", None), ("y", "x"), ("w", "y")):
            value = rng.normal(size=ROWS) + (values[cause] if cause else 0.0)
            values[name] = rng.normal(4, 1, ROWS) if name == hit else value
        return pd.DataFrame(values)

    data = pc.InterventionalData.from_frames(draw(None), {f"on {name}": draw(name) for name in "xyw"})
    settling = pc.Settling(refitting=None, final_steps=1)
    return pc.discover(data, chains=1, cores=1, seed=0, progress=False, settling=settling)


def test_it_adds_up_to_the_strength(result):
    for cause, effect in (("x", "y"), ("y", "w")):
        told = edge_evidence(result, cause, effect)
        assert told.index.tolist() == ["on x", "on y", "on w", "without intervention"]
        assert told.sum() / (4 * ROWS) == pytest.approx(float(result.edge_strengths.sel(effect=effect, cause=cause)))


def test_a_regime_on_the_cause_speaks_for_the_edge_and_one_on_the_effect_says_next_to_nothing(result):
    told = edge_evidence(result, "x", "y")
    assert told["on x"] > 50 and told["without intervention"] > 50
    assert abs(told["on y"]) < 0.1 * told["on x"]


def test_an_edge_that_is_not_there_has_nothing_for_it(result):
    told = edge_evidence(result, "x", "w")
    assert told.sum() < 3 and told.max() < 5


def test_it_is_the_same_after_save_and_load(result, tmp_path):
    result.save(tmp_path / "fit.zip")
    again = pc.CausalPosterior.load(tmp_path / "fit.zip")
    pd.testing.assert_series_equal(edge_evidence(again, "y", "w"), edge_evidence(result, "y", "w"))


def test_what_was_believed_of_targets_counts(result):
    told = dict(result.settings) | {"target_prior": {"several": False, "probability": {"on y": {"y": 0.0}}}}
    barred = pc.CausalPosterior(result.data, result.chains, 0, told)
    assert edge_evidence(barred, "x", "y")["on y"] < edge_evidence(result, "x", "y")["on y"] - 5


def test_bad_questions(result):
    with pytest.raises(ValueError, match="cause: 'z' is no variable"):
        edge_evidence(result, "z", "y")
    with pytest.raises(ValueError, match="effect: 'y' is the cause"):
        edge_evidence(result, "y", "y")
    with pytest.raises(ValueError, match="w -> x would close a cycle"):
        edge_evidence(result, "w", "x")

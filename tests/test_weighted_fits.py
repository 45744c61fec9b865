"""Weights of rows from end to end: fits, predictions, imputation, files."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import KINDS, make_rows, small_data
from example_fits import replace_fits

import pyrocausal.__main__ as cli
from pyrocausal.data import InterventionalData
from pyrocausal.discover import discover
from pyrocausal.gaps import present
from pyrocausal.heldout import held_out_regimes, held_out_rows
from pyrocausal.imputation import impute
from pyrocausal.kinds import Categorical, Continuous
from pyrocausal.result import CausalPosterior
from pyrocausal.sampling import Sampling
from pyrocausal.sdi import SDI
from pyrocausal.settle import Settling

matplotlib.use("Agg")

QUICK = Settling(refitting=None, final_steps=5)
TRUTH = [("A", "B"), ("B", "C")]
JUNK = 1e-6


def chain(n, hit, generator, continuous=False) -> np.ndarray:
    """A -> B -> C, one of them perhaps hit."""
    if continuous:
        a, b, c = generator.normal(size=(3, n))
        a = 3 + a if hit == "A" else a
        b = -3 + b if hit == "B" else 1.2 * a + 0.6 * b
        return np.stack([a, b, 3 + c if hit == "C" else 1.2 * b + 0.6 * c], 1)
    u = generator.random((3, n))
    a = u[0] < (0.9 if hit == "A" else 0.4)
    b = u[1] < (0.1 if hit == "B" else np.where(a, 0.9, 0.2))
    c = u[2] < (0.05 if hit == "C" else np.where(b, 0.8, 0.1))
    return np.stack([a, b, c], 1).astype(int)


def half_junk(seed, continuous=False) -> pd.DataFrame:
    """Every second row is junk: A and C are copies of each other there, and B is noise."""
    generator, tables = np.random.default_rng(seed), []
    for arm, n in (("control", 1000), ("A", 200), ("B", 200), ("C", 200)):
        rows, junk = (chain(n, hit, generator, continuous) for hit in (arm, None))
        junk[:, 1] = generator.permutation(junk[:, 1])
        junk[:, 2] = junk[:, 0] * (20 if continuous else 1)
        table = pd.DataFrame(np.stack([rows, junk], 1).reshape(2 * n, 3), columns=list("ABC"))
        tables.append(table.assign(w=np.tile([1.0, JUNK], n), arm=arm))
    return pd.concat(tables, ignore_index=True)


def fit(frame, weights, **options):
    frame = frame if weights else frame.drop(columns="w")
    data = InterventionalData.from_frame(frame, "arm", "control", weights="w" if weights else None)
    return discover(data, **({"chains": 1, "cores": 1, "seed": 0, "progress": False, "settling": QUICK} | options))


@pytest.mark.parametrize("continuous", [False, True], ids=["categorical", "continuous"])
def test_junk_of_little_weight_is_ignored(continuous):
    frame = half_junk(1, continuous)
    result = fit(frame, True)
    assert sorted(result.dag().edges) == TRUTH
    assert result.targets() == {name: (name,) for name in "ABC"}
    assert sorted(fit(frame, False).dag().edges) != TRUTH


def test_counts_of_equal_rows_are_weights():
    frame = half_junk(2)[::2].drop(columns="w")
    collapsed = frame.value_counts(sort=False).rename("w").reset_index()
    assert len(collapsed) < 50
    result = fit(collapsed, True, sampling=Sampling(draws=20, warm_up=20))
    assert sorted(result.dag().edges) == TRUTH
    assert result.targets() == {name: (name,) for name in "ABC"}
    evidence = [result.chains[0].evidence, fit(frame.assign(w=1.0), True).chains[0].evidence]
    assert evidence[0] == pytest.approx(evidence[1], rel=0.02)  # other rows are held out


def test_the_published_algorithm_takes_weights():
    algorithm = SDI.paper(max_steps=120)
    algorithm = replace(algorithm, fitting=replace(algorithm.fitting, warm_up=300))
    frame = half_junk(1)
    with pytest.warns(RuntimeWarning, match="have not settled"):
        weighted = fit(frame, True, algorithm=algorithm, settling=None)
        plain = fit(frame[frame.w == 1], True, algorithm=algorithm, settling=None)
    assert weighted.targets() == plain.targets() == {name: (name,) for name in "ABC"}
    difference = np.abs(weighted.edge_probabilities.values - plain.edge_probabilities.values)
    assert difference.max() < 0.15


# ---------------------------------------------------------------- predictions
def with_weights(data, weights) -> InterventionalData:
    regimes = tuple(replace(regime, weights=weights(regime.rows)) for regime in data.regimes)
    return replace(data, regimes=regimes, observational_weights=weights(data.observational))


@pytest.mark.parametrize("check", [held_out_rows, held_out_regimes])
def test_junk_hardly_counts_in_predictions(monkeypatch, check):
    frame = half_junk(3)
    graph = pd.DataFrame(0, index=list("ABC"), columns=list("ABC"))
    graph.loc["A", "B"] = graph.loc["B", "C"] = 1
    import networkx as nx

    replace_fits(monkeypatch, nx.from_pandas_adjacency(graph, nx.DiGraph), {name: (name,) for name in "ABC"})
    kept = []
    for table in (frame, frame[frame.w == 1]):
        kept.append(check(InterventionalData.from_frame(table, "arm", "control", weights="w"), refitting=None))
    junk, clean = kept
    assert junk.rows.sum() == pytest.approx(clean.rows.sum(), rel=0.1)  # total weight
    assert junk.rows.sum() > 1.0 and junk.rows["A"] != round(junk.rows["A"])
    for name in ("settled", "independent"):
        assert junk.table()[name]["all"] == pytest.approx(clean.table()[name]["all"], abs=0.05)


def test_imputation_is_fitted_in_proportion_to_weight():
    generator = np.random.default_rng(0)
    a = generator.integers(0, 2, 600)
    b = np.where(np.arange(600) % 2 == 0, a, 1 - a).astype(float)
    b[:100] = np.nan
    frame = pd.DataFrame({"A": a, "B": b, "w": np.where(np.arange(600) % 2 == 0, 1.0, JUNK)})
    kinds = {"B": Categorical}
    data = InterventionalData.from_frames(frame[:400], {"r": frame[400:]}, kinds, weights="w")
    found = impute(data)
    assert torch.equal(found.observational_weights, data.observational_weights)
    gaps = ~present(data.observational[:, 1])
    agree = found.observational[gaps, 1] == found.observational[gaps, 0]
    assert agree.float().mean() > 0.9


# ---------------------------------------------------------------- files
@pytest.fixture(scope="module")
def drawn() -> CausalPosterior:
    return fit(half_junk(1), True, sampling=Sampling(draws=10, warm_up=5))


def test_results_keep_weights(drawn, tmp_path):
    drawn.save(tmp_path / "model.pt")
    again = CausalPosterior.load(tmp_path / "model.pt").data
    assert torch.equal(again.observational_weights, drawn.data.observational_weights)
    for one, other in zip(again.regimes, drawn.data.regimes, strict=True):
        assert torch.equal(one.weights, other.weights)
    assert repr(again) == repr(drawn.data)


def test_arviz_gets_the_weights(drawn):
    idata = drawn.to_arviz(log_likelihood=True)
    weight = idata["constant_data"]["weight"]
    assert weight.dims == ("row",)
    expected = [drawn.data.observational_weights, *(regime.weights for regime in drawn.data.regimes)]
    np.testing.assert_array_equal(weight.values, torch.cat(expected).numpy())
    of_rows = idata["log_likelihood"]["table"].values  # per row, whatever it counts
    assert of_rows.shape[-1] == len(weight) and (of_rows[..., weight.values < 1] < -0.1).any()
    plain = fit(half_junk(1)[::2].assign(w=1.0), True)
    assert "weight" not in plain.to_arviz()["constant_data"]


def test_weights_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "discover", lambda data, *, settling=None, **rest: discover(data, settling=QUICK, **rest))
    half_junk(1).to_csv(tmp_path / "cells.csv", index=False)
    argv = ["fit", str(tmp_path / "cells.csv"), "--regime-column", "arm", "--observational", "control", "--out"]
    argv += [str(tmp_path / "out"), "--chains", "1", "--cores", "1", "--seed", "0", "--quiet"]
    assert cli.main([*argv, "--weights", "w"]) == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| observational rows | 2,000 of total weight 1,000 |" in report
    assert "| regimes | 3 with 1,200 rows of total weight 600; targets of 0 known beforehand |" in report
    result = CausalPosterior.load(tmp_path / "out" / "model.pt")
    assert sorted(result.dag().edges) == TRUTH
    capsys.readouterr()
    assert cli.main([*argv, "--weights", "v"]) == 2
    assert "expected one column 'v' in the observational rows" in capsys.readouterr().err


def test_evidence_of_a_fit_grows_with_weight():
    kinds = KINDS["categorical"]
    data = small_data(kinds, 60)
    heavy = with_weights(data, lambda rows: torch.full((len(rows),), 3.0))
    options = {"chains": 1, "cores": 1, "seed": 0, "progress": False, "max_steps": 2, "settling": QUICK}
    one, three = (discover(each, **options).chains[0].evidence for each in (data, heavy))
    assert 2.5 < three / one < 3.5
    assert math.isfinite(
        discover(with_weights(data, lambda rows: 0.5 + make_rows(KINDS["mixed"], len(rows))[:, 0]), **options)
        .chains[0]
        .evidence
    )
    assert isinstance(kinds[0], Categorical) and not isinstance(kinds[0], Continuous)

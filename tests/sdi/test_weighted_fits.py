"""Weights of rows from end to end: fits, predictions, imputation, files."""

from __future__ import annotations

import itertools
from dataclasses import replace

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import KINDS, small_data
from example_fits import posterior, replace_fits

import pyrocausal.cli.main as cli
from pyrocausal.checks.held_out import held_out_regimes, held_out_rows
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.missing import present
from pyrocausal.evidence import imputation
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.settings import Settling

matplotlib.use("Agg")

QUICK = Settling(refitting=None, rounds=3, final_steps=5)
TRUTH = [("A", "B"), ("B", "C")]
JUNK = 1e-9


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
    for arm, n in (("control", 1000), *((name, 200) for name in "ABC")):
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
@pytest.mark.filterwarnings("ignore:1 of 1 chains have not settled:RuntimeWarning")  # junk confuses
def test_junk_of_little_weight_is_ignored(continuous):
    frame = half_junk(1, continuous)
    quick = {"max_steps": 5, "algorithm": SDI(fitting=GraphFitting(warm_up=150))}
    result = fit(frame, True, **quick)
    assert sorted(result.dag().edges) == TRUTH
    assert result.targets() == {name: (name,) for name in "ABC"}
    assert sorted(fit(frame, False, **quick).dag().edges) != TRUTH


def test_counts_of_equal_rows_are_weights():
    frame = half_junk(2)[::2].drop(columns="w")
    collapsed = frame.value_counts(sort=False).rename("w").reset_index()
    assert len(collapsed) < 50
    result = fit(collapsed, True, sampling=Sampling(draws=20, warm_up=20))
    assert sorted(result.dag().edges) == TRUTH
    assert result.targets() == {name: (name,) for name in "ABC"}
    evidence = [result.chains[0].evidence, fit(frame.assign(w=1.0), True).chains[0].evidence]
    assert evidence[0] == pytest.approx(evidence[1], rel=0.02)  # other rows are held out


@pytest.mark.parametrize("algorithm", [SDI(), SDI.paper()], ids=["ours", "paper"])
def test_the_three_phases_see_what_counts(algorithm):
    algorithm = replace(algorithm, fitting=replace(algorithm.fitting, warm_up=300))
    forbidden = [edge for edge in itertools.permutations("ABC", 2) if edge not in TRUTH]
    frame, known = half_junk(1), Knowledge(TRUTH, forbidden)

    def likelihood(table, weights=None):  # of every variable in every regime, by mechanisms that were just fitted
        data = InterventionalData.from_frame(table, "arm", "control", weights=weights)
        torch.manual_seed(0)
        return algorithm.step(algorithm.init(data, known))[0].likelihood[0]

    clean = likelihood(frame[frame.w == 1].drop(columns="w"))
    weighted, plain = likelihood(frame, "w"), likelihood(frame.drop(columns="w"))
    assert (weighted - clean).abs().mean() < 0.05 < 0.08 < (plain - clean).abs().mean()


# ---------------------------------------------------------------- predictions
def with_weights(data, weights) -> InterventionalData:
    regimes = tuple(replace(regime, weights=weights(regime.rows)) for regime in data.regimes)
    return replace(data, regimes=regimes, observational_weights=weights(data.observational))


@pytest.mark.parametrize("check", [held_out_rows, held_out_regimes])
def test_junk_hardly_counts_in_predictions(monkeypatch, check):
    frame = half_junk(3)
    replace_fits(monkeypatch, nx.DiGraph(TRUTH), {name: (name,) for name in "ABC"})
    kept = []
    for table in (frame, frame[frame.w == 1]):
        kept.append(check(InterventionalData.from_frame(table, "arm", "control", weights="w"), refitting=None))
    junk, clean = kept
    assert junk.rows.sum() == pytest.approx(clean.rows.sum(), rel=0.1)  # total weight
    assert junk.rows.sum() > 1.0 and junk.rows["A"] != round(junk.rows["A"])
    for name in ("settled", "independent"):
        assert junk.table()[name]["all"] == pytest.approx(clean.table()[name]["all"], abs=0.12)


def test_imputation_is_fitted_in_proportion_to_weight(monkeypatch):
    monkeypatch.setattr(imputation, "STEPS", 300)
    generator = np.random.default_rng(0)
    a = generator.integers(0, 2, 600)
    b = np.where(np.arange(600) % 2 == 0, a, 1 - a).astype(float)
    b[:100] = np.nan
    frame = pd.DataFrame({"A": a, "B": b, "w": np.where(np.arange(600) % 2 == 0, 1.0, JUNK)})
    kinds = {"B": Categorical}
    data = InterventionalData.from_frames(frame[:400], {"r": frame[400:]}, kinds, weights="w")
    found = imputation.impute(data)
    assert torch.equal(found.observational_weights, data.observational_weights)
    gaps = ~present(data.observational[:, 1])
    agree = found.observational[gaps, 1] == found.observational[gaps, 0]
    assert agree.float().mean() > 0.9


# ---------------------------------------------------------------- files
def test_results_keep_weights(tmp_path):
    data = InterventionalData.from_frame(half_junk(1), "arm", "control", weights="w")
    posterior(data, nx.DiGraph(TRUTH), {name: (name,) for name in "ABC"}).save(tmp_path / "result.zip")
    again = CausalPosterior.load(tmp_path / "result.zip").data
    assert torch.equal(again.observational_weights, data.observational_weights)
    for one, other in zip(again.regimes, data.regimes, strict=True):
        assert torch.equal(one.weights, other.weights)
    assert repr(again) == repr(data)


def test_weights_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "discover", lambda data, *, settling=None, **rest: discover(data, settling=QUICK, **rest))
    half_junk(1).to_csv(tmp_path / "cells.csv", index=False)
    argv = ["fit", str(tmp_path / "cells.csv"), "--regime-column", "arm", "--observational", "control", "--out"]
    argv += [str(tmp_path / "out"), "--chains", "1", "--cores", "1", "--seed", "0", "--quiet"]
    assert cli.main([*argv, "--weights", "w"]) == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| observational rows | 2,000 of total weight 1,000 |" in report
    assert "| regimes | 3 with 1,200 rows of total weight 600; targets of 0 known beforehand |" in report
    result = CausalPosterior.load(tmp_path / "out" / "result.zip")
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

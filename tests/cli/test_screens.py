"""Screens of single cells through the command line, in the layout of TAP-seq: text, and the same cells as .h5ad."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pyrocausal.cli.main as cli
from pyrocausal.data.kinds import Categorical, Count
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.search.settings import Settling

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
GENES = ["KRAS", "MYC", "GATA1", "STK3"]
RUN = ["--chains", "1", "--cores", "1", "--seed", "0", "--quiet", "--max-steps", "5"]


def cells(n: int, gene: str, late: float, rng: np.random.Generator) -> pd.DataFrame:
    """Counts of KRAS -> MYC, GATA1 and STK3; a guide represses its gene, and late cells differ."""
    is_late = rng.random(n) < late
    depth = rng.lognormal(0, 0.4, n)
    noise = rng.gamma(8, 1 / 8, (n, 4))
    rate = {name: (0.35 if name == gene else 1.0) * noise[:, k] for k, name in enumerate(GENES)}
    rate["MYC"] = rate["MYC"] * rate["KRAS"] ** 0.8
    means = np.column_stack([80 * rate["KRAS"], 15 * rate["MYC"], 12 * rate["GATA1"], 10 * rate["STK3"]])
    means = depth[:, None] * means * np.where(is_late[:, None], [1.0, 1.8, 2.2, 0.5], 1.0)
    table = pd.DataFrame(rng.poisson(means), columns=GENES)
    guide = [f"{gene}_{k}" for k in rng.integers(1, 3, n)]
    told = {
        "umi": rng.poisson(800 * depth),
        "batch": np.where(is_late, "TAP2", "TAP1"),
        "guide_target": gene,
        "guide": guide,
    }
    return table.assign(**told)


@pytest.fixture(scope="module")
def screen() -> pd.DataFrame:
    """Regimes that were recorded in different shares of the two batches."""
    rng, late = np.random.default_rng(0), {"NTC": 0.5, "KRAS": 0.15, "MYC": 0.9, "STK3": 0.2}
    return pd.concat([cells(900 if g == "NTC" else 250, g, share, rng) for g, share in late.items()], ignore_index=True)


def documented(start: str) -> list[str]:
    """Arguments of a command that the page shows, but for where the report goes and how long a fit may take."""
    (text,) = re.findall(rf"^pyrocausal (fit {re.escape(start)}(?:.*\\\n)*.*)$", PAGE.read_text(encoding="utf-8"), re.M)
    words = shlex.split(text.replace("\\\n", " "))
    assert words[-4:-2] == ["--chains", "1"] and words[-2] == "--out"
    return words[:-4]


def of(start: str, path: Path) -> list[str]:
    command, table, *options = documented(start)
    assert table == start
    return [command, str(path), *options]


@pytest.fixture
def closed_form(monkeypatch):
    """Settle by closed forms alone, and draw few pictures, to save time."""
    monkeypatch.setattr("pyrocausal.report.sections.PANELS", 1)

    def brief(data, *, settling=None, **arguments):
        return discover(data, settling=Settling(refitting=None, final_steps=20), **arguments)

    monkeypatch.setattr(cli, "discover", brief)


def judged(out: Path, told: str) -> None:
    data = CausalPosterior.load(out / "result.zip").data
    assert data.nodes == tuple(GENES) and data.covariates == ("batch",) and data.exposures == ("umi",)
    kinds = dict(zip(data.names, data.kinds, strict=True))
    assert all(isinstance(kinds[name], Count) for name in GENES) and isinstance(kinds["batch"], Categorical)
    edges = pd.read_csv(out / "edges.csv").query("probability > 0.5")
    assert list(zip(edges.cause, edges.effect, strict=True)) == [("KRAS", "MYC")]
    assert all(re.search(rf"^  {gene} +{gene}$", told, re.M) for gene in ("KRAS", "MYC", "STK3"))


@pytest.mark.filterwarnings("ignore:1 of 1 chains have not settled:RuntimeWarning")
def test_a_screen_as_it_is(screen, tmp_path, capsys, closed_form):
    path, out = tmp_path / "screen.csv.gz", tmp_path / "out"
    screen.to_csv(path, index=False)
    assert cli.main([*of("tap_seq_2020.csv.gz", path), *RUN, "--out", str(out)]) == 0
    judged(out, capsys.readouterr().out)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_same_from_h5ad(screen, tmp_path, capsys, closed_form):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata = pytest.importorskip("anndata", reason="the extra anndata is not installed")
        obs = (
            screen.drop(columns=GENES).rename(lambda k: f"cell {k}").astype({"batch": "category", "guide": "category"})
        )
        made = anndata.AnnData(screen[GENES].to_numpy(np.float32), obs=obs, var=pd.DataFrame(index=GENES))
        with anndata.settings.override(allow_write_nullable_strings=True):
            made.write_h5ad(tmp_path / "screen.h5ad")
    out = tmp_path / "out"
    assert cli.main([*of("screen.h5ad", tmp_path / "screen.h5ad"), *RUN, "--out", str(out)]) == 0
    judged(out, capsys.readouterr().out)


def test_without_the_covariate_batch_makes_edges(screen, tmp_path, closed_form):
    path, out = tmp_path / "screen.csv", tmp_path / "out"
    screen.to_csv(path, index=False)
    command = of("tap_seq_2020.csv.gz", path)
    at = command.index("--covariate")
    assert cli.main([*command[:at], "--ignore", "batch", *command[at + 2 :], *RUN, "--out", str(out)]) == 0
    assert len(pd.read_csv(out / "edges.csv").query("probability > 0.5")) > 1

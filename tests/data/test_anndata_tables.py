"""Cells and genes of AnnData objects and .h5ad files: kinds, exposures, sparse matrices, and what is refused."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    anndata = pytest.importorskip("anndata", reason="the extra anndata is not installed")
sparse = pytest.importorskip("scipy.sparse")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

read = InterventionalData.from_anndata
RATES = [3, 5, 60, 80]
GUIDES = ["control"] * 20 + ["KRAS"] * 10 + ["TP53"] * 10


def cells(wrap: Any = np.asarray, rates: Any = RATES) -> Any:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rates, (40, 4))
    obs = pd.DataFrame(
        {
            "perturbation": pd.Categorical(GUIDES), "batch": pd.Categorical(["one", "two"] * 20),
            "depth": counts.sum(1) + 1000.0, "target": [None if g == "control" else g for g in GUIDES],
        },
        index=[f"cell {k}" for k in range(40)],
    )  # fmt: skip
    made = anndata.AnnData(wrap(np.log1p(counts)), obs=obs, var=pd.DataFrame(index=["KRAS", "TP53", "ACTB", "GAPDH"]))
    made.layers["counts"] = wrap(counts.astype(np.float32))
    return made


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_counts_are_in_proportion_to_the_other_genes(wrap: Any) -> None:
    adata = cells(wrap)
    data = read(adata, layer="counts", genes=["TP53", "KRAS"])
    assert data.names == ("TP53", "KRAS", "total") and data.exposures == ("total",)
    assert data.regime_names == ("KRAS", "TP53") and [r.targets for r in data.regimes] == [None, None]
    counts = np.asarray(cells().layers["counts"])
    table = data.decode(data.observational)
    assert table.KRAS.tolist() == counts[:20, 0].tolist()
    np.testing.assert_allclose(table.total, counts[:20, 2:].sum(1), rtol=1e-5)


def test_where_the_others_are_few_the_total_is_of_all_genes() -> None:
    with pytest.warns(RuntimeWarning, match="is made of all genes, the variables among them"):
        data = read(cells(), layer="counts")
    assert data.d == 5
    total = data.decode(data.observational).total
    np.testing.assert_allclose(total, np.asarray(cells().layers["counts"])[:20].sum(1), rtol=1e-5)


def test_columns_of_obs() -> None:
    data = read(cells(), layer="counts", genes=["KRAS", "TP53"], obs=["batch"], exposure="depth")
    assert dict(zip(data.names, map(type, data.kinds), strict=True)) == {
        "KRAS": Count, "TP53": Count, "batch": Categorical, "depth": Exposure,
    }  # fmt: skip
    data = read(cells(), None, None, layer="counts", genes=["KRAS", "TP53"], targets_column="target")
    assert [r.targets for r in data.regimes] == [("KRAS",), ("TP53",)] and data.n == 20


def test_what_is_no_count_is_a_number() -> None:
    data = read(cells(sparse.csr_matrix), genes=["KRAS", "TP53"])
    assert [type(kind) for kind in data.kinds] == [Continuous] * 2 and data.names == ("KRAS", "TP53")
    told = read(cells(), layer="counts", genes=["KRAS", "TP53"], kinds={...: Continuous})
    assert told.names == ("KRAS", "TP53") and [type(kind) for kind in told.kinds] == [Continuous] * 2


def test_a_file(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with anndata.settings.override(allow_write_nullable_strings=True):  # as the texts of pandas 3 are
            cells(sparse.csr_matrix).write_h5ad(tmp_path / "a.h5ad")
    options = {"layer": "counts", "genes": ["KRAS", "TP53"], "obs": ["batch"]}
    data, same = read(tmp_path / "a.h5ad", **options), read(cells(), **options)
    assert data.kinds == same.kinds and data.observational.equal(same.observational)
    (tmp_path / "b.h5ad").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"b\.h5ad is no readable \.h5ad file"):
        read(tmp_path / "b.h5ad")
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5ad"):
        read(tmp_path / "nothing.h5ad")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"genes": ["MYC"]}, "genes: expected one gene 'MYC', found 0; there are 'KRAS', 'TP53', 'ACTB', 'GAPDH'"),
        ({"genes": "KRAS"}, r"genes: expected names, as in genes=\['KRAS'\]"),
        ({"layer": "raw"}, "layer: there is none 'raw'; there are 'counts'"),
        ({"obs": ["day"]}, "obs: 'day' is no column of adata.obs; these are 'perturbation', 'batch'"),
        ({"regime": "guide"}, "obs: 'guide' is no column of adata.obs"),
        ({"observational": "none"}, "no row has 'none' in column 'perturbation'"),
        ({"kinds": [Count]}, "kinds: expected a mapping of variable to kind"),
    ],
)
def test_what_is_wrong_is_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        read(cells(), **options)


def test_names_that_clash() -> None:
    adata = cells()
    adata.obs["KRAS"] = 1.0
    with pytest.raises(ValueError, match="obs: 'KRAS' is a gene too; rename the column"):
        read(adata, obs=["KRAS"])
    with pytest.raises(TypeError, match=r"expected an AnnData or the path of an \.h5ad file, got DataFrame"):
        read(adata.obs)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    adata = cells()
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'pyrocausal[anndata]'")):
        read(adata)


def test_columns_of_cells_are_covariates_and_groups() -> None:
    made = cells()
    made.obs["donor"] = [f"donor {k % 8}" for k in range(40)]
    data = read(made, covariates=["batch"], groups="donor")
    assert data.covariates == ("batch",) and data.nodes[:2] == ("KRAS", "TP53") and "donor" not in data.names
    assert float(data.observational_weights.sum()) == pytest.approx(made.obs.donor[:20].nunique())

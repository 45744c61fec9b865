"""What used to be taken in silence for something else is refused, in words that say what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc

RNG = np.random.default_rng(0)
CONTROL, DRUG = (pd.DataFrame(RNG.normal(size=(30, 2)), columns=["A", "B"]) for _ in range(2))


def frames(**options):
    return pc.InterventionalData.from_frames(CONTROL, {"drug": DRUG}, **options)


def test_probabilities_are_no_targets():
    with pytest.raises(TypeError, match=r"those of regime 'drug' are a mapping, .*TargetPrior\(probability="):
        frames(targets={"drug": {"A": 0.05}})


@pytest.mark.parametrize("names", [{"A", "B"}, {"A": 1, "B": 2}, 3])
def test_names_have_an_order(names):
    with pytest.raises(TypeError, match="names: expected names in the order of the columns"):
        pc.InterventionalData.from_arrays(CONTROL.to_numpy(), {"drug": DRUG.to_numpy()}, names=names)


def test_names_may_come_one_by_one():
    found = pc.InterventionalData.from_arrays(CONTROL.to_numpy(), {"drug": DRUG.to_numpy()}, names=iter("AB"))
    assert found.names == ("A", "B")


def test_one_and_the_text_1_are_two_labels():
    table = pd.concat([CONTROL.assign(arm="none"), DRUG.assign(arm=1), DRUG.assign(arm="1")])
    with pytest.raises(ValueError, match="column 'arm' holds 1 both as a text and as a number"):
        pc.InterventionalData.from_frame(table, "arm", "none")


def test_addresses_are_not_fetched():
    with pytest.raises(ValueError, match="is an address, which is not fetched; save it as a file"):
        pc.InterventionalData.from_csv("http://127.0.0.1:9/cells.csv", "arm", "none")


def test_names_that_a_spreadsheet_would_run_are_told():
    named = {"A": "=1+1", "B": "-0.5"}
    data = pc.InterventionalData.from_frames(CONTROL.rename(columns=named), {"@x": DRUG.rename(columns=named)})
    (found,) = data.check().named("formula-name")
    assert found.variables == ("=1+1",) and "'=1+1', '@x' begin like formulas" in found.message


def test_weights_beyond_all_rows_are_refused():
    with pytest.raises(
        ValueError, match=r"weights: those of the observational rows add up to 3e\+31, more than 1,000,"
    ):
        pc.InterventionalData.from_frames(CONTROL.assign(w=1e30), {"drug": DRUG.assign(w=1e30)}, weights="w")


def test_a_column_is_a_covariate_or_groups():
    with pytest.raises(ValueError, match="groups: column 'B' is a covariate too; name it once"):
        frames(covariates=["B"], groups="B")


def test_a_code_that_is_a_label(tmp_path):
    path = tmp_path / "cells.csv"
    pd.concat([CONTROL.assign(arm="none"), DRUG.assign(arm="drug")]).to_csv(path, index=False)
    with pytest.raises(ValueError, match="missing: 'none' is what observational rows are called"):
        pc.InterventionalData.from_csv(path, "arm", "none", missing=["none"])


def test_a_table_of_a_folder_without_rows(tmp_path):
    CONTROL.to_csv(tmp_path / "control.csv", index=False)
    (tmp_path / "drug.csv").write_text("A,B\n")
    with pytest.raises(ValueError, match=r"folder: .*drug.csv has no rows"):
        pc.InterventionalData.from_folder(tmp_path, "control")

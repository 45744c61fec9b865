"""The share of cells that escape a regime stands in the table of targets, and survives a file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_chain, make_model

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count
from pyrocausal.posterior.causal_posterior import CausalPosterior


def result(components: int) -> CausalPosterior:
    rng = np.random.default_rng(0)

    def table(n, escaped):
        mean = np.where(rng.random(n) < escaped, 12.0, 1.2) * rng.gamma(4, 1 / 4, n)
        return pd.DataFrame({"X0": rng.normal(size=n), "X1": rng.poisson(mean)})

    tables = {"guide": table(400, 0.4), "nothing": table(400, 1.0)}
    data = InterventionalData.from_frames(table(1_000, 1.0), tables, {"X1": Count(components=components)})
    hit = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return CausalPosterior(data, (make_chain(make_model(data.kinds), torch.zeros(2, 2), hit),), 0)


def test_cells_that_escape_are_counted_and_kept(tmp_path):
    made = result(2)
    table = made.target_table(None).set_index(["regime", "variable"])["escaped"]
    assert table["guide", "X1"] == pytest.approx(0.4, abs=0.07)
    assert table["nothing", "X1"] > 0.9
    assert np.isnan(table["guide", "X0"]) and np.isnan(table["guide", "none"])
    made.save(tmp_path / "result.zip")
    again = CausalPosterior.load(tmp_path / "result.zip")
    assert again.data.kinds == made.data.kinds and again.data.kinds[1].components == 2
    pd.testing.assert_frame_equal(again.target_table(None), made.target_table(None))


def test_counts_of_one_component_have_no_such_column():
    assert "escaped" not in result(1).target_table(None)

"""Tables drawn from the fitted programs: what they keep, and that they follow the graph of their draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from conftest import KINDS
from example_groups import groups, together
from example_results import D, N, R, posterior

from pyrocausal.data.kinds import Count, Exposure
from pyrocausal.posterior.causal_posterior import CausalPosterior


@pytest.mark.parametrize("draws", [0, N])
def test_predicted_tables_keep_what_targets_were(draws):
    result = posterior("mixed", draws=draws)
    before = torch.get_rng_state()
    found = result.to_arviz(posterior_predictive=3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    predicted, observed = found["posterior_predictive"], found["observed_data"]
    assert predicted["draw"].values.tolist() == ([0, 6, 11] if draws else [0, 1, 2])  # spread over the draws
    regime = found["constant_data"]["regime_number"].values
    for c, one in enumerate(result.chains):
        for k, n in enumerate(predicted["draw"].values):
            hit = one.graph_targets[n] if draws else one.target_probability[:, :-1] > 0.5
            for i, name in enumerate(result.data.names):
                same = np.isclose(predicted[name].values[c, k], observed[name].values, atol=1e-6)
                kept = np.append(hit[:, i].numpy(), False)[regime]
                assert same[kept].all() and not same[~kept].all()
    again, other = (groups(result.to_arviz(posterior_predictive=3, seed=s))["posterior_predictive"] for s in (5, 6))
    xr.testing.assert_identical(groups(found)["posterior_predictive"], again)
    assert not again.identical(other)


def test_predicted_tables_follow_the_graph_of_their_draw():
    result = posterior("continuous", rows=400, draws=2)
    one = result.chains[0]
    graphs, nobody = torch.zeros(2, D, D, dtype=torch.bool), torch.zeros(2, R, D, dtype=torch.bool)
    graphs[1, 1, 0] = True
    one = replace(one, graphs=graphs, graph_targets=nobody)
    predicted = CausalPosterior(result.data, (one,), 0).to_arviz(posterior_predictive=2)["posterior_predictive"]
    with torch.no_grad():
        values = torch.stack([torch.tensor(predicted[n].values[0], dtype=torch.float32) for n in result.data.names], -1)
        for k, graph in enumerate(graphs.float()):
            found = one.model.mechanisms.conditional(1, values[k], graph[1])
            z = (values[k, :, 1] - found.mean) / found.stddev
            assert abs(float(z.mean())) < 0.1 and abs(float(z.std()) - 1) < 0.1


def test_predicted_tables_keep_exposures_and_hold_counts(monkeypatch):
    monkeypatch.setattr(
        "pyrocausal.evidence.imputation.STEPS", 100
    )  # its tables have gaps, and how they are filled is no matter
    result, kinds = posterior("all"), KINDS["all"]
    at = next(i for i, kind in enumerate(kinds) if isinstance(kind, Exposure))
    found = groups(result.to_arviz(posterior_predictive=3))
    observed, predicted = found["observed_data"], found["posterior_predictive"]
    exposure = kinds[at].decode(together(result.data)[:, at].numpy())
    np.testing.assert_allclose(observed[f"X{at}"], exposure, rtol=1e-5)
    for values in predicted[f"X{at}"].values.reshape(6, -1):
        np.testing.assert_allclose(values, exposure, rtol=1e-5)
    for i in (i for i, kind in enumerate(kinds) if isinstance(kind, Count)):
        counts = predicted[f"X{i}"].values
        assert counts.min() >= 0
        np.testing.assert_array_equal(counts, counts.round())

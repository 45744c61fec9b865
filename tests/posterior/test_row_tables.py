"""What ArviZ is given of every row: observed and constant data, weights, log-likelihoods."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import KINDS, make_model, small_data
from example_groups import groups, together
from example_results import D, N, R, chain, posterior

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.evidence.imputation import impute
from pyrocausal.model.log_likelihood import score_graphs
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.row_tables import Tables, constant_data


def test_weights_of_rows_are_constants_and_log_likelihoods_are_per_row():
    result = posterior()
    assert "weight" not in result.to_arviz()["constant_data"]
    weights = torch.arange(1.0, 21.0)
    found, plain = (
        groups(CausalPosterior(data, result.chains, 7).to_arviz(log_likelihood=True))
        for data in (replace(result.data, observational_weights=weights), result.data)
    )
    assert found["constant_data"]["weight"].dims == ("row",)
    assert found["constant_data"]["weight"].values.tolist() == [*weights.tolist(), *[1.0] * (20 + 21 + 22)]
    np.testing.assert_array_equal(found["log_likelihood"].table, plain["log_likelihood"].table)


@pytest.mark.parametrize("kinds", ["categorical", "continuous", "mixed", "gaps"])
def test_log_likelihoods_are_those_of_the_program_under_intervene(kinds):
    result = posterior(kinds)  # its models read gaps themselves
    found = groups(result.to_arviz(log_likelihood=True))["log_likelihood"].table
    assert found.dims == ("chain", "draw", "row") and found.dtype == np.float64
    tables = [result.data.observational, *(regime.rows for regime in result.data.regimes)]
    starts = np.cumsum([0, *map(len, tables)])
    for k, one in enumerate(result.chains):
        for n in range(N):
            hit = torch.cat([torch.zeros(1, D, dtype=torch.bool), one.graph_targets[n]])
            expected = score_graphs(one.model, tables, one.graphs[n : n + 1].float(), hit)[0].sum(1)  # means, [R + 1]
            means = [found[k, n, a:b].values.mean() for a, b in itertools.pairwise(starts)]
            np.testing.assert_allclose(means, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_missing_values_that_a_fit_has_drawn_have_no_term(monkeypatch):
    monkeypatch.setattr("pyrocausal.evidence.imputation.STEPS", 3)
    kinds = KINDS["gaps"]
    whole = tuple(replace(kind, missing=False) for kind in kinds)  # what a chain of `discover` sees
    one = chain(whole, draws=3, graph_targets=torch.zeros(3, R, D, dtype=torch.bool))
    data = small_data(kinds, 20)
    assert data.observational.isnan().any()
    result = CausalPosterior(data, (one,), 0)
    found = result.to_arviz(log_likelihood=True, posterior_predictive=2)
    complete, gaps = together(impute(data, seed=one.seed)), together(data).isnan()
    for n, graph in enumerate(one.graphs.float()):
        terms = torch.stack(
            [
                one.model.mechanisms.conditional(i, complete, graph[i]).log_prob(complete[:, i])
                for i in range(D)
            ],
            1,
        )  # fmt: skip
        expected = terms.masked_fill(gaps, 0.0).sum(1)
        np.testing.assert_allclose(found["log_likelihood"]["table"][0, n], expected.detach(), rtol=1e-4, atol=1e-5)
    observed, predicted = found["observed_data"], found["posterior_predictive"]
    assert ((observed["X0"].values == -1) == gaps[:, 0].numpy()).all()
    assert (np.isnan(observed["X3"].values) == gaps[:, 3].numpy()).all()
    assert not np.isnan(predicted["X3"].values).any() and (predicted["X0"].values >= 0).all()


def test_observed_and_constant_data():
    names = ("né", "row", "a/b", "a_b")  # a dimension's name, and one that netCDF does not take
    kinds = (Categorical(("no", "yes")), Categorical((2, 4, 8)), Continuous(10.0, 2.0), Continuous(0.0, 1.0))
    made = small_data(kinds, 20, targets=(None, (), ("X0", "X2")))
    regimes = tuple(
        replace(regime, targets=None if regime.targets is None else tuple(names[int(t[1])] for t in regime.targets))
        for regime in made.regimes
    )
    data = replace(made, names=names, regimes=regimes)
    torch.manual_seed(0)
    model = make_model(kinds, required=[("X0", "X1")])
    found = groups(CausalPosterior(data, (chain(kinds, model=model),), 0).to_arviz(posterior_predictive=2))
    observed, frame = found["observed_data"], data.decode(together(data))
    assert list(observed) == ["né", "row_", "a_b_", "a_b"] == list(found["posterior_predictive"])
    assert [observed[name].attrs["variable"] for name in observed] == list(names)
    assert observed["né"].dtype == np.int16 and json.loads(observed["né"].attrs["states"]) == ["no", "yes"]
    assert (np.array(["no", "yes"])[observed["né"].values] == frame["né"]).all()
    assert json.loads(observed["row_"].attrs["states"]) == ["2", "4", "8"]
    assert (observed["a_b_"].values == frame["a/b"]).all()
    constants = found["constant_data"]
    assert constants.regime_number.values.tolist() == [-1] * 20 + [0] * 20 + [1] * 21 + [2] * 22
    assert constants.known_target.values.tolist() == [[-1] * 4, [0] * 4, [1, 0, 1, 0]]
    assert constants.known_edge.sel(effect="row", cause="né").item() == 1
    assert np.diag(constants.known_edge.values).tolist() == [0] * 4
    assert (constants.known_edge.values == -1).sum() == 10


def test_beside_a_target_that_is_certain_the_others_are_unknown():
    told = small_data(targets=[AtLeast("X1"), None, ("X0",)])
    found = constant_data(Tables(told), posterior().chains)
    assert found.known_target.values.tolist() == [[-1, 1, -1, -1], [-1] * 4, [1, 0, 0, 0]]

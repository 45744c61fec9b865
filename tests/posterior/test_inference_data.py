"""A result as ArviZ reads it: what the groups hold, files that give them back, and ArviZ's own functions on them.

ArviZ 0.x comes with Python 3.11 and 1.x with later ones; what only one of them can do is skipped with the other.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version

import arviz as az
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import KINDS, make_model, small_data
from example_groups import NEW, groups
from example_results import D, N, chain, posterior

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.settings import Settling

matplotlib.use("Agg")
with_old = pytest.mark.skipif(NEW, reason="ArviZ before 1.0, on Python 3.11 only")
with_new = pytest.mark.skipif(not NEW, reason="ArviZ from 1.0 on, on Python 3.12 and later")
# What ArviZ itself warns of: of R-hat where nothing varies, and of a call of Matplotlib that is going out of use.
constant = pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in:RuntimeWarning")
dated = pytest.mark.filterwarnings("ignore:Passing a dict or None as alias_mapping")


def test_draws_are_where_arviz_looks_for_them():
    result = posterior()
    found = groups(result.to_arviz())
    assert set(found) == {
        "posterior", "sample_stats", "warmup_posterior", "warmup_sample_stats", "observed_data", "constant_data",
    }  # fmt: skip
    drawn, stats = found["posterior"], found["sample_stats"]
    assert drawn.edge.dims == ("chain", "draw", "effect", "cause")
    assert drawn.target.dims == ("chain", "draw", "regime", "target_variable")
    assert drawn.edge.dtype == drawn.target.dtype == np.int8
    assert drawn.draw.values.tolist() == list(range(N))
    for k, one in enumerate(result.chains):
        assert (drawn.edge[k].values == one.graphs.numpy()).all()
        assert (drawn.target[k].values == one.graph_targets.numpy()).all()
        assert drawn.n_edges[k].values.tolist() == one.graphs.sum((1, 2)).tolist()
        assert stats.evidence[k].values.tolist() == one.graph_evidence.tolist()
    assert stats.acyclic.dtype == bool and stats.acyclic.values.all()
    assert stats.acceptance_rate.dims == ("chain",) and stats.acceptance_rate.values.tolist() == [0.25, 0.25]
    cause_first = result.chains[0].graphs[:, 1, 0].float().mean()  # row = effect
    assert drawn.edge.sel(chain=0, effect="X1", cause="X0").mean().item() == pytest.approx(float(cause_first))
    assert drawn.regime.values.tolist() == list(result.data.regime_names)


@pytest.mark.parametrize("draws", [0, N])
def test_beliefs_along_the_last_steps(draws):
    torch.manual_seed(0)
    model = make_model(KINDS["categorical"], required=[("X0", "X1")], forbidden=[("X2", "X3")])
    one = chain(KINDS["categorical"], 0, steps=8, draws=draws, model=model)
    two = chain(KINDS["categorical"], 1, steps=5, draws=draws, model=model)
    found = groups(CausalPosterior(small_data(), (one, two), 0).to_arviz())
    prefix = "warmup_" if draws else ""
    steps, stats = found[f"{prefix}posterior"], found[f"{prefix}sample_stats"]
    assert ("edge" in found["posterior"]) == bool(draws)
    assert steps.edge_logit.shape == (2, 5, D, D)  # as many as both have, the last ones
    free = ~torch.eye(D, dtype=torch.bool)
    free[1, 0] = free[0, 1] = free[3, 2] = False
    for k, each in enumerate((one, two)):
        np.testing.assert_array_equal(steps.edge_logit[k].values[:, free], each.belief_logits[-5:, free].numpy())
        assert np.isnan(steps.edge_logit[k].values[:, ~free]).all()
        assert stats.step[k].values.tolist() == each.trace.index[-5:].tolist()
        for name, column in (("loss",) * 2, ("confidence",) * 2, ("gradient_norm",) * 2, ("n_edges", "edges")):
            assert stats[name][k].values.tolist() == each.trace[column].tolist()[-5:]
    cyclic = one.belief_logits.clone()
    cyclic[-1] = -1.0
    cyclic[-1, 0, 1] = cyclic[-1, 1, 0] = 1.0
    cyclic[-2] = -1.0
    again = groups(CausalPosterior(small_data(), (replace(one, belief_logits=cyclic),), 0).to_arviz())
    assert again[f"{prefix}sample_stats"].acyclic[0, -2:].values.tolist() == [True, False]


def test_chains_with_different_numbers_of_draws_keep_the_last_that_all_have():
    one, two = chain(KINDS["categorical"], 0, draws=12), chain(KINDS["categorical"], 1, draws=9)
    drawn = groups(CausalPosterior(small_data(), (one, two), 0).to_arviz())["posterior"]
    assert (drawn.edge[0].values == one.graphs[3:].numpy()).all()
    assert (drawn.target[1].values == two.graph_targets.numpy()).all()


def test_one_chain_without_draws_leaves_out_those_of_the_others():
    mixed = (chain(KINDS["categorical"]), chain(KINDS["categorical"], 1, draws=0))
    found = groups(CausalPosterior(small_data(), mixed, 0).to_arviz())
    assert list(found["posterior"]) == ["edge_logit"]


def test_thinning_keeps_every_other_draw_of_all_groups():
    result = posterior()
    every, some = (groups(result.to_arviz(log_likelihood=True, thin=thin)) for thin in (1, 2))
    halves = {name: found.isel(draw=slice(None, None, 2)) for name, found in every.items() if "draw" in found.dims}
    for name in ("posterior", "sample_stats"):
        xr.testing.assert_identical(some[name], halves[name])
    xr.testing.assert_allclose(some["log_likelihood"], halves["log_likelihood"])
    xr.testing.assert_identical(some["warmup_posterior"], every["warmup_posterior"])


def test_no_variable_has_a_dimensions_name():
    dimensions, variables = set(), set()
    for found in groups(posterior().to_arviz(log_likelihood=True, posterior_predictive=2)).values():
        dimensions |= set(map(str, found.dims))
        variables |= set(map(str, found.data_vars))
        assert not [name for name, each in found.variables.items() if each.dtype == object]
    assert not dimensions & variables
    assert "variable" not in dimensions  # ArviZ puts variables together along a dimension of that name


def test_attributes_are_text():
    found = replace(posterior(), settings={"sampling": {"draws": N}}).to_arviz().attrs
    assert all(isinstance(value, str) for value in found.values())
    assert found["inference_library"] == "pyrocausal"
    assert found["orientation"] == "row = effect, column = cause"
    assert (found["seed"], json.loads(found["chain_seeds"])) == ("7", [0, 1])
    assert json.loads(found["settings"]) == {"sampling": {"draws": N}}
    assert found["arviz_version"] == version("arviz") and found["torch_version"] == version("torch")


@pytest.mark.parametrize("draws", [0, N])
def test_files_give_it_back_bit_for_bit(draws, tmp_path):
    made = posterior("mixed", draws=draws)
    names = ("a/b", "$x^2$ \\ 'é'", "row", "\u2603\n variable")
    regimes = tuple(replace(regime, name=f"{k}/ '{k}' {k * 'é'}") for k, regime in enumerate(made.data.regimes))
    result = replace(made, data=replace(made.data, names=names, regimes=regimes))
    torch.manual_seed(0)
    chains = []
    for each in made.chains:
        model = make_model(KINDS["mixed"])
        model.names = names
        chains.append(replace(each, model=model))
    found = replace(result, chains=tuple(chains)).to_arviz(log_likelihood=bool(draws), posterior_predictive=3)
    found.to_netcdf(tmp_path / "found.nc")
    if NEW:
        with xr.open_datatree(tmp_path / "found.nc") as read:
            back = read.load()
    else:
        back = az.from_netcdf(tmp_path / "found.nc")
    assert type(back) is type(found) and back.attrs == found.attrs
    before, after = groups(found), groups(back)
    assert before.keys() == after.keys() and len(before) >= 5
    for name in before:
        xr.testing.assert_identical(before[name], after[name])
        for variable in before[name].data_vars:
            assert before[name][variable].dtype == after[name][variable].dtype
            assert before[name][variable].values.tobytes() == after[name][variable].values.tobytes()


@pytest.fixture(scope="module")
def fit() -> CausalPosterior:
    """Three variables, two of them categorical: few rows, so that edges are in doubt."""
    rng = np.random.default_rng(3)

    def table(n, hit=None):
        a = rng.random(n) < (0.5 if hit == "a" else 0.7)
        b = rng.random(n) < np.where(a, 0.65, 0.4)
        return pd.DataFrame({"a": a, "b": b, "c": 0.5 * b + rng.normal(size=n) + 2.0 * (hit == "c")})

    regimes = {"first": table(25, "a"), "second": table(25, "c")}
    with torch.random.fork_rng():
        data = InterventionalData.from_frames(table(60), regimes)
        return discover(
            data,
            chains=2,
            cores=1,
            seed=0,
            max_steps=6,
            progress=False,
            algorithm=SDI(fitting=GraphFitting(warm_up=30)),
            settling=Settling(refitting=None, draft=None, final_steps=50),
            sampling=Sampling(draws=60, warm_up=10),
        )


@pytest.fixture(scope="module")
def of_fit(fit):
    return fit.to_arviz(log_likelihood=True, posterior_predictive=10)


@pytest.fixture(scope="module")
def undecided(fit):
    """A pair of variables whose edge comes and goes in both chains."""
    chains = np.stack([one.graphs.numpy() for one in fit.chains])
    varies = (chains.any(1) & ~chains.all(1)).all(0)
    effect, cause = np.argwhere(varies)[0]
    return {"effect": [fit.data.names[effect]], "cause": [fit.data.names[cause]]}


def test_a_fit_in_all_groups(fit, of_fit):
    found = groups(of_fit)
    assert found["posterior"].edge.shape == (2, 60, 3, 3)
    np.testing.assert_allclose(found["posterior"].edge.mean(("chain", "draw")), fit.edge_probabilities, atol=1e-6)
    assert abs(found["posterior"].target.mean(("chain", "draw")) - fit.target_probabilities.values).max() < 0.15
    assert found["warmup_posterior"].sizes["draw"] == 6
    assert 0 < found["sample_stats"].acceptance_rate.min() <= 1
    settings = json.loads(of_fit.attrs["settings"])
    assert settings["sampling"]["draws"] == 60 and settings["algorithm"]["stopping"]["max_steps"] == 6
    for name, group in groups(fit.to_arviz(log_likelihood=True, posterior_predictive=10)).items():
        xr.testing.assert_identical(group, found[name])


def plots(*calls):
    for call in calls:
        call()
        plt.close("all")


@constant
def test_summaries(of_fit):
    table = az.summary(of_fit)
    assert {"edge[b, a]", "target[first, c]", "n_edges"} <= set(table.index)
    assert len(table) == 9 + 6 + 1
    assert np.isfinite(pd.to_numeric(table.loc["n_edges", ["mean", "r_hat"]])).all()
    assert np.isnan(float(table.loc["edge[a, a]", "r_hat"]))
    for found in (az.rhat(of_fit), az.ess(of_fit)):
        assert np.isfinite(found["n_edges"].item()) and found["edge"].shape == (3, 3)


def test_summaries_of_what_varies_warn_of_nothing(of_fit, undecided):
    table = az.summary(of_fit, var_names=["edge"], coords=undecided)
    assert len(table) == 1 and 0.9 < float(table["r_hat"].iloc[0]) < 1.5
    assert 0.9 < float(az.rhat(of_fit, var_names=["n_edges"])["n_edges"]) < 1.5
    assert 2 < float(az.ess(of_fit, var_names=["n_edges"])["n_edges"]) < 400


def test_steps_without_draws_warn_of_nothing(fit):
    bare = replace(fit, chains=tuple(replace(one, graphs=None) for one in fit.chains))
    found = bare.to_arviz()
    table = az.summary(found)
    assert len(table) == 9
    assert np.isfinite(float(az.rhat(found)["edge_logit"].sel(effect="b", cause="a")))
    assert np.isnan(float(az.ess(found)["edge_logit"].sel(effect="b", cause="b")))
    pair = {"effect": ["b"], "cause": ["a", "c"]}
    plots(lambda: az.plot_forest(found), lambda: az.plot_forest(found, var_names=["edge_logit"], coords=pair))


@with_old
@dated
def test_plots_of_arviz_0(of_fit, undecided):
    plots(
        lambda: az.plot_trace(of_fit),
        lambda: az.plot_trace(of_fit, var_names=["edge"], coords=undecided),
        lambda: az.plot_trace(of_fit.warmup_posterior, coords={"effect": ["b"], "cause": ["a", "c"]}),
        lambda: az.plot_forest(of_fit),
        lambda: az.plot_ppc(of_fit),
        lambda: az.plot_ppc(of_fit, var_names=["a"], kind="cumulative"),
    )


@with_new
def test_plots_of_arviz_1(of_fit, undecided):
    plots(
        lambda: az.plot_trace_dist(of_fit, var_names=["edge"], coords=undecided),
        lambda: az.plot_trace_dist(of_fit, var_names=["n_edges"]),
        lambda: az.plot_trace_dist(of_fit, var_names=["edge_logit"], group="warmup_posterior"),
        lambda: az.plot_forest(of_fit),
        lambda: az.plot_ppc_dist(of_fit, var_names=["c"], num_samples=20),
        lambda: az.plot_ppc_pava(of_fit, var_names=["a"]),
    )


@with_new
@constant
def test_plots_of_arviz_1_with_edges_that_never_vary(of_fit):
    plots(lambda: az.plot_trace_dist(of_fit))


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_log_likelihoods_suit_leave_one_out(of_fit):
    found = az.loo(of_fit, var_name="table") if NEW else az.loo(of_fit, var_name="table", reff=1.0)
    assert np.isfinite(found.elpd if NEW else found.elpd_loo)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"thin": 0}, ValueError, "thin must be at least 1, got 0"),
        ({"thin": True}, TypeError, "thin must be a whole number, got True"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"log_likelihood": 1}, TypeError, "log_likelihood must be True or False, got 1"),
        ({"posterior_predictive": 1.5}, TypeError, "posterior_predictive must be a whole number, got 1.5"),
        ({"posterior_predictive": 7, "thin": 2}, ValueError, "7 tables asked for, but 6 graphs of each chain are kept"),
    ],
)
def test_errors_name_the_argument(options, error, message):
    with pytest.raises(error, match=message):
        posterior().to_arviz(**options)


def test_what_was_not_kept_cannot_be_given():
    with pytest.raises(ValueError, match=r"log_likelihood: .* none were; fit with sampling=Sampling\(\)"):
        posterior(draws=0).to_arviz(log_likelihood=True)
    with pytest.raises(ValueError, match="kept neither graphs nor beliefs; fit again"):
        posterior(draws=0, belief_logits=None).to_arviz()
    assert "warmup_posterior" not in groups(posterior(belief_logits=None).to_arviz())

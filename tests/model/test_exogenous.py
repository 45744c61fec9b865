"""Noise behind values: worlds that share it are the same rows."""

from __future__ import annotations

import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, MIXED, LinearGaussian, make_model, make_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from scipy import stats

import pyrocausal as pc
from pyrocausal.data.negative_binomial import negative_binomial, negative_binomials
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.couplings import coupling_of

CHAIN = torch.diag(torch.ones(3), -1).bool()
COMPLETE = [name for name in KINDS if name != "gaps"]


def distributions(n):
    """One of each form, batch shape [n]."""
    torch.manual_seed(0)
    logits = torch.randn(n, 3)
    normal = dist.Normal(3 * torch.randn(n), 0.1 + torch.rand(n))
    mixture = dist.MixtureSameFamily(
        dist.Categorical(logits=logits), dist.Normal(3 * torch.randn(n, 3), 0.1 + torch.rand(n, 3))
    )
    counts = negative_binomial(2 * torch.randn(n), torch.randn(n))
    several = negative_binomials(logits, 2 * torch.randn(n, 3), torch.randn(n, 3))
    return {
        "normal": normal, "categorical": dist.Categorical(logits=2 * logits), "mixture": mixture, "counts": counts,
        "several counts": several, "other": dist.Laplace(torch.randn(n), 0.5 + torch.rand(n)),
        "student": dist.StudentT(1.5 + torch.rand(n), torch.randn(n), 0.5 + torch.rand(n)),
        "without icdf": dist.Gamma(0.5 + torch.rand(n), 0.5 + torch.rand(n)),
        "inverse": dist.InverseGamma(2.0 + torch.rand(n), 0.5 + torch.rand(n)),
    }  # fmt: skip


@pytest.mark.parametrize("name", distributions(1))
def test_noise_that_is_pulled_gives_the_value_back_and_is_standard(name):
    fn = distributions(4000)[name]
    value = fn.sample()
    coupling = coupling_of(fn)
    noise = coupling.pull(value)
    torch.testing.assert_close(coupling.push(noise), value, rtol=1e-5, atol=1e-6)
    flat = noise.reshape(-1).numpy()
    standard = stats.gumbel_r() if name == "categorical" else stats.norm()
    assert stats.kstest(flat, standard.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", distributions(1))
def test_noise_that_is_pushed_has_the_distribution(name):
    one = distributions(3)[name]
    fn = one.expand(torch.Size([20000, 3]))
    pushed, drawn = coupling_of(one).push(coupling_of(one).noise.sample((20000, 3))), fn.sample()
    for j in range(3):
        assert stats.ks_2samp(pushed[:, j].numpy(), drawn[:, j].numpy()).pvalue > 1e-3


@given(st.integers(0, 10_000), st.floats(-3.0, 12.0), st.floats(-4.0, 8.0))
@settings(max_examples=100, deadline=None)
def test_any_count_comes_back(count, log_mean, log_size):
    fn = negative_binomial(torch.tensor(log_mean), torch.tensor(log_size))
    noise = coupling_of(fn).pull(torch.tensor(float(count)))
    if noise.isfinite():  # beyond double precision nothing is left of a probability
        assert float(coupling_of(fn).push(noise)) == count


@given(st.lists(st.floats(-60.0, 60.0), min_size=2, max_size=6), st.integers(0, 5), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_any_state_comes_back_however_improbable(logits, state, seed):
    torch.manual_seed(seed)
    fn = dist.Categorical(logits=torch.tensor(logits))
    state = state % len(logits)
    assert int(coupling_of(fn).push(coupling_of(fn).pull(torch.tensor(state)))) == state


def test_a_far_value_of_a_mixture_comes_back():
    fn = dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), dist.Normal(torch.tensor([0.0, 3.0]), torch.ones(2)))
    for value in (-20.0, 25.0):
        found = coupling_of(fn).push(coupling_of(fn).pull(torch.tensor(value)))
        assert float(found) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("fn", [dist.Beta(torch.ones(2), 1.0), dist.Poisson(torch.ones(2))])
def test_a_distribution_whose_distribution_function_is_unknown_is_refused(fn):
    with pytest.raises(ValueError, match=f"'dose' has a {type(fn).__name__}, whose distribution .* a method cdf"):
        coupling_of(fn, "dose")


class Heavy(LinearGaussian):
    def conditional(self, i, values, parents):
        normal = super().conditional(i, values, parents)
        return self.of(normal.loc, normal.scale)


@pytest.mark.parametrize(
    "of", [lambda loc, scale: dist.StudentT(3.0, loc, scale), lambda loc, scale: dist.Gamma(2.0, loc.exp())]
)
def test_mechanisms_of_the_user_whose_distributions_have_no_icdf(of):
    mechanisms = Heavy(KINDS["continuous"])
    with torch.no_grad():
        mechanisms.weight[1, 0] = 0.7
    mechanisms.of, made = of, make_model(KINDS["continuous"])
    program = pc.Program(CausalModel(made.names, made.kinds, mechanisms, made.beliefs), CHAIN)
    rows = program(200)
    with pc.Exogenous(pc.abduct(program, rows)):
        torch.testing.assert_close(program(200), rows, rtol=1e-4, atol=1e-5)
    with pc.Exogenous(pc.abduct(program, rows)), pc.intervene({"X0": 0.0}):
        moved = program(200)
    assert torch.equal(moved[:, 0], torch.zeros(200)) and not torch.allclose(moved[:, 1], rows[:, 1])


@given(st.floats(-6.0, 6.0), st.floats(-3.0, 9.0), st.floats(-4.0, 8.0))
@settings(max_examples=100, deadline=None)
def test_a_count_is_the_quantile_of_its_noise(noise, log_mean, log_size):
    fn = negative_binomial(torch.tensor(log_mean).double(), torch.tensor(log_size).double())
    found = float(coupling_of(fn).push(torch.tensor(noise).double()))
    size, stays = float(fn.total_count), float(fn.total_count / (fn.total_count + fn.mean))
    expected = (
        stats.nbinom.ppf(stats.norm.cdf(noise), size, stays)
        if noise < 0
        else stats.nbinom.isf(stats.norm.sf(noise), size, stays)
    )
    assert found == pytest.approx(expected, abs=1.0, rel=1e-6)  # SciPy's own may be off by one


def test_a_row_that_no_noise_makes_is_named():
    kinds = (pc.Continuous(0.0, 1.0), pc.Count(None, 1.0, 1.0))
    program = pc.Program(make_model(kinds), torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"'X1' has 1e\+09 in row 1, which is so improbable"):
        pc.abduct(program, torch.tensor([[0.0, 3.0], [0.0, 1e9]]))


def test_a_variable_without_counterfactuals_is_named():
    mechanisms, made = Heavy(KINDS["continuous"]), make_model(KINDS["continuous"])
    mechanisms.of = dist.VonMises
    program = pc.Program(CausalModel(made.names, made.kinds, mechanisms, made.beliefs), CHAIN)
    for ask in (lambda: pc.abduct(program, program(3)), lambda: pc.Exogenous()(program)(3)):
        with pytest.raises(ValueError, match="'X0' has a VonMises, whose distribution function is not known"):
            ask()


# ---------------------------------------------------------------- worlds
@pytest.mark.parametrize("name", COMPLETE)
def test_a_world_without_intervention_is_what_was_seen(name):
    program = pc.Program(make_model(KINDS[name]), CHAIN)
    rows = make_rows(KINDS[name], 200).nan_to_num(0.0)
    with pc.Exogenous(pc.abduct(program, rows)):
        torch.testing.assert_close(program(200), rows, rtol=1e-6, atol=1e-5 if "mixture" in name else 1e-6)


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("order", ["inside", "outside"])
def test_only_descendants_of_what_is_set_change(name, order):
    program = pc.Program(make_model(KINDS[name]), CHAIN)
    rows = make_rows(KINDS[name], 100).nan_to_num(0.0)
    noise, to = pc.abduct(program, rows), {"X1": 1}
    handlers = [pc.Exogenous(noise), pc.intervene(to)]
    first, second = handlers if order == "inside" else handlers[::-1]
    with first, second:
        found = program(100)
    torch.testing.assert_close(found[:, 0], rows[:, 0])
    torch.testing.assert_close(found[:, 1], program.encode(program.decode(rows).assign(X1=1))[:, 1])
    assert not torch.allclose(found[:, 2], rows[:, 2])


def test_noise_is_a_site_that_can_be_replayed_and_conditioned():
    program = pc.Program(make_model(), CHAIN)
    with pc.Exogenous(), poutine.trace() as first:
        rows = program(20)
    noise = [name for name in first.trace.stochastic_nodes if name.endswith("_noise")]
    assert sorted(noise) == ["X0_noise", "X1_noise", "X2_noise", "X3_noise"]
    with poutine.replay(trace=first.trace), pc.Exogenous():
        assert torch.equal(program(20), rows)
    with pc.Exogenous():
        given_noise = {name: first.trace.nodes[name]["value"] for name in noise}
        assert torch.equal(pyro.condition(program, given_noise)(20), rows)


def test_noise_is_one_draw_a_row_of_the_plates_around():
    program = pc.Program(make_model(), CHAIN)
    with pc.Exogenous(), poutine.trace() as drawn, pyro.plate("cells", 3), pyro.plate("times", 2, dim=-2):
        program()
    assert drawn.trace.nodes["X1_noise"]["value"].shape == (2, 3)
    assert drawn.trace.nodes["X0_noise"]["value"].shape == (2, 3, 2)


def test_a_variable_may_be_called_as_noise_would_be():
    names = ("x", "x_noise", "x_do", "y")
    model = make_model(KINDS["continuous"])
    program = pc.Program(CausalModel(names, model.kinds, model.mechanisms, model.beliefs), CHAIN)
    rows = program(20)
    with pc.Exogenous(pc.abduct(program, rows)), poutine.trace() as first:
        torch.testing.assert_close(program(20), rows)
    assert {"x_noise_", "x_noise_noise", "x_do_noise", "y_noise", *names} <= first.trace.nodes.keys()
    with pc.intervene({"x": dist.Normal(5.0, 0.1)}), poutine.trace() as second:
        drawn = program(20)
    assert torch.equal(second.trace.nodes["x_do_"]["value"].float(), drawn[:, 0])


@pytest.mark.parametrize("name", COMPLETE)
def test_values_that_are_made_of_noise_have_the_support_of_their_distribution(name):
    program = pc.Program(make_model(KINDS[name]), CHAIN)
    with poutine.trace() as plain, pyro.plate("cells", 3):
        program()
    with poutine.trace() as made, pyro.plate("cells", 3), pc.Exogenous():
        program()
    for each in program.names:
        one, other = (trace.trace.nodes[each]["fn"].support for trace in (plain, made))
        assert vars(one) == vars(other) and type(one) is type(other)


def test_rows_with_gaps_have_no_noise():
    program = pc.Program(make_model(KINDS["gaps"]), CHAIN)
    rows = make_rows(KINDS["gaps"], 10).nan_to_num(0.0)
    rows[3, 3] = torch.nan
    with pytest.raises(ValueError, match="values: 'X3' is missing in some rows"):
        pc.abduct(program, rows)


def test_noise_is_that_of_what_was_seen_whatever_is_done_around():
    program = pc.Program(make_model(KINDS["continuous"]), CHAIN)
    rows = program(20)
    noise = pc.abduct(program, rows)
    with pc.intervene({"X1": 2.0}), poutine.mask(mask=False):
        within = pc.abduct(program, rows)
    for name in program.names:
        assert torch.equal(within[name], noise[name])


def test_a_value_that_is_conditioned_instead_is_impossible():
    program = pc.Program(make_model(), CHAIN)
    nine = {"X1": torch.full((5,), 9.0)}
    with poutine.trace() as trace, pyro.condition(data=nine), pc.Exogenous():
        program(5)
    assert trace.trace.log_prob_sum() == -torch.inf


def test_counterfactuals_of_a_frame():
    program = pc.Program(make_model(MIXED), CHAIN)
    frame = pd.DataFrame({"X0": [0, 1], "X1": [0.5, -0.5], "X2": [2, 1], "X3": [1.0, 0.0]})
    rows = program.encode(frame)
    with pc.Exogenous(pc.abduct(program, rows)), pc.intervene({"X2": 0}):
        found = program.decode(program(2))
    assert list(found.X0) == [0, 1]
    assert list(found.X2) == [0, 0]

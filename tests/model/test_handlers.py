from __future__ import annotations

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, make_model, make_rows
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

from pyrocausal.model.handlers import intervene, mask_sites


def chain():
    a = pyro.sample("a", dist.Normal(0.0, 1.0), obs=torch.tensor(3.0))
    return pyro.sample("b", dist.Normal(a, 1.0), obs=torch.tensor(3.5))


def log_probs(model, *args, **kwargs):
    trace = poutine.trace(model).get_trace(*args, **kwargs)
    trace.compute_log_prob()
    return {name: site["log_prob"] for name, site in trace.nodes.items() if site["type"] == "sample"}


def normal(value, mean):
    return dist.Normal(mean, 1.0).log_prob(torch.tensor(value))


def test_pyros_do_keeps_the_targets_likelihood():
    # The measured fact that makes the mask necessary: do() alone does not drop the likelihood.
    terms = log_probs(poutine.do(chain, {"a": torch.tensor(5.0)}))
    assert terms["a"] == normal(3.0, 0.0)
    assert terms["b"] == normal(3.5, 5.0)


def test_intervene_drops_the_target_and_feeds_the_children():
    with intervene({"a": torch.tensor(5.0)}):
        terms = log_probs(chain)
    assert terms["a"] == 0.0
    assert terms["b"] == normal(3.5, 5.0)


def test_mask_sites_leaves_values_alone():
    with mask_sites({"a"}):
        terms = log_probs(chain)
    assert terms["a"] == 0.0
    assert terms["b"] == normal(3.5, 3.0)


@pytest.mark.parametrize("outer_first", [True, False])
def test_intervene_equals_do_and_mask_in_either_order(outer_first):
    do, mask = poutine.do(data={"a": torch.tensor(5.0)}), mask_sites({"a"})
    first, second = (do, mask) if outer_first else (mask, do)
    with first, second:
        separate = log_probs(chain)
    with intervene({"a": torch.tensor(5.0)}):
        together = log_probs(chain)
    assert {name: separate[name] for name in "ab"} == {name: together[name] for name in "ab"}
    assert together["a__CF"] == 0.0  # neither half of the split site counts


def test_masks_combine():
    def rows():
        with pyro.plate("rows", 4):
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=torch.ones(4))

    one, two = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    with mask_sites({"x": one}), mask_sites({"x": two}), poutine.mask(mask=torch.tensor([True] * 4)):
        terms = log_probs(rows)
    assert (terms["x"] != 0).tolist() == [True, False, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_model_the_targets_term_is_zero_and_children_see_the_value(kind):
    model, rows = make_model(KINDS[kind]), make_rows(KINDS[kind], 6)
    graph = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]).float()  # X0 -> X1 -> X2, X3
    given = pyro.condition(model, {"edges": graph})
    forced = torch.ones(6)
    natural = log_probs(given, rows)
    with intervene({"X1": forced}):
        terms = log_probs(given, rows)
    changed = rows.clone()
    changed[:, 1] = forced
    expected = log_probs(given, changed)
    assert torch.equal(terms["X1"], torch.zeros(6))
    assert torch.equal(terms["X0"], natural["X0"])
    for child in ("X2", "X3"):
        torch.testing.assert_close(terms[child], expected[child])
        assert not torch.equal(terms[child], natural[child])


def test_row_masks_hit_only_their_rows():
    model, rows = make_model(), make_rows(model_kinds := KINDS["mixed"], 6)
    assert len(model_kinds) == 4
    graph = pyro.condition(model, {"edges": torch.ones(4, 4).tril(-1)})
    hit = torch.tensor([True, False] * 3)
    natural = log_probs(graph, rows)
    with intervene({"X1": rows[:, 1]}, rows={"X1": hit}):
        terms = log_probs(graph, rows)
    torch.testing.assert_close(terms["X1"], torch.where(hit, 0.0, natural["X1"]))
    for other in ("X0", "X2", "X3"):
        torch.testing.assert_close(terms[other], natural[other])


def test_bad_arguments():
    with pytest.raises(TypeError, match="collection of names"):
        mask_sites("a")
    with pytest.raises(TypeError, match="mask of site 'a' must be boolean"):
        mask_sites({"a": torch.ones(3)})
    with pytest.raises(ValueError, match="rows names the site 'b'"):
        intervene({"a": 1.0}, rows={"b": torch.tensor([True])})


def test_a_misspelt_target_is_an_error():
    with pytest.raises(ValueError, match=r"values names 'A'.*sites: a, b"), intervene({"A": torch.tensor(1.0)}):
        chain()


@pytest.mark.parametrize("bad", [2.0, -1.0, 0.5])
def test_values_that_are_no_codes_are_refused(bad):
    model, rows = make_model(KINDS["categorical"]), make_rows(KINDS["categorical"], 5)
    refused, forced = "values of 'X0' must be codes 0 to 1", {"X0": torch.tensor(bad)}
    with pytest.raises(ValueError, match=refused), intervene(forced):
        pyro.condition(model, {"edges": torch.ones(4, 4).tril(-1)})(rows)
    with pytest.raises(ValueError, match=refused), intervene(forced):
        model(size=3)


def test_a_scope_in_which_no_model_runs_is_no_error():
    with intervene({"a": torch.tensor(5.0)}):
        natural = normal(3.0, 0.0)
    assert log_probs(chain)["a"] == natural


def test_an_intervened_site_is_met_again_where_a_guide_or_a_trace_is_replayed():
    def model():
        a = pyro.sample("a", dist.Normal(0.0, 1.0))
        pyro.sample("b", dist.Normal(a, 1.0))

    def replayed():
        with intervene({"a": 2.0}):
            model()

    trace = poutine.trace(replayed).get_trace()
    again = poutine.trace(poutine.replay(replayed, trace=trace)).get_trace()
    assert float(again.nodes["b"]["fn"].loc) == 2.0
    assert math.isfinite(SVI(replayed, AutoNormal(replayed), pyro.optim.Adam({"lr": 0.1}), Trace_ELBO()).step())
    pyro.clear_param_store()

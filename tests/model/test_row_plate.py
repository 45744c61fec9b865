"""Plates of rows: those of the user, several programs in one model, and rows that do not fit."""

from __future__ import annotations

import pyro
import pytest
import torch
from conftest import LinearGaussian, make_rows
from example_programs import linear, tables
from pyro import poutine
from pyro.contrib.autoname import scope
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

import pyrocausal as pc
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.model.causal_model import CausalModel

BACK = torch.tensor([[0, 0], [1, 0]])  # the first acts on the second


def pair(first, second):
    """A program of two numbers, of which one is the sum of the other and noise."""
    kinds, names = (pc.Continuous(0.0, 1.0),) * 2, (first, second)
    mechanisms = LinearGaussian(kinds)
    with torch.no_grad():
        mechanisms.weight[1, 0] = 1.0
    return pc.Program(CausalModel(names, kinds, mechanisms, pc.IndependentBeliefs(fixed_edges(names))), BACK)


def plates_of(trace):
    sites = [site for site in trace.nodes.values() if site["type"] == "sample" and site["cond_indep_stack"]]
    return {site["name"]: site["cond_indep_stack"][-1].name for site in sites}


# ---------------------------------------------------------------- several programs
def test_two_programs_in_one_model_have_a_plate_each():
    first, second, third = pair("x", "y"), pair("u", "v"), pair("p", "q")
    seen = make_rows(first.kinds, 3)

    def model():
        return first(4), second(values=seen), third(4)

    trace = poutine.trace(model).get_trace()
    assert plates_of(trace) == {
        "x": "rows", "y": "rows", "u": "rows_1", "v": "rows_1", "p": "rows_2", "q": "rows_2",
    }  # fmt: skip
    assert [len(rows) for rows in trace.nodes["_RETURN"]["value"]] == [4, 3, 4]
    trace.compute_log_prob()
    alone = poutine.trace(second).get_trace(values=seen)
    assert trace.nodes["v"]["log_prob_sum"] == alone.log_prob_sum(lambda name, _: name == "v")
    assert plates_of(poutine.trace(second).get_trace(2))["u"] == "rows"  # in a trace of its own


def test_inference_around_two_programs():
    """A shift that both tables share: the mean of a normal distribution."""
    first, second = pair("x", "y"), pair("u", "v")
    rows = torch.randn(40, 2), torch.randn(60, 2)

    def model():
        shift = pyro.sample("shift", pyro.distributions.Normal(0.0, 10.0))
        for program, each in zip((first, second), rows, strict=True):
            program(values=torch.stack([each[:, 0] - shift, each[:, 1]], 1))

    with pyro.settings.context(module_local_params=True):
        guide = AutoNormal(model)
        svi = SVI(model, guide, pyro.optim.ClippedAdam({"lr": 0.1, "lrd": 0.96}), Trace_ELBO(num_particles=2))
        for _ in range(120):
            svi.step()
        both = torch.cat(rows)
        exact = (both[:, 0] + both[:, 0] - both[:, 1]).mean() / 2  # of x itself, and of what y leaves of it
        assert float(guide.median()["shift"]) == pytest.approx(float(exact), abs=0.02)


@pytest.mark.parametrize("inside", [False, True])
def test_draws_of_one_result_are_told_apart_by_scopes(inside):
    program = pair("x", "y")
    with poutine.trace() as drawn, pc.Exogenous() if inside else poutine.mask(mask=True):
        for name in ("one", "two"):
            with scope(prefix=name), pc.intervene({"x": 5.0}):
                assert (program(3)[:, 0] == 5.0).all()
    assert {"one/x", "one/y", "two/x", "two/y", "one/rows", "two/rows"} <= drawn.trace.nodes.keys()


# ---------------------------------------------------------------- rows that fit
def test_rows_are_observed_in_a_plate_that_is_entered_already():
    program, seen = pair("x", "y"), torch.randn(5, 2)
    with poutine.trace() as drawn, pyro.plate("cells", 5):
        program(values=seen)
    assert plates_of(drawn.trace) == {"x": "cells", "y": "cells"}
    assert drawn.trace.log_prob_sum() == poutine.trace(program).get_trace(values=seen).log_prob_sum()


def test_rows_of_a_mini_batch_fit_its_plate():
    program, seen = pair("x", "y"), torch.randn(100, 2)
    whole = poutine.trace(program).get_trace(values=seen[:10]).log_prob_sum()

    def model(entered):
        plate = pyro.plate("cells", 100, subsample=torch.arange(10))
        if entered:
            with plate:
                return program(values=seen[:10])
        return program(plate, values=seen[:10])

    for entered in (False, True):
        found = poutine.trace(model).get_trace(entered).log_prob_sum()
        torch.testing.assert_close(found, 10 * whole)


def in_plate(program, size, *arguments, **named):
    with pyro.plate("cells", size):
        return program(*arguments, **named)


def set_to(program, values, n):
    with pc.intervene({"b": values}):
        return program(n)


def of_noise(program, noise, n):
    with pc.Exogenous(noise):
        return program(n)


@pytest.mark.parametrize("make", [tables, linear])
@pytest.mark.parametrize(
    ("run", "error", "says"),
    [
        (lambda p, rows: p(values=rows[:, :3]), ValueError, r"values must have shape \[n, 4\], got \[5, 3\]"),
        (lambda p, rows: p(values=rows[:0]), ValueError, "values: there are no rows; give one at least"),
        (lambda p, rows: p(values=p.decode(rows)), TypeError, "values must be an encoded tensor, got DataFrame"),
        (lambda p, rows: pc.abduct(p, p.decode(rows)), TypeError, "values must be an encoded tensor, got DataFrame"),
        (lambda p, rows: pc.abduct(p, rows[:, :3]), ValueError, r"values must have shape \[n, 4\], got \[5, 3\]"),
        (lambda p, rows: p(values=torch.full_like(rows, torch.nan)), ValueError, "values: 'a' is missing in some rows"),
        (
            lambda p, rows: p(pyro.plate("cells", 7), values=rows),
            ValueError,
            "size: a plate of rows has dim -1 and size 5, as values have it; got dim None and size 7",
        ),
        (
            lambda p, rows: in_plate(p, 7, values=rows),
            ValueError,
            "values: 5 rows do not fit the plate 'cells' of 7 that the program is called in",
        ),
        (lambda p, rows: in_plate(p, 5, 5), ValueError, "size: the program is called in the plate 'cells', .* leave"),
        (
            lambda p, rows: pyro.condition(p, {"a": rows[:, 0]})(7),
            ValueError,
            "values of 'a': 5 do not fit the 7 rows of the plate 'rows'; give one, or one for each row",
        ),
        (
            lambda p, rows: set_to(p, p.decode(rows).b, 7),
            ValueError,
            "values that 'b' is set to: 5 do not fit the 7 rows of the plate 'rows'",
        ),
        (
            lambda p, rows: of_noise(p, pc.abduct(p, rows), 7),
            ValueError,
            "noise of 'a': 5 do not fit the 7 rows of the plate 'rows'",
        ),
        (lambda p, rows: of_noise(p, {"a": "much"}, 5), TypeError, "noise of 'a': expected a tensor, got str"),
        (lambda p, rows: of_noise(p, {"gone": torch.zeros(5)}, 5), ValueError, "noise: 'gone' is no variable; .* a, b"),
    ],
)
def test_rows_that_do_not_fit(make, run, error, says):
    program, _ = make()
    rows = program(5)
    with pytest.raises(error, match=says):
        run(program, rows)


def test_rows_are_abducted_in_a_plate_too():
    for program, _ in (tables(), linear()):
        rows = program(5)
        with pyro.plate("cells", 5), pc.Exogenous(pc.abduct(program, rows)):
            torch.testing.assert_close(program(), rows)


def test_codes_of_no_state_are_refused():
    program, _ = tables()
    with pytest.raises(ValueError, match="values of 'b' must be codes 0 to 2 of its states"):
        program(values=torch.tensor([[1.0, 3.0, 0.0, 0.0]]))


def test_noise_of_states_has_a_number_for_each():
    program, _ = tables()
    with pytest.raises(ValueError, match=r"noise of 'a': a row has 2 numbers, one for each state; got shape \[5\]"):
        of_noise(program, {"a": torch.zeros(5)}, 5)

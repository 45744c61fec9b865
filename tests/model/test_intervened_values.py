"""What variables may be set to: labels, units, functions, distributions, one value a row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import MIXED, make_model
from pyro import poutine

import pyrocausal as pc

KINDS = (
    pc.Categorical(("low", "high")), pc.Continuous(10.0, 2.0), pc.Count(None, 1.5, 0.8), pc.Categorical((1, 2, 5)),
)  # fmt: skip
CHAIN = torch.diag(torch.ones(3), -1).bool()


@pytest.fixture
def program():
    return pc.Program(make_model(KINDS), CHAIN)


def column(program, name, to, n=6):
    with pc.intervene({name: to}):
        return list(program.decode(program(n))[name])


@pytest.mark.parametrize(
    ("name", "to", "found"),
    [
        ("X0", "high", ["high"] * 3),
        ("X0", ["high", "low", "high"], ["high", "low", "high"]),
        ("X0", pd.Series(["high", "low", "high"]), ["high", "low", "high"]),
        ("X0", np.array(["high", "low", "low"]), ["high", "low", "low"]),
        ("X1", 14, [14.0] * 3),
        ("X1", torch.tensor(14.0), [14.0] * 3),
        ("X1", torch.tensor([14, 6, 8]), [14.0, 6.0, 8.0]),
        ("X1", [14.0, 6.0, 8.0], [14.0, 6.0, 8.0]),
        ("X2", 3, [3, 3, 3]),
        ("X2", torch.tensor([3, 0, 1]), [3, 0, 1]),
        ("X3", 5, [5, 5, 5]),
        ("X3", torch.tensor([5, 1, 2]), [5, 1, 2]),
        ("X3", np.int64(2), [2, 2, 2]),
        ("X3", torch.tensor(2), [2, 2, 2]),
        ("X1", np.array(14.0), [14.0] * 3),
    ],
)
def test_labels_and_units(program, name, to, found):
    assert column(program, name, to, 3) == found


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("X1", lambda dose: dose + 4),
        ("X1", lambda dose: torch.full_like(dose, 12.0)),
        ("X2", lambda count: 2 * count),
        ("X0", lambda state: state.map({"low": "high", "high": "low"})),
        ("X3", lambda state: "5" if False else 5),
    ],
)
def test_functions_are_of_the_natural_values_in_their_units(program, name, function):
    with pc.Exogenous(), poutine.trace() as trace:
        before = program.decode(program(50))[name]
    noise = {each: trace.trace.nodes[f"{each}_noise"]["value"] for each in program.names}
    with pc.Exogenous(noise), pc.intervene({name: function}):
        after = program.decode(program(50))[name]
    given = torch.tensor(before.to_numpy(np.float64)) if name in ("X1", "X2") else before
    wanted = function(given)
    assert np.allclose(after.to_numpy(float), wanted) if name in ("X1", "X2") else (after == wanted).all()


def test_a_distribution_is_a_site_of_its_own_in_the_plates_around(program):
    with pc.intervene({"X1": dist.Normal(20.0, 0.1)}), poutine.trace() as trace:
        values = program(500)
    site = trace.trace.nodes["X1_do"]
    assert site["value"].shape == (500,)
    assert values[:, 1].std() > 0
    torch.testing.assert_close(10 + 2 * values[:, 1], site["value"])
    assert float(site["value"].mean()) == pytest.approx(20.0, abs=0.05)


def test_gradients_pass_through_what_is_set(program):
    dose = torch.tensor(12.0, requires_grad=True)
    with pc.intervene({"X1": dose}):
        program(4)[:, 1].sum().backward()
    assert float(dose.grad) == pytest.approx(4 / 2)
    shift = torch.tensor(1.0, requires_grad=True)
    with pc.intervene({"X1": lambda natural: natural + shift}):
        program(4)[:, 1].sum().backward()
    assert float(shift.grad) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "to", "error", "says"),
    [
        ("X0", "middle", ValueError, "what 'X0' is set to holds 'middle', which is none of the states"),
        ("X0", 1, ValueError, "what 'X0' is set to"),
        ("X1", "high", (ValueError, TypeError), "what 'X1' is set to"),
        ("X2", 1.5, ValueError, "what 'X2' is set to holds 1.5, which is no count"),
        ("X2", torch.tensor(-1.0), ValueError, "what 'X2' is set to holds -1, which is no count"),
        ("X2", torch.tensor([-1.0] * 3), ValueError, "what 'X2' is set to has to be counts"),
        ("X1", torch.tensor([torch.nan] * 3), ValueError, "what 'X1' is set to is missing; give a value"),
        ("X1", torch.distributions.Normal(0.0, 1.0), TypeError, "take that of pyro.distributions"),
        ("X2", lambda count: count - 1000, ValueError, "what 'X2' is set to has to be counts"),
        ("X0", lambda state: "middle", ValueError, "which is none of the states"),
        ("X0", dist.Normal(0.0, 1.0), TypeError, "'X0' has labels, of which a distribution knows nothing"),
    ],
)
def test_what_is_no_value_is_refused(program, name, to, error, says):
    with pytest.raises(error, match=says), pc.intervene({name: to}):
        program(3)


def test_other_models_take_numbers_tensors_functions_and_distributions():
    def model():
        return pyro.sample("a", dist.Normal(torch.zeros(3), 1.0)) + 1

    with pc.intervene({"a": dist.Delta(torch.tensor(4.0))}):
        assert torch.equal(model(), torch.full((3,), 5.0)) or float(model()) == 5.0
    with pc.intervene({"a": lambda a: 0 * a}):
        assert torch.equal(model(), torch.ones(3))
    with pytest.raises(TypeError, match="its site knows no labels"), pc.intervene({"a": "high"}):
        model()
    with pc.intervene({"X0": torch.ones(5)}):  # a model as it is takes codes
        assert torch.equal(make_model(MIXED)(size=5)[:, 0], torch.ones(5))


def test_the_term_of_what_is_set_is_dropped_and_others_stay(program):
    rows = program(8)
    with pc.intervene({"X1": lambda dose: dose + 2}):
        trace = poutine.trace(program).get_trace(values=rows)
    trace.compute_log_prob()
    assert trace.nodes["X1"]["log_prob_sum"] == 0
    moved = rows.clone()
    moved[:, 1] += 1.0  # two units are one standard deviation
    expected = poutine.trace(program).get_trace(values=moved)
    expected.compute_log_prob()
    torch.testing.assert_close(trace.nodes["X2"]["log_prob"], expected.nodes["X2"]["log_prob"])

"""Programs: nothing that is inferred around one changes it, and it is a part of other models as any Pyro model is."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, MIXED, LinearGaussian, make_model, make_rows
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule

import pyrocausal as pc
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.model.causal_model import CausalModel

CHAIN = torch.diag(torch.ones(3), -1).bool()  # X0 -> X1 -> X2 -> X3
NAMES = ("X0", "X1", "X2", "X3")


def program_of(kinds=MIXED, graph=CHAIN):
    return pc.Program(make_model(kinds), graph)


def weights_of(program):
    return {name: each.detach().clone() for name, each in program.model.named_parameters()}


def same_weights(program, before):
    return all(torch.equal(each, before[name]) for name, each in program.model.named_parameters())


# ---------------------------------------------------------------- what it is
@pytest.mark.parametrize("name", [name for name in KINDS if name != "gaps"])
def test_its_sites_are_the_variables_and_its_density_is_that_of_the_model(name):
    program, rows = program_of(KINDS[name]), make_rows(KINDS[name], 6).nan_to_num(0.0)
    trace = poutine.trace(program).get_trace(values=rows)
    trace.compute_log_prob()
    model = poutine.trace(program.model.given(program.graph)).get_trace(rows)
    model.compute_log_prob()
    assert list(trace.stochastic_nodes) == ["rows"]
    assert set(trace.observation_nodes) == set(NAMES)
    assert not trace.param_nodes
    for each in NAMES:
        assert torch.equal(trace.nodes[each]["log_prob"], model.nodes[each]["log_prob"])


def test_a_graph_comes_as_it_is_stored_or_from_networkx():
    drawn = nx.DiGraph([("X0", "X1"), ("X1", "X2"), ("X2", "X3")])
    for graph in (CHAIN, CHAIN.float(), CHAIN.numpy(), drawn):
        program = program_of(graph=graph)
        assert torch.equal(program.graph, CHAIN)
        assert program.graph.dtype == torch.bool
    assert program.ancestors("X2") == ("X0", "X1")
    assert program.ancestors("X0") == ()
    assert repr(program) == "Program(4 variables, 3 edges)"


@pytest.mark.parametrize(
    ("graph", "error", "says"),
    [
        (CHAIN | CHAIN.t(), ValueError, "graph: it has a cycle"),
        (torch.full((4, 4), 0.3), ValueError, "graph: entries are 0 or 1"),
        (CHAIN[:3], ValueError, r"graph: expected shape \[4, 4\], got \[3, 4\]"),
        (nx.DiGraph([("X0", "Y")]), ValueError, "graph: 'Y' is no variable; variables: X0, X1, X2, X3"),
        (nx.Graph([("X0", "X1")]), ValueError, "graph: its edges have no direction"),
        ([("X0", "X1")], TypeError, "graph: expected a tensor or a networkx.DiGraph, got list"),
    ],
)
def test_other_graphs_are_refused(graph, error, says):
    with pytest.raises(error, match=says):
        program_of(graph=graph)


def test_ancestors_of_nothing():
    with pytest.raises(ValueError, match="'Y' is no variable; variables: X0, X1, X2, X3"):
        program_of().ancestors("Y")


def test_rows_are_encoded_and_decoded():
    kinds = (pc.Categorical(("low", "high")), pc.Continuous(10.0, 2.0), pc.Count(None, 1.5, 0.8), pc.Exposure(3.0))
    program = program_of(kinds)
    frame = pd.DataFrame({"X1": [12.0, 8.0], "X0": ["high", "low"], "X2": [3, 0], "X3": [20.0, 30.0]})
    codes = program.encode(frame)
    torch.testing.assert_close(codes[:, :3], torch.tensor([[1.0, 1.0, 3.0], [0.0, -1.0, 0.0]]))
    pd.testing.assert_frame_equal(program.decode(codes)[list(frame)], frame, check_dtype=False)
    assert len(program.decode(codes[0])) == 1
    with pytest.raises(ValueError, match="frame has no column 'X3'"):
        program.encode(frame.drop(columns="X3"))
    with pytest.raises(ValueError, match="column 'X0' holds 'middle'"):
        program.encode(frame.assign(X0="middle"))


def test_without_arguments_a_row_is_drawn():
    for model in (program_of(), make_model()):
        trace = poutine.trace(model).get_trace()
        assert trace.nodes["_RETURN"]["value"].shape == (4,)
        assert trace.nodes["X1"]["value"].shape == ()
    with pyro.plate("cells", 7), poutine.trace() as drawn:
        assert program_of()().shape == (7, 4)
    assert [frame.name for frame in drawn.trace.nodes["X1"]["cond_indep_stack"]] == ["cells"]
    with pyro.plate("cells", 7), pytest.raises(ValueError, match="one graph at a time, and a plate around the model"):
        make_model()()


# ---------------------------------------------------------------- plates
def test_a_plate_of_the_user_is_used():
    program, rows = program_of(), make_rows(MIXED, 5)
    plate = pyro.plate("cells", 5, dim=-1)
    for arguments in ({"size": plate}, {"size": plate, "values": rows}):
        trace = poutine.trace(program).get_trace(**arguments)
        assert "rows" not in trace
        assert [frame.name for frame in trace.nodes["X2"]["cond_indep_stack"]] == ["cells"]
    for wrong in (pyro.plate("cells", 4, dim=-1), pyro.plate("cells", 5, dim=-2)):
        with pytest.raises(ValueError, match="size: a plate of rows has dim -1 and size 5, as values have it; got dim"):
            program(wrong, values=rows)
    with pytest.raises(ValueError, match="a plate of rows has dim -1; got dim -2"):
        program(pyro.plate("cells", 5, dim=-2))


def brute_force(program, seen):
    """log p of measurements, one row at a time, all states summed out."""
    total = 0.0
    kinds = program.kinds
    for value in seen:
        row = 0.0
        for states in itertools.product(*(range(kind.cardinality) for kind in kinds)):
            values = torch.tensor([states], dtype=torch.float32)
            trace = poutine.trace(program).get_trace(values=values)
            trace.compute_log_prob()
            row += math.exp(float(trace.log_prob_sum() + dist.Normal(float(sum(states)), 0.5).log_prob(value)))
        total += math.log(row)
    return total


@pytest.mark.parametrize("how", ["plate", "inside"])
def test_an_enumerated_measurement_model_is_exact(how):
    program, seen = program_of(KINDS["categorical"]), torch.tensor([0.3, 4.0, 2.2])

    @config_enumerate
    def measured():
        plate = pyro.plate("cells", 3, dim=-1)
        if how == "plate":
            values = program(plate)
            with plate:
                pyro.sample("seen", dist.Normal(values.sum(-1), 0.5), obs=seen)
            return
        with plate:
            values = program()
            pyro.sample("seen", dist.Normal(values.sum(-1), 0.5), obs=seen)

    with torch.no_grad():
        found = -TraceEnum_ELBO(max_plate_nesting=1).loss(measured, lambda: None)
        assert found == pytest.approx(brute_force(program, seen), abs=1e-5)


# ---------------------------------------------------------------- inference around a program
def linear_program():
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    mechanisms = LinearGaussian(kinds)
    with torch.no_grad():
        mechanisms.weight[1, 0] = 2.0
    names = ("a", "b")
    model = CausalModel(names, kinds, mechanisms, pc.IndependentBeliefs(fixed_edges(names)))
    return pc.Program(model, torch.tensor([[False, False], [True, False]]))


def slope_model(program, rows, y):
    w = pyro.sample("w", dist.Normal(0.0, 1.0))
    plate = pyro.plate("rows", len(rows), dim=-1)
    values = program(plate, values=rows)
    with plate:
        pyro.sample("y", dist.Normal(w * values[:, 1], 0.5), obs=y)


def exact_slope(rows, y):
    precision = 1 + 4 * rows[:, 1].square().sum()
    return float(4 * (rows[:, 1] * y).sum() / precision)


@pytest.mark.parametrize(("kind", "local"), [("linear", False), ("networks", True)])
def test_svi_around_a_program_finds_the_posterior_and_leaves_the_weights_alone(kind, local):
    backwards = torch.tensor([[0, 0], [1, 0]])
    program = linear_program() if kind == "linear" else pc.Program(make_model(MIXED[1::2]), backwards)
    rows = torch.randn(30, 2)
    y = 0.9 * rows[:, 1] + 0.5 * torch.randn(30)
    before = weights_of(program)
    with pyro.settings.context(module_local_params=local):
        guide = AutoNormal(slope_model)
        svi = SVI(slope_model, guide, pyro.optim.ClippedAdam({"lr": 0.1, "lrd": 0.985}), Trace_ELBO(num_particles=10))
        for _ in range(300):
            svi.step(program, rows, y)
        assert float(guide.median()["w"]) == pytest.approx(exact_slope(rows, y), abs=0.01)
    assert same_weights(program, before)
    assert all(parameter.grad is None for parameter in program.model.parameters())
    pyro.clear_param_store()


def test_nuts_around_a_program_finds_the_posterior():
    program, rows = linear_program(), torch.randn(30, 2)
    y = 0.9 * rows[:, 1] + 0.5 * torch.randn(30)
    mcmc = MCMC(NUTS(slope_model), num_samples=300, warmup_steps=100, disable_progbar=True)
    mcmc.run(program, rows, y)
    assert float(mcmc.get_samples()["w"].mean()) == pytest.approx(exact_slope(rows, y), abs=0.03)


def test_a_latent_row_is_inferred_through_the_program():
    """b = 2 a + noise is seen; a has the posterior of a linear regression backwards."""
    program = linear_program()
    seen = pyro.condition(program, {"b": torch.tensor([3.0])})
    mcmc = MCMC(NUTS(lambda: seen(1)), num_samples=400, warmup_steps=100, disable_progbar=True)
    mcmc.run()
    drawn = mcmc.get_samples()["a"]
    assert float(drawn.mean()) == pytest.approx(2 * 3 / 5, abs=0.1)
    assert float(drawn.var()) == pytest.approx(1 / 5, abs=0.08)


def test_predictive_draws_rows_in_parallel_and_one_after_the_other():
    program = linear_program()
    for parallel in (False, True):
        found = Predictive(program, num_samples=400, parallel=parallel)(3)
        assert found["b"].shape == (400, 3)
        assert float(found["b"].std()) == pytest.approx(math.sqrt(5), rel=0.1)


class Wrapped(PyroModule):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, values):
        return self.inner(values=values)


@pytest.mark.parametrize("used", [False, True])
def test_a_model_and_a_program_are_attributes_of_a_module(used):
    model, rows = make_model(), make_rows(MIXED, 5)
    if used:
        model(rows)
    trace = poutine.trace(Wrapped(model)).get_trace(rows)
    assert set(trace.param_nodes) >= {"inner.mechanisms.weight_in", "inner.beliefs.gamma"}
    both = Wrapped(pc.Program(model, CHAIN))
    assert set(poutine.trace(both).get_trace(rows).observation_nodes) == set(NAMES)
    outer = Wrapped(Wrapped(model))
    assert "inner.inner.beliefs.gamma" in poutine.trace(outer).get_trace(rows)


def test_a_guide_keeps_its_parameters_while_a_model_runs():
    """A handler around the model may read the store, which the model's own parameters never enter."""
    model, rows = make_model(), make_rows(MIXED, 5)
    pyro.param("mine", torch.tensor(3.0))

    class Reads(poutine.messenger.Messenger):
        def _pyro_sample(self, msg):
            assert pyro.param("mine") == 3.0

    with Reads():
        model(rows)
    assert list(pyro.get_param_store()) == ["mine"]
    pyro.clear_param_store()


def test_phase_3_is_a_loss_in_a_loop_of_the_user():
    """The score-function gradient of the beliefs is what Pyro's own estimator makes of the `edges` site."""
    model = make_model()
    rows = make_rows(MIXED, 40)
    frozen = [parameter for parameter in model.mechanisms.parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)

    def guide(values):
        model.beliefs()

    optimiser = pyro.optim.Adam({"lr": 0.1})
    svi = SVI(lambda values: model(values), guide, optimiser, Trace_ELBO(num_particles=4))
    before = model.beliefs.gamma.detach().clone()
    for _ in range(3):
        svi.step(rows)
    assert not torch.equal(model.beliefs.gamma, before)
    pyro.clear_param_store()


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_either_precision_is_the_default(default):
    torch.set_default_dtype(default)
    try:
        program = program_of(KINDS["all"])
        values = program(4)
        assert values.dtype == default
        with pc.Exogenous(pc.abduct(program, values)):
            torch.testing.assert_close(program(4), values)
    finally:
        torch.set_default_dtype(torch.float32)

"""The Pyro program: its sites, what handlers do to it, and a naive program that says the same one number at a time."""

from __future__ import annotations

import copy
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import (
    KINDS,
    MIXED,
    LinearGaussian,
    acyclic_graphs,
    every_graph,
    make_model,
    make_rows,
    naive_log_prob,
    random_graphs,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import SVI, Predictive, Trace_ELBO
from pyro.nn import PyroModule, PyroParam

from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.kinds import Categorical, Continuous, Exposure
from pyrocausal.model.acyclic import break_cycles, topological_order
from pyrocausal.model.causal_model import CausalModel, observe_blocks
from pyrocausal.model.edge_beliefs import IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.handlers import intervene, mask_sites
from pyrocausal.model.mechanisms import Block
from pyrocausal.model.neural_mechanisms import NeuralMechanisms

D, N = 4, 6
NAMES = [f"X{i}" for i in range(D)]
CHAIN = torch.diag(torch.ones(D - 1), -1)  # X0 -> X1 -> X2 -> X3


def trace_of(model, *args, **kwargs):
    trace = poutine.trace(model).get_trace(*args, **kwargs)
    # What `do` puts in place of a value is a site of its own, and a gap in the support of no distribution.
    trace.compute_log_prob(lambda name, site: not (name.endswith("__CF") and site["value"].isnan().any()))
    return trace


def samples(trace):
    """Names of the sample sites that are no plates."""
    return [
        name
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not isinstance(site["fn"], poutine.subsample_messenger._Subsample)
    ]


def fix(model, graph):
    return pyro.condition(model, {"edges": graph})


def linear_gaussian(d=3):
    kinds = [Continuous(0.0, 1.0)] * d
    names = NAMES[:d]
    mechanisms = LinearGaussian(kinds)
    with torch.no_grad():
        mechanisms.weight.normal_()
        mechanisms.bias.normal_()
        mechanisms.log_scale.uniform_(-1.0, 0.5)
    return CausalModel(names, kinds, mechanisms, IndependentBeliefs(fixed_edges(names)))


# ---------------------------------------------------------------- sites and plates
@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
@pytest.mark.parametrize(("graphs", "shape"), [(None, (N,)), (3, (3, N)), ("rows", (N,))])
def test_one_site_per_variable_under_its_own_name(beliefs, graphs, shape):
    trace = trace_of(make_model(beliefs=beliefs), make_rows(MIXED, N), graphs=graphs)
    assert sorted(samples(trace)) == ["X0", "X1", "X2", "X3", "edges"]
    edges = trace.nodes["edges"]
    assert edges["fn"].event_shape == (D, D)
    expected = {None: (), 3: (3, 1), "rows": (N,)}[graphs]
    assert edges["fn"].batch_shape == expected
    assert edges["value"].shape == (*expected, D, D)
    assert not edges["value"].diagonal(dim1=-2, dim2=-1).any()
    assert not edges["is_observed"]
    for name in NAMES:
        site = trace.nodes[name]
        assert site["is_observed"]
        assert site["fn"].batch_shape == shape
        assert site["fn"].event_shape == ()
        assert site["log_prob"].shape == shape


@pytest.mark.parametrize(
    ("graphs", "of_edges", "of_variables"),
    [
        (None, {}, {"rows": -1}),
        (3, {"graphs": -2}, {"graphs": -2, "rows": -1}),
        ("rows", {"rows": -1}, {"rows": -1}),
    ],
)
def test_plates(graphs, of_edges, of_variables):
    trace = trace_of(make_model(), make_rows(MIXED, N), graphs=graphs)

    def plates(name):
        return {frame.name: frame.dim for frame in trace.nodes[name]["cond_indep_stack"]}

    assert plates("edges") == of_edges
    assert all(plates(name) == of_variables for name in NAMES)


@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
def test_the_edge_sites_probability_is_a_pyro_parameter(beliefs):
    model, rows = make_model(beliefs=beliefs), make_rows(MIXED, N)
    trace = trace_of(model, rows)
    assert trace.nodes["beliefs.gamma"]["type"] == "param"
    assert isinstance(trace.nodes["edges"]["fn"].base_dist, dist.Bernoulli)
    before = trace.nodes["edges"]["fn"].base_dist.probs
    assert torch.equal(before, model.beliefs.edge_probability)
    trace.nodes["edges"]["log_prob"].sum().backward()
    gradient = model.beliefs.gamma_unconstrained.grad
    assert (gradient != 0).sum() == D * (D - 1)
    with torch.no_grad():
        model.beliefs.gamma_unconstrained[2, 1] += 3.0
    after = trace_of(model, rows).nodes["edges"]["fn"].base_dist.probs
    assert (after != before).nonzero().tolist() == [[2, 1]]
    assert after[2, 1] > before[2, 1]


def test_likelihood_gradient_reaches_every_mechanism_parameter():
    model = make_model()
    trace_of(fix(model, CHAIN), make_rows(MIXED, N)).log_prob_sum().backward()
    for name, parameter in model.mechanisms.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_returned_values_and_their_types():
    model, rows = make_model(), make_rows(MIXED, N)
    assert torch.equal(model(rows), rows)
    torch.manual_seed(1)
    trace = trace_of(model, size=5)
    returned = trace.nodes["_RETURN"]["value"]
    assert returned.shape == (5, D)
    assert returned.dtype == torch.float32
    for i, name in enumerate(NAMES):
        assert torch.equal(returned[:, i], trace.nodes[name]["value"].float())


# ---------------------------------------------------------------- no global parameters
def test_models_with_the_same_names_do_not_influence_each_other():
    one, other = make_model(), make_model()
    rows = make_rows(MIXED, N)
    with torch.no_grad():
        one.beliefs.gamma_unconstrained.fill_(2.0)
    alone = [trace_of(fix(model, CHAIN), rows) for model in (copy.deepcopy(one), copy.deepcopy(other))]
    pyro.clear_param_store()
    together = [trace_of(fix(model, CHAIN), rows) for model in (one, other)]
    assert not pyro.get_param_store()
    for name in (*NAMES, "edges"):
        for a, b in zip(alone, together, strict=True):
            assert torch.equal(a.nodes[name]["log_prob"], b.nodes[name]["log_prob"])
        assert not torch.equal(together[0].nodes[name]["log_prob"], together[1].nodes[name]["log_prob"])
    assert not pyro.settings.get("module_local_params")  # nor is the setting left behind


def test_copies_and_pickles_are_independent_models():
    model, rows = make_model(), make_rows(MIXED, N)
    trace_of(model, rows)
    twins = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    expected = trace_of(fix(model, CHAIN), rows).log_prob_sum()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    for twin in twins:
        assert torch.equal(trace_of(fix(twin, CHAIN), rows).log_prob_sum(), expected)
    assert trace_of(fix(model, CHAIN), rows).log_prob_sum() != expected


class Dose(PyroModule):
    """A bigger model: an unknown dose shifts the first column of a table that the causal model explains."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model
        self.location = PyroParam(torch.tensor(0.0))

    def forward(self, rows=None, size=None):
        dose = pyro.sample("dose", dist.Normal(self.location, 1.0))
        if rows is None:
            return self.model(size=size)
        shifted = rows + dose * torch.eye(len(self.model.names))[0]
        return pyro.condition(self.model, {"edges": torch.ones(3, 3).tril(-1)})(shifted)


def test_nested_in_a_bigger_model():
    bigger, rows = Dose(linear_gaussian()), torch.randn(N, 3)
    trace = trace_of(bigger, rows)
    assert sorted(samples(trace)) == ["X0", "X1", "X2", "dose", "edges"]
    mechanisms = bigger.model.mechanisms
    shifted = rows[:, 0] + trace.nodes["dose"]["value"]
    expected = dist.Normal(mechanisms.bias[0], mechanisms.log_scale[0].exp()).log_prob(shifted)
    torch.testing.assert_close(trace.nodes["X0"]["log_prob"], expected)
    assert set(pyro.get_param_store()) <= {"location"}  # the user's own, not ours
    pyro.clear_param_store()


def test_predictive_on_a_bigger_model():
    drawn = Predictive(Dose(linear_gaussian()), num_samples=3)(size=5)
    assert {name: tuple(drawn[name].shape) for name in ("X0", "X1", "X2", "dag")} == {
        "X0": (3, 5),
        "X1": (3, 5),
        "X2": (3, 5),
        "dag": (3, 3, 3),
    }
    pyro.clear_param_store()


def exact_guide(rows):
    """Posterior of the dose is normal; its parameters live in the global store, as a user's guide has them."""
    location = pyro.param("guide_location", torch.tensor(0.0))
    pyro.sample("dose", dist.Normal(location, pyro.param("guide_scale", torch.tensor(0.3))))


def test_elbo_trains_a_bigger_model_with_a_torch_optimiser():
    rows = torch.randn(50, 3)
    bigger = Dose(linear_gaussian())
    before = copy.deepcopy(bigger.state_dict())
    guide = pyro.poutine.block(exact_guide, hide_types=["param"])
    optimiser = torch.optim.Adam(bigger.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = Trace_ELBO().differentiable_loss(bigger, guide, rows)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < sum(losses[:10]) - 100.0
    moved = {name for name, value in bigger.state_dict().items() if not torch.equal(value, before[name])}
    assert {"model.mechanisms.bias", "model.mechanisms.log_scale", "model.mechanisms.weight"} <= moved
    pyro.clear_param_store()


@pytest.mark.parametrize("nested", [True, False])
def test_svi_step(nested):
    model, rows = make_model(KINDS["continuous"][:3]), torch.randn(50, 3)
    target = Dose(model) if nested else fix(model, torch.ones(3, 3).tril(-1))
    before = copy.deepcopy(model.mechanisms.state_dict())
    try:
        svi = SVI(target, exact_guide if nested else lambda rows: None, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
        losses = [svi.step(rows) for _ in range(40)]
        assert sum(losses[-10:]) < sum(losses[:10]) - 50.0
        assert all(not torch.equal(value, before[name]) for name, value in model.mechanisms.state_dict().items())
    finally:
        pyro.clear_param_store()


def test_a_nested_model_can_be_called_by_itself():
    bigger, rows = Dose(linear_gaussian()), torch.randn(N, 3)
    assert torch.equal(bigger.model(rows), rows)


# ---------------------------------------------------------------- handlers
def test_condition():
    model = fix(make_model(KINDS["continuous"]), CHAIN)
    forced = torch.arange(5.0)
    trace = trace_of(pyro.condition(model, {"X1": forced}), size=5)
    assert torch.equal(trace.nodes["X1"]["value"], forced)
    assert trace.nodes["X1"]["is_observed"]
    rows = trace.nodes["_RETURN"]["value"]
    expected = trace_of(model, rows)
    for name in NAMES:  # the children were drawn given the forced value
        torch.testing.assert_close(trace.nodes[name]["log_prob"], expected.nodes[name]["log_prob"])


def test_do_while_sampling():
    mechanisms = NeuralMechanisms(KINDS["continuous"], hidden=2)
    unit = mechanisms.leaky + mechanisms.saturating  # the first linear one
    with torch.no_grad():  # every variable is its parent plus small noise
        for parameter in mechanisms.parameters():
            parameter.zero_()
        mechanisms.bias_out[:, 1] = -5.0
        for i in range(1, D):
            mechanisms.weight_in[i, 2 * (i - 1) + 1, unit] = 1.0  # value of X(i-1)
            mechanisms.weight_out[i, unit, 0] = 1.0
    model = CausalModel(NAMES, KINDS["continuous"], mechanisms, IndependentBeliefs(CHAIN))
    rows = poutine.do(model, {"X1": torch.tensor(7.0)})(size=200)
    assert torch.equal(rows[:, 1], torch.full((200,), 7.0))
    noise = torch.tensor(-5.0).exp()
    assert (rows[:, 0].abs() < 6 * noise).all()  # the cause is as it was
    assert ((rows[:, 2] - 7.0).abs() < 6 * noise).all()
    assert ((rows[:, 3] - 7.0).abs() < 9 * noise).all()
    with intervene({"X1": 7.0}):
        again = model(size=200)
    assert ((again[:, 2] - 7.0).abs() < 6 * noise).all()


def test_block_replay_mask_and_lift():
    model, rows = make_model(), make_rows(MIXED, N)
    blocked = trace_of(poutine.block(model, hide=["X1"]), rows)
    assert sorted(samples(blocked)) == ["X0", "X2", "X3", "edges"]

    first = trace_of(model, size=5)
    torch.manual_seed(123)
    again = trace_of(poutine.replay(model, trace=first), size=5)
    for name in ("edges", *NAMES):
        assert torch.equal(first.nodes[name]["value"], again.nodes[name]["value"])
        torch.testing.assert_close(first.nodes[name]["log_prob"], again.nodes[name]["log_prob"])

    silent = trace_of(poutine.mask(model, mask=False), rows)
    assert silent.log_prob_sum() == 0.0

    prior = dist.Normal(4.0, 0.1).expand([D, D]).to_event(2)
    lifted = trace_of(poutine.lift(model, prior={"beliefs.gamma": prior}), rows)
    gamma = lifted.nodes["beliefs.gamma"]["value"]
    assert sorted(samples(lifted)) == ["X0", "X1", "X2", "X3", "beliefs.gamma", "edges"]
    assert torch.equal(lifted.nodes["edges"]["fn"].base_dist.probs, gamma.sigmoid().fill_diagonal_(0.0))
    assert (model.beliefs.gamma == 0).all()


def test_predictive():
    model = make_model()
    scored = Predictive(fix(model, CHAIN), num_samples=4)(make_rows(MIXED, N))
    assert scored["edges"].squeeze(1).shape == (4, D, D)
    free = Predictive(model, num_samples=4)(size=N)
    assert all(free[name].shape == (4, N) for name in NAMES)
    assert free["dag"].shape == (4, D, D)
    assert free["broken_edges"].shape == (4,)
    fixed = Predictive(model, posterior_samples={"edges": CHAIN.expand(4, D, D)}, return_sites=["dag"])(size=N)
    assert torch.equal(fixed["dag"], CHAIN.expand(4, D, D))
    with intervene({"X1": 2.0}):
        intervened = Predictive(fix(model, CHAIN), num_samples=4, return_sites=["_RETURN"])(size=N)["_RETURN"]
    assert torch.equal(intervened[..., 1], torch.full((4, N), 2.0))


# ---------------------------------------------------------------- ancestral sampling
def tabular(tables, cards):
    """Neural mechanisms that hold given tables exactly: one hidden unit per state of the only parent, X(i-1)."""
    kinds = [Categorical(tuple(range(card))) for card in cards]
    mechanisms = NeuralMechanisms(kinds, hidden=max(cards))
    starts = [sum(cards[:i]) for i in range(len(cards))]
    with torch.no_grad():
        for parameter in mechanisms.parameters():
            parameter.zero_()
        for i, table in enumerate(tables):
            table = torch.as_tensor(table)
            if i == 0:
                mechanisms.bias_out[0, : cards[0]] = table.log()
                continue
            for state, row in enumerate(table):
                mechanisms.weight_in[i, starts[i - 1] + state, state] = 1.0
                mechanisms.weight_out[i, state, : cards[i]] = row.log()
    return kinds, mechanisms


def test_ancestral_samples_have_the_marginals_of_the_tables():
    root, middle = torch.tensor([0.3, 0.7]), torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    leaf = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.05, 0.95]])
    kinds, mechanisms = tabular([root, middle, leaf], [2, 3, 2])
    names = NAMES[:3]
    model = CausalModel(names, kinds, mechanisms, IndependentBeliefs(torch.diag(torch.ones(2), -1)))
    n = 20_000
    rows = model(size=n).long()
    joint = root[:, None, None] * middle[:, :, None] * leaf[None]  # [2, 3, 2]
    code = rows[:, 0] * 6 + rows[:, 1] * 2 + rows[:, 2]
    found = torch.bincount(code, minlength=12).view(2, 3, 2) / n
    assert ((found - joint).abs() <= 5 * (joint * (1 - joint) / n).sqrt()).all()
    # The same rows' log-probabilities are those of the tables, exactly.
    trace = trace_of(model, rows.float())
    torch.testing.assert_close(trace.nodes["X2"]["log_prob"], leaf[rows[:, 1], rows[:, 2]].log())


def test_a_users_own_mechanisms_score_and_sample():
    model = linear_gaussian()
    graph = torch.tensor([[0, 1, 1], [0, 0, 1], [0, 0, 0]]).float()  # X2 -> X1 -> X0, X2 -> X0: order is not 0, 1, 2
    weight = model.mechanisms.weight.detach() * graph
    scale, bias = model.mechanisms.log_scale.detach().exp(), model.mechanisms.bias.detach()
    # Structural equations x = W x + b + e, so x ~ N(A b, A diag(s^2) A^T) with A = (I - W)^-1.
    mixing = torch.linalg.inv(torch.eye(3) - weight)
    mean, covariance = mixing @ bias, mixing @ torch.diag(scale**2) @ mixing.T
    n = 20_000
    rows = fix(model, graph)(size=n)
    assert ((rows.mean(0) - mean).abs() <= 5 * (covariance.diag() / n).sqrt()).all()
    # Var of a sample covariance is (c_ii c_jj + c_ij^2) / n.
    error = ((torch.outer(covariance.diag(), covariance.diag()) + covariance**2) / n).sqrt()
    assert ((rows.T.cov() - covariance).abs() <= 5 * error).all()
    joint = dist.MultivariateNormal(mean, covariance).log_prob(rows[:50])
    trace = trace_of(fix(model, graph), rows[:50])
    terms = sum(trace.nodes[name]["log_prob"] for name in model.names)
    torch.testing.assert_close(terms, joint, rtol=1e-4, atol=1e-4)
    for graphs in (3, "rows"):
        assert trace_of(model, rows[:7], graphs=graphs).nodes["X0"]["log_prob"].shape[-1] == 7


# ---------------------------------------------------------------- cycles
def matrix(d, edges):
    """Graph [d, d] from pairs (cause, effect)."""
    graph = torch.zeros(d, d)
    for cause, effect in edges:
        graph[effect, cause] = 1.0
    return graph


@pytest.mark.parametrize(
    ("edges", "belief", "lost"),
    [
        # Two variables: the weaker direction goes.
        ([(0, 1), (1, 0)], {(0, 1): 0.6, (1, 0): 0.7}, [(0, 1)]),
        # A ring loses its weakest edge, and an edge off the ring stays however weak it is.
        ([(0, 1), (1, 2), (2, 0), (2, 3)], {(0, 1): 0.9, (1, 2): 0.2, (2, 0): 0.8, (2, 3): 0.01}, [(1, 2)]),
        # Two separate 2-cycles.
        ([(0, 1), (1, 0), (2, 3), (3, 2)], {(0, 1): 0.3, (1, 0): 0.2, (2, 3): 0.5, (3, 2): 0.9}, [(1, 0), (2, 3)]),
        # Two rings share their weakest edge: losing it once is enough.
        (
            [(0, 1), (1, 2), (2, 0), (1, 3), (3, 0)],
            {(0, 1): 0.1, (1, 2): 0.9, (2, 0): 0.9, (1, 3): 0.9, (3, 0): 0.9},
            [(0, 1)],
        ),
        ([(0, 1), (1, 2), (0, 3)], {(0, 1): 0.1, (1, 2): 0.1, (0, 3): 0.1}, []),
    ],
)
def test_break_cycles_by_hand(edges, belief, lost):
    graph, probability = matrix(4, edges), torch.zeros(4, 4)
    for (cause, effect), p in belief.items():
        probability[effect, cause] = p
    before = graph.clone()
    dag, count = break_cycles(graph, probability)
    assert torch.equal(dag, matrix(4, [edge for edge in edges if edge not in lost]))
    assert count == len(lost)
    assert torch.equal(graph, before)


def test_break_cycles_on_every_graph_of_three():
    probability = torch.rand(3, 3)
    dags = 0
    for graph in every_graph(3):
        dag, count = break_cycles(graph, probability)
        order = topological_order(dag)
        assert order is not None
        assert not dag[order][:, order].triu().any()  # causes come first
        assert (dag <= graph).all()
        assert (graph - dag).sum() == count
        assert (count == 0) == (topological_order(graph) is not None)
        dags += count == 0
    assert dags == 25  # labelled DAGs on three variables


def test_a_cyclic_draw_loses_the_least_believed_edge_and_says_so():
    model = make_model()
    graph = matrix(4, [(0, 1), (1, 2), (2, 0), (2, 3)])
    with torch.no_grad():
        model.beliefs.gamma_unconstrained[0, 2] = -1.0  # X2 -> X0 is believed least
    trace = trace_of(fix(model, graph), size=5)
    assert torch.equal(trace.nodes["edges"]["value"], graph)
    assert torch.equal(trace.nodes["dag"]["value"], matrix(4, [(0, 1), (1, 2), (2, 3)]))
    assert trace.nodes["broken_edges"]["value"] == 1.0
    expected = trace_of(fix(model, trace.nodes["dag"]["value"]), trace.nodes["_RETURN"]["value"])
    for name in NAMES:
        torch.testing.assert_close(trace.nodes[name]["log_prob"], expected.nodes[name]["log_prob"])
    acyclic = trace_of(fix(model, CHAIN), size=5)
    assert torch.equal(acyclic.nodes["dag"]["value"], CHAIN)
    assert acyclic.nodes["broken_edges"]["value"] == 0.0


# ---------------------------------------------------------------- what forward refuses
def test_value_errors():
    model, rows = make_model(), make_rows(MIXED, N)
    with pytest.raises(ValueError, match=r"either values, .* or a number of rows"):
        model(values=rows, size=3)
    for bad in (rows[:, :3], rows[0], rows[None]):
        with pytest.raises(ValueError, match=r"values must have shape \[n, 4\], got \["):
            model(bad)
    for graphs in (2, "rows"):
        with pytest.raises(ValueError, match="one graph at a time"):
            model(size=3, graphs=graphs)
    with pytest.raises(ValueError, match="disagree on the number of variables: 3, 4, 4"):
        CausalModel(NAMES[:3], MIXED, model.mechanisms, model.beliefs)


def test_a_change_that_comes_too_late_is_an_error_and_not_a_wrong_number():
    kinds = KINDS["continuous"]
    model, rows = make_model(kinds), make_rows(kinds, N)
    backwards = matrix(D, [(1, 0)])
    changed = {"X1": rows[:, 1] + 1.0}
    for edges, graphs in ((backwards.expand(2, 1, D, D), 2), (backwards.expand(N, D, D), "rows")):
        with pytest.raises(ValueError, match=r"'X1' was changed .* after its child 'X0'"):
            poutine.do(fix(model, edges), changed)(rows, graphs=graphs)
        poutine.do(fix(model, edges), {"X1": rows[:, 1]})(rows, graphs=graphs)  # the same value changes nothing
    with pytest.raises(ValueError, match="'X1' was changed"):
        poutine.do(fix(model, matrix(D, [(1, 0), (0, 1)])), changed)(rows)
    poutine.do(fix(model, backwards), changed)(rows)  # one acyclic graph is evaluated in its own order


# ---------------------------------------------------------------- the naive program
def naive_program(model, rows, graph_of, K, changed, dropped):
    """log p of every variable, row and graph, [d, K, n], one number at a time.

    `graph_of(k, n)` is the graph of a row; `changed[name]` [n] what children see instead; `dropped[name]` [n] marks
    terms that do not count.
    """
    seen = rows.clone()
    for name, value in changed.items():
        seen[:, model.names.index(name)] = value
    terms = rows.new_zeros(len(model.names), K, len(rows))
    for i, name in enumerate(model.names):
        for k in range(K):
            for n in range(len(rows)):
                if (name in dropped and dropped[name][n]) or rows[n, i].isnan():
                    continue
                terms[i, k, n] = naive_log_prob(model.mechanisms, i, seen[n], graph_of(k, n)[i], rows[n, i])
    return terms.detach()


cases = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "kind": st.sampled_from(sorted(KINDS)),
        "mode": st.sampled_from(["none", "several", "rows"]),
        "n": st.integers(1, 4),
        "targets": st.lists(st.integers(0, D - 1), max_size=2, unique=True),
        "how": st.sampled_from(["nothing", "do same", "do other", "intervene same", "intervene other", "mask"]),
        "by_row": st.booleans(),
        "scalar": st.booleans(),
    }
)


FORCED = dict(seed=0, kind="gaps", mode="none", n=4, targets=[3, 0], how="do other", by_row=True, scalar=False)


@given(cases)
@example(FORCED)  # 0 where the table has a gap
@example(FORCED | {"by_row": False})  # a gap is forced on a state
@example(FORCED | {"kind": "all", "targets": [3]})
@settings(max_examples=150, deadline=None, derandomize=True)
def test_batched_program_equals_the_naive_one(case):
    torch.manual_seed(case["seed"])
    kinds, n, how = KINDS[case["kind"]], case["n"], case["how"]
    model = make_model(kinds, hidden=4).double()
    rows = make_rows(kinds, n).double()
    other = how.endswith("other")
    assume(not (other and not case["targets"]))
    K = {"none": 1, "several": 3, "rows": 1}[case["mode"]]
    count = n if case["mode"] == "rows" else K
    if not other:
        graphs = random_graphs(D, count)  # cyclic ones too
    elif case["mode"] == "none":
        graphs = acyclic_graphs(D, 2)[case["seed"] % 2][None]
    else:
        graphs = torch.bernoulli(torch.full((count, D, D), 0.6)).tril(-1)  # one order for all
    graphs = graphs.double()
    if other:  # nothing acts on an exposure, which acts on its count under any graph
        graphs[:, [i for i, kind in enumerate(kinds) if isinstance(kind, Exposure)]] = 0.0
    edges = {"none": graphs[0], "several": graphs[:, None], "rows": graphs}[case["mode"]]
    argument = {"none": None, "several": K, "rows": "rows"}[case["mode"]]
    names = [model.names[t] for t in case["targets"]]

    values, hit = {}, {}
    for t, name in zip(case["targets"], names, strict=True):
        hit[name] = torch.rand(n) < 0.5 if case["by_row"] else torch.ones(n, dtype=torch.bool)
        values[name] = rows[:, t]
        if other:
            fresh = make_rows(kinds, n)[:, t].double()
            fresh = fresh[0].expand(n) if case["scalar"] and not case["by_row"] else fresh
            values[name] = torch.where(hit[name], fresh, rows[:, t])  # natural where nothing was done
    given_values = {
        name: value[0] if other and case["scalar"] and not case["by_row"] else value for name, value in values.items()
    }
    if how.startswith("do"):
        handler, dropped = poutine.do(data=given_values), {}
    elif how.startswith("intervene"):
        handler, dropped = intervene(given_values, rows=hit if case["by_row"] else None), hit
    elif how == "mask":
        handler, dropped = mask_sites({name: ~hit[name] for name in names} if case["by_row"] else names), hit
    else:
        handler, dropped, values = mask_sites(()), {}, {}

    with handler:
        trace = trace_of(fix(model, edges), rows, graphs=argument)
    found = torch.stack([trace.nodes[name]["log_prob"].reshape(K, n) for name in model.names]).detach()
    graph_of = (lambda k, row: graphs[row]) if case["mode"] == "rows" else (lambda k, row: graphs[k])
    expected = naive_program(model, rows, graph_of, K, values, dropped)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["none", "several", "rows"])
def test_batched_program_equals_the_naive_one_in_single_precision(kind, mode):
    kinds, n, K = KINDS[kind], 5, 3 if mode == "several" else 1
    model, rows = make_model(kinds), make_rows(kinds, n)
    graphs = torch.bernoulli(torch.full((n, D, D), 0.6)).tril(-1)
    edges = {"none": graphs[0], "several": graphs[:K, None], "rows": graphs}[mode]
    changed = {"X1": make_rows(kinds, n)[:, 1], "X2": make_rows(kinds, n)[:, 2]}
    with intervene(changed):
        trace = trace_of(fix(model, edges), rows, graphs={"none": None, "several": K, "rows": "rows"}[mode])
    found = torch.stack([trace.nodes[name]["log_prob"].reshape(K, n) for name in model.names]).detach()
    dropped = {name: torch.ones(n, dtype=torch.bool) for name in changed}
    expected = naive_program(model, rows, lambda k, row: graphs[row if mode == "rows" else k], K, changed, dropped)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_other_values_may_differ_between_graphs():
    # An intervened value of shape [K, n] gives values of shape [K, n, d] on the way.
    model = make_model(KINDS["continuous"]).double()
    rows, K = torch.randn(N, D).double(), 3
    graphs = torch.bernoulli(torch.full((K, D, D), 0.6)).tril(-1).double()
    forced = torch.randn(K, N).double()
    with intervene({"X1": forced}):
        trace = trace_of(fix(model, graphs[:, None]), rows, graphs=K)
    for k in range(K):
        with intervene({"X1": forced[k]}):
            single = trace_of(fix(model, graphs[k]), rows)
        for name in NAMES:
            found = trace.nodes[name]["log_prob"].expand(K, N)[k]
            torch.testing.assert_close(found, single.nodes[name]["log_prob"], rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- all variables in blocks
def in_blocks(trace, model, rows) -> torch.Tensor:
    """Log-probabilities of a trace of `together`, [d, n]."""
    found = torch.full((len(model.names), len(rows)), torch.nan)
    for k, (members, _) in enumerate(model.mechanisms.blocks(rows, trace.nodes["edges"]["value"])):
        site = trace.nodes[f"block_{k}"]
        assert [(frame.name, frame.dim) for frame in site["cond_indep_stack"]] == [
            ("rows", -1),
            (f"variables_{k}", -2),
        ]
        assert site["is_observed"]
        found[list(members)] = site["log_prob"]
    return found


@pytest.mark.parametrize("beliefs", [IndependentBeliefs, OrientedBeliefs])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lookup_cost", [0.0, float("inf")])
def test_the_program_in_blocks_equals_the_one_of_sites(beliefs, kind, lookup_cost):
    kinds = KINDS[kind]
    model, graphs = make_model(kinds, beliefs=beliefs), torch.cat([random_graphs(D, 10, p) for p in (0.0, 0.3, 0.9)])
    model.mechanisms.lookup_cost = lookup_cost
    rows = make_rows(kinds, len(graphs))
    sites = trace_of(fix(model, graphs), rows, graphs="rows")
    expected = torch.stack([sites.nodes[name]["log_prob"] for name in NAMES])

    blocks = trace_of(pyro.condition(model.together, {"edges": graphs}), rows)
    torch.testing.assert_close(in_blocks(blocks, model, rows), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(blocks.log_prob_sum(), sites.log_prob_sum(), rtol=1e-5, atol=1e-5)
    assert torch.equal(blocks.nodes["edges"]["log_prob"], sites.nodes["edges"]["log_prob"])

    counts = torch.rand(len(rows), D) < 0.6
    masked = trace_of(pyro.condition(model.together, {"edges": graphs}), rows, counts)
    with mask_sites({name: counts[:, i] for i, name in enumerate(NAMES)}):
        sites = trace_of(fix(model, graphs), rows, graphs="rows")
    assert torch.equal(in_blocks(masked, model, rows) == 0.0, ~(counts & ~rows.isnan()).T)
    torch.testing.assert_close(
        in_blocks(masked, model, rows), expected.where(counts.T, torch.zeros(())), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(masked.log_prob_sum(), sites.log_prob_sum(), rtol=1e-5, atol=1e-5)


def test_the_program_in_blocks_draws_a_graph_for_every_row():
    model, rows = make_model(), make_rows(MIXED, 50)
    trace = trace_of(model.together, rows)
    edges = trace.nodes["edges"]["value"]
    assert edges.shape == (50, D, D)
    assert not torch.equal(edges[0], edges[1])
    sites = trace_of(fix(model, edges), rows, graphs="rows")
    torch.testing.assert_close(trace.log_prob_sum(), sites.log_prob_sum(), rtol=1e-5, atol=1e-5)


def test_gradients_of_the_program_in_blocks_equal_those_of_sites():
    model = make_model()
    rows, graphs, counts = make_rows(MIXED, 20), random_graphs(D, 20), torch.rand(20, D) < 0.6
    with mask_sites({name: counts[:, i] for i, name in enumerate(NAMES)}):
        sites = trace_of(fix(model, graphs), rows, graphs="rows")
    blocks = trace_of(pyro.condition(model.together, {"edges": graphs}), rows, counts)
    parameters = dict(model.mechanisms.named_parameters())
    one = torch.autograd.grad(blocks.log_prob_sum(), parameters.values())
    other = torch.autograd.grad(sites.log_prob_sum(), parameters.values())
    for name, a, b in zip(parameters, one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
        assert a.abs().max() > 0, name


def test_a_users_own_mechanisms_run_in_blocks():
    model = linear_gaussian()
    rows, graphs, counts = torch.randn(10, 3), random_graphs(3, 10), torch.rand(10, 3) < 0.6
    sites = trace_of(fix(model, graphs), rows, graphs="rows")
    expected = torch.stack([sites.nodes[name]["log_prob"] for name in NAMES[:3]])
    blocks = trace_of(pyro.condition(model.together, {"edges": graphs}), rows)
    torch.testing.assert_close(in_blocks(blocks, model, rows), expected)
    masked = trace_of(pyro.condition(model.together, {"edges": graphs}), rows, counts)
    torch.testing.assert_close(in_blocks(masked, model, rows), expected.where(counts.T, torch.zeros(())))


def test_rows_count_for_each_member_by_itself_even_where_members_stand_for_one_variable():
    # Members 0, 2 and 3 stand for X1, member 1 for X0, a category; blocks come in any order of their members.
    rows, effects = make_rows(MIXED, N), [1, 0, 1, 1]
    numbers = dist.Normal(torch.randn(3, 1), torch.tensor([[1.0], [0.5], [2.0]])).expand([3, N])
    states = dist.Categorical(logits=torch.randn(1, N, 2))
    blocks = [Block((3, 0, 2), numbers), Block((1,), states)]
    counts = torch.rand(N, 4) < 0.5
    assert not torch.equal(counts[:, 0], counts[:, 2]) and not torch.equal(counts[:, 2], counts[:, 3])

    def program(counts=None):
        with pyro.plate("rows", N, dim=-1):
            observe_blocks(blocks, rows, effects, MIXED, counts)

    everything, masked = trace_of(program), trace_of(program, counts)
    expected = [numbers.log_prob(rows[:, 1]), states.log_prob(rows[:, 0].long())]
    for k, (members, _) in enumerate(blocks):
        torch.testing.assert_close(everything.nodes[f"block_{k}"]["log_prob"], expected[k])
        found = masked.nodes[f"block_{k}"]["log_prob"]
        for place, member in enumerate(members):
            torch.testing.assert_close(found[place], expected[k][place].where(counts[:, member], torch.zeros(())))

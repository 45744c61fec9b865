"""Neural mechanisms against one number computed at a time, and the contract that the model relies on."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, acyclic_graphs, make_model, make_rows, naive_log_prob, random_graphs

from pyrocausal.mechanisms import Mechanisms, NeuralMechanisms

D, N, K = 4, 6, 3


@pytest.fixture(params=KINDS)
def kinds(request):
    return KINDS[request.param]


@pytest.fixture
def mechanisms(kinds):
    return make_model(kinds).mechanisms


def given(kinds, i, rows):
    """Column i as its distribution wants it."""
    return rows[..., i].long() if kinds[i].cardinality else rows[..., i]


def test_every_shape_gives_the_same_numbers(mechanisms, kinds):
    rows, graphs = make_rows(kinds, N), random_graphs(D, K)
    for i in range(D):
        value = given(kinds, i, rows)
        terms = [naive_log_prob(mechanisms, i, row, graph[i], row[i]) for graph in graphs for row in rows]
        expected = torch.stack(terms).view(K, N)

        def check(distribution, value, target):
            assert distribution.batch_shape == target.shape
            assert distribution.event_shape == ()
            torch.testing.assert_close(distribution.log_prob(value), target, rtol=1e-5, atol=1e-5)

        check(mechanisms.conditional(i, rows, graphs[0, i]), value, expected[0])
        check(mechanisms.conditional(i, rows, graphs[:, None, i]), value, expected)
        check(mechanisms.conditional(i, rows, graphs[:1, None, i]), value, expected[:1])
        each = graphs[torch.arange(N) % K]  # row n has graph n % K
        check(mechanisms.conditional(i, rows, each[:, i]), value, expected[torch.arange(N) % K, torch.arange(N)])
        # Unknown leading dimensions of values, of graphs, and of both.
        many = torch.stack([rows, rows.flip(0)])  # [2, N, D]
        check(
            mechanisms.conditional(i, many, graphs[0, i]),
            given(kinds, i, many),
            torch.stack([expected[0], expected[0].flip(0)]),
        )
        check(mechanisms.conditional(i, rows, graphs[:, None, i].expand(K, N, D)), value, expected)
        both = mechanisms.conditional(i, many[:, None], graphs[:, None, i])  # [2, 1, N, D] and [K, 1, D]
        check(both, given(kinds, i, many[:, None]), torch.stack([expected, expected.flip(1)]))


def test_conditionals_are_the_conditional_of_each_variable(mechanisms, kinds):
    rows, graphs = make_rows(kinds, N), random_graphs(D, N)
    leading = torch.stack([rows, rows])
    for values, edges in [
        (rows, graphs[0]),  # one graph
        (rows, graphs[:K, None]),  # K graphs
        (rows, graphs),  # a graph per row
        (rows, graphs[:1]),  # falls back
        (leading, graphs[0]),
        (leading, graphs[:2, None]),
    ]:
        every = mechanisms.conditionals(values, edges)
        for i in range(D):
            one, value = mechanisms.conditional(i, values, edges[..., i, :]), given(kinds, i, values)
            assert every(i).batch_shape == one.batch_shape
            torch.testing.assert_close(every(i).log_prob(value), one.log_prob(value), rtol=1e-5, atol=1e-5)


def test_the_base_class_maps_variables_to_conditionals():
    class Echo(Mechanisms):
        def conditional(self, i, values, parents):
            return dist.Normal((values * parents).sum(-1) + 10.0 * i, 1.0)

    rows, graph = make_rows(KINDS["continuous"], N), torch.ones(D, D).tril(-1)
    every = Echo().conditionals(rows, graph)
    for i in range(D):
        torch.testing.assert_close(every(i).mean, 10.0 * i + rows[:, :i].sum(-1))
    with pytest.raises(NotImplementedError):
        Mechanisms().conditional(0, rows, graph[0])


def test_float32_and_the_kinds_heads(mechanisms, kinds):
    rows = make_rows(kinds, N)
    for i, kind in enumerate(kinds):
        found = mechanisms.conditional(i, rows, torch.ones(D))
        value = found.sample()
        assert found.log_prob(value).dtype == torch.float32
        if kind.cardinality:
            assert isinstance(found, dist.Categorical)
            assert found.probs.shape == (N, kind.cardinality)
        else:
            assert isinstance(found, dist.Normal)
            assert value.dtype == torch.float32
    assert all(parameter.dtype == torch.float32 for parameter in mechanisms.parameters())


@pytest.mark.parametrize("shape", ["one", "several", "rows"])
def test_gradient_equals_the_naive_one(mechanisms, kinds, shape):
    mechanisms = mechanisms.double()
    rows = make_rows(kinds, N).double()
    graphs = random_graphs(D, {"one": 1, "several": K, "rows": N}[shape]).double()
    edges = {"one": graphs[0], "several": graphs[:, None], "rows": graphs}[shape]
    every = mechanisms.conditionals(rows, edges)
    fast = sum(every(i).log_prob(given(kinds, i, rows)).sum() for i in range(D))
    pairs = [(n, graphs[n]) for n in range(N)] if shape == "rows" else [(n, g) for n in range(N) for g in graphs]
    slow = sum(naive_log_prob(mechanisms, i, rows[n], g[i], rows[n, i]) for i in range(D) for n, g in pairs)
    parameters = dict(mechanisms.named_parameters())
    fast_gradients = torch.autograd.grad(fast, parameters.values())
    slow_gradients = torch.autograd.grad(slow, parameters.values())
    for name, one, other in zip(parameters, fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        assert one.abs().max() > 0, name


def test_gradient_reaches_continuous_values():
    kinds = KINDS["mixed"]
    mechanisms, rows = make_model(kinds).mechanisms, make_rows(kinds, N).requires_grad_()
    parents = torch.tensor([0.0, 1.0, 0.0, 0.0])  # X3 <- X1
    found = mechanisms.conditional(3, rows, parents)
    (gradient,) = torch.autograd.grad(found.mean.sum(), rows)
    assert (gradient[:, 1] != 0).all()
    assert torch.equal(gradient[:, [0, 2, 3]], torch.zeros(N, 3))


@pytest.mark.parametrize("shape", ["one", "several", "rows"])
def test_the_value_of_a_variable_that_is_no_parent_changes_nothing(mechanisms, kinds, shape):
    rows, other = make_rows(kinds, N), make_rows(kinds, N)
    graphs = random_graphs(D, {"one": 1, "several": K, "rows": N}[shape])
    graphs[..., 1] = 0.0  # X1 causes nobody
    edges = {"one": graphs[0], "several": graphs[:, None], "rows": graphs}[shape]
    changed = rows.clone()
    changed[:, 1] = other[:, 1]
    assert not torch.equal(rows, changed)
    before, after = mechanisms.conditionals(rows, edges), mechanisms.conditionals(changed, edges)
    for i in range(D):
        value = given(kinds, i, rows)
        assert torch.equal(before(i).log_prob(value), after(i).log_prob(value))


def test_the_value_of_a_parent_changes_the_conditional(mechanisms, kinds):
    rows = make_rows(kinds, N)
    changed = rows.clone()
    changed[:, 1] = (rows[:, 1] + 1) % kinds[1].cardinality if kinds[1].cardinality else rows[:, 1] + 1
    parents = torch.tensor([0.0, 1.0, 0.0, 0.0])
    for i in (0, 2, 3):
        value = given(kinds, i, rows)
        before = mechanisms.conditional(i, rows, parents).log_prob(value)
        assert (before != mechanisms.conditional(i, changed, parents).log_prob(value)).all()


def test_an_absent_continuous_parent_is_not_a_parent_at_zero():
    kinds = KINDS["continuous"]
    mechanisms, rows = make_model(kinds).mechanisms, torch.zeros(1, D)
    absent = mechanisms.conditional(0, rows, torch.zeros(D))
    zero = mechanisms.conditional(0, rows, torch.tensor([0.0, 1.0, 0.0, 0.0]))
    assert (absent.mean - zero.mean).abs() > 1e-3


def test_extrapolation_is_linear_far_out():
    # The linear units and the leaky rectifier leave no curvature far from the data.
    mechanisms = make_model(KINDS["continuous"]).mechanisms
    far = torch.zeros(3, D)
    far[:, 1] = torch.tensor([1e4, 2e4, 3e4])
    mean = mechanisms.double().conditional(0, far.double(), torch.eye(D)[1].double()).mean
    torch.testing.assert_close(mean[2] - mean[1], mean[1] - mean[0], rtol=1e-9, atol=0.0)
    assert mean[1] != mean[0]


def test_scales_are_bounded():
    mechanisms = make_model(KINDS["continuous"]).mechanisms
    with torch.no_grad():
        mechanisms.bias_out[:, 1] = torch.tensor([100.0, -100.0, 0.0, 0.0])
        mechanisms.weight_out.zero_()
    low, high = mechanisms.log_scale_bounds
    found = [mechanisms.conditional(i, torch.zeros(1, D), torch.zeros(D)).scale.log().item() for i in range(3)]
    assert found == pytest.approx([high, low, 0.0], abs=1e-6)


def test_two_states_and_many_share_one_module_without_touching_each_other():
    kinds = KINDS["categorical"]  # 2, 3, 4 and 2 states
    mechanisms = make_model(kinds).mechanisms
    rows, graph = make_rows(kinds, N), acyclic_graphs(D, 1)[0]
    before = [mechanisms.conditional(i, rows, graph[i]).probs for i in range(D)]
    with torch.no_grad():  # outputs beyond a variable's own states belong to nobody
        for i, kind in enumerate(kinds):
            mechanisms.weight_out[i, :, kind.cardinality :] = float("inf")
            mechanisms.bias_out[i, kind.cardinality :] = float("inf")
    every = mechanisms.conditionals(rows, graph)
    for i in range(D):
        assert torch.equal(every(i).probs, before[i])


def test_hidden_units_are_checked():
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        NeuralMechanisms(KINDS["mixed"], hidden=0)

"""Neural mechanisms against one number computed at a time, and the contract that the model relies on."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, acyclic_graphs, make_model, make_rows, naive_log_prob, random_graphs

from pyrocausal.data.continuous import LOG_SCALE
from pyrocausal.data.kinds import Count
from pyrocausal.data.negative_binomial import NegativeBinomial, NegativeBinomials
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms

D, N, K = 4, 6, 3


@pytest.fixture(params=KINDS)
def kinds(request):
    return KINDS[request.param]


@pytest.fixture
def mechanisms(kinds):
    return make_model(kinds).mechanisms


def given(kinds, i, rows):
    """Column i as its distribution wants it, 0 where it is missing."""
    column = rows[..., i].nan_to_num(0.0)
    return column.long() if kinds[i].cardinality else column


def test_every_shape_gives_the_same_numbers(mechanisms, kinds):
    rows, graphs = make_rows(kinds, N), random_graphs(D, K)
    for i in range(D):
        value = given(kinds, i, rows)
        terms = [naive_log_prob(mechanisms, i, row, graph[i], given(kinds, i, row)) for graph in graphs for row in rows]
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
            one, several = (
                (NegativeBinomial, NegativeBinomials)
                if isinstance(kind, Count)
                else (dist.Normal, dist.MixtureSameFamily)
            )
            assert isinstance(found, several if getattr(kind, "components", 1) > 1 else one)
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
    slow = sum(
        naive_log_prob(mechanisms, i, rows[n], g[i], given(kinds, i, rows[n])) for i in range(D) for n, g in pairs
    )
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
    assert not torch.equal(rows.nan_to_num(), changed.nan_to_num())
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
    low, high = LOG_SCALE
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


# ---------------------------------------------------------------- every row its own graph, a kind at a time
def scored(blocks, kinds, rows, effects=range(D)) -> torch.Tensor:
    """Log-probabilities [members, n] in the members' order, each in exactly one block, all of a block of one kind."""
    found = {}
    for members, conditional in blocks:
        columns = [effects[m] for m in members]
        values = rows[:, columns].T.nan_to_num(0.0)  # any, where it is missing
        discrete = {bool(kinds[i].cardinality) for i in columns}
        assert len(discrete) == 1
        assert conditional.batch_shape == values.shape
        assert conditional.event_shape == ()
        terms = conditional.log_prob(values.long() if discrete.pop() else values)
        assert not set(members) & set(found)
        found |= dict(zip(members, terms, strict=True))
    return torch.stack([found[m] for m in range(len(effects))])


def sparse_and_dense(d=D) -> torch.Tensor:
    """Graphs from empty to full."""
    return torch.cat([random_graphs(d, 3, p) for p in (0.0, 0.2, 0.5, 1.0)])


LOOK_UP = pytest.mark.parametrize("lookup_cost", [0.0, float("inf"), None], ids=["looked up", "dense", "as it is"])


def with_lookup_cost(mechanisms, cost):
    if cost is not None:
        mechanisms.lookup_cost = cost
    return mechanisms


@LOOK_UP
def test_blocks_are_the_conditionals_one_by_one(mechanisms, kinds, lookup_cost):
    with_lookup_cost(mechanisms, lookup_cost)
    graphs = sparse_and_dense()
    rows = make_rows(kinds, len(graphs))
    found = scored(mechanisms.blocks(rows, graphs), kinds, rows)
    for i in range(D):
        each = [mechanisms.conditional(i, rows[n : n + 1], graphs[n, i]) for n in range(len(rows))]
        expected = torch.cat([each[n].log_prob(given(kinds, i, rows[n : n + 1])) for n in range(len(rows))])
        torch.testing.assert_close(found[i], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("probability", [0.0, 1.0])
@LOOK_UP
def test_blocks_of_empty_and_of_full_graphs(mechanisms, kinds, lookup_cost, probability):
    with_lookup_cost(mechanisms, lookup_cost)
    graph = random_graphs(D, 1, probability)[0]
    rows = make_rows(kinds, N)
    found = scored(mechanisms.blocks(rows, graph.expand(N, D, D)), kinds, rows)
    one = mechanisms.conditionals(rows, graph)
    for i in range(D):
        torch.testing.assert_close(found[i], one(i).log_prob(given(kinds, i, rows)), rtol=1e-5, atol=1e-5)


@LOOK_UP
def test_gradients_of_blocks_are_the_naive_ones(mechanisms, kinds, lookup_cost):
    mechanisms = with_lookup_cost(mechanisms.double(), lookup_cost)
    rows, graphs = make_rows(kinds, N).double(), random_graphs(D, N).double()
    fast = scored(mechanisms.blocks(rows, graphs), kinds, rows).sum()
    pairs = [(i, n) for i in range(D) for n in range(N)]
    slow = sum(naive_log_prob(mechanisms, i, rows[n], graphs[n, i], given(kinds, i, rows[n])) for i, n in pairs)
    parameters = dict(mechanisms.named_parameters())
    fast_gradients = torch.autograd.grad(fast, parameters.values())
    slow_gradients = torch.autograd.grad(slow, parameters.values())
    for name, one, other in zip(parameters, fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        assert one.abs().max() > 0, name


def test_blocks_give_no_probability_to_states_that_a_variable_lacks():
    kinds = KINDS["categorical"]  # 2, 3, 4 and 2 states
    (block,) = make_model(kinds).mechanisms.blocks(make_rows(kinds, N), random_graphs(D, N))
    assert block.members == (0, 1, 2, 3)
    probability = block.conditional.probs  # [4, N, 4]
    for i, kind in enumerate(kinds):
        own = probability[i, :, : kind.cardinality]
        torch.testing.assert_close(own.sum(-1), torch.ones(N))
        assert (own > 0).all()
        assert not probability[i, :, kind.cardinality :].any()


def test_blocks_of_mechanisms_of_your_own_are_its_conditionals():
    class Scaled(Mechanisms):
        def conditional(self, i, values, parents):
            return dist.Normal((values * parents).sum(-1), 1.0 + i)

    kinds = KINDS["continuous"]
    rows, graphs = make_rows(kinds, N), random_graphs(D, N)
    blocks = Scaled().blocks(rows, graphs)
    assert [block.members for block in blocks] == [(0,), (1,), (2,), (3,)]
    found = scored(blocks, kinds, rows)
    for i in range(D):
        expected = dist.Normal((rows * graphs[:, i]).sum(-1), 1.0 + i).log_prob(rows[:, i])
        torch.testing.assert_close(found[i], expected)
    assert Scaled().copies([(0, (1,))]) is None


# ---------------------------------------------------------------- copies
FAMILIES = [(1, (0, 3)), (0, ()), (3, (0, 1, 2)), (1, (2,)), (1, (0, 3)), (2, (0, 1)), (0, (3,)), (1, ())]


def test_copies_are_the_mechanisms_under_their_parents(mechanisms, kinds):
    rows = make_rows(kinds, N)
    copies = mechanisms.copies(FAMILIES)
    found = scored(copies.blocks(rows), kinds, rows, [i for i, _ in FAMILIES])
    for m, (i, parents) in enumerate(FAMILIES):
        mask = torch.zeros(D)
        mask[list(parents)] = 1.0
        expected = mechanisms.conditional(i, rows, mask).log_prob(given(kinds, i, rows))
        torch.testing.assert_close(found[m], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("families", [[(0, ())], [(0, ()), (2, ())], [(1, (0, 2, 3))]])
def test_copies_of_a_few(mechanisms, kinds, families):
    rows = make_rows(kinds, N)
    found = scored(mechanisms.copies(families).blocks(rows), kinds, rows, [i for i, _ in families])
    for m, (i, parents) in enumerate(families):
        mask = torch.zeros(D)
        mask[list(parents)] = 1.0
        expected = mechanisms.conditional(i, rows, mask).log_prob(given(kinds, i, rows))
        torch.testing.assert_close(found[m], expected, rtol=1e-5, atol=1e-5)


def test_copies_have_parameters_of_their_own(mechanisms, kinds):
    rows = make_rows(kinds, N)
    before = {name: value.clone() for name, value in mechanisms.state_dict().items()}
    copies = mechanisms.copies(FAMILIES)
    effects = [i for i, _ in FAMILIES]
    assert len(list(copies.parameters())) == len(list(mechanisms.parameters()))
    fresh = scored(copies.blocks(rows), kinds, rows, effects).detach()
    for parameter in copies.parameters():
        parameter.grad = None
    scored(copies.blocks(rows), kinds, rows, effects)[0].sum().backward()
    assert all(parameter.grad is None for parameter in mechanisms.parameters())
    for name, parameter in copies.named_parameters():
        assert parameter.grad[0].abs().max() > 0, name
        assert not parameter.grad[1:].any(), name  # not even of another copy of the same family
        with torch.no_grad():
            parameter.add_(torch.randn_like(parameter))
    assert (scored(copies.blocks(rows), kinds, rows, effects) != fresh).any(1).all()
    after = mechanisms.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_copy_sees_its_parents_alone(mechanisms, kinds):
    rows = make_rows(kinds, 20)
    copies, effects = mechanisms.copies(FAMILIES), [i for i, _ in FAMILIES]
    with torch.no_grad():  # whatever its parameters are
        for parameter in copies.parameters():
            parameter.add_(torch.randn_like(parameter))
    before = scored(copies.blocks(rows), kinds, rows, effects)
    for j in range(D):
        changed = rows.clone()
        changed[:, j] = rows[:, j].roll(1) if kinds[j].cardinality else rows[:, j] + 1.0
        after = scored(copies.blocks(changed), kinds, changed, effects)
        for m, (i, parents) in enumerate(FAMILIES):
            seen = {i, *parents, *(kinds[k].offset for k in (i, *parents) if isinstance(kinds[k], Count))}
            assert torch.equal(before[m], after[m]) == (j not in seen)


def test_preconditioned_copies_are_the_same_mechanisms(mechanisms, kinds):
    rows, effects = make_rows(kinds, 200).double(), [i for i, _ in FAMILIES]
    continuous = [j for j in range(D) if not kinds[j].cardinality]
    if len(continuous) > 1:  # all but the same
        rows[:, continuous[1]] = rows[:, continuous[0]] + 0.05 * rows[:, continuous[1]]
    counts = torch.rand(200, len(FAMILIES)) < 0.7
    copies = mechanisms.double().copies(FAMILIES)
    before = scored(copies.blocks(rows), kinds, rows, effects).detach()
    for _ in range(2):  # once more changes nothing either
        copies.precondition(rows, counts)
        torch.testing.assert_close(scored(copies.blocks(rows), kinds, rows, effects), before, rtol=1e-7, atol=1e-7)
    if not continuous:  # states are not correlated by more than their sum
        assert all(
            torch.equal(one, other)
            for one, other in zip(copies.parameters(), mechanisms.copies(FAMILIES).parameters(), strict=True)
        )


def test_preconditioned_inputs_are_uncorrelated_with_second_moments_of_one():
    kinds = KINDS["mixed"]
    rows = make_rows(kinds, 400)
    rows[:, 3] = 3.0 + rows[:, 1] + 0.1 * rows[:, 3]
    families, counts = [(0, (1, 3)), (0, (1, 2)), (0, ())], torch.zeros(400, 3, dtype=torch.bool)
    counts[:300] = True
    copies = make_model(kinds).mechanisms.copies(families)
    copies.precondition(rows, counts)
    two, one, none = copies._inputs(rows[:300])
    # Two numbers and a constant, and another constant that is the same.
    moments = torch.linalg.eigvalsh(two @ two.T / 300)
    torch.testing.assert_close(moments[-4:], torch.tensor([0.0, 1.0, 1.0, 1.0]), rtol=0.01, atol=0.01)
    states = torch.nn.functional.one_hot(rows[:300, 2].long(), 3).T.float()
    assert torch.equal(one[2:], states[:, : one.shape[1]])  # after the number and its constant, as they are
    assert not none.any()

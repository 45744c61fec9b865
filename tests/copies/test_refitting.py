"""Copies of mechanisms, fitted to one parent set each, against the mechanisms they were copied from."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, LinearGaussian, make_model, make_rows

from pyrocausal.copies.refitting import Descent, Refitting, fit_copies, judge_rows
from pyrocausal.copies.screening import Residuals
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.weights import Part
from pyrocausal.model.log_likelihood import score_graphs, site_log_probs
from pyrocausal.model.mechanisms import Block, Copies
from pyrocausal.model.neural_mechanisms import NeuralMechanisms

D = 4
FAMILIES = [(1, (0, 3)), (0, ()), (3, (0, 1, 2)), (1, (2,)), (1, (0, 3)), (2, (0, 1)), (0, (3,)), (1, ())]
NONE = Descent(0, 64, 1e-2)
UNFITTED, BRIEF = Refitting(*[NONE] * 3), Refitting(*[Descent(60, 64, 1e-2)] * 3)


@pytest.fixture(params=KINDS)
def kinds(request):
    return KINDS[request.param]


def fit(mechanisms, kinds, families, rows, refitting=BRIEF, decay=0.0, counts=None):
    """Copies that every row tells of, unless told otherwise."""
    counts = torch.ones(len(rows), len(families), dtype=torch.bool) if counts is None else counts
    return fit_copies(mechanisms, kinds, families, Part(rows), counts, refitting, decay)


def log_likelihoods(copies, kinds, families, rows) -> torch.Tensor:
    return judge_rows(copies, kinds, families, Part(rows))[0]


def families_of_one_kind(kinds, i=0):
    """Families of variables of a variable's kind."""
    return [family for family in FAMILIES if type(kinds[family[0]]) is type(kinds[i])]


def twins(kinds):
    """Two variables of one kind."""
    return next((i, j) for i, j in combinations(range(D), 2) if type(kinds[i]) is type(kinds[j]))


def graph_of(effect, parents) -> torch.Tensor:
    graph = torch.zeros(D, D)
    graph[effect, list(parents)] = 1.0
    return graph


def related(kinds, n) -> torch.Tensor:
    """Rows in which every variable follows the one before."""
    rows = make_rows(kinds, n)
    for i in range(1, D):
        if isinstance(kinds[i], Categorical):
            copied = (rows[:, i - 1].abs() * 1.5).long() % kinds[i].cardinality
            rows[:, i] = torch.where(torch.rand(n) < 0.8, copied.float(), rows[:, i])
        elif isinstance(kinds[i], Count):
            before = rows[:, i - 1].nan_to_num()
            drawn = torch.poisson((2.0 + (before - before.mean()) / before.std()).exp())
            rows[:, i] = torch.where(rows[:, i].isnan(), rows[:, i], drawn)
        else:
            rows[:, i] = rows[:, i - 1] + 0.5 * rows[:, i]
    return rows


def parameters_of(copies) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in copies.parameters()])


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_unfitted_copies_score_as_the_program_does(kinds, chunk):
    model, rows = make_model(kinds), make_rows(kinds, 11)
    for families in (families_of_one_kind(kinds), families_of_one_kind(kinds, 1)):
        copies = fit(model.mechanisms, kinds, families, rows, UNFITTED)
        found, residuals = judge_rows(copies, kinds, families, Part(rows), chunk)
        assert found.shape == (len(families), 11)
        assert not found.requires_grad and not residuals.values.requires_grad
        graphs = torch.stack([graph_of(*family) for family in families])
        terms = site_log_probs(model, rows, graphs)  # [d, M, n]
        means = score_graphs(model, [rows], graphs, torch.zeros(1, D, dtype=torch.bool))[:, 0]  # [M, d]
        for m, (effect, _) in enumerate(families):
            torch.testing.assert_close(found[m], terms[effect, m].detach(), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(found[m].mean(), means[m, effect], rtol=1e-5, atol=1e-5)


def test_fitting_explains_better_and_leaves_the_source_alone(kinds):
    mechanisms, rows, new = make_model(kinds).mechanisms, related(kinds, 800), related(kinds, 400)
    families = families_of_one_kind(kinds)
    before = {name: value.clone() for name, value in mechanisms.state_dict().items()}
    state = torch.get_rng_state()
    fitted = fit(mechanisms, kinds, families, rows)
    assert torch.equal(torch.get_rng_state(), state)
    after = mechanisms.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.grad is None for parameter in mechanisms.parameters())
    unfitted = fit(mechanisms, kinds, families, rows, UNFITTED)
    gain = log_likelihoods(fitted, kinds, families, new) - log_likelihoods(unfitted, kinds, families, new)
    assert (gain.mean(1) > 0.0).all(), gain.mean(1)
    assert gain.mean() > 0.1  # without parents there is little to learn
    again = fit(mechanisms, kinds, families, rows)
    assert torch.equal(parameters_of(fitted), parameters_of(again))


def test_a_fit_does_not_depend_on_what_is_fitted_beside_it(kinds):
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 300)
    families = families_of_one_kind(kinds)
    together = fit(mechanisms, kinds, families, rows, decay=0.3)
    found = log_likelihoods(together, kinds, families, rows).sum(1)
    for m, family in enumerate(families):
        alone = fit(mechanisms, kinds, [family], rows, decay=0.3)
        one = log_likelihoods(alone, kinds, [family], rows).sum()
        assert found[m].item() == pytest.approx(one.item(), abs=0.02)
    repeated = [m for m, family in enumerate(families) if family == (1, (0, 3))]
    if len(repeated) > 1:
        torch.testing.assert_close(found[repeated[0]], found[repeated[1]], rtol=0.0, atol=0.02)


def test_rows_that_do_not_count_have_no_influence(kinds):
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 200)
    i, twin = twins(kinds)
    families = [(i, ((i + 2) % D,)), (i, ())]
    counts = torch.ones(200, 2, dtype=torch.bool)
    counts[:120] = False
    changed = rows.clone()
    changed[:120] = make_rows(kinds, 120)
    one, other = (fit(mechanisms, kinds, families, r, counts=counts) for r in (rows, changed))
    assert torch.equal(parameters_of(one), parameters_of(other))
    # The same rows tell of another variable, where they count.
    one, other = (fit(mechanisms, kinds, [(twin, (i,))], r) for r in (rows, changed))
    assert not torch.equal(parameters_of(one), parameters_of(other))


def test_rows_count_for_each_copy_by_itself_even_where_copies_stand_for_one_variable(kinds):
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 200)
    i, twin = twins(kinds)
    parents = ((i + 2) % D,)
    families = [(i, parents), (i, parents), (twin, (i,)), (i, parents)]
    counts = torch.ones(200, 4, dtype=torch.bool)
    counts[:120, 1] = counts[120:, 3] = counts[50:, 2] = False
    together = log_likelihoods(fit(mechanisms, kinds, families, rows, counts=counts), kinds, families, rows)
    for m, family in enumerate(families):
        alone = fit(mechanisms, kinds, [family], rows, counts=counts[:, m : m + 1])
        torch.testing.assert_close(together[m], log_likelihoods(alone, kinds, [family], rows)[0], rtol=0.0, atol=0.02)
    for one, other in ((0, 1), (0, 3), (1, 3)):
        assert (together[one] - together[other]).abs().max() > 0.03
    changed = rows.clone()
    changed[:120] = make_rows(kinds, 120)
    again = log_likelihoods(fit(mechanisms, kinds, families, changed, counts=counts), kinds, families, rows)
    assert torch.equal(again[1], together[1])
    assert not torch.equal(again[0], together[0]) and not torch.equal(again[3], together[3])


def test_decay_shrinks_weights():
    kinds = KINDS["categorical"]
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 200)
    sizes = [
        float(parameters_of(fit(mechanisms, kinds, FAMILIES, rows, decay=decay)).norm()) for decay in (0.0, 1.0, 3.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_steps_are_those_of_the_kind():
    kinds = KINDS["mixed"]
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 50)
    start = {i: parameters_of(mechanisms.copies([(i, (2,))])) for i in (0, 1)}
    for refitting, moved in ((replace(BRIEF, continuous=NONE), 0), (replace(BRIEF, categorical=NONE), 1)):
        for i in (0, 1):
            fitted = fit(mechanisms, kinds, [(i, (2,))], rows, refitting)
            assert torch.equal(parameters_of(fitted), start[i]) == (i != moved)


def test_mechanisms_that_cannot_be_copied():
    kinds = KINDS["continuous"]
    rows = make_rows(kinds, 20)
    assert fit(LinearGaussian(kinds), kinds, FAMILIES, rows) is None


# ---------------------------------------------------------------- residuals
class Line(Copies):
    """X ~ Normal(slope x (its only parent), sd), which is right; slope and sd for each copy, shape [M]."""

    def __init__(self, families, slope, sd) -> None:
        super().__init__()
        self.parent = [parent for _, (parent,) in families]
        self.slope, self.sd = torch.tensor(slope)[:, None], torch.tensor(sd)[:, None]

    def blocks(self, values):
        return [Block(tuple(range(len(self.sd))), dist.Normal(self.slope * values.t()[self.parent], self.sd))]


def test_residuals_of_a_normal_are_in_units_of_its_sd_around_its_mean():
    kinds, families = KINDS["continuous"], [(1, (0,)), (2, (0,)), (1, (3,))]
    rows = torch.randn(500, 4)
    rows[:, 1], rows[:, 2] = 2.0 * rows[:, 0] + 0.5 * rows[:, 1], -rows[:, 0] + 3.0 * rows[:, 2]
    slope, sd = [2.0, -1.0, 0.7], [0.5, 3.0, 1.3]
    likelihood, residuals = judge_rows(Line(families, slope, sd), kinds, families, Part(rows), chunk=128)
    residual, size = residuals.values.unbind(1)
    assert torch.equal(size, residual.abs())
    torch.testing.assert_close(residuals.weight, torch.ones(3, 2))
    for m, (effect, (cause,)) in enumerate(families):
        expected = (rows[:, effect] - slope[m] * rows[:, cause]) / sd[m]
        inside = expected.abs() < 4.0
        torch.testing.assert_close(residual[m, inside], expected[inside], rtol=1e-3, atol=2e-3)
        density = -0.5 * expected.square() - math.log(sd[m] * math.sqrt(2 * math.pi))
        torch.testing.assert_close(likelihood[m], density, rtol=1e-4, atol=1e-4)
    for right in residual[:2]:
        assert abs(right.mean()) < 0.15 and abs(right.std() - 1.0) < 0.1


def test_residuals_far_out_end_somewhere():
    kinds, families = KINDS["continuous"], [(1, (0,))]
    rows = torch.zeros(6, 4)
    rows[:, 1] = torch.tensor([-1e30, -50.0, -1.0, 1.0, 50.0, 1e30])
    residual = judge_rows(Line(families, [0.0], [1.0]), kinds, families, Part(rows))[1].values
    low, lower, inner, upper, high, highest = residual[0, 0].tolist()
    assert low == lower == pytest.approx(-4.753, abs=0.01) and high == highest == pytest.approx(4.753, abs=0.01)
    assert (inner, upper) == pytest.approx((-1.0, 1.0), abs=1e-4)


@pytest.mark.parametrize("chunk", [4, 7, 1024])
def test_residuals_are_those_of_the_mechanisms_conditionals(kinds, chunk):
    mechanisms, rows = make_model(kinds).mechanisms, make_rows(kinds, 7)
    for families in (families_of_one_kind(kinds), families_of_one_kind(kinds, 1)):
        found = judge_rows(mechanisms.copies(families), kinds, families, Part(rows), chunk)[1]
        for m, (i, parents) in enumerate(families):
            mask = torch.zeros(D)
            mask[list(parents)] = 1.0
            with torch.no_grad():
                expected = Residuals.of(
                    mechanisms.conditional(i, rows, mask).expand((1, 7)), rows[None, :, i].nan_to_num()
                )
            states = expected.values.shape[1]
            torch.testing.assert_close(found.values[m, :states], expected.values[0], rtol=0.01, atol=0.01)
            torch.testing.assert_close(found.weight[m, :states], expected.weight[0], rtol=1e-4, atol=1e-4)
            assert not found.values[m, states:].any() and not found.weight[m, states:].any()  # states of others


def test_residuals_of_one_row_more_than_fit_a_chunk():
    kinds, families = KINDS["continuous"], [(1, (0,)), (2, (0,)), (3, (0,))]
    residuals = judge_rows(Line(families, [0.0] * 3, [1.0] * 3), kinds, families, Part(torch.randn(9, 4)), chunk=4)[1]
    assert residuals.values.shape == (3, 2, 9)
    torch.testing.assert_close(residuals.weight, torch.ones(3, 2))


class InPieces(Copies):
    """Copy m says `density(m)`; those of the second half come in a block before those of the first."""

    def __init__(self, size, density) -> None:
        super().__init__()
        self.size, self.density = size, density

    def blocks(self, values):
        half = self.size // 2
        places = tuple(range(half, self.size)), tuple(range(half))
        return [Block(m, self.density(torch.tensor(m, dtype=values.dtype)[:, None], len(values))) for m in places]


def test_copies_may_come_in_several_blocks_in_any_order():
    kinds, families, rows = KINDS["continuous"], [(1, ()), (2, ()), (3, ())], torch.randn(9, 4)
    copies = InPieces(3, lambda means, n: dist.Normal(means.expand(-1, n), 1.0))
    found, residuals = judge_rows(copies, kinds, families, Part(rows), chunk=4)
    centred = rows[:, 1:].t() - torch.arange(3.0)[:, None]
    torch.testing.assert_close(found, dist.Normal(0.0, 1.0).log_prob(centred))
    torch.testing.assert_close(residuals.values[:, 0], centred, rtol=1e-3, atol=1e-3)


def test_a_distribution_without_a_cdf_has_no_residuals():
    kinds, families = KINDS["continuous"], [(1, ()), (2, ())]
    copies = InPieces(2, lambda means, n: dist.StudentT(3.0, means.expand(-1, n), 1.0))
    found, residuals = judge_rows(copies, kinds, families, Part(torch.randn(9, 4)))
    assert found.isfinite().all() and residuals is None


@pytest.mark.parametrize("function", [lambda x: 2.0 * torch.tanh(3.0 * x), lambda x: torch.where(x > 0, x, 0.2 * x)])
def test_a_copy_finds_a_function_whose_noise_is_small(function):
    kinds, scale = (Continuous(0.0, 1.0),) * 2, 1e-3
    rows = torch.randn(3000, 2)
    rows[:, 1] = function(rows[:, 0]) + scale * torch.randn(3000)
    mechanisms, families = NeuralMechanisms(kinds), [(1, (0,))]
    found = fit(mechanisms, kinds, families, rows[:2000], Refitting())
    lost = -0.5 - 0.5 * math.log(2 * math.pi) - math.log(scale) - log_likelihoods(found, kinds, families, rows[2000:])
    assert lost.mean() < 1.0  # nats a row; 1.4 and more where the scale of noise is bounded at exp(-5)


def test_every_kind_has_its_descent():
    refitting = Refitting()
    kinds = Categorical((0, 1)), Continuous(0.0, 1.0), Count(None, 1.5, 0.8)
    found = [refitting.descent(kind) for kind in kinds]
    assert found == [refitting.categorical, refitting.continuous, refitting.count]
    assert len({(each.steps, each.learning_rate) for each in found}) == 3

"""Small networks that are fitted exactly: derivatives, minima, predictions, and what further parents promise."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.copies import exact_fit
from pyrocausal.copies.combination import combined
from pyrocausal.copies.deletion_race import needed
from pyrocausal.copies.exact_fit import FamilyRows, Solution, solved, squares_of
from pyrocausal.copies.exact_prediction import Curvature, predicted, promised
from pyrocausal.copies.further_attempts import bettered
from pyrocausal.copies.levenberg_marquardt import LogScale, Squares, minimise, solve_outputs
from pyrocausal.copies.small_network import SmallNetwork

NOISE = 0.1


def table(n=1200, seed=0, scale=lambda x: torch.full_like(x[:, 0], NOISE)):
    """Rows of three variables, the last a function of the others with kinks; the first column depends on the second."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(n, 3, generator=generator, dtype=torch.double)
    x = torch.stack([draw[:, 0] + 0.8 * draw[:, 1], draw[:, 1]], 1)
    mean = (x[:, 0] - x[:, 1]).relu() - 0.7 * (x[:, 1] + 0.5).relu() + 0.4 * (x[:, 0] + x[:, 1] - 1).abs()
    return torch.cat([x, (mean + scale(x) * draw[:, 2])[:, None]], 1), mean


def family(rows, weights=None):
    return FamilyRows(rows, rows[:, 2], torch.ones(len(rows), dtype=torch.double) if weights is None else weights)


def fitted(rows, parents=(0, 1), near=(), seed=0):
    return solved(rows, parents, parents, near, seed)


def log_density(solution, rows, new, *, noise=False):
    mean, deviation = predicted(solution, Curvature.of(solution, rows, noise=noise), rows, new)
    return torch.distributions.Normal(mean, deviation).log_prob(new[:, 2])


@pytest.mark.parametrize("bend", [0.0, 0.2, None])
def test_normal_equations_are_those_of_derivatives(bend):
    torch.manual_seed(0)
    inputs = torch.randn(3, 1100, dtype=torch.double)  # more than are taken at a time
    network = SmallNetwork.drawn(3, bend, torch.Generator().manual_seed(1))
    network = network.with_weights(torch.randn_like(network.flat))
    weights, residuals = torch.rand(1100, dtype=torch.double), torch.randn(1100, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda flat: network.with_weights(flat)(inputs), network.flat)
    square, product = network.normal_equations(inputs, weights, residuals)
    torch.testing.assert_close(square, jacobian.t() @ (weights[:, None] * jacobian))
    torch.testing.assert_close(product, jacobian.t() @ (weights * residuals))
    assert torch.equal(network.with_weights(network.flat).flat, network.flat)


def test_the_minimum_is_that_of_the_truth():
    table_, mean = table()
    rows, solution = family(table_), fitted(family(table_))
    truth = 0.5 * math.log(float((table_[:, 2] - mean).square().mean()))
    assert solution.nats < truth + 0.01  # with more weights than the truth
    new, expected = table(seed=1)
    at_best = torch.distributions.Normal(expected, NOISE).log_prob(new[:, 2]).mean()
    assert float(at_best - log_density(solution, rows, new).mean()) < 0.06  # it has 81 weights for 1,200 rows
    assert torch.equal(fitted(rows).network.flat, solution.network.flat)


def test_a_fit_begins_where_others_ended():
    rows = family(table()[0])
    cold, below, above = fitted(rows), fitted(rows, (0,)), fitted(rows, (0, 1))
    warm = fitted(rows, near=[below])
    assert warm.nats == pytest.approx(cold.nats, abs=0.02) and warm.parents == (0, 1)
    down = fitted(rows, (0,), [above])
    assert down.nats < below.nats + 0.1  # which is far behind what begins it
    assert fitted(rows, near=[cold]).nats <= cold.nats + 1e-9


def test_a_column_that_is_zero_in_all_rows_changes_nothing():
    rows, _ = table()
    zero = torch.cat([rows, torch.zeros_like(rows[:, :1])], 1)
    assert solved(family(zero), (0, 1, 3), (0, 1, 3), (), 0).nats == pytest.approx(fitted(family(rows)).nats, abs=0.02)


def test_rows_may_have_weights():
    rows = table(400)[0]
    twice = family(torch.cat([rows, rows]))
    weighed = family(rows, torch.full((400,), 2.0, dtype=torch.double))
    begun = fitted(weighed)
    one, two = (fitted(each, near=[begun]) for each in (twice, weighed))
    assert one.nats == pytest.approx(two.nats, abs=1e-4)
    new = table(300, seed=1)[0]
    found = [log_density(each, fit, new).sum() for each, fit in ((one, twice), (two, weighed))]
    torch.testing.assert_close(*found, atol=0.3, rtol=0.0)
    half = torch.cat([torch.ones(200), torch.full((200,), 1e-12)]).double()
    assert fitted(family(rows, half)).nats == pytest.approx(fitted(family(rows[:200])).nats, abs=0.05)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_rows_or_equal_ones_give_a_density_all_the_same(n):
    new = table(50, seed=1)[0]
    for rows in (table(n)[0], torch.ones(n, 3, dtype=torch.double)):
        for parents in ((), (0,), (0, 1)):
            found = log_density(fitted(family(rows), parents), family(rows), new)
            assert bool(found.isfinite().all())
            if n == 0:  # then it is as wide as the standardised values
                assert float(found.mean()) > -3.0


@pytest.mark.parametrize("uneven", [True, False])
def test_noise_may_depend_on_parents(uneven):
    def scale(x):
        return NOISE * (x[:, 1] if uneven else torch.zeros_like(x[:, 1])).exp()

    rows = family(table(2000, scale=scale)[0])
    solution = fitted(rows)
    assert (solution.noise is not None) == uneven
    if uneven:
        new, mean = table(2000, seed=1, scale=scale)
        truth = torch.distributions.Normal(mean, scale(new)).log_prob(new[:, 2]).mean()
        even, found = (log_density(solution, rows, new, noise=noise).mean() for noise in (False, True))
        assert truth - found < 0.1 < 0.3 < truth - even
        assert Solution.of(solution.plain).noise.mean.flat.equal(solution.noise.mean.flat)
    assert Solution.of(solution.plain).network.flat.equal(solution.network.flat)


def test_scales_are_found_by_fisher_scoring():
    torch.manual_seed(0)
    x = torch.randn(3000, dtype=torch.double)
    inputs = torch.stack([torch.ones_like(x), x])
    squares = (torch.randn_like(x) * (0.5 * x - 1).exp()).square()
    found = minimise(SmallNetwork.constant(2), inputs, LogScale(squares, torch.ones_like(x)), 30).network
    assert found.linear.tolist() == pytest.approx([-1.0, 0.5], abs=0.05)


def test_a_step_never_goes_uphill_and_a_search_far_behind_a_rival_ends_sooner():
    rows = table(500)[0]
    loss = Squares(rows[:, 2], torch.ones(500, dtype=torch.double), 500.0)
    inputs = torch.cat([torch.ones(500, 1), rows[:, :2]], 1).t().double().contiguous()
    begun = SmallNetwork.drawn(3, 0.0, torch.Generator().manual_seed(0))
    values = [minimise(begun, inputs, loss, steps).value for steps in (1, 2, 5, 40)]
    assert values == sorted(values, reverse=True)
    free, near, far = (minimise(begun, inputs, loss, 80, rival).steps for rival in (-math.inf, values[-1], -5000.0))
    assert far < near <= free


@pytest.mark.parametrize("how", ["mean", "product", "scale"])
def test_what_a_further_parent_promises(how):
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        a, b, noise, other = torch.randn(4, 1500, generator=generator, dtype=torch.double)
        child = {
            "mean": a + 0.3 * b + 0.5 * noise,
            "product": a.tanh() * b + 0.5 * noise,
            "scale": a + (0.3 * b).exp() * noise,
        }
        columns = torch.stack([a, b, other], 1)
        rows = FamilyRows(columns, child[how], torch.ones(1500, dtype=torch.double))
        solution = solved(rows, (0,), (0,), [], 0)
        nats = promised(solution, rows, {1: (1,), 2: (2,)})
        assert nats[1] > 50.0 > 6.0 > nats[2]
        gained = solution.nats - solved(rows, (0, 1), (0, 1), [solution], 0).nats
        if how == "mean":
            assert nats[1] == pytest.approx(1500 * gained, rel=0.5)


def test_what_a_parent_is_worth_is_nearly_what_a_fit_without_it_loses():
    generator = torch.Generator().manual_seed(0)
    a, b, c, noise = torch.randn(4, 1500, generator=generator, dtype=torch.double)
    child, columns = a.tanh() * b + 0.3 * noise, torch.stack([a, b, c, a + 0.5 * noise], 1)
    rows = FamilyRows(columns, child, torch.ones(1500, dtype=torch.double))
    solution = solved(rows, (0, 1, 2), (0, 1, 2, 3), (), 0)  # the last has two columns
    found = needed(solution, rows, [(0,), (1,), (2, 3)], 0)
    for lost, parents in zip(found, [(1, 2), (0, 2), (0, 1)], strict=True):
        columns = [column for j in parents for column in [(0,), (1,), (2, 3)][j]]
        fitted_on = 1500 * (solved(rows, parents, columns, [solution], 0).nats - solution.nats)
        assert 0.99 * fitted_on - 1 < lost < 1.1 * fitted_on + 30.0
    assert min(found[:2]) > 400


def test_attempts_never_make_a_solution_worse():
    rows = family(table(600)[0])
    found, below = fitted(rows), fitted(rows, (0,))
    inputs, loss = found.inputs(rows.columns), squares_of(found, rows)
    nothing = [torch.zeros_like(each) for each in found.network[1:3]]
    dead = found.network._replace(outputs=nothing[0], hidden=nothing[1])
    for network, gain in ((found.network, -1e-6), (dead, 100.0)):  # units that are all the same are none
        again = bettered(found._replace(network=network), rows, [below], 0)
        assert loss.value(again(inputs)) < loss.value(network(inputs)) - gain


def test_units_of_two_networks_that_know_half_of_the_truth_each_are_combined():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.cat([torch.ones(1, 1500), torch.randn(4, 1500, generator=generator)]).double()
    truth, *others = (SmallNetwork.drawn(5, 0.0, generator, 16) for _ in range(3))
    truth = truth._replace(outputs=torch.randn(16, generator=generator, dtype=torch.double))
    values = truth(inputs) + NOISE * torch.randn(1500, generator=generator, dtype=torch.double)
    loss = Squares(values, torch.ones_like(values), 1500.0)
    known = torch.arange(16)[:, None] < 8
    first = solve_outputs(others[0]._replace(hidden=torch.where(known, truth.hidden, others[0].hidden)), inputs, loss)
    second = solve_outputs(others[1]._replace(hidden=torch.where(known, others[1].hidden, truth.hidden)), inputs, loss)
    found = combined([first, second], inputs, loss, 1.4, 60).network
    assert len(found.outputs) == 16
    best = loss.value(truth(inputs))
    assert loss.value(found(inputs)) < best < min(loss.value(each(inputs)) for each in (first, second)) - 100


def kinked(rows, units, seed, noise):
    """A function with kinks anywhere, and noise of a share of its deviation; with that deviation's logarithm."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows.shape[1], units, generator=generator, dtype=torch.double)
    outputs = torch.randn(units, generator=generator, dtype=torch.double)
    mean = torch.nn.functional.leaky_relu(rows @ hidden + hidden[0], 0.25) @ outputs
    scale = noise * float(mean.std())
    return mean + scale * torch.randn(len(rows), generator=generator, dtype=torch.double), math.log(scale)


def test_a_search_ends_with_the_best_outputs_for_its_units():
    rows = table(500)[0]
    loss = Squares(rows[:, 2], torch.ones(500, dtype=torch.double), 500.0)
    inputs = torch.cat([torch.ones(500, 1), rows[:, :2]], 1).t().double().contiguous()
    begun = solve_outputs(SmallNetwork.drawn(3, 0.0, torch.Generator().manual_seed(0)), inputs, loss)
    for steps in (3, 6):
        found = minimise(begun, inputs, loss, steps).network
        best = solve_outputs(found, inputs, loss)
        assert loss.value(best(inputs)) == pytest.approx(loss.value(found(inputs)), abs=0.5)


@pytest.mark.parametrize("seed", range(3))
def test_many_kinks_are_found_where_there_is_hardly_noise(seed):
    columns = torch.randn(2500, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    values, truth = kinked(columns, 8, seed, 1e-3)
    rows = FamilyRows(columns, values, torch.ones_like(values))
    assert solved(rows, (0, 1, 2, 3), range(4), [], seed).nats < truth + 0.15


@pytest.mark.parametrize("without", ["HOPEFUL", "HOPELESS"])  # neither bent anew, nor further than wide bends
def test_units_that_leaned_on_a_parent_find_kinks_without_it(monkeypatch, without):
    gained = []
    for seed in range(3):
        columns = torch.randn(2000, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
        values, truth = kinked(columns, 10, seed, 3e-4)
        others = [kinked(columns, 10, seed + further, 1e-3)[0] for further in (10, 20, 30)]
        columns = torch.stack([*columns.t(), *(each / each.std() for each in others)], 1)
        rows = FamilyRows(columns, values, torch.ones_like(values))
        more = solved(rows, tuple(range(8)), range(8), [], seed)
        found = solved(rows, tuple(range(5)), range(5), [more], seed).nats
        with monkeypatch.context() as patched:
            patched.setattr(exact_fit, without, 0.0)
            gained.append(solved(rows, tuple(range(5)), range(5), [more], seed).nats - found)
        assert found < truth
    assert min(gained) >= 0.0 and sum(gained) > 0.02

"""Screening against sums of squares written out, and against residuals that depend on something or on nothing."""

from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch
from conftest import make_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.copies.screening import Residuals, Screen
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.weights import Part

NUMBER, COIN, DIE = Continuous(0.0, 1.0), Categorical((0, 1)), Categorical((0, 1, 2))
KINDS = {
    "categorical": (COIN, DIE, COIN),
    "continuous": (NUMBER,) * 3,
    "mixed": (COIN, NUMBER, DIE),
    "gaps": (Categorical((0, 1), missing=True), Continuous(0.0, 1.0, missing=True), DIE),
}
CLOSE = {"rtol": 1e-3, "atol": 5e-3}  # nats, in single precision


# ---------------------------------------------------------------- the same, written out
def screen_of(kinds, tables) -> Screen:
    return Screen(kinds, [Part(rows) for rows in tables])


def group_of(kind, value, everything) -> int:
    """The state, or the number of octiles of all rows of all tables that a value is above; a gap is a group, too."""
    if math.isnan(value):
        return -1
    if isinstance(kind, Categorical):
        return int(value)
    ordered, above = sorted(x for x in everything if not math.isnan(x)), 0
    for k in range(1, 8):
        place = k / 8 * (len(ordered) - 1)
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        above += value > low + (high - low) * (place - math.floor(place))
    return above


def squares(values) -> float:
    """Sum of squares around the mean; none of no values."""
    mean = sum(values) / max(1, len(values))
    return sum((value - mean) ** 2 for value in values)


def gain_of(groups, values) -> float:
    """n / 2 log(SST / SSW): what a mean for every group gains over one mean for all.

    Where every group has a single value SSW is 0, so it counts as a millionth of SST at least, as in the screen.
    """
    within = sum(squares([v for v, g in zip(values, groups, strict=True) if g == each]) for each in set(groups))
    total = squares(values)
    return 0.5 * len(values) * math.log(total / max(within, 1e-6 * total))


def written_out(kinds, tables, values, counts) -> list[list[list[float]]]:
    """Gains [M, S, d] of residuals [M, S, n] per table, where they count."""
    found = []
    for m, each in enumerate(values[0]):
        found.append([])
        for s in range(len(each)):
            found[m].append([])
            for j, kind in enumerate(kinds):
                everything, groups, kept = [x for rows in tables for x in rows[:, j].tolist()], [], []
                for rows, residual, count in zip(tables, values, counts, strict=True):
                    for x, value, counted in zip(rows[:, j].tolist(), residual[m, s].tolist(), count[m], strict=True):
                        if counted:
                            groups.append(group_of(kind, x, everything))
                            kept.append(value)
                found[m][s].append(gain_of(groups, kept))
    return found


def freedom_of(kinds) -> torch.Tensor:
    return torch.tensor([(k.cardinality if isinstance(k, Categorical) else 8) + k.missing - 1.0 for k in kinds])


@st.composite
def problems(draw):
    """One to three tables, and some residuals of a few mechanisms, not all of which count."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    kinds = KINDS[draw(st.sampled_from(list(KINDS)))]
    sizes = draw(st.lists(st.integers(15, 40), min_size=1, max_size=3))
    M, S = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    tables = [make_rows(kinds, n, generator) for n in sizes]
    shift = draw(st.sampled_from([0.0, 0.5, -3.0]))
    values = [shift + torch.randn(M, S, n, generator=generator) for n in sizes]
    share = draw(st.sampled_from([0.8, 1.0]))
    counts = [torch.rand(M, n, generator=generator) < share for n in sizes]
    weights = [torch.rand(M, S, generator=generator) for _ in sizes]
    return kinds, tables, [Residuals(*each) for each in zip(values, weights, strict=True)], counts


@given(problems())
@settings(max_examples=60, deadline=None)
def test_gains_are_those_of_a_mean_per_group_written_out(problem):
    kinds, tables, residuals, counts = problem
    screen, values = screen_of(kinds, tables), [each.values for each in residuals]
    expected = torch.tensor(written_out(kinds, tables, values, counts))
    torch.testing.assert_close(screen._gain(values, counts), expected, **CLOSE)
    # Gains add up, each with its weight, and chance gives half a nat for each degree of freedom.
    weight = sum(each.weight for each in residuals) / len(residuals)
    above = (weight[..., None] * (expected - 0.5 * freedom_of(kinds))).sum(1)
    screen.enough = 0
    for least in (-5.0, 0.0, 3.0):
        screen.least = least
        found = screen.promising(residuals, counts)
        assert found.dtype == torch.bool
        clear = (above - least).abs() > 0.05
        assert torch.equal(found[clear], (above > least)[clear])


def test_a_problem_by_hand():
    # Residuals 1, 1, -1, -1 and, where the coin shows 1, twice as far out: SST = 20, and within the coin's sides too.
    # Their sizes are 1 and 2: SST = 2, and nothing is left within.
    coin = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])
    die = torch.tensor([0.0, 0, 1, 1, 0, 0, 1, 2])
    residual = torch.tensor([1.0, 1, -1, -1, 2, 2, -2, -2])
    screen = screen_of((COIN, DIE), [torch.stack([coin, die], 1)])
    means, sizes = screen._gain([torch.stack([residual, residual.abs()])[None]], [torch.ones(1, 8)])[0].tolist()
    # Within the die's states the residuals 1 1 2 2, -1 -1 -2 and -2 have sums of squares of 1, 2/3 and 0.
    assert means == pytest.approx([0.0, 4 * math.log(20 / (5 / 3))], abs=1e-4)
    assert sizes == pytest.approx([4 * math.log(1e6), 4 * math.log(2 / (5 / 3))], rel=1e-2)  # a millionth at the least


# ---------------------------------------------------------------- residuals
def test_residuals_of_a_categorical_variable_are_what_was_seen_less_what_was_expected():
    probs = torch.rand(2, 30, 3) + 0.1
    probs[1, :, 2] = 0.0  # a state that the second variable does not have
    probs = probs / probs.sum(-1, keepdim=True)
    given = dist.Categorical(probs).sample()
    found = Residuals.of(dist.Categorical(logits=probs.log()), given.float())
    assert found.values.shape == (2, 3, 30)
    for m in range(2):
        for n in range(30):
            for state in range(3):
                expected = float(given[m, n] == state) - probs[m, n, state].item()
                assert found.values[m, state, n].item() == pytest.approx(expected, abs=1e-5)
        mean = [sum(probs[m, :, state].tolist()) / 30 for state in range(3)]
        has = [True, True, m == 0]
        assert found.weight[m].tolist() == pytest.approx(
            [h * (1 - p) for h, p in zip(has, mean, strict=True)], abs=1e-5
        )
    assert found.weight.sum(1).tolist() == pytest.approx([2.0, 1.0], abs=1e-5)  # degrees of freedom


def test_residuals_of_a_continuous_variable_are_quantiles_and_their_size():
    mean, sd = torch.randn(2, 30), torch.rand(2, 1) + 0.5
    z = torch.randn(2, 30)
    found = Residuals.of(dist.Normal(mean, sd), mean + sd * z)
    torch.testing.assert_close(found.values, torch.stack([z, z.abs()], 1), rtol=1e-3, atol=1e-3)
    assert torch.equal(found.weight, torch.ones(2, 2))
    skew = dist.Exponential(torch.ones(2, 5000))
    quantiles, size = Residuals.of(skew, skew.sample()).values.unbind(1)
    for each in (quantiles, size):  # standard normal, whatever the distribution
        assert each.square().mean() == pytest.approx(1.0, abs=0.05)
    assert quantiles.mean() == pytest.approx(0.0, abs=0.03) and quantiles.pow(3).mean() == pytest.approx(0.0, abs=0.15)


def test_for_a_table_of_counts_the_gains_are_pearsons():
    die, coin = torch.randint(3, (3000,)), torch.randint(2, (3000,))
    die = torch.where(torch.rand(3000) < 0.05, coin, die)
    seen = torch.nn.functional.one_hot(die, 3).double()
    residuals = Residuals.of(dist.Categorical(seen.mean(0).float().expand(1, 3000, 3)), die[None])
    screen = screen_of((COIN,), [coin[:, None].float()])
    gain = (screen._gain([residuals.values], [torch.ones(1, 3000)]) * residuals.weight[..., None]).sum()
    observed = torch.stack([seen[coin == side].sum(0) for side in (0, 1)])
    expected = observed.sum(1, keepdim=True) * observed.sum(0) / 3000
    pearson = ((observed - expected) ** 2 / expected).sum()
    assert pearson > 5
    assert gain.item() == pytest.approx(0.5 * pearson.item(), rel=0.02)


# ---------------------------------------------------------------- what does not matter
@given(problems(), st.floats(0.01, 100.0))
@settings(max_examples=40, deadline=None)
def test_order_tables_and_scale_do_not_matter_and_neither_do_residuals_that_do_not_count(problem, scale):
    kinds, tables, residuals, counts = problem
    values = [each.values for each in residuals]

    def gains(tables, values, counts):
        return screen_of(kinds, tables)._gain(values, counts)

    expected = gains(tables, values, counts)
    assert (expected > -1e-3).all()
    one = torch.cat(tables), torch.cat(values, -1), torch.cat(counts, 1)
    torch.testing.assert_close(gains(*([each] for each in one)), expected, **CLOSE)
    order = torch.randperm(len(one[0]), generator=torch.Generator().manual_seed(0))
    shuffled = [one[0][order]], [one[1][..., order]], [one[2][:, order]]
    torch.testing.assert_close(gains(*shuffled), expected, **CLOSE)
    torch.testing.assert_close(gains(tables, [scale * each for each in values], counts), expected, **CLOSE)
    other = [each.where(count[:, None], torch.tensor(7.0)) for each, count in zip(values, counts, strict=True)]
    torch.testing.assert_close(gains(tables, other, counts), expected, **CLOSE)
    for m in range(len(values[0])):  # and mechanisms are judged one by one
        alone = gains(tables, [each[m : m + 1] for each in values], [count[m : m + 1] for count in counts])
        torch.testing.assert_close(alone[0], expected[m], **CLOSE)


def test_a_continuous_variable_may_be_measured_on_any_scale():
    rows, residual = torch.randn(500, 1), torch.randn(4, 1, 500)
    bent = rows.exp()  # the same order
    gains = [screen_of((NUMBER,), [table])._gain([residual], [torch.ones(4, 500)]) for table in (rows, bent)]
    torch.testing.assert_close(*gains)


# ---------------------------------------------------------------- what is flagged
def test_nothing_is_left_alone_where_few_rows_tell():
    generator = torch.Generator().manual_seed(0)
    tables = [make_rows(KINDS["continuous"], 200, generator) for _ in range(2)]
    noise = [Residuals(torch.randn(2, 1, 200, generator=generator), torch.ones(2, 1)) for _ in range(2)]
    counts = torch.ones(2, 200)
    counts[1, 20:] = 0.0  # forty rows of the two tables tell of the second mechanism
    found = screen_of(KINDS["continuous"], tables).promising(noise, [counts] * 2)
    assert found[1].all() and not found[0].any()


N = 2000
DEPENDENT = {
    "mean": lambda x, e: 0.2 * x + e,
    "a bow": lambda x, e: 0.2 * (x.square() - 1) + e,
    "a wave": lambda x, e: 0.3 * torch.sin(3 * x) + e,
    "scale": lambda x, e: torch.exp(0.15 * x) * e,
    "scale, both ways": lambda x, e: (0.8 + 0.3 * (x.abs() > 1)) * e,
}


def standard(values) -> Residuals:
    """Residuals that are `values` [M, n] where a standard normal is expected."""
    return Residuals.of(dist.Normal(torch.zeros_like(values), 1.0), values)


def promising(kinds, rows, values, of=standard):
    """Of a table cut in two, everywhere."""
    sizes = [1200, len(rows) - 1200]
    counts = [torch.ones(len(values), n, dtype=torch.bool) for n in sizes]
    return screen_of(kinds, rows.split(sizes)).promising([of(part) for part in values.split(sizes, 1)], counts)


@pytest.mark.parametrize("how", DEPENDENT)
def test_a_variable_that_residuals_depend_on_is_flagged(how):
    rows = torch.randn(N, 2)
    residuals = torch.stack([DEPENDENT[how](rows[:, 0], torch.randn(N)) for _ in range(50)])
    found = promising((NUMBER,) * 2, rows, residuals).float().mean(0)  # [d]
    assert found[0] > 0.95
    assert found[1] < 0.3  # 0.13 is to be expected


@pytest.mark.parametrize("how", ["mean", "scale"])
def test_a_state_that_residuals_depend_on_is_flagged(how):
    rows = make_rows((COIN, DIE, DIE), N)
    x = (rows[:, 1] == 2).float()
    residuals = torch.stack([DEPENDENT[how](2 * x - 1, torch.randn(N)) for _ in range(50)])
    found = promising((COIN, DIE, DIE), rows, residuals).float().mean(0)
    assert found[1] > 0.95
    assert found[0] < 0.1 and found[2] < 0.15  # 0.02 and 0.04 are to be expected


def expected_share(freedom) -> float:
    """P(half a chi-square > half its freedom + 3)."""
    half = torch.tensor(0.5 * freedom)
    return torch.special.gammaincc(half, half + 3.0).item()


def test_independent_residuals_are_flagged_as_seldom_as_chance_has_it():
    kinds = (NUMBER, COIN, DIE)
    found = promising(kinds, make_rows(kinds, N), torch.randn(1000, N)).float().mean(0)
    for share, freedom in zip(found.tolist(), (7, 1, 2), strict=True):
        expected = expected_share(2 * freedom)  # two residuals
        assert expected < 0.14
        assert share == pytest.approx(expected, abs=0.035)


@pytest.mark.parametrize("probs", [(0.3, 0.7), (0.5, 0.3, 0.2), (0.1, 0.2, 0.3, 0.4)])
def test_states_that_are_independent_are_flagged_as_seldom_as_chance_has_it(probs):
    kinds = (NUMBER, COIN, DIE)
    expected = torch.tensor(probs)

    def of(given):
        return Residuals.of(dist.Categorical(expected.expand(*given.shape, len(probs))), given)

    found = promising(kinds, make_rows(kinds, N), dist.Categorical(expected).sample((500, N)), of).float().mean(0)
    for share, freedom in zip(found.tolist(), (7, 1, 2), strict=True):
        assert share == pytest.approx(expected_share(freedom * (len(probs) - 1)), abs=0.05)


@pytest.mark.parametrize("cause", range(3))
def test_states_that_depend_on_a_variable_are_flagged_until_it_is_accounted_for(cause):
    kinds, effect = (NUMBER, COIN, DIE), torch.tensor([0.5, 0.3, 0.2])
    rows = make_rows(kinds, N)
    signal = (rows[:, 0].sign(), 2 * rows[:, 1] - 1, rows[:, 2] - 1)[cause]
    tilted = (effect.log() + 0.3 * signal[:, None] * torch.tensor([1.0, -1.0, 0.0])).softmax(1)  # [N, 3]
    given, screen = dist.Categorical(tilted).sample((50,)), screen_of(kinds, [rows])
    for expected, least, most in ((effect.expand(N, 3), 0.9, 1.0), (tilted, 0.0, 0.2)):
        residuals = Residuals.of(dist.Categorical(expected.expand(50, N, 3)), given)
        share = screen.promising([residuals], [torch.ones(50, N)]).float().mean(0).tolist()
        assert least <= share.pop(cause) <= most
        assert max(share) < 0.3


def test_rows_that_do_not_count_flag_nothing():
    rows, residual = torch.randn(N, 2), torch.randn(1, N)
    residual[:, rows[:, 0] > 1] += 2.0  # say, where a regime hit the variable
    counts = (rows[:, 0] <= 1)[None]
    screen = screen_of((NUMBER,) * 2, [rows])
    assert screen.promising([standard(residual)], [torch.ones_like(counts)])[0, 0]
    assert not screen.promising([standard(residual)], [counts])[0].any()


# ---------------------------------------------------------------- where there is little to see
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_counts(kind):
    rows = make_rows(KINDS[kind], 20)
    nowhere = torch.zeros(2, 20, dtype=torch.bool)
    screen, residuals = screen_of(KINDS[kind], [rows]), standard(torch.randn(2, 20))
    assert screen.promising([residuals], [nowhere]).all()  # so nothing is left alone
    screen.enough = 0
    assert not screen.promising([residuals], [nowhere]).any()


def test_states_that_no_row_has_and_variables_that_never_vary():
    kinds = (Categorical((0, 1, 2, 3)), NUMBER, COIN)
    rows = torch.stack([torch.randint(2, (N,)).float(), torch.full((N,), 0.7), torch.ones(N)], 1)
    residuals = standard(torch.randn(100, N))
    counts = torch.ones(100, N, dtype=torch.bool)
    counts[:, rows[:, 0] == 0] = False  # and one whose rows do not count
    screen = screen_of(kinds, [rows])
    assert screen._gain([residuals.values], [counts]).abs().max() < 1e-2
    assert not screen.promising([residuals], [counts]).any()
    rows[0, 0] = 3.0  # one row alone in its state is no reason either
    assert screen_of(kinds, [rows]).promising([residuals], [torch.ones_like(counts)]).float().mean() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_residuals_that_never_vary_are_no_error(kind):
    rows = make_rows(KINDS[kind], 50)
    for value in (0.0, 1.0, -99.0):
        residuals, screen = standard(torch.full((1, 50), value)), screen_of(KINDS[kind], [rows])
        assert torch.isfinite(screen._gain([residuals.values], [torch.ones(1, 50)])).all()
        assert screen.promising([residuals], [torch.ones(1, 50)]).shape == (1, 3)


def test_a_state_that_was_never_seen_is_no_reason():
    rows = torch.randn(N, 2)
    for p in (0.001, 0.01, 0.03):
        probs, given = torch.tensor([0.5 - p, 0.5, p]), torch.randint(2, (20, N))
        residuals = Residuals.of(dist.Categorical(probs.expand(20, N, 3)), given)
        found = screen_of((NUMBER,) * 2, [rows]).promising([residuals], [torch.ones(20, N)])
        assert found.float().mean() < 0.5, p


def test_a_table_may_be_empty():
    rows, values = torch.randn(30, 2), torch.randn(1, 2, 30)
    one, other = screen_of((NUMBER,) * 2, [rows]), screen_of((NUMBER,) * 2, [rows, rows[:0]])
    everywhere = torch.ones(1, 30)
    alone = one._gain([values], [everywhere])
    torch.testing.assert_close(other._gain([values, values[..., :0]], [everywhere, everywhere[:, :0]]), alone)

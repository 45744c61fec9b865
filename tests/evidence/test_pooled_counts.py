"""Regressions of counts over all regimes: the quadratic at every mode against the exact density, and invariances."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch

from pyrocausal.data.kinds import Continuous, Count
from pyrocausal.data.weights import Part
from pyrocausal.evidence.pooled_counts import PooledCounts, counts_alone, pooled_counts
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, Regressors
from pyrocausal.model.partly_hit import partly_hit

KINDS = (Continuous(0.0, 1.0), Count(None, 1.5, 0.8), Count(None, 2.0, 1.0))
LEVELS = math.log(math.expm1(2.0))  # what is added to the logarithm of the mean of the last


def tables(rows=(80, 50, 65), seed=0, moved=0.0) -> list[torch.Tensor]:
    """X1 is a count by itself, and X2 one of X0."""
    generator, made = torch.Generator().manual_seed(seed), []
    for n in rows:
        x = torch.randn(n, generator=generator)
        shift = moved * torch.randn((), generator=generator)
        gamma = torch.distributions.Gamma(4.0, 4.0)
        torch.manual_seed(seed + n)
        y = torch.poisson((1.8 + shift + 0.5 * x).exp() * gamma.sample((n,)))
        made.append(torch.stack([x, torch.poisson(4.0 * gamma.sample((n,))), y], 1))
    return made


def of(made, weights=None) -> PooledCounts:
    weights = [None] * len(made) if weights is None else weights
    parts = [Part(*each) for each in zip(made, weights, strict=True)]
    return PooledCounts(KINDS, parts, Regressors(KINDS, parts))


def test_the_quadratic_is_the_density_around_its_mode():
    made = tables()
    counts = of(made)
    modes = counts.modes([(2, (0,))])
    design = counts.regressors.columns((0,), LINEAR).split([len(each) for each in made])
    for r, rows in enumerate(made):
        information, product, constant = (part[0, r] for part in modes[:3])
        mode = torch.linalg.solve(information, product)
        size = float(modes.log_size[0, r].exp())

        def exact(b, design=design[r], rows=rows, size=size):
            mean = (LEVELS + design @ b).exp().numpy()
            return float(scipy.stats.nbinom.logpmf(rows[:, 2].double().numpy(), size, size / (size + mean)).sum())

        def quadratic(b, information=information, product=product, constant=constant):
            return float(constant + product @ b - 0.5 * b @ information @ b)

        # The mode of the regression is that under its prior: not far, and the quadratic holds to third order there.
        for step in (torch.zeros(2), torch.tensor([0.02, 0.0]), torch.tensor([0.0, 0.02]), torch.tensor([0.02, -0.02])):
            at = mode + step.double()
            assert quadratic(at) == pytest.approx(exact(at), abs=2e-2)
        h, eye = 1e-3, torch.eye(2, dtype=torch.double)
        for a in range(2):
            for b in range(2):
                bent = sum(s * t * exact(mode + h * (s * eye[a] + t * eye[b])) for s in (1, -1) for t in (1, -1)) / (
                    4 * h * h
                )
                assert -bent == pytest.approx(float(information[a, b]), rel=0.05, abs=0.5)
        second = design[r].T @ design[r] / len(rows)
        torch.testing.assert_close(modes.second[0, r], second)


def test_a_table_by_itself_is_an_integral_over_coefficients_and_size():
    made = tables(rows=(80,))
    counts = of(made)
    found = float(counts_alone(counts.modes([(2, ())])))
    b, size = torch.linspace(-1.5, 1.5, 601).double(), torch.linspace(-3.0, 6.0, 451).double()
    mean, s = (LEVELS + b).exp()[:, None, None], size.exp()[None, :, None]
    y = made[0][:, 2].double()
    terms = torch.from_numpy(scipy.stats.nbinom.logpmf(y.numpy(), s.numpy(), (s / (s + mean)).numpy())).sum(-1)
    terms += torch.distributions.Normal(0.0, 1.0).log_prob(b)[:, None]
    terms += torch.distributions.Normal(1.0, 2.0).log_prob(size)
    expected = float(terms.flatten().logsumexp(0)) + math.log(3.0 / 600) + math.log(9.0 / 450)
    assert found == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("level", [LINEAR, ADDITIVE])
def test_order_and_weights_of_rows_mean_nothing_else(level):
    made, families = tables(moved=0.2), [(2, (0, 1)), (1, ()), (2, (0,))]
    weights = [torch.randint(1, 4, (len(table),)).double() for table in made]
    twice = [table.repeat_interleave(w.long(), 0) for table, w in zip(made, weights, strict=True)]
    mixed = [table[torch.randperm(len(table))] for table in twice]
    hit = torch.tensor([[-math.inf, -200.0, math.inf]] * 3, dtype=torch.double)
    one = of(made, weights).modes(families, level)
    for rows in (twice, mixed):
        other = of(rows).modes(families, level)
        torch.testing.assert_close(counts_alone(one), counts_alone(other), rtol=1e-6, atol=1e-4)
        for part, same in zip(pooled_counts(one, hit)[0], pooled_counts(other, hit)[0], strict=True):
            torch.testing.assert_close(part, same, rtol=1e-6, atol=1e-4)


def test_families_together_are_as_each_alone():
    counts, families = of(tables(moved=0.2)), [(2, (0, 1)), (1, ()), (2, (0,))]
    hit = torch.tensor([[-math.inf, -180.0, -150.0]] * 3, dtype=torch.double)
    together, alone = pooled_counts(counts.modes(families), hit)[0], counts_alone(counts.modes(families))
    for m, family in enumerate(families):
        modes = counts.modes([family])
        torch.testing.assert_close(counts_alone(modes)[0], alone[m], rtol=1e-8, atol=1e-8)
        for part, same in zip(pooled_counts(modes, hit[:1])[0], together, strict=True):
            torch.testing.assert_close(part[0], same[m], rtol=1e-8, atol=1e-8)


def test_a_table_that_is_known_to_be_hit_tells_nothing_of_what_is_common():
    made = tables(moved=0.2)
    changed = [made[0], made[1].clone(), made[2]]
    changed[1][:, 2] += 40
    hit = torch.tensor([[-math.inf, math.inf, -math.inf]], dtype=torch.double)
    one, other = (pooled_counts(of(each).modes([(2, (0,))]), hit)[0] for each in (made, changed))
    torch.testing.assert_close(one.common, other.common, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.log_prob[:, ::2], other.log_prob[:, ::2], rtol=1e-6, atol=1e-6)
    assert float((one.log_prob - other.log_prob)[0, 1]) > 10


def test_drift_is_found_where_it_is():
    hit = torch.full((1, 8), -math.inf, dtype=torch.double)
    steady, moved = (
        pooled_counts(of(tables(rows=tuple(range(300, 308)), moved=by)).modes([(2, (0,))]), hit)[0] for by in (0.0, 0.3)
    )
    assert float(steady.drift.max()) < 0.05 and float(moved.drift.median()) > 0.1


def test_what_a_mixture_gains_where_nothing_was_done_is_no_gain_elsewhere():
    kinds = (*KINDS[:2], Count(None, 2.0, 1.0, components=2))
    rows = tables(rows=(80,))[0]
    parts = [Part(rows), Part(rows)]  # a regime that is the observational table once more
    counts = PooledCounts(kinds, parts, Regressors(kinds, parts))
    modes, wrong = counts.modes([(2, ())]), torch.full((1, 2, 1), 1.0, dtype=torch.double)
    own = partly_hit(rows[:, 2], torch.full((80,), LEVELS + 1.0), modes.log_size[0, 1], torch.ones(80)).gain
    assert float(own) > 5  # a part of the rows makes up for a common mean that is too high
    found = counts.partly_gain([(2, ())], LINEAR, modes, wrong)
    assert found[0].tolist() == [pytest.approx(0.0, abs=1e-9), -math.inf]

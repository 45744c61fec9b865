"""Drift integrated out against Gaussian integrals over all rows at once."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import MultivariateNormal

import pyrocausal as pc
from pyrocausal.evidence.drift import (
    ROUNDS,
    SIZES,
    TYPICAL,
    best_sizes,
    coefficients,
    common_mean,
    integrate_drift,
    log_size_prior,
    pool,
    spared_evidence,
)

SIZES_OF = {
    "some": (0.3, 0.1, 0.1),
    "none": (0.0, 0.0, 0.0),
    "one": (0.0, 0.2, 0.0),
    "wide": (3.0, 3.0, 3.0),
}
ROWS = 9, 5, 2, 1  # of the tables; the last two have fewer than coefficients


class Tables:
    """Rows y = X b + noise of several tables, and their quadratic log-likelihoods."""

    def __init__(self, seed=0, rows=ROWS, k=3):
        generator = torch.Generator().manual_seed(seed)
        self.design = [torch.randn(n, k, generator=generator, dtype=torch.double) for n in rows]
        self.values = [torch.randn(n, generator=generator, dtype=torch.double) for n in rows]
        self.noise = 0.3 + torch.rand(len(rows), generator=generator, dtype=torch.double)
        precision = self.noise**-2
        both = list(zip(self.design, self.values, precision, strict=True))
        self.information = torch.stack([x.T @ x * p for x, _, p in both])
        self.product = torch.stack([x.T @ y * p for x, y, p in both])
        # The density where every coefficient is zero, which quadratics leave out.
        self.apart = torch.stack(
            [torch.distributions.Normal(0.0, s).log_prob(y).sum() for y, s in zip(self.values, self.noise, strict=True)]
        )

    def density(self, r, mean, spread) -> torch.Tensor:
        """log N(y; X m, s^2 I + X spread X') of a table."""
        x, y = self.design[r], self.values[r]
        covariance = self.noise[r] ** 2 * torch.eye(len(y), dtype=torch.double) + x @ spread @ x.T
        return MultivariateNormal(x @ mean, covariance).log_prob(y)


@pytest.mark.parametrize("sizes", SIZES_OF.values(), ids=SIZES_OF)
def test_what_a_table_says_of_common_coefficients_is_a_gaussian_integral(sizes):
    tables, sizes = Tables(), torch.tensor(sizes, dtype=torch.double)
    drifted = integrate_drift(tables.information, tables.product, sizes)
    for mean in torch.randn(4, 3, dtype=torch.double):
        expected = torch.stack([tables.density(r, mean, torch.diag(sizes**2)) for r in range(len(ROWS))])
        torch.testing.assert_close(drifted.at(mean) + tables.apart, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sizes", SIZES_OF.values(), ids=SIZES_OF)
def test_the_expected_drift_is_the_conditional_mean(sizes):
    tables, sizes = Tables(1), torch.tensor(sizes, dtype=torch.double)
    drifted, mean = integrate_drift(tables.information, tables.product, sizes), torch.randn(3, dtype=torch.double)
    found = drifted.moved(tables.product - tables.information @ mean)
    for r, n in enumerate(ROWS):
        x, away = tables.design[r], tables.values[r] - tables.design[r] @ mean
        covariance = tables.noise[r] ** 2 * torch.eye(n, dtype=torch.double) + (x * sizes**2) @ x.T
        expected = sizes**2 * (x.T @ torch.linalg.solve(covariance, away))
        torch.testing.assert_close(found[r], expected, rtol=1e-8, atol=1e-9)
        # Effective parameters: the trace of what the rows move of their own fitted values.
        hat = (x * sizes**2) @ x.T @ torch.linalg.inv(covariance)
        assert float(drifted.freedom[r]) == pytest.approx(float(hat.trace()), abs=1e-9)


@pytest.mark.parametrize("sizes", SIZES_OF.values(), ids=SIZES_OF)
@pytest.mark.parametrize("told", [(0, 1, 2, 3), (1, 2), (3,), ()])
def test_the_common_coefficients_are_integrated_out_as_from_all_rows_at_once(sizes, told):
    tables, sizes = Tables(2), torch.tensor(sizes, dtype=torch.double)
    drifted = integrate_drift(tables.information, tables.product, sizes)
    share = torch.zeros(len(ROWS), dtype=torch.double)
    share[list(told)] = 1.0
    mean, taken = common_mean(drifted, share)
    found = (drifted.at(mean) + tables.apart)[list(told)].sum() + taken
    if not told:
        assert not mean.any() and float(taken) == 0.0
        return
    x, y = torch.cat([tables.design[r] for r in told]), torch.cat([tables.values[r] for r in told])
    each = [
        tables.noise[r] ** 2 * torch.eye(ROWS[r], dtype=torch.double)
        + (tables.design[r] * sizes**2) @ tables.design[r].T
        for r in told
    ]
    covariance = torch.block_diag(*each)
    expected = MultivariateNormal(torch.zeros_like(y), covariance + x @ x.T).log_prob(y)
    assert float(found) == pytest.approx(float(expected), rel=1e-9)
    posterior = x.T @ torch.linalg.solve(covariance + x @ x.T, y)
    torch.testing.assert_close(mean, posterior, rtol=1e-8, atol=1e-9)


def test_families_and_sizes_may_be_asked_together():
    one, other = Tables(3), Tables(4)
    sizes = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.1, 0.1]], dtype=torch.double)
    both = [torch.stack(pair) for pair in ((one.information, other.information), (one.product, other.product))]
    together = integrate_drift(*both, sizes[:, None].expand(2, 2, 3))  # [sizes, families, k]
    mean = torch.randn(3, dtype=torch.double)
    for s in range(2):
        for m, tables in enumerate((one, other)):
            alone = integrate_drift(tables.information, tables.product, sizes[s])
            torch.testing.assert_close(together.at(mean)[s, m], alone.at(mean))


def test_a_table_is_hit_or_not_by_hand():
    log_prob, common = torch.tensor([[-3.0, -5.0, -7.0, -2.0]]).double(), torch.tensor([-0.5]).double()
    hit = torch.tensor([[-4.0, -math.inf, math.inf, -1.0]]).double()
    expected = math.log(math.exp(-3) + math.exp(-4)) - 5.0 + 0.0 + math.log(math.exp(-2) + math.exp(-1)) - 0.5
    assert spared_evidence(log_prob, common, hit).tolist() == pytest.approx([expected])


def test_pooling_counts_a_table_as_far_as_it_was_let_alone():
    tables = Tables(5)
    sizes = torch.tensor([[0.1, 0.1]], dtype=torch.double)
    drifted = integrate_drift(tables.information[None], tables.product[None], coefficients(sizes, 3))
    spared, asked = torch.tensor([[-math.inf, math.inf, -math.inf, math.inf]]).double(), []

    def beside(share):
        asked.append(share)
        return tables.apart[None]

    found = pool(drifted, sizes, spared, beside)
    assert len(asked) == ROUNDS and all(share.tolist() == [[1.0, 0.0, 1.0, 0.0]] for share in asked)
    mean, taken = common_mean(drifted, torch.tensor([[1.0, 0.0, 1.0, 0.0]]).double())
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.spared, tables.apart + drifted.at(mean))
    assert found.common.tolist() == pytest.approx([float(taken) - 2 * math.log(2)])  # of the size that is typical
    assert found.share.tolist() == [[1.0, 0.0, 1.0, 0.0]]
    # Where a table may be hit, it counts by the odds of the round before.
    open_ = found.spared + torch.tensor([[0.0, 0.3, -0.7, 1.5]]).double()
    del asked[:]
    again = pool(drifted, sizes, open_, beside)
    assert asked[0].tolist() == [[1.0] * 4]
    first, _ = common_mean(drifted, asked[0])
    torch.testing.assert_close(asked[1], torch.sigmoid(tables.apart + drifted.at(first) - open_))
    assert torch.equal(again.share, asked[-1])


def test_no_drift_costs_nothing_and_others_are_half_cauchy():
    found = log_size_prior(torch.tensor(SIZES, dtype=torch.double))
    cauchy = torch.distributions.HalfCauchy(torch.tensor(TYPICAL).double()).log_prob(torch.tensor(SIZES).double())
    torch.testing.assert_close(found, cauchy - cauchy[0], rtol=1e-6, atol=1e-6)
    assert found[0] == 0.0


@pytest.mark.parametrize("best", [(0.0, 0.0), (0.03, 0.0), (0.1, 0.3), (0.3, 0.3)])
def test_the_best_sizes_are_the_pair_with_most_evidence_or_next_to_the_best_equal_pair(best):
    def evidence(sizes):
        assert sizes.shape[1:] == (2, 2)
        places = torch.tensor([[SIZES.index(float(x)) for x in pair] for pair in sizes.view(-1, 2)]).view(sizes.shape)
        wanted = torch.tensor([[SIZES.index(x) for x in best], [2, 1]])
        return -(places - wanted).abs().sum(-1).double() - 0.1 * (places[..., 0] - wanted[:, 0]).abs()

    found = best_sizes(2, evidence)
    assert found.tolist() == [pytest.approx(best), pytest.approx([SIZES[2], SIZES[1]])]


def test_sizes_are_of_the_constant_and_of_all_others():
    found = coefficients(torch.tensor([[0.1, 0.3]]), 4)
    assert found.tolist() == [pytest.approx([0.1, 0.3, 0.3, 0.3])]
    assert coefficients(torch.tensor([[0.1, 0.3]]), 1).tolist() == [pytest.approx([0.1])]


@pytest.mark.parametrize("sizes", SIZES_OF.values(), ids=SIZES_OF)
def test_the_common_coefficients_are_those_of_tables_that_count_in_part(sizes):
    tables, sizes = Tables(6), torch.tensor(sizes, dtype=torch.double)
    drifted = integrate_drift(tables.information, tables.product, sizes)
    share = torch.tensor([1.0, 0.7, 0.4, 0.1], dtype=torch.double)

    def log_density(mean):
        return (share * drifted.at(mean)).sum() - 0.5 * mean.square().sum()

    mean, taken = common_mean(drifted, share)
    slope = torch.autograd.functional.jacobian(log_density, mean)
    torch.testing.assert_close(slope, torch.zeros_like(mean), rtol=0.0, atol=1e-9)
    bent = -torch.autograd.functional.hessian(log_density, mean)
    expected = -0.5 * torch.linalg.slogdet(bent).logabsdet - 0.5 * mean.square().sum()
    assert float(taken) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(
    ("hit", "drift"),
    [(7, True), (10, False), pytest.param(10, True, marks=pytest.mark.xfail(strict=True, reason="docs/accuracy.md"))],
)
def test_a_variable_that_most_regimes_hit_alike_is_their_target(hit, drift):
    rng, frames = np.random.default_rng(0), {}
    for k in range(-1, 14):
        rows = 589 if k < 0 else 5
        base = rng.normal(4.0 if 0 <= k < hit else 0.0, 1, rows)
        frames[k] = pd.DataFrame({"base": base, "above": 0.5 * base + rng.normal(0, 1, rows)})
    data = pc.InterventionalData.from_frames(frames.pop(-1), {f"incident {k}": each for k, each in frames.items()})
    known = pc.Knowledge(required=[("base", "above")])
    settling = pc.Settling(refitting=None, drift=drift)
    found = pc.discover(data, knowledge=known, settling=settling, chains=1, seed=0, progress=False)
    assert float(found.target_probabilities.sel(variable="base")[:hit].min()) > 0.9

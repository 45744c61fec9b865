"""Missing numbers drawn from regressions, against what is known of them."""

from __future__ import annotations

import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.missing import present
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.imputation import impute

NUMBER = Continuous(0.0, 1.0, missing=True)


def imputed(tables: list[torch.Tensor], seed: int = 0) -> list[torch.Tensor]:
    names = tuple(f"X{j}" for j in range(tables[0].shape[1]))
    regimes = tuple(Regime(f"r{r}", rows) for r, rows in enumerate(tables[1:]))
    data = InterventionalData(names, (NUMBER,) * len(names), tables[0], regimes)
    return [part.rows for part in impute(data, seed=seed).parts]


def test_a_few_rows_of_a_regime_take_the_common_regression():
    torch.manual_seed(0)
    a = torch.randn(1000)
    few = torch.randn(6)
    tables = [torch.stack([x, 0.9 * x + 0.1 * torch.randn(len(x))], 1) for x in (a, few)]
    tables[1][4:, 1] = torch.nan
    draws = torch.stack([imputed(tables, seed)[1][4:, 1] for seed in range(20)])
    torch.testing.assert_close(draws.mean(0), 0.9 * few[4:], rtol=0, atol=0.08)
    torch.testing.assert_close(draws.std(0), torch.full((2,), 0.1), rtol=0, atol=0.05)


def test_a_regime_that_hits_a_variable_has_a_regression_of_its_own():
    torch.manual_seed(0)
    a, other = torch.randn(1000), torch.randn(200)
    tables = [torch.stack([a, 0.9 * a + 0.1 * torch.randn(1000)], 1), torch.stack([other, -0.5 * torch.ones(200)], 1)]
    tables[1][:, 1] += 0.2 * torch.randn(200)
    tables[1][::4, 1] = torch.nan
    drawn = imputed(tables)[1][::4]
    assert abs(float(drawn[:, 1].mean()) + 0.5) < 0.15
    assert abs(float(drawn.mT.corrcoef()[0, 1])) < 0.4


def test_what_bends_is_followed():
    torch.manual_seed(0)
    a = 1.5 * torch.randn(2000)
    rows = torch.stack([a, torch.tanh(2 * a) + 0.1 * torch.randn(2000)], 1)
    gappy = rows.clone()
    gappy[::5, 1] = torch.nan
    drawn = torch.cat(imputed([gappy[:1500], gappy[1500:]]))
    assert float((drawn[::5, 1] - torch.tanh(2 * a[::5])).std()) < 0.2


def test_columns_without_variance_or_values_in_a_table_do_no_harm():
    torch.manual_seed(0)
    first, second = torch.randn(50, 3), torch.randn(10, 3)
    first[:, 2], second[:, 2], second[:, 0] = 1.0, 1.0, torch.nan  # the second has not measured X0
    first[3, 1] = torch.nan
    before = torch.get_rng_state()
    made = imputed([first, second])
    assert torch.equal(torch.get_rng_state(), before)
    for found, recorded in zip(made, (first, second), strict=True):
        assert present(found).all() and torch.equal(found[present(recorded)], recorded[present(recorded)])
    assert made[1][:, 0].abs().max() < 10

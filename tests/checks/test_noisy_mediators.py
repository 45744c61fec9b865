"""Shortcuts past what is measured with noise: named where everything fits, and not where an edge is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_diagnose import UNIT, Regressions, fitted

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import entering
from pyrocausal.data.kinds import Count
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.regime import Regime
from pyrocausal.model.count_regression import count_regression

TRIANGLE = [("A", "B"), ("B", "C"), ("A", "C")]


def world(seed=0, *, noise=0.7, direct=0.0, acted=("A", "B", "C"), b=1.0) -> InterventionalData:
    """A -> B -> C, where C follows what B is before it is measured; A -> C as well, if `direct`."""
    rng = np.random.default_rng(seed)

    def table(n, hit=None):
        normal = lambda: rng.normal(size=n)  # noqa: E731
        one = normal()
        inner = b * one + normal() if hit != "B" else 1.4 * normal()
        effect = inner + direct * one + normal() if hit != "C" else 1.5 * normal()
        return torch.tensor(np.stack([one, inner + noise * normal(), effect], 1)).float()

    return InterventionalData(
        ("A", "B", "C"), (UNIT,) * 3, table(3000), tuple(Regime(name, table(600, name)) for name in acted)
    )


def told(data, weak=0.02, edges=TRIANGLE, mechanisms=Regressions):
    """What is said of a fit that has these edges, A -> C carrying some nats a row and the others 0.3."""
    result = fitted(data, edges, mechanisms)
    strength = 0.3 * result.best.dag
    strength[data.names.index("C"), data.names.index("A")] = weak
    return diagnose(replace(result, chains=(replace(result.best, edge_strength=strength.double()),) * 2))


def test_a_shortcut_is_named_with_its_triangle():
    (found,) = told(world()).named("noisy-mediator")
    assert found.subject == ("A", "B", "C")
    assert found.message.startswith("A -> C beside A -> B -> C: weak (0.020 nats a row, and at least 0.300 on the way ")
    assert "where B is acted on, A tells nothing of C (p = " in found.message
    assert found.numbers["noise"] == pytest.approx(0.49 / 1.49, abs=0.06)
    assert found.numbers["p_value"] < 0.01
    assert "forbid the edge" in str(told(world()))


@pytest.mark.parametrize("seed", range(4))
def test_a_true_edge_is_not(seed):
    assert not told(world(seed, noise=0.0, direct=0.4)).named("noisy-mediator")


def test_nothing_is_said_unless_everything_fits():
    assert not told(world(), weak=0.2).named("noisy-mediator")  # it is not weak
    assert not told(world(acted=("A", "C"))).named("noisy-mediator")  # nothing acts on B
    assert not told(world(noise=0.0, direct=-0.4)).named("noisy-mediator")  # it goes the other way
    assert not told(world(), edges=[("A", "B"), ("B", "C")]).named("noisy-mediator")
    without = fitted(world(), TRIANGLE)  # a fit that has not settled has no strengths
    assert not diagnose(without).named("noisy-mediator")


def test_counting_makes_so_much_of_a_counts_noise():
    """Without an experiment on B, a shortcut is named if no more noise is asked for than counting makes."""
    few = counted(0.7)
    (found,) = told(few, mechanisms=OfCounts).named("noisy-mediator")
    assert 0.3 < found.numbers["noise"] < 1.5 * found.numbers["counting"] < 0.9
    assert found.message.endswith(f"counting alone makes {found.numbers['counting']:.0%} of it noise")
    mean = np.exp(0.7 + 0.245 + 0.7 * few.observational[:, 0].double().numpy())
    by_hand = (mean / (1 + mean) ** 2).sum() / ((mean + mean**2 * np.expm1(0.49)) / (1 + mean) ** 2).sum()
    assert found.numbers["counting"] == pytest.approx(by_hand, abs=0.06)
    many = told(counted(5.0, direct=0.3), mechanisms=OfCounts)  # counts tell all of it, and the edge is true
    assert not many.named("noisy-mediator")


def counted(level, direct=0.0) -> InterventionalData:
    """A -> B -> C where B is counted, and what C follows is the logarithm of what it is counted of."""
    rng = np.random.default_rng(0)

    def table(n):
        one = rng.normal(size=n)
        inner = np.exp(level + 0.7 * one + 0.7 * rng.normal(size=n))
        effect = np.log(inner) - level + direct * one + 0.5 * rng.normal(size=n)
        return torch.tensor(np.stack([one, rng.poisson(inner), effect], 1)).float()

    kinds = (UNIT, Count(None, max(1.0, level), 0.8), UNIT)
    return InterventionalData(("A", "B", "C"), kinds, table(3000), (Regime("A", table(300)), Regime("C", table(300))))


class OfCounts(Regressions):
    """B is a count around an exponential function of A; the others as numbers, in which B enters as its logarithm."""

    def __init__(self, kinds, rows):
        self.kinds, entered = kinds, entering(kinds, rows)
        super().__init__(kinds, entered)
        x = torch.stack([torch.ones(len(rows)), rows[:, 0]], 1).double()[None]
        fit = count_regression(
            x, rows[None, :, 1], torch.zeros(1, len(rows)).double(), torch.ones(1, len(rows)).double()
        )
        self.of_count = [fit.weights[0].tolist(), float(fit.log_size)]

    def conditional(self, i, values, parents):
        entered = entering(self.kinds, values)
        if i != 1:
            return super().conditional(i, entered, parents)
        (level, slope), log_size = self.of_count
        log_mean = level + slope * parents[..., 0] * values[..., 0]
        return negative_binomial(log_mean, torch.full_like(log_mean, log_size))

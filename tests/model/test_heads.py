"""Heads: mixtures of normal distributions beside single ones."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import KINDS, make_model, make_rows

from pyrocausal.data.continuous import LOG_SCALE_OF_COMPONENT
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.weights import Part
from pyrocausal.evidence.refitting import Descent, Refitting, fit_copies, judge_rows
from pyrocausal.model.heads import distributions, spread_out


def test_outputs_by_kind():
    kinds = Categorical((0, 1, 2)), Continuous(0.0, 1.0), Continuous(0.0, 1.0, components=4), Count(None, 1.5, 0.8)
    assert [kind.outputs for kind in kinds] == [3, 2, 12, 2]


def test_components_begin_apart_and_nothing_else_does():
    kinds = Continuous(0.0, 1.0, components=3), Continuous(0.0, 1.0), Categorical((0, 1))
    found = spread_out(kinds, torch.zeros(3, 9))
    assert found[0].tolist() == [0, 0, 0, -1, 0, 1, 0, 0, 0]
    assert not found[1:].any()


def test_a_mixture_is_a_density():
    generator, kind = torch.Generator().manual_seed(0), Continuous(0.0, 1.0, components=3)
    out = torch.randn(9, 1, generator=generator, dtype=torch.double)
    grid = torch.linspace(-30.0, 30.0, 60_001, dtype=torch.double)
    found = kind.distribution(out, grid[:, None])
    assert float(found.log_prob(grid).exp().sum()) * 1e-3 == pytest.approx(1.0, abs=1e-4)
    below = float(found.log_prob(grid[grid < 0.5]).exp().sum()) * 1e-3
    assert float(found.cdf(torch.tensor(0.5))) == pytest.approx(below, abs=1e-3)


def test_a_component_does_not_shrink_onto_a_value():
    out = torch.zeros(6, 1)
    out[4:] = -100.0
    found = Continuous(0.0, 1.0, components=2).distribution(out, torch.zeros(1, 1))
    assert float(found.log_prob(torch.zeros(1))) == pytest.approx(
        -LOG_SCALE_OF_COMPONENT[0] - 0.5 * math.log(2 * math.pi)
    )


def test_variables_of_a_form_come_together_and_each_once():
    kinds = KINDS["mixture"]  # 3 components, 1, 2 and a categorical variable
    mechanisms, rows = make_model(kinds).mechanisms, make_rows(kinds, 5)
    blocks = mechanisms.blocks(rows, torch.ones(5, 4, 4))
    assert [block.members for block in blocks] == [(3,), (1,), (2,), (0,)]
    twice = distributions([kinds[0], kinds[1], kinds[0]], torch.zeros(3, 9, 5), rows)
    assert [block.members for block in twice] == [(1,), (0, 2)]


@pytest.mark.parametrize(("components", "short"), [(1, 0.88), (3, 0.05)])
def test_two_humps_take_more_than_one_component(components, short):
    """X1 is X0 and one of two bumps; a normal distribution falls short of what can be known by 0.88 nats."""
    torch.manual_seed(1)
    kinds = (Continuous(0.0, 1.0), Continuous(0.0, 1.0, components=components))
    x = torch.randn(3_000)
    bump = torch.where(torch.rand(3_000) < 0.5, -0.95, 0.95)
    rows = torch.stack([x, 0.5 * x + bump + 0.2 * torch.randn(3_000)], 1)
    fitting, scoring, bump = rows[:2_000], rows[2_000:], bump[2_000:]
    refitting = Refitting(continuous=Descent(600, 256, 2e-2, last=1e-3, memory=(0.9, 0.99)))
    mechanisms = make_model(kinds).mechanisms
    copies = fit_copies(
        mechanisms, kinds, [(1, (0,))], Part(fitting), torch.ones(2_000, 1, dtype=torch.bool), refitting, 0.0
    )
    found, residuals = judge_rows(copies, kinds, [(1, (0,))], Part(scoring))
    around = [torch.distributions.Normal(0.5 * scoring[:, 0] + side, 0.2) for side in (-0.95, 0.95)]
    best = torch.stack([each.log_prob(scoring[:, 1]) for each in around]).logsumexp(0) - math.log(2)
    lost = float(best.mean() - found.mean())
    assert lost == pytest.approx(short, abs=0.1) if components == 1 else lost < short
    assert residuals is not None
    assert float(residuals.values[0, 0].std()) == pytest.approx(1.0, abs=0.1)

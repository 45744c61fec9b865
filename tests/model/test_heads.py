"""Heads: mixtures of normal distributions and of negative binomials beside single ones."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import KINDS, make_model, make_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.copies.refitting import Descent, Refitting, fit_copies, judge_rows
from pyrocausal.data.continuous import LOG_SCALE_OF_COMPONENT
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.weights import Part
from pyrocausal.model.heads import distributions, spread_out


def test_outputs_by_kind():
    kinds = Categorical((0, 1, 2)), Continuous(0.0, 1.0), Continuous(0.0, 1.0, components=4), Count(None, 1.5, 0.8)
    assert [kind.outputs for kind in kinds] == [3, 2, 12, 2]
    assert Count(None, 1.5, 0.8, components=3).outputs == 9


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


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), components=st.integers(1, 4), exposed=st.booleans())
def test_counts_have_a_distribution_which_samples_follow(seed, components, exposed):
    """All counts together have probability one, and moments, samples and blocks are those of that distribution."""
    generator = torch.Generator().manual_seed(seed)
    kind = Count("X1" if exposed else None, 1.2, 0.8, components=components, place=1 if exposed else None)
    kinds = (kind, Exposure(2.0)) if exposed else (kind,)
    out = 0.7 * torch.randn(kind.outputs, 1, generator=generator, dtype=torch.double)
    values = torch.full((1, len(kinds)), 0.4, dtype=torch.double)
    found = kind.distribution(out, values)
    counts = torch.arange(30_000, dtype=torch.double)
    mass = found.log_prob(counts[:, None])[:, 0].exp()
    assert float(mass.sum()) == pytest.approx(1.0, abs=1e-4)
    assert float((mass * counts).sum()) == pytest.approx(float(found.mean), rel=1e-2)
    block = kind.together([kind, kind], torch.stack([out, out]), values)
    torch.testing.assert_close(block.log_prob(counts[3].expand(2, 1)), found.log_prob(counts[3:4]).expand(2, 1))
    torch.manual_seed(seed)
    drawn = found.sample((20_000,))[:, 0]
    for most in (0, 2, 7):
        expected = float(mass[: most + 1].sum())
        assert float((drawn <= most).double().mean()) == pytest.approx(expected, abs=0.02)
    scores = found.scores(counts[:, None])[..., 0]  # [2, counts]
    assert (mass * scores).sum(-1).abs().max() < 1e-2
    assert float((mass * scores[0].square()).sum()) < 1.02


def test_components_of_a_count_begin_apart():
    assert spread_out([Count(None, 1.5, 0.8, components=2)], torch.zeros(1, 6))[0].tolist() == [0, 0, -1, 1, 0, 0]


@pytest.mark.parametrize(("components", "short"), [(1, 0.2), (2, 0.05)])
def test_cells_that_were_half_silenced_take_two_components(components, short):
    """X1 is a count of X0 in a half of the rows, and next to nothing in the others."""
    torch.manual_seed(1)
    kinds = (Continuous(0.0, 1.0), Count(None, 2.5, 1.0, components=components))
    x, silent = torch.randn(3_000), torch.rand(3_000) < 0.5
    right = [negative_binomial(2.5 + 0.5 * x + by, torch.full_like(x, 2.0)) for by in (0.0, -4.0)]
    rows = torch.stack([x, torch.where(silent, right[1].sample(), right[0].sample())], 1)
    refitting = Refitting(count=Descent(400, 256, 2e-2, last=1e-3, memory=(0.9, 0.99)))
    copies = fit_copies(
        make_model(kinds).mechanisms, kinds, [(1, (0,))], Part(rows[:2_000]), torch.ones(2_000, 1, dtype=torch.bool),
        refitting, 0.0,
    )  # fmt: skip
    found, residuals = judge_rows(copies, kinds, [(1, (0,))], Part(rows[2_000:]))
    best = torch.stack([each.log_prob(rows[:, 1]) for each in right]).logsumexp(0) - math.log(2)
    lost = float(best[2_000:].mean() - found.mean())
    assert lost > short if components == 1 else lost < short
    assert residuals is not None and residuals.values.shape == (1, 2, 1_000)


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

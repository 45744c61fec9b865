"""Interventions that reach a part of the rows: evidence against the sum by hand, shares found again, and who may be."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import scipy.stats
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous, Count
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.weights import Part
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_counts import PooledCounts, counts_alone, pooled_counts
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.regressors import LINEAR, Regressors
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.model.partly_hit import FACTORS, SHARES, Common, may_be_partly_hit, partly_hit

MIXED = (Continuous(0.0, 1.0), Count(None, 2.0, 0.8, components=2))
PLAIN = (Continuous(0.0, 1.0), Count(None, 2.0, 0.8))


def table(n, escaped=1.0, factor=0.1, seed=0, mean=2.0) -> torch.Tensor:
    """X1 is a count of X0, whose mean is a tenth in the rows that did not escape."""
    torch.manual_seed(seed)
    x = torch.randn(n)
    log_mean = mean + 0.5 * x + torch.where(torch.rand(n) < escaped, 0.0, math.log(factor))
    return torch.stack([x, negative_binomial(log_mean, torch.tensor(1.5).expand(n)).sample()], 1)


def test_evidence_is_the_sum_by_hand():
    y, log_mean, size = torch.tensor([0.0, 3.0, 12.0]).double(), torch.tensor([1.0, 2.0, 0.5]).double(), 2.5
    keep = torch.tensor([1.0, 2.0, 0.0])
    found = partly_hit(y, log_mean, torch.tensor(math.log(size)), keep)
    total = escaped = 0.0
    for share in SHARES:
        for factor in FACTORS:
            terms = 1.0
            for value, at, times in zip(y.tolist(), log_mean.tolist(), keep.tolist(), strict=True):
                usual, other = (
                    scipy.stats.nbinom.pmf(value, size, size / (size + math.exp(each))) for each in (at, at + factor)
                )
                terms *= (share * usual + (1 - share) * other) ** times
            total += terms / (len(SHARES) * len(FACTORS))
            escaped += share * terms / (len(SHARES) * len(FACTORS))
    assert float(found.evidence) == pytest.approx(math.log(total), abs=1e-6)
    assert float(found.escaped) == pytest.approx(escaped / total, abs=1e-6)


def test_evidence_is_a_distribution_over_counts():
    y = torch.arange(4_000).double()[:, None]
    found = partly_hit(y, torch.full_like(y, 2.0), torch.tensor(1.0), torch.ones_like(y))
    assert float(found.evidence.exp().sum()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("escaped", [0.2, 0.5, 0.8])
def test_the_share_of_rows_that_escape_is_found(escaped):
    regimes, common = [table(400, escaped, seed=1), table(150, 1.0, seed=2)], table(1_500)
    new = NewMechanisms(MIXED, regimes, common=Part(common))
    told = new.partly(1, (0,))
    assert float(told.escaped[0]) == pytest.approx(escaped, abs=0.1)
    assert float(told.factor[0]) == pytest.approx(math.log(0.1), abs=0.4)
    plain = NewMechanisms(PLAIN, regimes)
    assert float(told.evidence[0]) > float(plain.of(1, (0,))[0]) + 5  # than one mechanism for all rows of the regime
    both = torch.logaddexp(plain.of(1, (0,)), told.evidence) - math.log(2)
    torch.testing.assert_close(new.of(1, (0,)), both)


def test_pooled_evidence_has_it_too_and_not_for_one_component():
    made = [table(400, 0.5, seed=1), table(150, seed=2), table(1_500)]
    parts = [Part(rows) for rows in made]
    families, gains = [(1, ()), (1, (0,))], []
    for kinds in (MIXED, PLAIN):
        counts = PooledCounts(kinds, parts, Regressors(kinds, parts))
        modes = counts.modes(families, LINEAR)
        _, usual = pooled_counts(modes, counts_alone(modes) + torch.tensor([0.0, 0.0, -math.inf]))
        gains.append(counts.partly_gain(families, LINEAR, modes, usual))
    mixed, plain = gains
    assert bool((plain == -math.inf).all()) and bool((mixed[:, -1] == -math.inf).all())
    by_hand = NewMechanisms(MIXED, made[:2], common=parts[-1]).partly(1, (0,)).gain
    # Here mechanisms may drift, and have no squares among their regressors.
    assert 0.5 * by_hand[0] < mixed[1, 0] < by_hand[0] + 4 and by_hand[0] > 100
    assert max(float(mixed[1, 1]), float(by_hand[1])) < 0 and float(mixed[1, 1]) == pytest.approx(by_hand[1], abs=4)


def test_a_regime_of_which_a_part_escapes_is_a_hit_and_one_that_drifts_is_none():
    def frame(rows):
        return pd.DataFrame(rows.numpy(), columns=["A", "B"])

    tables = {"guide": frame(table(60, 0.7, seed=1)), "nothing": frame(table(60, 1.0, seed=2, mean=2.05))}
    hit = []
    for components in (1, 2):
        data = InterventionalData.from_frames(frame(table(600)), tables, {"B": Count(components=components)})
        knowledge = TargetKnowledge.nothing(2, 2)
        evidence = PooledEvidence(data, knowledge, price=5.0)
        evidence.prepare([(0, ()), (1, (0,))])
        told = evidence.family(1, (0,))
        hit.append(told.new - told.old)
    one, two = hit
    assert float(two[0]) > float(one[0]) + 5 and float(two[0]) > 5
    assert float(two[1]) < 0 and float(one[1]) < 0


def test_weights_are_as_many_rows():
    rows, common = table(120, 0.5, seed=3), table(300)
    weights = torch.randint(1, 4, (len(rows),)).double()
    twice = rows.repeat_interleave(weights.long(), 0)
    one = NewMechanisms(MIXED, [rows], [weights], common=Part(common)).of(1, (0,))
    torch.testing.assert_close(
        one, NewMechanisms(MIXED, [twice], common=Part(common)).of(1, (0,)), rtol=1e-6, atol=1e-3
    )


def test_who_may_be_hit_in_part():
    assert [may_be_partly_hit(kind) for kind in (*MIXED, *PLAIN)] == [False, True, False, False]
    assert NewMechanisms(MIXED, [table(20)]).partly(1, ()) is None  # nobody said what is common
    assert NewMechanisms(PLAIN, [table(20)], common=Part(table(50))).partly(1, ()) is None
    gaps = table(60, 0.5)
    gaps[:20, 1] = math.nan
    kinds = (MIXED[0], Count(None, 2.0, 0.8, components=2, missing=True))
    with_gaps = NewMechanisms(kinds, [gaps], common=Part(table(200))).partly(1, (0,)).evidence
    without = NewMechanisms(kinds, [gaps[20:]], common=Part(table(200))).partly(1, (0,)).evidence
    torch.testing.assert_close(with_gaps, without)


def test_a_mean_is_not_far_beyond_the_counts_without_intervention():
    common = Common(torch.tensor([0.0, 10.0]).double(), torch.tensor(1.0).double(), most=2.5)
    design, counts = torch.tensor([[1.0, 0.1], [1.0, 0.5]]).double(), torch.tensor([3.0, 9.0]).double()
    found = common.partly_hit(design, counts, torch.zeros(2).double(), torch.ones(2))
    expected = partly_hit(counts, torch.tensor([1.0, 2.5]).double(), common.log_size, torch.ones(2))
    for part, same in zip(found, expected, strict=True):
        torch.testing.assert_close(part, same)

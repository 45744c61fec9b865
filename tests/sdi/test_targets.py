"""Target rules against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.data.at_least import AtLeast
from pyrocausal.sdi.targets import (
    TargetEvidence,
    bayes_factor,
    draw_targets,
    further_targets,
    greatest_drop,
    known_targets,
    target_posterior,
    with_known_targets,
)

NAMES = ("A", "B", "C")


def evidence(R=2, d=3, **fields):
    made = {
        "expected": torch.zeros(R, d),
        "marginal": torch.zeros(R, d),
        "observational": torch.zeros(d),
        "new_mechanism": torch.zeros(R, d),
        "rows": torch.full((R,), 10),
    }
    return TargetEvidence(**{**made, **{name: torch.as_tensor(value) for name, value in fields.items()}})


def test_bayes_factor_by_hand():
    found = bayes_factor(
        evidence(
            new_mechanism=[[-1.0, -2.0, -3.0], [-1.0, -1.0, -1.0]],
            marginal=[[-1.1, -1.5, -3.0], [-0.5, -0.9, -2.0]],
            rows=[10, 2],
            expected=[[9.0, -9.0, 9.0]] * 2,  # not looked at
            observational=[9.0, -9.0, 0.0],
        )
    )
    first = [math.exp(1.0), math.exp(-5.0), 1.0, 1.0]  # e^(rows x (new - old)), and 1 for none
    second = [math.exp(-1.0), math.exp(-0.2), math.exp(2.0), 1.0]
    expected = [[x / sum(row) for x in row] for row in (first, second)]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-7)


def test_bayes_factor_adds_to_prior_odds_and_several_targets_are_judged_one_by_one():
    told = {"new_mechanism": [[0.1, -0.5, 0.0]], "log_odds": [[math.log(2.0), 0.0, math.log(0.5)]], "rows": [10]}
    odds = [2 * math.exp(1.0), math.exp(-5.0), 0.5]
    found = bayes_factor(evidence(R=1, **told))
    assert found[0].tolist() == pytest.approx([x / (sum(odds) + 1) for x in (*odds, 1.0)], rel=1e-5)
    found = bayes_factor(evidence(R=1, **told)._replace(several=True))
    alone = [x / (x + 1) for x in odds]
    assert found[0].tolist() == pytest.approx([*alone, math.prod(1 - p for p in alone)], rel=1e-5)


def test_bayes_factor_of_no_evidence_is_even():
    torch.testing.assert_close(bayes_factor(evidence()), torch.full((2, 4), 0.25))


def test_bayes_factor_of_many_rows_does_not_overflow():
    found = bayes_factor(
        evidence(new_mechanism=[[-1.0, -2.0, -3.0]] * 2, marginal=[[-3.0, -3.0, -3.0]] * 2, rows=[10**6] * 2)
    )
    assert torch.equal(found, torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 2))


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_bayes_factor_invariants(seed, rows):
    torch.manual_seed(seed)
    new, old = torch.randn(2, 3), torch.randn(2, 3)
    found = bayes_factor(evidence(new_mechanism=new, marginal=old, rows=[rows] * 2))
    torch.testing.assert_close(found.sum(1), torch.ones(2))
    # Odds against none are the factors themselves.
    odds = found[:, :-1].log() - found[:, -1:].log()
    keep = found.min(1).values > 1e-30
    torch.testing.assert_close(odds[keep], (rows * (new - old))[keep], rtol=1e-3, atol=1e-3)
    # Only the difference counts.
    shift = torch.randn(2, 3)
    again = bayes_factor(evidence(new_mechanism=new + shift, marginal=old + shift, rows=[rows] * 2))
    torch.testing.assert_close(again, found, rtol=1e-3, atol=1e-4)


def test_greatest_drop_by_hand():
    found = greatest_drop(
        evidence(
            expected=[[-1.0, -2.0, -5.0], [-4.0, -2.1, -5.0]],
            observational=[-0.9, -1.0, -4.9],  # C is worst throughout, but it was before
            new_mechanism=[[9.0, -9.0, 0.0]] * 2,  # not looked at
            marginal=[[9.0, -9.0, 0.0]] * 2,
        )
    )
    assert found.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert found.dtype == torch.float32


def test_greatest_drop_never_says_none():
    gain = greatest_drop(evidence(expected=torch.ones(2, 3)))
    assert torch.equal(gain[:, -1], torch.zeros(2))
    assert torch.equal(gain.sum(1), torch.ones(2))


def test_known_targets():
    known, hit = known_targets(NAMES, [None, (), ("B",), ("C", "A"), AtLeast("C", "A")])
    assert known.tolist() == [False, True, True, True, False]
    assert hit.int().tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 0, 1]]
    assert known.dtype == hit.dtype == torch.bool


@pytest.mark.parametrize("rule", [bayes_factor, greatest_drop])
def test_known_targets_override_the_rule(rule):
    known, hit = known_targets(NAMES, [None, (), ("B",), ("C", "A")])
    wrong = evidence(
        R=4, new_mechanism=torch.tensor([[5.0, 0.0, 0.0]] * 4), expected=torch.tensor([[-5.0, 0.0, 0.0]] * 4)
    )
    found = target_posterior(rule, wrong, known, hit)
    assert torch.equal(found[0], rule(wrong)[0])  # unknown: the rule's word, A
    assert found[0].argmax() == 0
    assert found[1:].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]]


def test_a_rule_of_your_own():
    known, hit = known_targets(NAMES, [None, ("B",)])

    def last(evidence):
        return torch.tensor([0.0, 0.0, 1.0, 0.0]).expand(len(evidence.rows), 4)

    assert target_posterior(last, evidence(), known, hit).tolist() == [[0, 0, 1, 0], [0, 1, 0, 0]]


def test_draws_of_targets_follow_their_posterior():
    probability = torch.tensor([[0.5, 0.2, 0.0, 0.3], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]).double()
    known, hit = known_targets(NAMES, [None, ("A", "C"), ()])
    generator = torch.Generator().manual_seed(0)
    one = draw_targets(probability, known, hit, False, 4000, generator)
    several = draw_targets(probability, known, hit, True, 4000, generator)
    for drawn in (one, several):
        assert drawn.shape == (4000, 3, 3) and drawn.dtype == torch.bool
        assert (drawn.double().mean(0)[0] - probability[0, :-1]).abs().max() < 0.03
        assert (drawn[:, 1] == torch.tensor([True, False, True])).all() and not drawn[:, 2].any()
    assert int(one[:, 0].sum(1).max()) == 1
    both = several[:, 0, :2].all(1).double().mean()  # each for itself
    assert abs(float(both) - 0.1) < 0.02
    again = draw_targets(probability, known, hit, False, 4000, torch.Generator().manual_seed(0))
    assert torch.equal(one, again)


def test_targets_that_are_certain_have_one_beside_what_is_found_of_others():
    known, hit = known_targets(NAMES, [AtLeast("B"), AtLeast("A", "C"), None, ("B",)])
    odds = torch.zeros(4, 3).masked_fill(hit, -torch.inf)
    third = evidence(R=4, new_mechanism=[[0.1, 9.0, 0.0]] * 4, log_odds=odds)
    found = target_posterior(bayes_factor, third, known, hit)
    e = math.e
    assert found[0].tolist() == pytest.approx([e / (e + 2), 1.0, 1 / (e + 2), 0.0])  # A, C or no other
    assert found[1].tolist() == pytest.approx([1.0, 1.0, 1.0, 0.0])  # B for certain, by evidence
    assert found[3].tolist() == [0.0, 1.0, 0.0, 0.0]
    each = target_posterior(bayes_factor, third._replace(several=True), known, hit)
    assert each[0].tolist() == pytest.approx([e / (e + 1), 1.0, 0.5, 0.0])
    drop = torch.tensor([[-5.0, 0.0, 0.0], [-5.0, 0.0, 0.0], [-5.0, 0.0, 0.0], [-5.0, 0.0, 0.0]])
    found = target_posterior(greatest_drop, third._replace(expected=drop), known, hit)
    assert found.tolist() == [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_a_further_target_is_one_of_the_others_or_none():
    told = torch.tensor([[False, True, False], [True, True, True], [False, False, False]])
    probability = torch.tensor([[0.3, 1.0, 0.5, 0.0], [1.0, 1.0, 1.0, 0.0], [0.2, 0.1, 0.3, 0.4]])
    found = further_targets(probability, told)
    expected = [[0.3, 0.0, 0.5, 0.2], [0.0, 0.0, 0.0, 1.0], [0.2, 0.1, 0.3, 0.4]]
    torch.testing.assert_close(found, torch.tensor(expected))
    again = with_known_targets(found, torch.zeros(3, dtype=torch.bool), told)
    torch.testing.assert_close(again, probability)


@pytest.mark.parametrize("several", [False, True])
def test_draws_have_targets_that_are_certain_and_others_as_often_as_they_are_probable(several):
    probability = torch.tensor([[1.0, 0.5, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4]]).double()
    known, hit = known_targets(NAMES, [AtLeast("A"), None])
    drawn = draw_targets(probability, known, hit, several, 4000, torch.Generator().manual_seed(0))
    assert drawn[:, 0, 0].all()
    assert (drawn.double().mean(0) - probability[:, :-1]).abs().max() < 0.03
    both = float(drawn[:, 0, 1:].all(1).double().mean())
    assert abs(both - (0.1 if several else 0.0)) < 0.02
    assert several or int(drawn[:, 0].sum(1).max()) == 2


def test_a_generator_decides_the_draws_of_several_targets():
    probability, (known, hit) = torch.tensor([[0.5, 0.2, 0.4, 0.24]]), known_targets(NAMES, [None])
    one, same, other = (
        draw_targets(probability, known, hit, True, 100, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_no_further_target_is_never_less_than_impossible():
    told, others = torch.tensor([[True, False, False, False]]), torch.tensor([[0.1, 0.1, 0.8]]).double()
    assert float(others.sum()) > 1  # as single precision has them
    found = further_targets(torch.cat([torch.ones(1, 1), others, torch.zeros(1, 1)], 1), told)
    assert torch.equal(found, torch.cat([torch.zeros(1, 1), others, torch.zeros(1, 1)], 1))

"""Target rules against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.sdi.targets import (
    TargetEvidence,
    bayes_factor,
    draw_targets,
    greatest_drop,
    known_targets,
    target_posterior,
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


# ---------------------------------------------------------------- priors
REGIMES = {"one": None, "two": None, "drug": ("A",)}


def test_priors_by_hand():
    plain = TargetPrior().compile(NAMES, REGIMES)
    assert not plain.log_odds.any() and plain.log_odds.shape == (3, 3) and not plain.several
    found = TargetPrior(probability={"two": {"A": 0.6, "C": 0.1}}).compile(NAMES, REGIMES)
    # 0.3 is left to B and none.
    assert found.log_odds[1].tolist() == pytest.approx([math.log(4.0), 0.0, math.log(2 / 3)], abs=1e-6)
    assert not found.log_odds[[0, 2]].any()
    several = TargetPrior(several=True, probability={"two": {"A": 0.6, "C": 0.9}})
    found = several.compile(NAMES, REGIMES)
    assert found.several and found.otherwise is None
    assert found.log_odds[1].sigmoid().tolist() == pytest.approx([0.6, 0.25, 0.9])
    assert found.log_odds[0].sigmoid().tolist() == pytest.approx([0.25] * 3)
    assert found.learned.tolist() == [[True] * 3, [False, True, False], [True] * 3]
    halves = TargetPrior(probability={"one": {"A": np.float32(0.5)}}).compile(NAMES, REGIMES)
    assert halves.log_odds[0].tolist() == pytest.approx([math.log(3.0), 0.0, 0.0])


def test_where_nothing_is_said_of_several_targets_both_beliefs_are_kept():
    told = {"two": {"A": 0.6, "C": 0.1}}
    asked, one, more = (
        TargetPrior(several, told).compile(NAMES, REGIMES, exposures=["B"]) for several in (None, False, True)
    )
    for found, expected in ((asked, one), (asked.otherwise, more)):
        assert found.several == expected.several and torch.equal(found.log_odds, expected.log_odds)
    assert one.otherwise is more.otherwise is asked.otherwise.otherwise is None
    assert one.learned is asked.learned is None
    assert more.learned.tolist() == [[True, False, True], [False] * 3, [True, False, True]]
    assert torch.equal(asked.otherwise.learned, more.learned)
    there = more.at_rate(0.2)
    assert there.log_odds[more.learned].sigmoid().tolist() == pytest.approx([0.2] * 4)
    assert torch.equal(there.log_odds[~more.learned], more.log_odds[~more.learned])
    assert one.at_rate(0.2) is one


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"several": 1}, TypeError, "TargetPrior.several must be True, False or None, got 1"),
        ({"probability": {"one": 0.5}}, TypeError, "TargetPrior.probability must be as"),
        ({"probability": {"one": {"A": "x"}}}, TypeError, "the probability of 'A' in regime 'one' must be a number"),
        ({"probability": {"one": {"A": 1.0}}}, ValueError, "'A' in regime 'one' must be between 0 and 1, got 1.0"),
        ({"probability": {"one": {"A": 0.6, "B": 0.4}}}, ValueError, "regime 'one' add up to 1; leave some"),
        ({"probability": {"one": {f"V{i}": 0.1 for i in range(10)}}}, ValueError, "'one' add up to 1; leave some"),
    ],
)
def test_what_is_no_prior_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        TargetPrior(**arguments)


def test_priors_of_strangers_are_refused():
    for told, message in (
        ({"three": {"A": 0.5}}, "names 'three', which is no regime; regimes: one, two, drug"),
        ({"one": {"Z": 0.5}}, "the prior of regime 'one' names 'Z', which is not a variable; variables: A, B, C"),
        ({"drug": {"A": 0.5}}, "names regime 'drug', whose targets are known; drop one"),
    ):
        with pytest.raises(ValueError, match=message):
            TargetPrior(probability=told).compile(NAMES, REGIMES)
    assert TargetPrior(several=True, probability={"one": {"A": 0.6, "B": 0.4}}).compile(NAMES, REGIMES).several


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
    known, hit = known_targets(NAMES, [None, (), ("B",), ("C", "A")])
    assert known.tolist() == [False, True, True, True]
    assert hit.int().tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]]
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
    known = torch.tensor([False, True, True])  # the second has two targets, the third none
    generator = torch.Generator().manual_seed(0)
    one = draw_targets(probability, known, False, 4000, generator)
    several = draw_targets(probability, known, True, 4000, generator)
    for drawn in (one, several):
        assert drawn.shape == (4000, 3, 3) and drawn.dtype == torch.bool
        assert (drawn.double().mean(0)[0] - probability[0, :-1]).abs().max() < 0.03
        assert (drawn[:, 1] == torch.tensor([True, False, True])).all() and not drawn[:, 2].any()
    assert int(one[:, 0].sum(1).max()) == 1
    both = several[:, 0, :2].all(1).double().mean()  # each for itself
    assert abs(float(both) - 0.1) < 0.02
    again = draw_targets(probability, known, False, 4000, torch.Generator().manual_seed(0))
    assert torch.equal(one, again)

"""What is believed of targets beforehand against numbers worked out by hand, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import small_data

from pyrocausal.data.at_least import AtLeast
from pyrocausal.sdi.target_prior import TargetPrior, with_certain_targets, without_unmeasured

NAMES = ("A", "B", "C")
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
        TargetPrior(several, told).compile(NAMES, REGIMES, aside=["B"]) for several in (None, False, True)
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
        ({"probability": {"one": {"A": 1.1}}}, ValueError, "'A' in regime 'one' must be in .0, 1., got 1.1"),
        ({"probability": {"one": {"A": -0.1}}}, ValueError, "'A' in regime 'one' must be in .0, 1., got -0.1"),
        (
            {"several": False, "probability": {"one": {"A": 1.0}}},
            ValueError,
            r"'A' in regime 'one' is 1, which leaves .* as targets=\{'one': 'A'\}, or AtLeast\('A'\) if there may",
        ),
        ({"probability": {"one": {"A": 1, "B": 0.6, "C": 0.4}}}, ValueError, "regime 'one' add up to 1; leave some"),
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


@pytest.mark.parametrize("several", [None, True])
def test_a_probability_of_one_is_the_same_as_what_is_stated_with_the_data(several):
    others = {"A": 0.6, "C": 0.0}
    one = TargetPrior(several, {"two": {"B": 1, **others}}).compile(NAMES, REGIMES)
    stated = TargetPrior(several, {"two": others}).compile(NAMES, {**REGIMES, "two": AtLeast("B")})
    assert torch.equal(one.log_odds, stated.log_odds) and one.several == stated.several
    if several:
        assert torch.equal(one.learned, stated.learned) and not one.learned[1].any() and one.learned[0].all()
    else:
        assert torch.equal(one.otherwise.log_odds, stated.otherwise.log_odds)


def test_what_is_certain_is_no_candidate_for_a_further_target():
    regimes = {"one": AtLeast("B"), "two": AtLeast("A", "B", "C")}
    told = {"one": {"A": 0.6}}
    found = TargetPrior(False, told).compile(NAMES, regimes)
    # 0.4 is left to C and no other.
    assert found.log_odds[0].tolist() == pytest.approx([math.log(3.0), -math.inf, 0.0])
    assert found.log_odds[1].tolist() == [-math.inf] * 3
    several = TargetPrior(True, told).compile(NAMES, regimes)
    assert several.log_odds[0].sigmoid().tolist() == pytest.approx([0.6, 0.0, 0.25])
    assert several.learned.tolist() == [[False, False, True], [False] * 3]
    assert several.at_rate(0.1).log_odds[0].sigmoid().tolist() == pytest.approx([0.6, 0.0, 0.1])


@pytest.mark.parametrize("several", [False, True])
def test_what_has_a_probability_of_zero_is_no_target(several):
    found = TargetPrior(several, {"one": {"A": 0, "B": 0.5}}).compile(NAMES, REGIMES)
    assert found.log_odds[0, 0] == -math.inf
    # Beside one target at the most 0.5 is left to C and none.
    assert float(found.log_odds[0, 1]) == pytest.approx(0.0 if several else math.log(2.0))


def test_what_is_certain_and_said_to_be_less_is_refused():
    regimes = {"one": AtLeast("A"), "two": None}
    for value in (0.0, 0.5):
        with pytest.raises(ValueError, match="prior of regime 'one' names 'A', which is stated as certain with the da"):
            TargetPrior(True, {"one": {"A": value}}).compile(NAMES, regimes)
    both = TargetPrior(True, {"one": {"A": 1, "B": 1}})
    assert both.certain(regimes) == {"one": AtLeast("A", "B"), "two": None}
    assert regimes["one"] == AtLeast("A")  # which is left as it was


def test_certain_targets_are_stated_with_the_data():
    data = small_data(targets=[None, AtLeast("X0"), ("X1",)])
    prior = TargetPrior(True, {"regime 0": {"X1": 0.4, "X2": 1}, "regime 1": {"X3": 1}})
    made, left = with_certain_targets(data, prior)
    assert [regime.targets for regime in made.regimes] == [AtLeast("X2"), AtLeast("X0", "X3"), ("X1",)]
    assert left == TargetPrior(True, {"regime 0": {"X1": 0.4}})
    assert with_certain_targets(made, left) == (made, left) and with_certain_targets(data, None) == (data, None)
    for told, message in (
        ({"regime 2": {"X1": 1}}, "names regime 'regime 2', whose targets are known; drop one"),
        ({"regime 0": {"Z": 1}}, "the prior of regime 'regime 0' names 'Z', which is not a variable"),
        ({"heat": {"X0": 1}}, "names 'heat', which is no regime"),
    ):
        with pytest.raises(ValueError, match=message):
            with_certain_targets(data, replace(prior, probability=told))


def unmeasured(targets=None):
    """Three regimes, of which the first has no value of X1 and the last none of X0 and X1."""
    data = small_data(targets=targets)
    kinds = tuple(replace(kind, missing=True) for kind in data.kinds)
    regimes = [replace(regime, rows=regime.rows.clone()) for regime in data.regimes]
    regimes[0].rows[:, 1] = regimes[2].rows[:, :2] = math.nan
    return replace(data, kinds=kinds, regimes=tuple(regimes))


def test_no_regime_acts_on_what_it_has_no_value_of():
    data = unmeasured()
    first, _, last = data.regime_names
    assert without_unmeasured(small_data(), None) is None
    prior = without_unmeasured(data, None)
    assert prior.probability == {first: {"X1": 0.0}, last: {"X0": 0.0, "X1": 0.0}}
    told = without_unmeasured(data, TargetPrior(probability={last: {"X1": 0.7, "X2": 0.1}}))  # whoever knows better
    assert told.probability == {first: {"X1": 0.0}, last: {"X0": 0.0, "X1": 0.7, "X2": 0.1}}
    odds = prior.compile(data.names, {regime.name: None for regime in data.regimes}).log_odds
    assert odds.isneginf().int().tolist()[0][:3] == [0, 1, 0]


def test_known_targets_of_what_was_not_measured_stay_known():
    data = unmeasured(targets=[("X1",), None, AtLeast("X0")])
    assert without_unmeasured(data, None).probability == {data.regime_names[2]: {"X1": 0.0}}


def test_what_stands_aside_is_not_counted_among_candidates():
    found = TargetPrior(several=True).compile(NAMES, REGIMES, aside=["B"])
    assert found.log_odds[0].sigmoid().tolist() == pytest.approx([1 / 3, 0.0, 1 / 3])  # A, C or none

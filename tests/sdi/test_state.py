"""What a state says: where mechanisms are believed to be natural."""

from __future__ import annotations

import pytest
import torch
from conftest import small_data

from pyrocausal.data.at_least import AtLeast
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.state import natural
from pyrocausal.sdi.target_prior import TargetPrior


def test_a_regime_is_natural_where_its_target_is_sure_and_elsewhere():
    probability = torch.tensor([[0.95, 0.0, 0.0, 0.05], [0.5, 0.4, 0.0, 0.1], [0.02, 0.02, 0.0, 0.96]])
    assert natural(probability, 0.9).int().tolist() == [[0, 1, 1], [0, 0, 0], [1, 1, 1]]
    several = torch.tensor([[0.95, 0.92, 0.3, 0.0]])
    assert natural(several, 0.6, several=True).int().tolist() == [[0, 0, 1]]
    assert natural(several, 0.8, several=True).int().tolist() == [[0, 0, 0]]


def test_beside_a_target_that_is_certain_the_further_one_has_to_be_sure():
    told = torch.tensor([[True, False, False]]).expand(3, 3)
    probability = torch.tensor([[1.0, 0.95, 0.0, 0.0], [1.0, 0.5, 0.1, 0.0], [1.0, 0.02, 0.02, 0.0]])
    assert natural(probability, 0.9, told=told).int().tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert natural(probability, 0.9, True, told).int().tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize("several", [False, True])
def test_a_state_begins_with_what_is_certain(several):
    data = small_data(targets=[AtLeast("X1"), ("X0",), None])
    state = SDI().init(data, target_prior=TargetPrior(several, {"regime 2": {"X3": 1}} if several else {}))
    assert state.known.tolist() == [False, True, False]
    assert state.told.int().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, int(several)]]
    rest = 0.5 if several else 0.25  # of three others and no other
    assert state.target_probability[0].tolist() == pytest.approx([rest, 1.0, rest, rest, 0.0])
    assert state.target_probability[1].tolist() == pytest.approx([0.5 if several else 0.2] * 5)
    assert not natural(state.target_probability, 0.9, several, state.told).any()
    if several:  # stated with the data, too
        assert state.data.regimes[2].targets == AtLeast("X3") and state.target_probability[2, 3] == 1

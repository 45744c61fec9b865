"""Targets that are known in part: what is said of them, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from example_tables import control, drug, frames, from_frame, from_frames

from pyrocausal.data.at_least import AtLeast, named
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count
from pyrocausal.data.regime import Regime

ROWS = torch.zeros(2, 3)


def test_the_same_variables_are_equal_in_any_order():
    one = AtLeast("B", "A", "B")
    assert one.names == ("B", "A") and repr(one) == "AtLeast('B', 'A')"
    assert one == AtLeast("A", "B") and hash(one) == hash(AtLeast("A", "B"))
    assert one != AtLeast("A") and one != ("B", "A") and one != {"A", "B"}
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ((), ValueError, "AtLeast: name at least one variable"),
        (("A", ""), ValueError, "AtLeast: a name is empty"),
        ((["A", "B"],), TypeError, r"AtLeast: expected names of variables, as in AtLeast.*, got \['A', 'B'\]"),
        ((0,), TypeError, "got 0"),
    ],
)
def test_what_is_no_name_is_refused(names, error, message):
    with pytest.raises(error, match=message):
        AtLeast(*names)


def test_who_is_certain():
    assert [named(each) for each in (None, (), ("A",), AtLeast("B", "A"))] == [(), (), ("A",), ("B", "A")]


def test_a_regime_keeps_what_is_known_in_part():
    regime = Regime("drug", ROWS, AtLeast("A"))
    assert regime.targets == AtLeast("A") and repr(regime) == "Regime('drug', 2 rows, targets AtLeast('A'))"
    with pytest.raises(TypeError, match="expected variable names, AtLeast or None for regime 'drug', got 3"):
        Regime("drug", ROWS, 3)


def test_every_way_to_data_takes_it():
    told = {"drug": AtLeast("B")}
    assert frames(targets=told).regimes[0].targets == AtLeast("B")
    table = pd.concat([control().assign(arm="none"), drug().assign(arm="drug")])
    assert from_frame(table, "arm", "none", targets=told).regimes[0].targets == AtLeast("B")
    arrays = np.array([[0, 1], [1, 0], [1, 1]])
    data = InterventionalData.from_arrays(arrays, {"drug": arrays}, names=["A", "B"], targets=told)
    assert data.regimes[0].targets == AtLeast("B")
    assert data.to("cpu").regimes[0].targets == AtLeast("B")


def test_the_data_say_how_much_is_known():
    more = from_frames(control(), {"drug": drug(), "heat": drug(), "cold": drug()}, targets={"drug": AtLeast("B")})
    assert repr(more).endswith("targets unknown in 2 of 3, known in part in 1)")
    assert "in part" not in repr(frames(targets={"drug": "B"}))


def test_strangers_exposures_and_weights_are_no_targets():
    with pytest.raises(ValueError, match="targets: regime 'drug' has target 'Z', which is no variable"):
        frames(targets={"drug": AtLeast("B", "Z")})
    with pytest.raises(ValueError, match="targets: 'C' is an exposure, which no regime can act on"):
        from_frames(control(), {"drug": drug(C=[1.0, 2.0])}, kinds={"B": Count("C")}, targets={"drug": AtLeast("C")})
    with pytest.raises(ValueError, match="weights: column 'C' is a variable in targets, and cannot be both"):
        from_frames(control(), {"drug": drug(C=[1.0, 2.0])}, targets={"drug": AtLeast("C")}, weights="C")

"""The tables that the tests of kinds, tables, sources and data share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime

COIN = Categorical((0, 1))
UNIT = Continuous(0.0, 1.0)
SPREAD = float(np.std([0.5, 1.5, 4.0]))  # of column C of `control`
from_arrays, from_frame, from_frames = (
    InterventionalData.from_arrays,
    InterventionalData.from_frame,
    InterventionalData.from_frames,
)


def control(**columns: Any) -> pd.DataFrame:
    """Three observational rows over a text, an integer and a float column, some replaced."""
    return pd.DataFrame({"A": ["no", "yes", "yes"], "B": [0, 2, 1], "C": [0.5, 1.5, 4.0]} | columns)


def drug(**columns: Any) -> pd.DataFrame:
    """Two rows of a regime over the same columns, some replaced."""
    return pd.DataFrame({"A": ["yes", "no"], "B": [5, 0], "C": [7.5, -2.0]} | columns)


def frames(**options: Any) -> InterventionalData:
    return from_frames(control(), {"drug": drug()}, **options)


def direct(**changes: Any) -> InterventionalData:
    """Valid encoded data, built without a builder, some fields replaced."""
    rows = torch.tensor([[0.0, 0.3], [1.0, -0.3]])
    fields: dict[str, Any] = {
        "names": ("A", "B"),
        "kinds": (COIN, UNIT),
        "observational": rows,
        "regimes": (Regime("drug", rows),),
    }
    return InterventionalData(**(fields | changes))


def assert_same(left: InterventionalData, right: InterventionalData) -> None:
    assert (left.names, left.kinds, left.regime_names) == (right.names, right.kinds, right.regime_names)
    same = {"rtol": 0.0, "atol": 0.0, "equal_nan": True}
    torch.testing.assert_close(left.observational, right.observational, **same)
    for ours, theirs in zip(left.regimes, right.regimes, strict=True):
        assert ours.targets == theirs.targets
        torch.testing.assert_close(ours.rows, theirs.rows, **same)

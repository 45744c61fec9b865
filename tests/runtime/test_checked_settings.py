"""Rules of settings: what passes, and what is said of the rest."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from pyrocausal.runtime.checked_settings import check, check_settings, function, number, of_type, truth, whole


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (whole(2), [2, 3, np.int64(7)], [(1, "at least 2"), (2.0, "a whole"), (True, "a whole"), (None, "a whole")]),
        (whole(optional=True), [None, 0], [(-1, "at least 0"), ("0", "a whole number")]),
        (number(0, most=1), [0, 1, np.float32(0.25)], [(1.1, r"in \[0, 1\]"), (math.nan, "in"), (True, "a number")]),
        (number(0, below=1), [0, 0.9], [(1, r"in \[0, 1\)"), (-0.1, r"in \[0, 1\)")]),
        (number(above=0, below=0.5), [0.1], [(0, r"in \(0, 0.5\)"), (0.5, r"in \(0, 0.5\)")]),
        (number(0), [0, 1e9], [(-1, "at least 0"), (math.inf, "at least 0")]),
        (number(above=0), [1e-9], [(0, "positive")]),
        (number(), [-1e9], [(math.inf, "finite"), ("1", "a number")]),
        (truth(), [True, False], [(None, "True or False"), (1, "True or False")]),
        (truth(optional=True), [True, None], [(0, "True, False or None")]),
        (function(), [len], [(3, "a function")]),
        (of_type(dict), [{}], [(None, "a dict, got None")]),
        (of_type(dict, optional=True), [{}, None], [([], "a dict or None")]),
    ],
)  # fmt: skip
def test_rules(rule, good, bad):
    for value in good:
        check("it", value, rule)
    for value, told in bad:
        with pytest.raises((TypeError, ValueError), match=f"^it must be {told}"):
            check("it", value, rule)


def test_settings_are_called_by_class_and_field():
    with pytest.raises(ValueError, match=r"^SimpleNamespace\.rows must be at least 1, got 0$"):
        check_settings(SimpleNamespace(rows=0, steps=-1), rows=whole(1), steps=whole())

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrocausal.posterior.calibration
from pyrocausal.posterior.calibration import brier_score, calibration_error, reliability_curve


def test_calibration_by_hand():
    probability, happened = [0.0, 0.05, 0.1, 0.95, 1.0, 1.0], [0, 1, 0, 1, 1, 0]
    # Three bins: 0 and 0.05 with one of two, 0.1 with none of one, 0.95 and twice 1 with two of three.
    assert calibration_error(probability, happened) == pytest.approx((0.95 + 0.1 + 0.95) / 6)
    assert calibration_error(probability, happened, bins=1) == pytest.approx(abs(3.1 - 3) / 6)
    assert brier_score(probability, happened) == pytest.approx((0.95**2 + 0.01 + 0.05**2 + 1) / 6)


def test_the_reliability_curve_by_hand():
    curve = reliability_curve([0.0, 0.05, 0.1, 0.95, 1.0, 1.0], [0, 1, 0, 1, 1, 0])
    assert list(curve.columns) == ["probability", "frequency", "count"] and list(curve.index) == [0, 1, 2]
    assert curve.to_numpy() == pytest.approx(np.array([[0.025, 0.5, 2], [0.1, 0.0, 1], [2.95 / 3, 2 / 3, 3]]))


@given(st.integers(0, 10**6), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_calibration_is_of_all_pairs_in_any_order(seed, bins):
    rng = np.random.default_rng(seed)
    probability, happened = rng.uniform(size=60), rng.integers(0, 2, 60)
    order = rng.permutation(60)
    error = calibration_error(probability, happened, bins)
    assert error == pytest.approx(calibration_error(probability[order], happened[order], bins))
    assert abs(probability.mean() - happened.mean()) - 1e-9 <= error <= np.abs(probability - happened).mean() + 1e-9
    assert calibration_error(happened, happened, bins) == brier_score(happened, happened) == 0.0
    assert brier_score(np.full(60, happened.mean()), happened) == pytest.approx(happened.var())


def test_what_cannot_be_calibrated_is_refused():
    for wrong, message in (
        (([0.5], [0, 1]), "must have one shape"),
        (([], []), "n at least 1"),
        (([1.2], [1]), r"probability must be in \[0, 1\]"),
        (([float("nan")], [1]), r"probability must be in \[0, 1\]"),
    ):
        for measure in (brier_score, calibration_error):
            with pytest.raises(ValueError, match=message):
                measure(*wrong)
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        calibration_error([0.5], [1], 0)


def test_examples():
    assert doctest.testmod(pyrocausal.posterior.calibration).failed == 0

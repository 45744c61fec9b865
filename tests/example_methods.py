"""Methods that the tests of the benchmarks run in processes of their own: `example_methods:RIGHT` and so on."""

from __future__ import annotations

import numpy as np

from benchmarks.methods.base import Answer, Method

CHAIN = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)  # row = effect
FIRST_EDGE = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)


def right(data, targets, seed, watch, checkout):
    """Find the chain, after a while, and take X0 for the target of every regime."""
    assert data.truth is None, "a method can look at the true graph"
    assert all(regime.targets is None for regime in data.regimes)
    assert targets == {}
    watch(np.zeros((3, 3)), np.zeros((3, 3), dtype=bool))
    sum(i * i for i in range(200_000))
    watch(0.6 * CHAIN, CHAIN)
    np.ones((2_000, 2_000)).sum()  # 32 MB
    sum(i * i for i in range(1_000_000))
    watch(0.9 * CHAIN, CHAIN)
    return Answer(0.9 * CHAIN + 0.1 * CHAIN.T, CHAIN, [{"X0"} for _ in data.regimes], seed + 7)


def told(data, targets, seed, watch, checkout):
    """Check what is told, and believe in one edge more than in the other."""
    assert set(targets) == set(data.regime_names)
    assert {name for (name,) in targets.values()} == set(data.names)
    assert checkout is not None
    assert checkout.is_dir()
    return Answer(0.9 * FIRST_EDGE + 0.2 * CHAIN, CHAIN, None, None)


def endless(data, targets, seed, watch, checkout):
    """Show an edge and never end."""
    watch(0.8 * FIRST_EDGE, FIRST_EDGE)
    while True:
        pass


def broken(data, targets, seed, watch, checkout):
    """Show an edge and fail."""
    watch(0.8 * FIRST_EDGE, FIRST_EDGE)
    raise RuntimeError("the method is broken")


def _method(fit, told_targets=False, missing=None, handles=True):
    return Method(fit.__name__, told_targets, lambda checkout: missing, fit, lambda data: handles)


RIGHT = _method(right)
TOLD = _method(told, told_targets=True)
ENDLESS = _method(endless)
BROKEN = _method(broken)
PICKY = _method(right, handles=False)
ABSENT = _method(right, missing="it is not here")

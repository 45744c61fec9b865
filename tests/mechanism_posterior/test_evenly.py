"""Rows that are judged are all, or evenly spread ones, and never one beyond the last."""

from __future__ import annotations

import pytest
import torch

from pyrocausal.mechanism_posterior.family_posterior import evenly


@pytest.mark.parametrize("rows", [0, 1, 7, 4_000, 4_350, 5_003, 100_000, 30_000_001])
def test_places_are_rows_once_each_and_evenly_spread(rows):
    places = evenly(rows, 4_000)
    assert len(places) == min(rows, 4_000)
    if rows:
        apart = places.diff()
        assert int(places[0]) == 0 and int(places[-1]) == (rows - 1 if rows > 1 else 0)
        assert rows == 1 or int(apart.max() - apart.min()) <= 1
        assert rows > 4_000 or torch.equal(places, torch.arange(rows))

"""Results do not depend on what the caller has set in torch, and the caller's settings stay."""

from __future__ import annotations

import torch

import pyrocausal as pc
from pyrocausal.runtime.torch_state import reproducible_torch


def test_what_was_set_is_set_again():
    before = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with reproducible_torch():
            assert torch.get_num_threads() == 1 and torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(before[1])
    assert (torch.get_num_threads(), torch.get_default_dtype()) == before


def test_a_fit_is_the_same_in_double_precision(tmp_path):
    truth = pc.networks.load("chain3")
    data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=600).data
    options = {"chains": 1, "seed": 0, "progress": False, "settling": pc.Settling(refitting=None, final_steps=20)}
    usual = pc.discover(data, sampling=pc.Sampling(draws=10), **options)
    torch.set_default_dtype(torch.float64)
    try:
        found = pc.discover(data, sampling=pc.Sampling(draws=10), **options)
        assert str(pc.diagnose(found)) == str(pc.diagnose(usual))
        found.report(tmp_path / "found.html")
        found.model.given(found.best.dag)(data.observational)
        assert found.edges(None).equals(usual.edges(None)) and found.target_table(None).equals(usual.target_table(None))
    finally:
        torch.set_default_dtype(torch.float32)

"""A result as a file: it comes back bit for bit, and what is no result is refused."""

from __future__ import annotations

import math
import pickle

import pandas as pd
import pytest
import torch
from conftest import KINDS, make_chain, make_model, make_rows, small_data
from pyro import poutine

from pyrocausal.posterior.causal_posterior import CausalPosterior

EDGES = torch.zeros(4, 4)  # row = effect, column = cause
EDGES[1, 0], EDGES[2, 1], EDGES[2, 3], EDGES[3, 2] = 1.0, 0.8, 0.1, 0.5
TARGETS = torch.tensor([[0.0, 0.9, 0.0, 0.0, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2], [0.6, 0.0, 0.55, 0.0, 0.0]])


@pytest.fixture
def result():
    chains = []
    for seed in range(2):
        torch.manual_seed(seed)
        chains.append(make_chain(make_model(KINDS["categorical"]), EDGES * (1 - seed / 10), TARGETS, seed=seed))
    return CausalPosterior(small_data(), tuple(chains), seed=7)


def same(one: CausalPosterior, other: CausalPosterior) -> None:
    assert (one.seed, one.data.names, one.data.kinds) == (other.seed, other.data.names, other.data.kinds)
    assert torch.equal(one.data.observational, other.data.observational)
    for a, b in zip(one.data.regimes, other.data.regimes, strict=True):
        assert (a.name, a.targets) == (b.name, b.targets)
        assert torch.equal(a.rows, b.rows)
    for a, b in zip(one.chains, other.chains, strict=True):
        assert (a.seed, a.settled, a.cpu_seconds) == (b.seed, b.settled, b.cpu_seconds)
        assert a.evidence == b.evidence or (math.isnan(a.evidence) and math.isnan(b.evidence))
        for name in ("edge_probability", "beliefs", "target_probability", "dag"):
            assert torch.equal(getattr(a, name), getattr(b, name)), name
        pd.testing.assert_frame_equal(a.trace, b.trace, check_exact=True)
        pd.testing.assert_frame_equal(a.rounds, b.rounds, check_exact=True)
        state, again = a.model.state_dict(), b.model.state_dict()
        assert state.keys() == again.keys()
        assert all(torch.equal(state[name], again[name]) for name in state)
        torch.manual_seed(3)
        rows = a.model(size=20)
        torch.manual_seed(3)
        assert torch.equal(rows, b.model(size=20))


def test_save_and_load_bit_for_bit(result, tmp_path):
    rows = make_rows(KINDS["categorical"], 5)
    poutine.trace(result.model).get_trace(rows)  # a model that has run, as after a fit
    result.save(tmp_path / "fit.pt")
    found = CausalPosterior.load(tmp_path / "fit.pt")
    same(result, found)
    same(result, CausalPosterior.load(str(tmp_path / "fit.pt")))
    same(result, pickle.loads(pickle.dumps(result)))
    found.save(tmp_path / "again.pt")
    same(result, CausalPosterior.load(tmp_path / "again.pt"))


def test_wrong_files(result, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*missing\.pt"):
        CausalPosterior.load(tmp_path / "missing.pt")
    with pytest.raises(FileNotFoundError, match="no such file"):
        CausalPosterior.load(tmp_path)
    torch.save({"edges": EDGES}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt holds a dict, not a CausalPosterior"):
        CausalPosterior.load(tmp_path / "other.pt")


def test_a_file_that_is_no_pickle_is_a_value_error(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"table\.csv"):
        CausalPosterior.load(tmp_path / "table.csv")


class Gone:
    """Something that another program has defined, say a user's mechanism."""


def test_code_that_is_not_here_is_asked_for(tmp_path, monkeypatch):
    torch.save(Gone(), tmp_path / "theirs.pt")
    monkeypatch.delattr(f"{__name__}.Gone")
    with pytest.raises(ValueError, match=r"theirs\.pt needs code that is not here; import your own mechanisms"):
        CausalPosterior.load(tmp_path / "theirs.pt")

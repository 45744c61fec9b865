"""A new kind of variables is a class: this one is defined here, and nothing else of the library knows of it."""

from __future__ import annotations

import doctest
import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import torch
from example_chains import BRIEF, SETTLING, UNSETTLED, settled
from pyro import poutine

import pyrocausal as pc
from pyrocausal.copies.refitting import Refitting
from pyrocausal.data import categorical, continuous, count, exposure, kind
from pyrocausal.data.columns import check_gaps, check_some, numbers
from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import any_missing


@dataclass(frozen=True)
class Positive(Kind):
    """A positive number, ``value = scale * encoded``, with a log-normal distribution; `scale` is a median."""

    scale: float | None = None

    @property
    def settled(self):
        return self.scale is not None

    @property
    def bounds(self):
        return 1e-30, math.inf

    def resolve(self, columns, weights=None):
        check_some(columns)
        where, column = next(iter(columns.items()))
        gaps = self.missing or any(bool(each.isna().any()) for each in columns.values())
        return replace(self, scale=self.scale or float(np.nanmedian(numbers(column, where))), missing=gaps)

    def encode(self, column, where="the column"):
        values = numbers(column, where)
        check_gaps("Positive", self.missing, np.isnan(values), where)
        if (values <= 0).any():
            raise ValueError(f"{where} holds {np.nanmin(values):g}, which is not positive")
        return values / self.scale

    def decode(self, codes):
        return pd.Series(self.scale * codes)

    def distribution(self, out, values):
        return dist.LogNormal(out[0], out[1].clamp(-5.0, 5.0).exp())

    def typed(self, column):
        return column.nan_to_num(1.0)  # 0 has no density


KINDS = {"A": pc.Categorical, "B": Positive, "C": Positive}
GRAPH = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0]])
ALL_BRIEF = replace(SETTLING, refitting=Refitting(*[BRIEF.categorical] * 3, decays=(0.1,), least_regret=0.0))


def table(seed: int, rows: int, acted: bool = False, gaps: bool = False) -> pd.DataFrame:
    """A -> B -> C, where nothing is done to B."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 2, rows)
    b = 10 * np.exp(0.5 * rng.normal(size=rows) + (0 if acted else a))
    c = 3 * np.sqrt(b) * np.exp(0.2 * rng.normal(size=rows))
    c[: 20 if gaps else 0] = np.nan
    return pd.DataFrame({"A": a, "B": b, "C": c})


def make(gaps: bool = False) -> pc.InterventionalData:
    return pc.InterventionalData.from_frames(table(0, 300, gaps=gaps), {"b": table(1, 80, True, gaps)}, kinds=KINDS)


@pytest.mark.filterwarnings(UNSETTLED)
@pytest.mark.parametrize("gaps", [False, True])
def test_a_new_kind_is_fitted_and_its_term_is_its_density(gaps):
    data = make(gaps)
    assert [type(each) for each in data.kinds] == [pc.Categorical, Positive, Positive]
    assert any_missing(data.kinds) == gaps
    result = settled(data, chains=1, settling=ALL_BRIEF)
    assert result.chains[0].edge_probability.isfinite().all() and math.isfinite(result.chains[0].evidence)
    model, rows = result.chains[0].model, make().observational
    sites = poutine.trace(model.given(GRAPH)).get_trace(rows)
    sites.compute_log_prob()
    for i, name in ((1, "B"), (2, "C")):
        own = model.mechanisms.conditional(i, rows, GRAPH[i].float()).base_dist
        mean, log_scale = own.loc, own.scale.log()
        log, scale = rows[:, i].log(), log_scale.clamp(-5.0, 5.0).exp()
        by_hand = -log - scale.log() - 0.5 * math.log(2 * math.pi) - 0.5 * ((log - mean) / scale) ** 2
        torch.testing.assert_close(sites.nodes[name]["log_prob"], by_hand, atol=1e-4, rtol=1e-4)
    drawn = data.decode(model.given(GRAPH)(size=50).detach())
    assert (drawn[["B", "C"]] > 0).all(axis=None)


def test_a_new_kind_is_a_block_of_its_own_and_a_gap_has_no_term():
    data = make(gaps=True)
    rows = data.observational
    mechanisms = pc.NeuralMechanisms(data.kinds, 4)
    model = pc.CausalModel(data.names, data.kinds, mechanisms, pc.IndependentBeliefs(torch.zeros(3, 3)))
    assert [block.members for block in mechanisms.blocks(rows, GRAPH.float().expand(300, 3, 3))] == [(0,), (1, 2)]
    program = poutine.condition(model.together, {"edges": GRAPH.float().expand(300, 3, 3)})
    sites = poutine.trace(program).get_trace(rows)
    sites.compute_log_prob()
    term = sites.nodes["block_1"]["log_prob"]
    assert (term[1] == 0).tolist() == rows[:, 2].isnan().tolist()
    term.sum().backward()
    slopes = [each.grad for each in mechanisms.parameters() if each.grad is not None]
    assert slopes and all(each.isfinite().all() for each in slopes)


def test_what_is_no_code_is_refused():
    data = make()
    with pytest.raises(ValueError, match="'B' in the observational rows: expected numbers from 1e-30 to inf, got"):
        replace(data, observational=-data.observational.abs() * torch.tensor([0.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="'B' in the observational rows holds -1, which is not positive"):
        pc.InterventionalData.from_frames(table(0, 300).assign(B=-1.0), {"b": table(1, 80)}, kinds=KINDS)
    with pytest.raises(ValueError, match="variable 'B' needs"):
        replace(data, kinds=(data.kinds[0], Positive(), data.kinds[2]))
    with pytest.raises(TypeError, match="expected a kind for variable 'B'"):
        pc.InterventionalData.from_frames(table(0, 300), {"b": table(1, 80)}, kinds={"B": Kind})
    assert not Positive(1.0).allows(torch.tensor([1.0, 0.0])) and Positive(1.0).allows(torch.tensor([1.0, 2.0]))


def test_defaults_of_a_kind():
    column = torch.tensor([1.0, 2.0, 3.0, 4.0])
    plain, gappy = Positive(1.0), Positive(1.0, missing=True)
    assert (plain.levels(4), gappy.levels(4), plain.width, gappy.width, plain.cardinality) == (4, 5, 2, 3, 0)
    assert plain.codes(column, plain.cuts(column, 2)).tolist() == [0, 0, 1, 1]
    assert plain.regressors(column, squares=True).tolist() == [[1, 1], [2, 4], [3, 9], [4, 16]]
    assert entering([plain], column[:, None]) is not None and plain.offset is None
    with pytest.raises(ValueError, match="Positive has no states"):
        plain.codes(column, None)


@pytest.mark.parametrize("module", [kind, categorical, continuous, count, exposure])
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0

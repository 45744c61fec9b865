"""Missing values: a gap among the causes is one more state, a gap of the effect drops its term."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import KINDS, LinearGaussian, make_fold, make_rows, small_data

from pyrocausal.data.columns import has_gaps
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.missing import filled, present
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.imputation import impute
from pyrocausal.fit.discover import discover
from pyrocausal.model.conjugate import linear_regression
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.row_split import leaves_observational_range
from pyrocausal.sdi.settings import GraphFitting, Stopping
from pyrocausal.search.settings import Settling
from pyrocausal.search.settling import settle
from pyrocausal.simulate.experiments import linear_truth, neural_network_truth, simulate
from pyrocausal.simulate.graphs import chain
from pyrocausal.simulate.interventions import hard_normal, hard_random

NAN = math.nan
COIN, DIE, NUMBER = Categorical((0, 1), missing=True), Categorical((0, 1, 2)), Continuous(0.0, 1.0, missing=True)


def test_codes_by_hand():
    assert present(torch.tensor([1.0, NAN])).tolist() == [True, False]
    assert filled(torch.tensor([1.0, NAN])).tolist() == [1.0, 0.0]
    assert [kind.levels(4) for kind in (COIN, DIE, NUMBER, Continuous(0.0, 1.0))] == [3, 3, 5, 4]
    assert COIN.cuts(torch.tensor([0.0, 1.0]), 4) is None
    assert COIN.codes(torch.tensor([1.0, NAN, 0.0]), None).tolist() == [1, 2, 0]
    column = torch.tensor([4.0, NAN, 1.0, 3.0, 2.0, 5.0])
    cuts = NUMBER.cuts(column, 2)
    assert cuts.tolist() == [3.0]  # the median of what is there
    assert NUMBER.codes(column, cuts).tolist() == [1, 2, 0, 0, 0, 1]
    nothing = torch.full((3,), NAN)
    assert NUMBER.codes(nothing, NUMBER.cuts(nothing, 4)).tolist() == [4, 4, 4]


# ---------------------------------------------------------------- a gap as a state of its own
CATEGORIES = (COIN, DIE, Categorical((0, 1), missing=True))


def recoded(rows, i) -> tuple[list[Categorical], torch.Tensor]:
    """Without the rows that lack X_i, and with gaps of the others as one more state."""
    kept = rows[present(rows[:, i])]
    kinds = [Categorical(tuple(range(k.cardinality + (k.missing and j != i)))) for j, k in enumerate(CATEGORIES)]
    sizes = torch.tensor([float(k.cardinality) for k in CATEGORIES])
    return kinds, torch.where(present(kept), kept, sizes)


@pytest.mark.parametrize(("i", "parents"), [(0, ()), (0, (1, 2)), (1, (0, 2)), (2, (0,)), (2, (0, 1))])
def test_tables_take_a_gap_for_a_state(i, parents):
    regimes = [make_rows(CATEGORIES, n) for n in (40, 25)]
    made = [recoded(rows, i) for rows in regimes]
    expected = NewMechanisms(made[0][0], [rows for _, rows in made]).of(i, parents)
    torch.testing.assert_close(NewMechanisms(CATEGORIES, regimes).of(i, parents), expected)

    fitting, scoring = regimes
    closed = ClosedForm(CATEGORIES, make_fold(fitting, present(fitting), scoring))
    (found,) = closed.log_probs(i, parents)
    kinds, fold = made[0][0], make_fold(made[0][1], present(made[0][1]), made[1][1])
    plain = ClosedForm(kinds, fold)
    seen = present(scoring[:, i])
    assert not found[~seen].any()
    torch.testing.assert_close(found[seen], plain.log_probs(i, parents)[0])
    assert kinds[i].cardinality == closed.probabilities(i, parents).shape[1] == CATEGORIES[i].cardinality
    assert closed.regret(i, parents) * len(made[1][1]) == pytest.approx(plain.regret(i, parents) * len(scoring))


def design(rows, parents) -> torch.Tensor:
    """A constant, values and whether they are missing, as a regression sees them, written out."""
    blocks = [[1.0] * len(rows)]
    for j in parents:
        column = rows[:, j].tolist()
        values = [0.0 if math.isnan(x) else x for x in column]
        blocks += [values, [x * x for x in values], [float(math.isnan(x)) for x in column]]
    return torch.tensor(blocks, dtype=torch.double).T


@pytest.mark.parametrize(("i", "parents"), [(0, ()), (0, (1,)), (1, (0, 2))])
def test_regressions_take_a_gap_for_an_indicator(i, parents):
    kinds = (NUMBER,) * 3
    regimes = [make_rows(kinds, n) for n in (30, 20)]
    found = NewMechanisms(kinds, regimes).of(i, parents)
    for r, rows in enumerate(regimes):
        kept = rows[present(rows[:, i])].double()
        terms = []
        for each in ((), parents):
            both = torch.cat([design(kept, each), kept[:, i : i + 1]], 1)
            terms.append(linear_regression((both.T @ both)[None], torch.tensor([len(kept)])).evidence[0])
        assert found[r].item() == pytest.approx(torch.logaddexp(*terms).item() - math.log(2), rel=1e-9)


def test_a_regime_without_a_variable_says_nothing_of_it():
    for kinds in (CATEGORIES, (NUMBER,) * 3):
        rows = make_rows(kinds, 20)
        rows[:, 0] = NAN
        found = NewMechanisms(kinds, [rows, make_rows(kinds, 20)])
        for parents in ((), (1,), (1, 2)):
            assert found.of(0, parents)[0] == 0.0 and found.of(0, parents)[1] < 0
        assert found.of(1, (0,))[0].isfinite()


def test_regressions_predict_without_the_rows_that_lack_the_effect():
    kinds = (NUMBER,) * 3
    fitting, scoring = make_rows(kinds, 60), make_rows(kinds, 30)
    closed = ClosedForm(kinds, make_fold(fitting, present(fitting), scoring))
    seen = present(scoring[:, 2])
    whole = (NUMBER, NUMBER, Continuous(0.0, 1.0))  # rows that lack the effect have some other value, and do not count
    changed = [torch.cat([rows[:, :2], rows[:, 2:].nan_to_num(50.0)], 1) for rows in (fitting, scoring)]
    other = ClosedForm(whole, make_fold(changed[0], present(fitting), changed[1]))
    for found, expected in zip(closed.log_probs(2, (0, 1)), other.log_probs(2, (0, 1)), strict=True):
        assert not found[~seen].any()
        torch.testing.assert_close(found[seen], expected[seen])


# ---------------------------------------------------------------- from end to end
def test_whether_regimes_leave_the_observational_range_is_asked_of_what_is_there():
    data = small_data(KINDS["categorical"])
    assert not leaves_observational_range(data)
    rows = data.observational.clone()
    rows[:30, 0][rows[:30, 0] == 1.0] = NAN
    kinds = (replace(data.kinds[0], missing=True), *data.kinds[1:])
    assert not leaves_observational_range(replace(data, observational=rows, kinds=kinds))
    rows[:, 0][rows[:, 0] == 1.0] = NAN  # a gap is no state
    assert leaves_observational_range(replace(data, observational=rows, kinds=kinds))


def test_mechanisms_that_take_no_gaps_are_refused():
    data = small_data(KINDS["continuous"])
    kinds = (data.kinds[0], replace(data.kinds[1], missing=True), *data.kinds[2:])
    with pytest.raises(
        ValueError, match="variable 'X1' has missing values, which LinearGaussian does not take; impute"
    ):
        SDI(mechanisms=LinearGaussian).init(replace(data, kinds=kinds))


# ---------------------------------------------------------------- drawn values
def test_complete_data_stay_as_they_are():
    data = small_data(KINDS["mixed"])
    assert impute(data) is data


def test_what_is_there_stays_and_the_rest_is_drawn(monkeypatch):
    monkeypatch.setattr("pyrocausal.evidence.imputation.STEPS", 100)  # how well draws follow is asked below
    data, before = small_data(KINDS["gaps"]), torch.get_rng_state()
    made, again, other = (impute(data, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert [kind.missing for kind in made.kinds] == [False] * 4 and made.names == data.names
    for one, same, fresh, rows in zip(
        *([part.rows for part in each.parts] for each in (made, again, other, data)), strict=True
    ):
        seen = present(rows)
        assert not seen.all() and present(one).all()
        assert torch.equal(one[seen], rows[seen]) and torch.equal(one, same)
        assert not torch.equal(one, fresh)
    assert [regime.name for regime in made.regimes] == [regime.name for regime in data.regimes]


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_draws_follow_causes_effects_and_the_regime(kind):
    torch.manual_seed(0)
    n = 4000

    def table(hit):
        a = torch.randn(n)
        b = torch.randn(n) + 3.0 if hit else a + 0.5 * torch.randn(n)
        rows = torch.stack([a, b], 1)
        return (rows > 0.5).float() if kind == "categorical" else rows

    kinds = (Categorical((0, 1), missing=True),) * 2 if kind == "categorical" else (NUMBER,) * 2
    tables = [table(False), table(True)]
    gappy = [rows.masked_fill(torch.rand_like(rows) < 0.3, NAN) for rows in tables]
    made = impute(InterventionalData(("A", "B"), kinds, gappy[0], (Regime("r", gappy[1]),)))
    for rows, gaps, complete in zip(tables, gappy, (made.observational, made.regimes[0].rows), strict=True):
        for j in range(2):
            drawn = ~present(gaps[:, j])  # the other one is there or drawn
            found, true = complete[drawn], rows[drawn]
            torch.testing.assert_close(found.mean(0), true.mean(0), rtol=0, atol=0.12)
            torch.testing.assert_close(found.T.cov(), true.T.cov(), rtol=0.15, atol=0.12)


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_a_chain_is_found_through_gaps_once_they_are_drawn(kind):
    rng = np.random.default_rng(1)
    if kind == "categorical":
        truth, _ = neural_network_truth(chain(3), rng, states=3, min_information=0.25, embedding=4)
        intervention = hard_random
    else:
        truth, intervention = linear_truth(chain(3), rng), hard_normal()
    settling = Settling(refitting=None, final_steps=0)
    made = simulate(truth, intervention=intervention, rows=8000, rows_per_regime=300, missing=0.3, seed=0)
    assert all(k.missing for k in made.data.kinds)
    algorithm = SDI(mechanisms=partial(NeuralMechanisms, hidden=8), fitting=GraphFitting(warm_up=60))
    through = [("X0", "X1"), ("X1", "X2")]
    result = discover(made.data, chains=1, seed=0, progress=False, algorithm=algorithm, settling=settling)
    assert sorted(result.dag().edges) == through == sorted(made.truth.graph.edges)
    assert result.targets() == made.targets
    assert result.data is made.data  # as it was given
    # Taken as they are, gaps of X1 make X0 tell something of X2.
    with pytest.warns(RuntimeWarning, match="have not settled"):
        state, _ = replace(algorithm, stopping=Stopping(max_steps=30)).run(made.data, seed=0)
    assert settle(state, settling).dag[2, 0]


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_a_regime_without_values_of_a_category_is_taken_to_be_as_without_intervention(share):
    # B follows A, in regime "other" too, where it was measured in few rows or none; "hit" draws it anew.
    generator = torch.Generator().manual_seed(0)

    def rows(n, hit=False):
        a = torch.rand(n, generator=generator) < 0.4
        b = torch.rand(n, generator=generator) < (0.05 if hit else torch.where(a, 0.9, 0.1))
        return torch.stack([a, b], 1).float()

    tables = [rows(1500), rows(300, hit=True), rows(300)]
    for table in tables[1:]:
        table[torch.rand(300, generator=generator) < (share if table is tables[2] else 0.3), 1] = torch.nan
    kinds = (Categorical((0, 1), missing=True),) * 2
    regimes = (Regime("hit", tables[1]), Regime("other", tables[2]))
    made = impute(InterventionalData(("A", "B"), kinds, tables[0], regimes))
    for regime, a, expected in ((0, 1.0, 0.05), (1, 1.0, 0.9), (1, 0.0, 0.1)):
        drawn = tables[1 + regime].isnan()[:, 1] & (tables[1 + regime][:, 0] == a)
        assert float(made.regimes[regime].rows[drawn, 1].mean()) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("values", "dtype", "gaps"),
    [
        ([1, 2], "int64", False),
        ([True, False], "bool", False),
        ([1.0, np.inf], "float32", False),
        ([1.0, np.nan], "float64", True),
        ([1, None], "Int64", True),
        (["a", "b"], "object", False),
        (["a", None], "object", True),
        (["a", None], "category", True),
    ],
)
def test_columns_with_gaps(values, dtype, gaps):
    assert has_gaps(pd.Series(values, dtype=dtype)) is gaps

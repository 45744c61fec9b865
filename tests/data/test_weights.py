"""A row of weight w counts as w rows: weights as they are given, and everything that sums over rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import KINDS, make_fold, make_model, make_rows, random_graphs, small_data
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrocausal.copies.refitting import Descent, Refitting, fit_copies, judge_rows
from pyrocausal.copies.screening import Residuals, Screen
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.regime import Regime
from pyrocausal.data.weights import Part, drawing, quantiles, ranks
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import parents_of
from pyrocausal.model.count_regression import count_regression
from pyrocausal.model.log_likelihood import score_graphs
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.row_split import cross_fit, divide, leaves_observational_range, split_rows
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.sdi.target_prior import TargetOdds

D = 4
SEEDS = st.integers(0, 2**31 - 1)
kinds_of = pytest.mark.parametrize("kinds", list(KINDS.values()), ids=list(KINDS))


def seeded(seed) -> torch.Generator:
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def weighted_rows(kinds, n, generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows, whole weights, and the rows repeated as often as these say."""
    rows = make_rows(kinds, n, generator)
    weights = torch.randint(1, 5, (n,), generator=generator).double()
    return rows, weights, rows.repeat_interleave(weights.long(), 0)


def close(found, expected) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


# ---------------------------------------------------------------- as many rows
@given(SEEDS, st.integers(1, 30), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_quantiles_are_those_of_repeated_values(seed, n, bins):
    generator = seeded(seed)
    values = torch.randint(6, (n,), generator=generator).float() / 3
    weights = torch.randint(1, 5, (n,), generator=generator)
    at = torch.arange(1, bins) / bins
    found = quantiles(values, at, weights.double())
    torch.testing.assert_close(found, values.repeat_interleave(weights).quantile(at))


@kinds_of
@given(seed=SEEDS)
@settings(max_examples=4, deadline=None)
def test_new_mechanisms_take_a_weight_for_as_many_rows(kinds, seed):
    generator = seeded(seed)
    made = [weighted_rows(kinds, n, generator) for n in (17, 9)]
    rows, weights, repeated = zip(*made, strict=True)
    found, expected = NewMechanisms(kinds, rows, weights), NewMechanisms(kinds, repeated)
    ones = NewMechanisms(kinds, rows, [torch.ones(17).double(), None])
    for graph in random_graphs(D, 4):
        close(found.evidence(graph), expected.evidence(graph))
        close(ones.evidence(graph), NewMechanisms(kinds, rows).evidence(graph))


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_large_tables_too(seed):
    kinds, generator = (Categorical(tuple(range(12))),) * 3, seeded(seed)
    rows, weights, repeated = weighted_rows(kinds, 10, generator)
    found = NewMechanisms(kinds, [rows], [weights]).of(0, (1, 2))
    close(found, NewMechanisms(kinds, [repeated]).of(0, (1, 2)))


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_regressions_of_counts(seed):
    generator = seeded(seed)
    x = torch.randn(25, 2, generator=generator, dtype=torch.double)
    y = torch.poisson((1.0 + x[:, 0]).exp(), generator=generator)
    weights = torch.randint(0, 4, (25,), generator=generator)
    found = count_regression(x, y, torch.zeros(25), weights)
    again = [each.repeat_interleave(weights, 0) for each in (x, y, torch.zeros(25))]
    expected = count_regression(*again, torch.ones(len(again[1])))
    for one, other in zip(found, expected, strict=True):
        close(one, other)


@kinds_of
@given(seed=SEEDS)
@settings(max_examples=4, deadline=None)
def test_closed_forms_take_a_weight_for_as_many_rows(kinds, seed):
    generator = seeded(seed)
    rows, weights, repeated = weighted_rows(kinds, 25, generator)
    counts = (torch.rand(25, D, generator=generator) < 0.8) & ~rows.isnan()
    scoring, judged, _ = weighted_rows(kinds, 12, generator)
    often = counts.repeat_interleave(weights.long(), 0)
    found = ClosedForm(kinds, make_fold(rows, counts, scoring, None, weights, judged))
    expected = ClosedForm(
        kinds, make_fold(repeated, often, scoring.repeat_interleave(judged.long(), 0))
    )  # what it says of a row, it says of each copy
    first = judged.long().cumsum(0) - 1
    for i, parents in ((0, ()), (1, (0, 2)), (2, (3,)), (3, (0, 1, 2))):
        both = zip(found.log_probs(i, parents), expected.log_probs(i, parents), strict=True)
        for one, other in both:
            # The search for the mode of a regression of counts ends a little elsewhere.
            torch.testing.assert_close(one.double(), other[first].double(), rtol=1e-5, atol=1e-5)
        assert found.regret(i, parents) == pytest.approx(expected.regret(i, parents))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_screens_take_a_weight_for_as_many_rows(seed):
    kinds, generator = KINDS["gaps"], seeded(seed)
    made = [weighted_rows(kinds, n, generator) for n in (60, 41)]
    rows, weights, repeated = zip(*made, strict=True)
    found = Screen(kinds, [Part(*each) for each in zip(rows, weights, strict=True)])
    expected = Screen(kinds, [Part(each) for each in repeated])
    values = [torch.randn(3, 2, len(each), generator=generator) + each[:, 1] for each in rows]
    often = [each.repeat_interleave(w.long(), -1) for each, w in zip(values, weights, strict=True)]
    counts = [(torch.rand(3, len(w), generator=generator) < 0.7) * w for w in weights]
    kept = [(c > 0).repeat_interleave(w.long(), -1).double() for c, w in zip(counts, weights, strict=True)]
    torch.testing.assert_close(found._gain(values, counts), expected._gain(often, kept), rtol=1e-4, atol=1e-4)
    weight = torch.rand(3, 2, generator=generator)
    one = found.promising([Residuals(each, weight) for each in values], counts)
    assert torch.equal(one, expected.promising([Residuals(each, weight) for each in often], kept))


@kinds_of
def test_residuals_are_weighed_by_all_rows_that_they_stand_for(kinds):
    rows, weights, repeated = weighted_rows(kinds, 23, seeded(0))
    effects = [i for i, kind in enumerate(kinds) if type(kind) is type(kinds[-1])]
    families = [(i, tuple(j for j in range(D) if j != i)) for i in effects]
    copies = make_model(kinds).mechanisms.copies(families)
    found, left = judge_rows(copies, kinds, families, Part(rows, weights), chunk=7)
    expected, right = judge_rows(copies, kinds, families, Part(repeated), chunk=7)
    torch.testing.assert_close(found.repeat_interleave(weights.long(), 1), expected, rtol=1e-5, atol=1e-5)
    assert (left is None) == (right is None)
    if left is not None:
        torch.testing.assert_close(left.weight, right.weight, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("several", [False, True])
@kinds_of
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_joint_evidence_takes_a_weight_for_as_many_rows(kinds, several, seed):
    generator = seeded(seed)
    R, model = 2, make_model(kinds)

    def evidence(repeat):
        seeded(seed)
        folds = []
        for fit, score in zip(fitting, scoring, strict=True):
            (rows, w), (judged, v) = (each[:2] for each in (fit, score))
            counts, table = ~rows.isnan(), torch.arange(len(judged)) % (R + 1)
            if repeat:
                w, v = w.long(), v.long()
                many = (each.repeat_interleave(w, 0) for each in (rows, counts))
                folds.append(make_fold(*many, judged.repeat_interleave(v, 0), table.repeat_interleave(v)))
            else:
                folds.append(make_fold(rows, counts, judged, table, w, v))
        new = NewMechanisms(kinds, repeated) if repeat else NewMechanisms(kinds, regimes, weights)
        nobody = torch.zeros(R, D, dtype=torch.bool)
        odds = TargetOdds(torch.zeros(R, D), several)
        targets = TargetKnowledge(nobody[:, 0], nobody, odds)
        rows = RowsOfEvidence(kinds, folds, ~nobody, nobody)
        return PredictiveEvidence(rows, targets, Estimators(model.mechanisms, new), 1.3)

    fitting, scoring, given_regimes = ([weighted_rows(kinds, n, generator) for n in (24, 15)] for _ in range(3))
    regimes, weights, repeated = zip(*given_regimes, strict=True)
    one, other = evidence(False), evidence(True)
    for graph in random_graphs(D, 3).bool():
        assert one.of(graph) == pytest.approx(other.of(graph), rel=1e-6, abs=1e-6)
        torch.testing.assert_close(one.targets(graph), other.targets(graph), rtol=1e-4, atol=1e-6)
        for i in range(D):
            assert one._wants_copy((i, parents_of(graph[i]))) == other._wants_copy((i, parents_of(graph[i])))


@kinds_of
def test_graph_scores_are_means_over_as_many_rows(kinds):
    made = [weighted_rows(kinds, n, seeded(n)) for n in (9, 14)]
    rows, weights, repeated = zip(*made, strict=True)
    model, graphs = make_model(kinds), random_graphs(D, 5)
    hit = torch.tensor([[True, False, True, False], [False, False, False, True]])
    found = score_graphs(model, rows, graphs, hit, weights)
    torch.testing.assert_close(found, score_graphs(model, repeated, graphs, hit), rtol=1e-5, atol=1e-5)
    assert (found[:, hit] == 0).all()  # the handlers do their work all the same
    some = score_graphs(model, rows, graphs, hit, [weights[0], None])
    torch.testing.assert_close(some[:, 1], score_graphs(model, rows, graphs, hit)[:, 1], rtol=1e-5, atol=1e-5)


def test_rows_are_drawn_in_proportion_to_weight():
    weights = torch.tensor([1.0, 1e-9, 3.0, 4.0]).double()
    drawn = drawing(4, weights, generator=seeded(0))(40_000).bincount(minlength=4) / 40_000
    torch.testing.assert_close(drawn, torch.tensor([0.125, 0.0, 0.375, 0.5]), atol=0.01, rtol=0.0)
    plain = torch.randint(4, (9,), generator=seeded(1))
    assert torch.equal(drawing(4, None, generator=seeded(1))(9), plain)


def test_copies_are_fitted_to_rows_in_proportion_to_weight():
    kinds = KINDS["continuous"]
    x = torch.randn(400, 4)
    x[:, 1] = torch.where(torch.arange(400) % 2 == 0, 2.0, -2.0) * x[:, 0] + 0.3 * torch.randn(400)
    weights = torch.where(torch.arange(400) % 2 == 0, 1.0, 1e-6).double()
    copies = fit_copies(
        make_model(kinds).mechanisms, kinds, [(1, (0,))], Part(x, weights), torch.ones(400, 1, dtype=torch.bool),
        Refitting(continuous=Descent(400, 128, 2e-2)), 0.0,
    )  # fmt: skip
    log_probs, _ = judge_rows(copies, kinds, [(1, (0,))], Part(x))
    assert log_probs[0, ::2].mean() > -1.0 > -5.0 > log_probs[0, 1::2].mean()


# ---------------------------------------------------------------- rows by their use
def weighted_data(kinds=KINDS["continuous"], rows=40, light=0.25, heavy=1.5) -> InterventionalData:
    """Every second row is light."""
    data = small_data(kinds, rows)

    def weights(n):
        return torch.where(torch.arange(n) % 2 == 0, light, heavy).double()

    regimes = tuple(replace(regime, weights=weights(len(regime.rows))) for regime in data.regimes)
    return replace(data, regimes=regimes, observational_weights=weights(data.n))


@pytest.mark.parametrize("share_regimes", [False, True])
def test_parts_have_their_share_of_light_and_heavy_rows(share_regimes):
    data = weighted_data()
    split = split_rows(data, share_regimes, 0.2)
    held_out, fitting = split.held_out.weights, split.fitting
    assert held_out.sum() == pytest.approx(0.2 * data.observational_weights.sum())
    assert (held_out < 1).float().mean() == 0.5
    assert len(fitting.weights) == len(fitting.rows) == len(split.origin)
    total = sum(part.weights.sum() for part in split.scoring) + fitting.weights.sum() + held_out.sum()
    assert total == pytest.approx(data.observational_weights.sum() + sum(r.weights.sum() for r in data.regimes))
    for fold in cross_fit(data, split, torch.ones(3, 4, dtype=torch.bool)):
        assert all(len(part.weights) == len(part.rows) for part in (fold.fitting, fold.scoring))
        own = torch.cat([regime.rows for regime in data.regimes] + [data.observational])
        weight = torch.cat([regime.weights for regime in data.regimes] + [data.observational_weights])
        for rows, weights in (fold.fitting, fold.scoring):
            place = (rows[:, None, 0] == own[None, :, 0]).float().argmax(1)
            assert torch.equal(weights, weight[place])  # each row has its own


@given(st.integers(1, 40), st.floats(0.05, 0.9), st.sampled_from([1.0, 0.5]))
@settings(max_examples=40, deadline=None)
@example(2, 0.5, 0.5)
def test_rows_of_one_weight_are_divided_as_rows_without(n, share, weight):
    rows, kinds = torch.arange(float(n))[:, None], (Continuous(0.0, 1.0),)
    for generator in (lambda: None, lambda: seeded(3)):
        plain = divide(Part(rows, None), share, kinds, generator())
        weighted = divide(Part(rows, torch.full((n,), weight).double()), share, kinds, generator())
        for one, other in zip(plain, weighted, strict=True):
            assert torch.equal(one.rows, other.rows)
            assert torch.equal(other.weights, torch.full((len(other.rows),), weight).double())


def test_a_row_that_stands_for_many_equal_ones_is_found_in_all_parts():
    rows, weights = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([900.0, 1, 90, 9])
    one, other = divide(Part(rows, weights.double()), 0.1, (Categorical((0, 1)),) * 2)
    assert one.weights.tolist() == [810.0, 1.0, 81.0, 9.0] and other.weights.tolist() == [90.0, 9.0]
    one, other = divide(Part(rows, weights.double()), 0.5, (Categorical((0, 1)), Continuous(0.0, 1.0)))
    assert one.weights.tolist() == [1.0, 90.0] and other.weights.tolist() == [900.0, 9.0]  # no two are equal there


def test_a_state_that_next_to_no_row_shows_is_out_of_range():
    rows = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.0, 1.0]])
    kinds = (Categorical((0, 1, 2)), Categorical((0, 1)))
    data = InterventionalData(("A", "B"), kinds, rows, (Regime("r", rows),))
    assert not leaves_observational_range(data)
    for weight, out in ((0.6, False), (0.4, True)):
        weights = torch.tensor([1.0, 1.0, weight, weight])
        assert leaves_observational_range(replace(data, observational_weights=weights)) is out


def test_ranks_keep_the_order_of_equal_weights():
    assert ranks(torch.tensor([2.0, 1.0, 2.0, 1.0])).tolist() == [2, 0, 3, 1]


def test_total_weight_decides_prices():
    data = weighted_data()
    algorithm = SDI(fitting=GraphFitting(warm_up=0, steps=0))
    state = algorithm.init(data)
    total = state.split.held_out.weights.sum() + sum(regime.weights.sum() for regime in data.regimes)
    assert edge_prices(state, 2.0)[0, 1] == pytest.approx(math.log(total))


@pytest.mark.parametrize("algorithm", [SDI(), SDI.paper()], ids=["ours", "paper"])
def test_target_evidence_counts_the_total_weight(algorithm):
    data = small_data(KINDS["categorical"], 40)
    heavy = replace(data, regimes=tuple(replace(r, weights=torch.full((len(r.rows),), 5.0)) for r in data.regimes))
    states = []
    for each in (data, heavy):
        torch.manual_seed(0)
        states.append(algorithm.init(each))
    light, five = (state.new_mechanisms.evidence(torch.zeros(4, 4)) for state in states)
    assert (five < 3 * light).all()  # nats of five times as many rows
    for state in states:
        state, _ = replace(algorithm, fitting=replace(algorithm.fitting, warm_up=2)).step(state)
        assert state.target_probability.isfinite().all()


def test_subsamples_of_long_tables_count_as_many_rows_as_they_have(monkeypatch):
    from pyrocausal.sdi.graph_scoring import subsample

    rows = torch.arange(1000.0)[:, None]
    for weight, expected in ((0.01, 10.0), (7.0, 50.0)):
        part = subsample(Part(rows, torch.full((1000,), weight).double()), 50)
        assert len(part.rows) == 50 and part.weights.sum() == pytest.approx(expected)
    few = Part(rows[:50], torch.full((50,), 7.0).double())
    assert subsample(few, 50) is few


# ---------------------------------------------------------------- as they are given
def table(**columns) -> pd.DataFrame:
    made = {
        "A": ["no", "yes", "yes", "no", "yes"],
        "B": [0.1, 2.0, 1.5, 5.0, 5.5],
        "w": [1.0, 2.5, 1.0, 3.0, 1.0],
        "arm": ["control"] * 3 + ["drug"] * 2,
    }
    return pd.DataFrame(made | columns, index=[10, 11, 12, 13, 14])


def read(frame=None, **options) -> InterventionalData:
    frame = table() if frame is None else frame
    return InterventionalData.from_frame(frame, "arm", "control", **({"weights": "w"} | options))


def assert_weights(data, observational, regimes) -> None:
    assert data.observational_weights.tolist() == observational
    assert data.observational_weights.dtype == torch.double
    assert [regime.weights if regime.weights is None else regime.weights.tolist() for regime in data.regimes] == regimes


def test_weights_are_beside_the_rows_and_no_variable(tmp_path):
    data = read()
    assert data.names == ("A", "B") and data.weighted
    assert_weights(data, [1.0, 2.5, 1.0], [[3.0, 1.0]])
    table().to_csv(tmp_path / "cells.csv", index=False)
    again = InterventionalData.from_csv(tmp_path / "cells.csv", "arm", "control", weights="w")
    assert_weights(again, [1.0, 2.5, 1.0], [[3.0, 1.0]])
    control, drug = table()[:3].drop(columns="arm"), table()[3:].drop(columns="arm")
    assert_weights(InterventionalData.from_frames(control, {"drug": drug}, weights="w"), [1.0, 2.5, 1.0], [[3.0, 1.0]])


def test_weights_of_arrays_and_archives(tmp_path):
    rows, regimes = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1).normal(size=(2, 3, 2))
    w, v = np.arange(1.0, 6.0), np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    expected = w.tolist(), [[1.0, 2.0, 3.0], None]
    for given_weights in ((w, v), (torch.as_tensor(w), list(v)), (w, {"regime 1": v[1], "regime 0": v[0]})):
        assert_weights(InterventionalData.from_arrays(rows, regimes, weights=given_weights), *expected)
    np.savez(tmp_path / "cells.npz", data_obs=rows, data_int=regimes, weights_obs=w, weights_int=v)
    assert_weights(InterventionalData.from_npz(tmp_path / "cells.npz"), *expected)
    np.savez(tmp_path / "half.npz", data_obs=rows, data_int=regimes, weights_obs=w)
    with pytest.raises(ValueError, match="weights_obs' alone; store both"):
        InterventionalData.from_npz(tmp_path / "half.npz")


def test_weights_of_one_are_none():
    data = read(table(w=1))
    assert data.observational_weights is None and data.regimes[0].weights is None and not data.weighted
    assert repr(data) == repr(read(table().drop(columns="w"), weights=None))


def test_units_are_those_of_repeated_rows():
    frame = table(w=[3, 1, 2, 2, 4], C=[3, 0, 1, 4, 2], D=[1.0, 2.0, 3.0, 4.0, 5.0])
    options = {"kinds": {"C": Count(exposure="D")}}
    data = read(frame, **options)
    repeated = read(frame.loc[frame.index.repeat(frame.w)].drop(columns="w"), weights=None, **options)
    for name, one, other in zip(data.names, data.kinds, repeated.kinds, strict=True):
        for part in ("shift", "scale"):
            assert getattr(one, part, None) == pytest.approx(getattr(other, part, None)), name


def test_weights_are_kept_and_told():
    data = read()
    assert repr(data).startswith(
        "InterventionalData(1 categorical, 1 continuous; 3 observational rows of total weight 4.5"
    )
    assert "2 rows of total weight 4 in regimes" in repr(data)
    assert repr(data.regimes[0]) == "Regime('drug', 2 rows of total weight 4, targets unknown)"
    assert_weights(data.to("cpu"), [1.0, 2.5, 1.0], [[3.0, 1.0]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.0, r"row 13 of column 'w' in regime 'drug' has 0.0, one of 1 that .*; drop rows that are not to count"),
        (-2.0, "row 13 of column 'w' in regime 'drug' has -2.0"),
        (np.nan, "row 13 of column 'w' in regime 'drug' has nan"),
        (np.inf, "row 13 of column 'w' in regime 'drug' has inf, .* correct it or drop the row"),
        ("heavy", "row 13 of column 'w' in regime 'drug' holds 'heavy', which is no number"),
        (True, "row 13 of column 'w' in regime 'drug' holds True, which is no number"),
    ],
)
def test_bad_weights_are_named(value, message):
    frame = table()
    frame["w"] = frame.w.astype(object) if isinstance(value, str | bool) else frame.w
    frame.loc[13, "w"] = value
    with pytest.raises(ValueError, match=message):
        read(frame)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"weights": "v"},
            ValueError,
            "expected one column 'v' in the observational rows, found 0; the columns are 'A'",
        ),
        ({"weights": "arm"}, ValueError, "column 'arm' tells the regime"),
        ({"weights": 3}, TypeError, "expected the name of a column, got 3"),
        ({"kinds": {"w": Continuous}}, ValueError, "column 'w' is a variable in kinds"),
        ({"targets": {"drug": ("A", "w")}}, ValueError, "column 'w' is a variable in targets"),
        (
            {"kinds": {"A": Categorical, "B": Count(exposure="w")}},
            ValueError,
            "'w', the exposure of 'B', is no variable",
        ),
        ({"frame": table(w=[True] * 5)}, ValueError, "column 'w' in the observational rows holds True and False"),
        ({"frame": table(w=["1", "2", "3", "1", "1"])}, ValueError, "row 10 of .* holds '1', which is no number"),
        ({"frame": table(w=0.2)}, ValueError, r"the observational rows add up to 0.6, less than two rows; .*effective"),
        ({"frame": table(w=[1, 1, 1, 0.5, 0.5])}, ValueError, "those of regime 'drug' add up to 1, less than two"),
    ],
)
def test_bad_columns_of_weights_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        read(**options)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(5), TypeError, "expected a pair of those of the observational rows"),
        ((np.ones(4), np.ones((2, 3))), ValueError, "expected one for each of the 5 rows of the observational rows"),
        ((np.ones(5), np.ones((1, 3))), ValueError, "expected arrays for 2 regimes, got 1"),
        (
            (np.ones(5), {"regime 0": np.ones(3)}),
            ValueError,
            "every regime and no other, but 'regime 1' is on one side",
        ),
        ((np.ones(5), 2.0), TypeError, "expected arrays for the regimes"),
        ((np.ones(5), np.zeros((2, 3))), ValueError, "row 0 of regime 'regime 0' has 0.0, one of 3"),
    ],
)
def test_bad_arrays_of_weights_are_refused(weights, error, message):
    rows, regimes = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1).normal(size=(2, 3, 2))
    with pytest.raises(error, match=message):
        InterventionalData.from_arrays(rows, regimes, weights=weights)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1.0, 2.0, 3.0], TypeError, "expected a tensor of numbers for regime 'r', got list"),
        (torch.ones(3, dtype=torch.bool), TypeError, "got torch.bool"),
        (torch.ones(2), ValueError, r"expected one for each of the 3 rows of regime 'r', got shape \[2\]"),
        (torch.tensor([1.0, -1.0, 2.0]), ValueError, "row 1 of regime 'r' has -1.0"),
    ],
)
def test_bad_tensors_of_weights_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        Regime("r", torch.zeros(3, 2), weights=weights)
    data = weighted_data()
    with pytest.raises(ValueError, match="expected one for each of the 20 rows of the observational rows"):
        replace(data, observational=data.observational[:20])  # weights do not stay behind


def test_a_total_weight_of_two_rows_is_enough():
    assert_weights(read(table(w=[0.5, 0.5, 1.0, 0.5, 1.5])), [0.5, 0.5, 1.0], [[0.5, 1.5]])

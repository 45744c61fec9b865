"""Rows and regimes: encoded tensors are checked, translation goes both ways, order makes no difference."""

from __future__ import annotations

import dataclasses
import pickle
import re
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from example_tables import COIN, UNIT, assert_same, control, direct, drug, frames, from_frame, from_frames
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrocausal.data.interventional_data
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime


class TestDirect:
    """Encoded tensors, as the simulator builds them."""

    def test_valid(self) -> None:
        graph = nx.DiGraph([("A", "B")])
        data = direct(names=["A", "B"], kinds=[COIN, UNIT], truth=graph)
        assert (data.names, data.kinds, data.truth) == (("A", "B"), (COIN, UNIT), graph)
        assert isinstance(data.regimes, tuple)

    rows = torch.zeros(2, 2)

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({"names": ("A",)}, ValueError, "names: expected at least two variables, got 'A'"),
            ({"names": ("A", "A")}, ValueError, "names: 'A' occurs"),
            ({"names": ("A", "edges")}, ValueError, "names: .*'edges'"),
            ({"names": "AB"}, TypeError, "names: .*'AB'"),
            ({"kinds": (COIN,)}, ValueError, "kinds: expected one for each of 2 variables, got 1"),
            ({"kinds": (COIN, Continuous)}, TypeError, "kinds: .*variable 'B'"),
            ({"kinds": (COIN, Continuous(shift=0.0))}, ValueError, "kinds: variable 'B'"),
            ({"kinds": (Categorical((0,)), UNIT)}, ValueError, "kinds: variable 'A' needs two states"),
            ({"observational": np.zeros((2, 2))}, TypeError, "observational rows: .*float32 tensor, got ndarray"),
            ({"observational": rows.double()}, TypeError, r"observational rows: .*got torch\.float64"),
            ({"observational": rows[0]}, ValueError, r"observational rows: expected shape \[n, 2\], got \[2\]"),
            ({"observational": rows[:1]}, ValueError, "observational rows: expected at least 2 rows, got 1"),
            ({"observational": rows + torch.tensor([2.0, 0.0])}, ValueError, "'A' in the observational.*codes 0 to 1"),
            ({"observational": rows - torch.tensor([1.0, 0.0])}, ValueError, "'A' in the observational.*codes 0 to 1"),
            ({"observational": rows + 0.5}, ValueError, "'A' in the observational rows: expected codes"),
            ({"observational": rows / 0}, ValueError, "'A' in the observational rows: 2 encoded values are NaN"),
            ({"regimes": ()}, ValueError, "regimes: there are none"),
            ({"regimes": (rows,)}, TypeError, "regimes: expected Regime objects, got Tensor"),
            ({"regimes": (Regime("r", torch.zeros(2, 3)),)}, ValueError, "regime 'r': expected shape"),
            ({"regimes": (Regime("r", rows + torch.inf),)}, ValueError, "'A' in regime 'r': 2 encoded"),
            ({"regimes": (Regime("r", rows), Regime("r", rows))}, ValueError, "regimes: 'r' occurs more"),
            ({"regimes": (Regime("r", rows, ("Z",)),)}, ValueError, "regime 'r' has target 'Z'"),
            ({"truth": nx.Graph([("A", "B")])}, TypeError, "truth: expected a networkx.DiGraph, got Graph"),
            ({"truth": nx.DiGraph([("A", "C")])}, ValueError, r"truth: .*\['B', 'C'\]"),
        ],
    )
    def test_errors(self, changes: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            direct(**changes)

    def test_regime(self) -> None:
        assert Regime("r", self.rows, "A").targets == ("A",)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"name: .*3"):
            Regime(3, self.rows)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"name: .*empty"):
            Regime("", self.rows)

    def test_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            direct().names = ("C", "D")  # type: ignore[misc]


class TestTranslation:
    def test_encode_goes_by_name(self) -> None:
        data = frames()
        assert data.encode(control()[["C", "A", "B"]]).equal(data.observational)
        assert data.encode(drug()).equal(data.regimes[0].rows)
        assert data.encode(drug()[:0]).shape == (0, 3)

    def test_encode_errors(self) -> None:
        for frame, error, message in [
            (control(A="maybe"), ValueError, "'A' in frame holds 'maybe'"),
            (control(C="high"), ValueError, "'C' in frame is continuous but holds 'high'"),
            (control(C=np.nan), ValueError, "'C' in frame has 3 missing values, but its kind was settled on complete"),
            (
                control(A=[None, "no", "yes"]),
                ValueError,
                "'A' in frame has 1 missing values, but its kind.*missing=True in",
            ),
            (control(E=1), ValueError, "frame: .*adds 'E'"),
            (control()[["A", "B"]], ValueError, "frame: .*lacks 'C'"),
            ({}, TypeError, "frame: .*got dict"),
        ]:
            with pytest.raises(error, match=message):
                frames().encode(frame)  # type: ignore[arg-type]

    def test_decode_returns_plain_columns(self) -> None:
        data = frames()
        pd.testing.assert_frame_equal(data.decode(data.observational), control(), rtol=1e-6)
        assert data.decode(data.observational[:0]).shape == (0, 3)

    def test_decode_errors(self) -> None:
        data = frames()
        with pytest.raises(ValueError, match=r"rows: expected shape \[n, 3\], got \[1, 2\]"):
            data.decode(torch.zeros(1, 2))
        with pytest.raises(ValueError, match="'A' in rows: expected codes 0 to 1"):
            data.decode(torch.full((1, 3), 2.0))
        with pytest.raises(TypeError, match=r"rows: .*got list"):
            data.decode([[0, 0, 0]])  # type: ignore[arg-type]

    def test_states_of_any_type(self) -> None:
        pairs, mixed = Categorical(((0, 1), (1, 0))), Categorical(("none", 3, 2.5))
        data = direct(
            kinds=(pairs, mixed),
            observational=torch.tensor([[0.0, 2.0], [1.0, 0.0]]),
            regimes=(Regime("r", torch.tensor([[0.0, 1.0], [1.0, 2.0]])),),
        )
        assert data.decode(data.observational).to_numpy().tolist() == [[(0, 1), 2.5], [(1, 0), "none"]]
        assert data.encode(data.decode(data.observational)).equal(data.observational)

    def test_to_is_a_copy_of_all_rows(self) -> None:
        data = frames(targets={"drug": "A"})
        assert data.to("cpu") is not data
        assert_same(data.to(torch.device("cpu")), data)

    def test_repr_is_short(self) -> None:
        assert repr(frames()) == (
            "InterventionalData(2 categorical, 1 continuous; 3 observational rows; 2 rows in regimes, "
            "targets unknown in 1 of 1)"
        )
        assert repr(frames(targets={"drug": ()}).regimes[0]) == "Regime('drug', 2 rows, targets ())"
        assert re.search("2 rows, targets unknown", str(frames().regimes))

    def test_pickle(self) -> None:
        assert_same(pickle.loads(pickle.dumps(frames())), frames())


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=5)
columns = st.one_of(
    st.tuples(st.just("text"), st.lists(text, min_size=2, max_size=6, unique=True)),
    st.tuples(st.just("integer"), st.lists(st.integers(-(2**31), 2**31), min_size=2, max_size=6, unique=True)),
    st.tuples(st.just("boolean"), st.just([False, True])),
    st.tuples(
        st.just("number"),
        st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=6, unique=True),
    ),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """An observational table and one to three regimes over the same variables, none of them constant."""
    names = draw(st.lists(text.filter(lambda name: not name.endswith("__CF")), min_size=2, max_size=4, unique=True))
    names = [f"v{name}" for name in names]  # never a reserved name
    pools = {name: draw(columns)[1] for name in names}

    def frame(fewest: int) -> pd.DataFrame:
        rows = draw(st.integers(fewest, 6))
        cells = {
            name: [*pool[:2], *draw(st.lists(st.sampled_from(pool), min_size=rows, max_size=rows))]
            for name, pool in pools.items()
        }
        return pd.DataFrame(cells).sample(frac=1, random_state=draw(st.integers(0, 9)))

    return frame(0), {f"regime {r}": frame(0) for r in range(draw(st.integers(1, 3)))}


class TestProperties:
    @settings(max_examples=50, deadline=None)
    @given(tables())
    def test_decode_inverts_encode(self, given_tables: Any) -> None:
        observational, regimes = given_tables
        data = from_frames(observational, regimes)
        for frame, rows in [
            (observational, data.observational),
            *zip(regimes.values(), (r.rows for r in data.regimes), strict=True),
        ]:
            back = data.decode(rows)
            for name, kind in zip(data.names, data.kinds, strict=True):
                if isinstance(kind, Categorical):
                    assert back[name].tolist() == frame[name].tolist()
                else:
                    span = kind.units[1] * 10
                    np.testing.assert_allclose(back[name], frame[name], rtol=1e-6, atol=1e-6 * span)
            assert data.encode(frame).equal(rows)

    @settings(max_examples=50, deadline=None)
    @given(tables(), st.randoms(use_true_random=False))
    def test_order_of_columns_in_regimes_is_irrelevant(self, given_tables: Any, random: Any) -> None:
        observational, regimes = given_tables
        shuffled = {name: frame[random.sample(list(frame.columns), frame.shape[1])] for name, frame in regimes.items()}
        assert_same(from_frames(observational, shuffled), from_frames(observational, regimes))

    @settings(max_examples=50, deadline=None)
    @given(tables(), st.randoms(use_true_random=False))
    def test_order_of_variables_only_permutes(self, given_tables: Any, random: Any) -> None:
        observational, regimes = given_tables
        order = random.sample(range(observational.shape[1]), observational.shape[1])
        data, permuted = from_frames(observational, regimes), from_frames(observational.iloc[:, order], regimes)
        assert permuted.kinds == tuple(data.kinds[i] for i in order)
        assert permuted.observational.equal(data.observational[:, order])

    @settings(max_examples=50, deadline=None)
    @given(tables())
    def test_long_table_equals_separate_tables(self, given_tables: Any) -> None:
        observational, regimes = given_tables
        labelled = [frame.assign(condition=name) for name, frame in ({"control": observational} | regimes).items()]
        long = pd.concat(labelled)
        assert_same(from_frame(long, regime="condition", observational="control"), from_frames(observational, regimes))

    @settings(max_examples=50, deadline=None)
    @given(tables())
    def test_codes_are_below_cardinality(self, given_tables: Any) -> None:
        data = from_frames(*given_tables)
        for rows in (data.observational, *(regime.rows for regime in data.regimes)):
            for i, cardinality in enumerate(data.cardinalities):
                if cardinality:
                    assert 0 <= int(rows[:, i].min()) <= int(rows[:, i].max()) < cardinality


def test_public_names() -> None:
    assert (pyrocausal.data.interventional_data.__all__, pyrocausal.data.regime.__all__) == (
        ["InterventionalData"],
        ["Regime", "check_regimes"],
    )

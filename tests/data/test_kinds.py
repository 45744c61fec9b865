"""Kinds of variables: what they accept, how they are inferred and what they refuse to encode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from example_tables import SPREAD, assert_same, control, drug, frames, from_frames

import pyrocausal.data.kind
import pyrocausal.data.kinds
from pyrocausal.data.kinds import Categorical, Continuous


class TestKinds:
    def test_categorical(self) -> None:
        assert Categorical().cardinality == 0
        assert Categorical(["a", "b"]) == Categorical(("a", "b"))  # type: ignore[arg-type]
        assert Categorical(np.arange(3)).states == (0, 1, 2)  # type: ignore[arg-type]
        assert all(type(state) is int for state in Categorical(np.arange(3)).states)  # type: ignore[arg-type]

    def test_levels_keep_their_order(self) -> None:
        table = pd.DataFrame({"dose": ["low", "high", "mid", "low"], "n": [0.1, 0.2, 0.3, 0.4]})
        kind = Categorical(("low", "mid", "high"), ordered=True)
        data = from_frames(table, {"drug": table}, kinds={"dose": kind})
        assert data.kinds[0] == kind != Categorical(kind.states)
        back = data.decode(data.observational)["dose"]
        assert back.cat.ordered and list(back.cat.categories) == ["low", "mid", "high"]
        assert back.tolist() == table["dose"].tolist() and list(back.sort_values()) == ["low", "low", "mid", "high"]
        assert kind.decode(np.array([np.nan, 2.0])).isna().tolist() == [True, False]

    def test_ordered_categories_of_pandas_are_levels(self) -> None:
        column = pd.Categorical(["b", "a", "b", "a"], ["b", "never", "a"], ordered=True)
        table = pd.DataFrame({"dose": column, "n": [0.1, 0.2, 0.3, 0.4]})
        assert from_frames(table, {"drug": table}).kinds[0] == Categorical(("b", "a"), ordered=True)

    def test_text_without_levels_has_no_order(self) -> None:
        table = pd.DataFrame({"dose": ["low", "high"] * 2, "n": [1, 2, 1, 2]})
        kinds = {"dose": Categorical(ordered=True), "n": Categorical(ordered=True)}
        with pytest.raises(
            ValueError, match="'dose' in the observational rows has no order of its own; pass its levels"
        ):
            from_frames(table, {"drug": table}, kinds=kinds)
        table["dose"] = [3, 1, 2, 3]
        assert from_frames(table, {"drug": table}, kinds=kinds).kinds[0] == Categorical((1, 2, 3), ordered=True)
        with pytest.raises(TypeError, match="ordered: expected True or False, got 'yes'"):
            Categorical(("a", "b"), ordered="yes")  # type: ignore[arg-type]
        assert Categorical(("a", "b"), ordered=np.bool_(True)).ordered is True  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"states: \[1\] cannot be a label"):
            Categorical(([1], [2]))  # type: ignore[arg-type]

    @pytest.mark.parametrize("states", ["ab", 3, {"a", "b"}])
    def test_states_come_in_order(self, states: Any) -> None:
        with pytest.raises(TypeError, match="states"):
            Categorical(states)

    @pytest.mark.parametrize(
        ("states", "culprit"), [(("a", "b", "a"), "'a'"), (("a", None), "None"), ((0, np.nan), "nan")]
    )
    def test_states_are_distinct_values(self, states: Any, culprit: str) -> None:
        with pytest.raises(ValueError, match=f"states.*{culprit}"):
            Categorical(states)

    @pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
    def test_scale_is_positive(self, scale: float) -> None:
        with pytest.raises(ValueError, match="scale"):
            Continuous(scale=scale)

    def test_shift_and_scale_are_numbers(self) -> None:
        with pytest.raises(TypeError, match=r"Continuous\.scale must be a number, got '1'"):
            Continuous(scale="1")  # type: ignore[arg-type]

    def test_shift_is_finite(self) -> None:
        with pytest.raises(ValueError, match="shift"):
            Continuous(shift=np.nan)

    def test_components_are_a_positive_whole_number(self) -> None:
        assert Continuous(components=np.int64(3)) == Continuous(components=3)  # type: ignore[arg-type]
        for wrong in (True, 1.5, "3"):
            with pytest.raises(TypeError, match=r"Continuous\.components must be a whole number, got"):
                Continuous(components=wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"Continuous\.components must be at least 1, got 0"):
            Continuous(components=0)

    def test_unresolved_kind_cannot_translate(self) -> None:
        with pytest.raises(ValueError, match="shift and scale"):
            Continuous(shift=1.0).encode(pd.Series([1.0]))


class TestInference:
    def test_kinds_follow_the_observational_dtype(self) -> None:
        data = from_frames(
            control(D=[True, False, True], E=pd.Categorical(["x", "y", "x"])),
            {"drug": drug(D=[True, True], E=pd.Categorical(["y", "z"]))},
        )
        text, integer, number, boolean, category = data.kinds
        assert text == Categorical(("no", "yes"))
        assert integer == Categorical((0, 1, 2, 5))  # 5 occurs in the regime only
        assert isinstance(number, Continuous)
        assert boolean == Categorical((False, True))
        assert category == Categorical(("x", "y", "z"))
        assert [type(state) for kind in (text, integer, boolean) for state in kind.states[:1]] == [str, int, bool]
        assert data.cardinalities == (2, 4, 0, 2, 3)
        assert (data.d, data.n, data.regime_names) == (5, 3, ("drug",))

    def test_continuous_is_standardised_by_the_observational_rows(self) -> None:
        data = frames()
        assert data.kinds[2] == Continuous(2.0, SPREAD)
        torch.testing.assert_close(data.observational[:, 2].mean(), torch.tensor(0.0))
        torch.testing.assert_close(data.observational[:, 2].std(correction=0), torch.tensor(1.0))

    def test_shift_and_scale_can_be_given_one_by_one(self) -> None:
        assert frames(kinds={"C": Continuous(shift=1.0)}).kinds[2] == Continuous(1.0, SPREAD)
        data = frames(kinds={"C": Continuous(shift=0.5, scale=2.0)})
        assert data.regimes[0].rows[:, 2].tolist() == [3.5, -1.25]

    def test_ordered_categories_keep_their_order(self) -> None:
        doses = pd.CategoricalDtype(["none", "low", "high", "never"], ordered=True)
        data = from_frames(
            control(D=pd.Series(["low", "none", "none"], dtype=doses)),
            {"drug": drug(D=pd.Series(["high", "high"], dtype=doses))},
        )
        assert data.kinds[3] == Categorical(("none", "low", "high"), ordered=True)

    @pytest.mark.parametrize("dtype", ["Int64", "int8", "uint16"])
    def test_integer_dtypes(self, dtype: str) -> None:
        data = from_frames(control().astype({"B": dtype}), {"drug": drug().astype({"B": dtype})})
        assert_same(data, frames())

    @pytest.mark.parametrize("dtype", ["string", "object", "category"])
    def test_text_dtypes(self, dtype: str) -> None:
        data = from_frames(control().astype({"A": dtype}), {"drug": drug().astype({"A": dtype})})
        assert_same(data, frames())

    def test_nullable_floats_and_objects_of_numbers(self) -> None:
        assert_same(from_frames(control().astype({"C": "Float64"}), {"drug": drug()}), frames())
        objects = from_frames(control().astype({"C": object}), {"drug": drug()}, kinds={"C": Continuous})
        assert_same(objects, frames())

    def test_dates_need_a_kind(self) -> None:
        days = pd.date_range("2024-01-01", periods=3)
        with pytest.raises(TypeError, match=r"'D'.*datetime64"):
            from_frames(control(D=days), {"drug": drug(D=days[:2])})
        data = from_frames(control(D=days), {"drug": drug(D=days[:2])}, kinds={"D": Categorical})
        assert data.kinds[3] == Categorical(tuple(days))

    @pytest.mark.parametrize("values", [np.arange(51), [f"id{i}" for i in range(51)]])
    def test_too_many_values_for_categories(self, values: Any) -> None:
        wide = pd.DataFrame({"A": [0, 1, 0] * 17, "B": values})
        with pytest.raises(ValueError, match=r"'B' has 51.*Continuous.*Categorical"):
            from_frames(wide, {"drug": wide})
        assert from_frames(wide, {"drug": wide}, kinds={"B": Categorical}).cardinalities == (2, 51)
        assert from_frames(wide[:50], {"drug": wide[:50]}).cardinalities == (2, 50)

    def test_whole_floats_in_a_regime_are_the_same_integers(self) -> None:
        assert_same(from_frames(control(), {"drug": drug(B=[5.0, 0.0])}), frames())

    def test_other_floats_are_no_categories(self) -> None:
        with pytest.raises(ValueError, match=r"'B' in regime 'drug' holds 0\.5"):
            from_frames(control(), {"drug": drug(B=[1.0, 0.5])})
        with pytest.raises(ValueError, match=r"'C' in the observational rows holds 0\.5"):
            frames(kinds={"C": Categorical})

    def test_integers_beside_whole_floats_are_ambiguous(self) -> None:
        with pytest.raises(ValueError, match=r"'C' in regime 'drug' holds integers but.*floats"):
            from_frames(control(C=[0.0, 1.0, 2.0]), {"drug": drug(C=[1, 2])})
        clamped = from_frames(control(), {"drug": drug(C=[2, 2])})  # fractions elsewhere: clearly a number
        assert clamped.regimes[0].rows[:, 2].tolist() == [0.0, 0.0]

    def test_text_beside_numbers(self) -> None:
        with pytest.raises(ValueError, match=r"'B' in regime 'drug' holds 'five'"):
            from_frames(control(), {"drug": drug(B=["five", "six"])})

    def test_text_in_a_continuous_column(self) -> None:
        with pytest.raises(ValueError, match=r"'C' in regime 'drug'.*'high'"):
            from_frames(control(), {"drug": drug(C=pd.Series([1.0, "high"], dtype=object))})
        with pytest.raises(ValueError, match=r"'A' in the observational rows.*'no'"):
            frames(kinds={"A": Continuous})

    def test_unhashable_values(self) -> None:
        with pytest.raises(TypeError, match=r"'A' in the observational rows.*categories"):
            from_frames(control(A=[[1], [2], [3]]), {"drug": drug()})


def test_public_names() -> None:
    public = ["Categorical", "Continuous", "Count", "Exposure", "infer_kind", "why_guessed"]
    assert pyrocausal.data.kinds.__all__ == public
    assert pyrocausal.data.kind.__all__ == ["Kind", "entering"]

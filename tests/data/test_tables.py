"""The user's tables: every rule about names, rows, chosen kinds and known targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from example_tables import control, drug, frames, from_frames

from pyrocausal.data.kinds import Categorical, Continuous, Count


class TestChosenKinds:
    @pytest.mark.parametrize("kind", [Continuous, Continuous(), {"B": Continuous}])
    def test_classes_objects_mappings_and_sequences(self, kind: Any) -> None:
        kinds = kind if isinstance(kind, dict) else [Categorical, kind, Continuous()]
        assert isinstance(frames(kinds=kinds).kinds[1], Continuous)

    def test_given_states_keep_their_order(self) -> None:
        data = frames(kinds={"A": Categorical(("yes", "maybe", "no"))})
        assert data.observational[:, 0].tolist() == [2.0, 0.0, 0.0]
        assert data.cardinalities[0] == 3

    def test_unseen_category(self) -> None:
        with pytest.raises(ValueError, match=r"'B' in regime 'drug' holds 5"):
            frames(kinds={"B": Categorical((0, 1, 2))})

    def test_unknown_variable(self) -> None:
        with pytest.raises(ValueError, match="kinds: 'Z' is no variable"):
            frames(kinds={"Z": Categorical})

    def test_sequence_has_one_for_each_variable(self) -> None:
        with pytest.raises(ValueError, match=r"kinds: expected one for each of 3 variables, got 2"):
            frames(kinds=[Categorical, Categorical])

    @pytest.mark.parametrize("kinds", [{"B": "continuous"}, [Categorical, "continuous", Continuous]])
    def test_strings_are_no_kinds(self, kinds: Any) -> None:
        with pytest.raises(
            TypeError, match=r"'B', got 'continuous'; pass pyrocausal.Categorical, pyrocausal.Continuous or"
        ):
            frames(kinds=kinds)

    @pytest.mark.parametrize("kinds", ["continuous", 3])
    def test_kinds_are_a_mapping_or_a_sequence(self, kinds: Any) -> None:
        with pytest.raises(TypeError, match="kinds: expected a mapping"):
            frames(kinds=kinds)


class TestTargets:
    @pytest.mark.parametrize(
        ("given_targets", "targets"),
        [
            (None, None),
            ({}, None),
            ({"drug": None}, None),
            ({"drug": ()}, ()),
            ({"drug": "A"}, ("A",)),
            ({"drug": ["C", "A", "C"]}, ("C", "A")),
        ],
    )
    def test_spellings(self, given_targets: Any, targets: Any) -> None:
        assert frames(targets=given_targets).regimes[0].targets == targets

    def test_unknown_regime(self) -> None:
        with pytest.raises(ValueError, match=r"targets: 'placebo' is no regime.*'drug'"):
            frames(targets={"placebo": "A"})

    def test_unknown_variable(self) -> None:
        with pytest.raises(ValueError, match="targets: regime 'drug' has target 'Z'"):
            frames(targets={"drug": ["A", "Z"]})

    def test_targets_are_a_mapping_of_names(self) -> None:
        with pytest.raises(TypeError, match="targets: expected a mapping"):
            frames(targets=["A"])
        with pytest.raises(TypeError, match=r"targets: expected variable names, AtLeast or None .* 'drug', got 3"):
            frames(targets={"drug": 3})
        with pytest.raises(TypeError, match=r"targets: expected variable names, AtLeast or None .* 'drug', got \(3,\)"):
            frames(targets={"drug": [3]})


class TestTables:
    def test_lacking_and_additional_variables(self) -> None:
        with pytest.raises(ValueError, match=r"regime 'drug'.*lacks 'B'.*adds 'E'"):
            from_frames(control(), {"drug": drug().rename(columns={"B": "E"})})

    def test_duplicate_names(self) -> None:
        with pytest.raises(ValueError, match="columns of observational: 'A' occurs more"):
            from_frames(control().set_axis(["A", "A", "C"], axis=1), {"drug": drug()})
        with pytest.raises(ValueError, match="regime 'drug': 'A' occurs more"):
            from_frames(control(), {"drug": drug().set_axis(["A", "A", "C"], axis=1)})

    def test_names_are_strings(self) -> None:
        with pytest.raises(TypeError, match="columns of observational: expected strings, got 1"):
            from_frames(control().set_axis(["A", 1, "C"], axis=1), {"drug": drug()})

    @pytest.mark.parametrize("name", ["edges", "rows", "graphs", "chain", "draw", "sample", "A__CF"])
    def test_reserved_names(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"cannot be called '{name}'.*reserved"):
            from_frames(control(**{name: [0, 1, 0]}), {"drug": drug(**{name: [0, 1]})})

    def test_two_variables_at_least(self) -> None:
        with pytest.raises(ValueError, match="two variables, got 'A'"):
            from_frames(control()[["A"]], {"drug": drug()[["A"]]})

    @pytest.mark.parametrize("gap", [np.inf, -np.inf])
    def test_infinite_numbers(self, gap: float) -> None:
        with pytest.raises(ValueError, match=r"'C' in regime 'drug' has 1 infinite.*leave them empty"):
            from_frames(control(), {"drug": drug(C=[gap, 1.0])})
        with pytest.raises(ValueError, match=r"'C' in the observational rows has 2 infinite"):
            from_frames(control(C=[gap, gap, 1.0]), {"drug": drug()})

    def test_missing_numbers(self) -> None:
        data = from_frames(control(C=[0.5, np.nan, 1.5]), {"drug": drug(C=[np.nan, 2.0])})
        kind = data.kinds[2]
        assert kind == Continuous(1.0, 0.5, missing=True)
        assert [k.missing for k in data.kinds] == [False, False, True]
        assert np.isnan(data.observational[:, 2].numpy()).tolist() == [False, True, False]
        assert data.regimes[0].rows[:, 2].isnan().tolist() == [True, False] and data.regimes[0].rows[1, 2] == 2.0
        back = data.decode(data.observational)
        assert back.C.isna().tolist() == [False, True, False] and back.C[0] == 0.5
        assert data.encode(back).nan_to_num(9.0).equal(data.observational.nan_to_num(9.0))

    @pytest.mark.parametrize("dtype", [object, "string", "category"])
    def test_missing_labels(self, dtype: Any) -> None:
        data = from_frames(control(), {"drug": drug(A=pd.Series(["no", None], dtype=dtype))})
        assert data.kinds[0] == Categorical(("no", "yes"), missing=True) and data.kinds[0].cardinality == 2
        assert data.regimes[0].rows[:, 0].isnan().tolist() == [False, True] and data.regimes[0].rows[0, 0] == 0
        back = data.decode(data.regimes[0].rows)
        assert back.A[0] == "no" and pd.isna(back.A[1])

    def test_missing_nullable_integer(self) -> None:
        data = from_frames(control(), {"drug": drug(B=pd.Series([1, None], dtype="Int64"))})
        assert data.kinds[1].missing and data.regimes[0].rows[:, 1].isnan().tolist() == [False, True]

    def test_whole_floats_with_gaps_could_be_anything(self) -> None:
        message = (
            "'B' in the observational rows and the regimes hold whole numbers and missing values.*Continuous or Count"
        )
        for gap in (
            [control(B=[1.0, np.nan, 2.0]), drug(B=[1.0, 2.0])],
            [control(B=[1.0, 0.0, 2.0]), drug(B=[1, np.nan])],
        ):
            with pytest.raises(ValueError, match=message):
                from_frames(gap[0], {"drug": gap[1]})
            data = from_frames(gap[0], {"drug": gap[1]}, kinds={"B": Categorical})
            assert data.kinds[1].missing and all(isinstance(state, int) for state in data.kinds[1].states)

    def test_nothing_but_gaps(self) -> None:
        for kinds in (None, {"C": Continuous}, {"C": Continuous(0.0, 1.0)}):
            with pytest.raises(
                ValueError, match="'C' in the observational rows has no value at all; remove the variable"
            ):
                from_frames(control(C=[np.nan] * 3), {"drug": drug()}, kinds=kinds)
        with pytest.raises(ValueError, match="'A' in the observational rows has no value at all"):
            from_frames(control(A=[None] * 3), {"drug": drug()})
        assert from_frames(control(), {"drug": drug(C=[np.nan] * 2)}).regimes[0].rows[:, 2].isnan().all()

    def test_encoded_rows_with_gaps_need_a_kind_that_says_so(self) -> None:
        data = from_frames(control(), {"drug": drug()})
        rows = data.observational.clone()
        rows[0] = float("nan")
        with pytest.raises(ValueError, match=r"'A' in the observational rows: 1 encoded values are NaN.*missing=True"):
            replace(data, observational=rows)
        kinds = tuple(replace(kind, missing=True) for kind in data.kinds)
        assert replace(data, observational=rows, kinds=kinds).observational.isnan().sum() == 3

    def test_constant_variables(self) -> None:
        with pytest.raises(ValueError, match=r"'B' in the observational rows and in all regimes has one state, \[1\]"):
            from_frames(control(B=1), {"drug": drug(B=1)})
        with pytest.raises(ValueError, match=r"'A' in the observational.*one state, \['no'\]"):
            from_frames(control(A="no"), {"drug": drug(A="no")}, kinds={"A": Categorical(("no", "yes"))})
        with pytest.raises(ValueError, match=r"'C' in the observational rows has no usable variance"):
            from_frames(control(C=0.1), {"drug": drug(C=0.1)})
        switch = from_frames(control(C=0.1), {"drug": drug()}).kinds[2]  # a reporter that only regimes turn on
        values = np.r_[np.full(len(control()), 0.1), drug()["C"]]
        assert switch.units == pytest.approx((values.mean(), values.std()))
        counts = {"A": Count, "B": Count}
        off, on = pd.DataFrame({"A": [1, 2, 0], "B": 0}), pd.DataFrame({"A": [1, 0, 4], "B": [3, 0, 9]})
        assert from_frames(off, {"on": on}, kinds=counts).kinds[1].shift == pytest.approx(
            np.log1p([0, 0, 0, 3, 0, 9]).mean()
        )
        with pytest.raises(ValueError, match="variable 'B' in the observational rows is always 0; remove the variable"):
            from_frames(off, {"on": off}, kinds=counts)
        assert from_frames(control(B=1), {"drug": drug()}).cardinalities[1] == 3  # varies in the regime

    def test_two_rows_at_least(self) -> None:
        with pytest.raises(ValueError, match="regime 'drug': expected at least 2 rows, got 0"):
            from_frames(control(), {"drug": drug()[:0]})
        with pytest.raises(ValueError, match="observational rows: expected at least 2 rows, got 1"):
            from_frames(control()[:1], {"drug": drug()})

    def test_regimes_are_needed(self) -> None:
        with pytest.raises(ValueError, match=r"regimes: there are none.*intervention"):
            from_frames(control(), {})

    def test_duplicate_regime_names(self) -> None:
        with pytest.raises(ValueError, match="regimes: '1' occurs more than once"):
            from_frames(control(), {1: drug(), "1": drug()})  # type: ignore[dict-item]

    @pytest.mark.parametrize(
        ("observational", "regimes", "culprit"),
        [
            (np.zeros((3, 2)), {}, "observational"),
            (control(), [drug()], "regimes"),
            (control(), {"drug": np.zeros((3, 2))}, "regime 'drug'"),
        ],
    )
    def test_tables_are_frames(self, observational: Any, regimes: Any, culprit: str) -> None:
        with pytest.raises(TypeError, match=culprit):
            from_frames(observational, regimes)

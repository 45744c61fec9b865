"""Arrays, long tables and files: no spelling of the same data makes a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from example_tables import assert_same, control, drug, from_arrays, from_frame, from_frames

from pyrocausal.data import array_files
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous


class TestArrays:
    integers = np.array([[0, 1], [1, 0], [2, 1]])

    @pytest.mark.parametrize("wrap", [np.array, torch.tensor, list])
    def test_spellings(self, wrap: Any) -> None:
        rows = wrap(self.integers.tolist())
        data = from_arrays(rows, {"regime 0": rows, "regime 1": rows})
        assert data.names == ("X0", "X1")
        assert data.kinds == (Categorical((0, 1, 2)), Categorical((0, 1)))
        assert_same(data, from_arrays(rows, [rows, rows]))
        if wrap is not list:
            assert_same(data, from_arrays(rows, np.stack([self.integers] * 2)))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_floats_are_continuous(self, dtype: torch.dtype) -> None:
        rows = torch.tensor([[0.5, 1.0], [1.5, 0.0]], dtype=dtype, requires_grad=True)
        assert from_arrays(rows, [rows]).kinds == (Continuous(1.0, 0.5), Continuous(0.5, 0.5))

    def test_booleans_and_text_are_categorical(self) -> None:
        assert from_arrays(self.integers > 0, [self.integers > 0]).kinds == (Categorical((False, True)),) * 2
        text = self.integers.astype(str)
        assert from_arrays(text, [text]).kinds == (Categorical(("0", "1", "2")), Categorical(("0", "1")))

    def test_float_codes(self) -> None:
        codes = self.integers.astype(np.float32)
        assert_same(from_arrays(codes, [codes], kinds=[Categorical] * 2), from_arrays(self.integers, [self.integers]))
        halves = from_arrays(codes / 2, [codes / 2], kinds={"X0": Categorical((1.0, 0.5, 0.0))})
        assert halves.observational[:, 0].tolist() == [2.0, 1.0, 0.0]
        with pytest.raises(ValueError, match=r"'X0' in the observational rows holds 0\.5"):
            from_arrays(codes / 2, [codes / 2], kinds={"X0": Categorical((0, 1))})

    def test_dimensions_and_widths(self) -> None:
        with pytest.raises(ValueError, match=r"observational: expected a table with 2 dimensions.*got 1"):
            from_arrays(np.zeros(3), [self.integers])
        with pytest.raises(ValueError, match=r"regime 'regime 0': expected a table with 2 dimensions.*got 1"):
            from_arrays(self.integers, self.integers)
        with pytest.raises(ValueError, match=r"regime 'b': expected 2 variables.*got 3"):
            from_arrays(self.integers, {"a": self.integers, "b": np.zeros((4, 3), dtype=int)})

    def test_frames_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"observational.*from_frames"):
            from_arrays(control(), [self.integers])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"regimes: expected arrays.*got DataFrame"):
            from_arrays(self.integers, drug())  # type: ignore[arg-type]

    def test_names(self) -> None:
        assert from_arrays(self.integers, [self.integers], names=["A", "B"]).names == ("A", "B")
        for names, error, message in [
            (["A"], ValueError, "names: expected at least two"),
            (["A", "B", "C"], ValueError, "names: expected 2 variables.*got 3"),
            (["A", "A"], ValueError, "names: 'A' occurs"),
            (["A", 1], TypeError, "names: expected strings, got 1"),
            ("AB", TypeError, "names: .*the string 'AB'"),
        ]:
            with pytest.raises(error, match=message):
                from_arrays(self.integers, [self.integers], names=names)  # type: ignore[arg-type]


class TestLongTable:
    def table(self, labels: Any) -> pd.DataFrame:
        return pd.concat([control(), drug()]).assign(condition=labels)

    def test_labels(self) -> None:
        data = from_frame(self.table([*"nnndd"]), regime="condition", observational="n", targets={"d": "A"})
        assert_same(data, from_frames(control(), {"d": drug()}, targets={"d": "A"}))

    def test_order_of_first_appearance(self) -> None:
        table = pd.concat([drug(), control(), drug()]).assign(condition=[*"zznnnaa"])
        assert from_frame(table, "condition", "n").regime_names == ("z", "a")

    @pytest.mark.parametrize("observational", [0, "0", 0.0, np.int64(0)])
    def test_label_as_value_and_as_text(self, observational: Any) -> None:
        data = from_frame(self.table([0, 0, 0, 7, 7]), "condition", observational, targets={7: "A"})  # type: ignore[dict-item]
        assert data.regime_names == ("7",)
        assert data.regimes[0].targets == ("A",)

    @pytest.mark.parametrize("dtype", ["category", "string", object])
    def test_label_dtypes(self, dtype: Any) -> None:
        assert_same(
            from_frame(self.table(pd.array([*"nnndd"], dtype=dtype)), "condition", "n"),
            from_frames(control(), {"d": drug()}),
        )

    def test_absent_label(self) -> None:
        with pytest.raises(ValueError, match=r"no row has 'control' in column 'condition'; the labels are 'n', 'd'"):
            from_frame(self.table([*"nnndd"]), "condition", "control")

    def test_missing_labels(self) -> None:
        with pytest.raises(ValueError, match=r"2 rows have no label in column 'condition'"):
            from_frame(self.table(["n", "n", None, np.nan, "d"]), "condition", "n")

    def test_absent_column(self) -> None:
        with pytest.raises(ValueError, match=r"one column 'regime', the columns are 'A', 'B', 'C', 'condition'"):
            from_frame(self.table([*"nnndd"]), "regime", "n")

    def test_only_observational_rows(self) -> None:
        with pytest.raises(ValueError, match="regimes: there are none"):
            from_frame(control(condition="n"), "condition", "n")

    def test_no_frame(self) -> None:
        with pytest.raises(TypeError, match="frame: expected a DataFrame, got dict"):
            from_frame({}, "condition", "n")  # type: ignore[arg-type]


class TestFiles:
    def test_csv_equals_frame(self, tmp_path: Path) -> None:
        table = pd.concat([control(), drug()]).assign(condition=[0, 0, 0, 1, 1])
        table.to_csv(tmp_path / "cells.csv", index=False)
        for observational in (0, "0"):
            read = InterventionalData.from_csv(tmp_path / "cells.csv", "condition", observational, targets={"1": "B"})
            assert_same(read, from_frame(table, "condition", 0, targets={"1": "B"}))

    def test_labels_are_read_as_written(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("A,B,dose\n0,None,01\n1,x,01\n1,x,None\n0,x,None\n")
        data = InterventionalData.from_csv(tmp_path / "a.csv", "dose", "01")
        assert data.regime_names == ("None",)
        assert data.kinds[1] == Categorical(("None", "x"))

    def test_empty_cells_are_missing(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("A,B,dose\n0,,0\n1,x,0\n1,y,1\n0,x,1\n")
        data = InterventionalData.from_csv(tmp_path / "a.csv", "dose", "0")
        assert data.observational[:, 1].isnan().tolist() == [True, False] and data.kinds[1].missing

    def test_duplicate_columns(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("A,A,dose\n0,1,0\n1,0,0\n1,0,1\n0,1,1\n")
        with pytest.raises(ValueError, match=r"a\.csv: 'A' occurs more than once"):
            InterventionalData.from_csv(tmp_path / "a.csv", "dose", "0")

    def test_csv_errors(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
            InterventionalData.from_csv(tmp_path / "nothing.csv", "condition", "n")
        (tmp_path / "empty.csv").touch()
        with pytest.raises(ValueError, match=r"empty\.csv is empty"):
            InterventionalData.from_csv(tmp_path / "empty.csv", "condition", "n")
        control().to_csv(tmp_path / "cells.csv", index=False)
        with pytest.raises(ValueError, match=r"'condition', the columns are 'A', 'B', 'C'"):
            InterventionalData.from_csv(tmp_path / "cells.csv", "condition", "n")

    def npz(self, path: Path, **changes: Any) -> Path:
        rows = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
        adjacency = np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]])
        arrays = {"data_obs": rows, "data_int": np.stack([rows, rows]), "adj_matrix": adjacency} | changes
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
        return path

    def test_npz(self, tmp_path: Path) -> None:
        data = InterventionalData.from_npz(self.npz(tmp_path / "a.npz"), kinds={"X2": Continuous})
        assert data.regime_names == ("regime 0", "regime 1")
        assert data.cardinalities == (2, 2, 0)
        assert data.truth is not None
        assert set(data.truth.edges) == {("X0", "X1"), ("X0", "X2")}
        assert InterventionalData.from_npz(self.npz(tmp_path / "b.npz", adj_matrix=None)).truth is None

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"data_int": None}, r"lacks \['data_int'\].*data_obs"),
            ({"data_obs": None}, r"lacks \['data_obs'\]"),
            ({"data_int": np.zeros((3, 3))}, r"data_int: expected shape \[R, n_r, d\], got \[3, 3\]"),
            ({"data_int": np.zeros((0, 3, 3))}, "regimes: there are none"),
            ({"adj_matrix": np.zeros((2, 2))}, r"adj_matrix: .*\[3, 3\].*\[2, 2\]"),
            ({"adj_matrix": np.full((3, 3), 0.5)}, r"adj_matrix: expected zeros and ones.*0\.5"),
            ({"adj_matrix": np.eye(3)}, "adj_matrix: .*zero diagonal"),
            ({"data_obs": np.array([[{}, {}, {}]], dtype=object)}, "holds objects, which could run code"),
        ],
    )
    def test_wrong_npz(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            InterventionalData.from_npz(self.npz(tmp_path / "a.npz", **changes))

    def test_no_npz(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
            InterventionalData.from_npz(tmp_path / "nothing.npz")
        np.save(tmp_path / "a.npy", np.zeros(3))
        with pytest.raises(ValueError, match=r"a\.npy is no \.npz archive"):
            InterventionalData.from_npz(tmp_path / "a.npy")

    def test_only_what_is_large_and_packed_tightly_is_taken_for_a_trap(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(array_files, "LARGE", 10_000)
        for name, save, values in (
            ("plain", np.savez, np.zeros(5_000)),
            ("noise", np.savez_compressed, np.random.default_rng(0).normal(size=5_000)),
            ("small", np.savez_compressed, np.zeros(1_000)),
        ):
            save(tmp_path / f"{name}.npz", a=values)
            assert np.array_equal(array_files.read_arrays(tmp_path / f"{name}.npz", ["a"])["a"], values)
        np.savez_compressed(tmp_path / "trap.npz", a=np.zeros(50_000))
        with pytest.raises(ValueError, match=r"array 'a' of .*: 400,128 bytes packed into .* are taken for a trap"):
            array_files.read_arrays(tmp_path / "trap.npz", ["a"])

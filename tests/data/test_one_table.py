"""One long table: labels of observational rows, targets that a column names, columns left out, one kind for many."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from example_tables import assert_same, control, drug, from_arrays, from_frame, from_frames

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure

ROWS = pd.DataFrame({"A": [0, 1, 1, 0, 2, 1, 0, 3], "B": [1, 0, 1, 1, 0, 2, 1, 0], "A,B": [0.1, 0.2, 0.5] + [0.7] * 5})


def told(labels: list[Any], column: str = "target") -> pd.DataFrame:
    return ROWS.assign(**{column: labels})


class TestObservationalRows:
    @pytest.mark.parametrize("gap", [None, np.nan, "", " ", pd.NA])
    def test_none_is_rows_without_a_label(self, gap: Any) -> None:
        data = from_frame(told([gap] * 3 + [*"aabbb"]), "target")
        assert data.n == 3 and data.regime_names == ("a", "b")

    @pytest.mark.parametrize("wrap", [list, tuple, set, np.array, pd.Index])
    def test_several_labels(self, wrap: Any) -> None:
        data = from_frame(told([*"uxvuxvyy"]), "target", wrap(["u", "v"]))
        assert data.n == 4 and data.regime_names == ("x", "y")
        assert data.decode(data.observational)["A"].tolist() == [0, 1, 0, 1]

    def test_labels_and_rows_without(self) -> None:
        assert from_frame(told(["u", None, *"uxxyyy"]), "target", ["u", None]).n == 3
        assert from_frame(told([7, np.nan, 7, 8, 8, 9, 9, 9]), "target", [7, None]).regime_names == ("8.0", "9.0")

    def test_from_files(self, tmp_path: Path) -> None:
        told([None] * 3 + [*"aabbb"]).to_csv(tmp_path / "a.csv", index=False)
        assert_same(
            InterventionalData.from_csv(tmp_path / "a.csv", "target"),
            from_frame(told([None] * 3 + [*"aabbb"]), "target"),
        )

    @pytest.mark.parametrize(
        ("labels", "observational", "message"),
        [
            (["u", None, *"uxxyyy"], "u", "1 rows have no label.*say observational=None, and with others.*'u', None"),
            ([*"uuuxxyyy"], None, "every row has a label in column 'target'; name that.*observational='u'.*'x', 'y'"),
            ([*"uuuxxyyy"], ["u", "z"], "no row has 'z' in column 'target'; the labels are 'u', 'x', 'y'"),
            ([*"uuuxxyyy"], [], "observational: expected a label or several, got none"),
        ],
    )
    def test_what_is_wrong_is_told(self, labels: list[Any], observational: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            from_frame(told(labels), "target", observational)


class TestTargetsColumn:
    def test_every_set_is_a_regime(self) -> None:
        data = from_frame(told([None, "", "A", "A", "A+B", "B;A", "A,B", "A,B"]), targets_column="target")
        assert {r.name: (len(r.rows), r.targets) for r in data.regimes} == {
            "A": (2, ("A",)), "A+B": (2, ("A", "B")), "A,B": (2, ("A,B",)),  # a variable is called so
        }  # fmt: skip

    def test_labels_of_rows_without(self) -> None:
        table = told([None, "none", "safe", "A", "A", "B", "B", "B"])
        data = from_frame(table, targets_column="target", observational=["none", "safe"])
        assert (data.n, data.regime_names) == (3, ("A", "B"))

    def test_regimes_with_names(self) -> None:
        table = told([None, None, "A", "A", "B + A", "A, B", "", None]).assign(arm=[*"uuxxyyvv"])
        data = from_frame(table, "arm", "u", targets_column="target")
        assert [(r.name, r.targets) for r in data.regimes] == [("x", ("A",)), ("y", ("B", "A")), ("v", ())]

    def test_beside_targets(self, tmp_path: Path) -> None:
        table = told([None, None, "A", "A", "B", "B", "", None]).assign(arm=[*"uuxxyyvv"])
        table.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
        data = InterventionalData.from_csv(tmp_path / "a.tsv", "arm", "u", targets_column="target")
        assert_same(data, from_frame(table, "arm", "u", targets_column="target"))
        with pytest.raises(ValueError, match="targets: those of 'x' stand in column 'target' too"):
            from_frame(table, "arm", "u", targets={"x": "B"}, targets_column="target")

    @pytest.mark.parametrize(
        ("labels", "options", "message"),
        [
            ([None, None, *"AABBB", "C"], {}, "'C', of 1 row in column 'target', is no variable; if it marks rows"),
            ([*"ABABABAB"], {}, "no row is empty in column 'target'; empty it in rows.*observational='A'"),
            ([None, None, *"AABBBB"], {"observational": "none"}, "no row has 'none' in column 'target'; it holds"),
            ([None, None, *"ABBBBB"], {"regime": "arm", "observational": "u"}, "rows of regime 'x' hold 'A', 'B'"),
            (["A", None, *"AABBBB"], {"regime": "arm", "observational": "u"}, "observational rows hold 'A' in column"),
            ([None, None, *"AABBBB"], {"regime": "arm"}, "every row has a label in column 'arm'"),
            ([None, None, *"AABBBB"], {"regime": "target"}, "'target' is the column of regimes too"),
            ([None, None, *"AABBBB"], {"targets": ["A"]}, "targets: expected a mapping"),
            ([None, None, *"AABBBB"], {"targets_column": "aim"}, "targets_column: expected one column 'aim'"),
            ([None, None, *"AABBBB"], {"targets_column": None}, "say which column tells the regime of each row, or"),
            ([None, None, *"AABBBB"], {"weights": "target"}, "'target' tells the regime or the targets of each row"),
        ],
    )
    def test_what_is_wrong_is_told(self, labels: list[Any], options: dict[str, Any], message: str) -> None:
        table = told(labels).assign(arm=[*"uuxxyyyy"])
        if "regime" not in options or options["regime"] != "arm":
            table = table.drop(columns="arm")
        with pytest.raises((ValueError, TypeError), match=message):
            from_frame(table, **({"targets_column": "target"} | options))


class TestColumnsLeftOut:
    frame = pd.concat([control(), drug()], ignore_index=True).assign(arm=[*"nnndd"])

    def expected(self) -> InterventionalData:
        return from_frame(self.frame, "arm", "n")

    @pytest.mark.parametrize("numbers", [[0, 1, 2, 3, 4], [7, 3, 9, 12, 5], ["c1", "c2", "c3", "c4", "c5"]])
    @pytest.mark.parametrize("name", ["Unnamed: 0", ""])
    def test_row_numbers_are_recognised(self, numbers: list[Any], name: str) -> None:
        table = self.frame.copy()
        table.insert(0, name, numbers)
        with pytest.warns(RuntimeWarning, match=f"column '{name}' of frame has no heading.*left out"):
            assert_same(from_frame(table, "arm", "n"), self.expected())
        assert_same(from_frame(table, "arm", "n", index_column=name), self.expected())
        assert_same(from_frame(table, "arm", "n", ignore=[name]), self.expected())

    def test_those_of_stacked_tables_too(self) -> None:
        rows = pd.concat([pd.DataFrame({"": range(30), "A": [0, 1, 2] * 10, "B": [1, 0] * 15})] * 3)
        with pytest.warns(RuntimeWarning, match="left out"):
            assert from_frame(rows.assign(arm=np.repeat([*"nde"], 30)), "arm", "n").names == ("A", "B")

    def test_files_and_tables_for_every_regime(self, tmp_path: Path) -> None:
        self.frame.to_csv(tmp_path / "a.csv")
        with pytest.warns(RuntimeWarning, match="'Unnamed: 0' of frame has no heading"):
            assert_same(InterventionalData.from_csv(tmp_path / "a.csv", "arm", "n"), self.expected())
        assert_same(InterventionalData.from_csv(tmp_path / "a.csv", "arm", "n", index_column=""), self.expected())
        one, two = (table.assign(**{"Unnamed: 0": range(len(table))}) for table in (control(), drug()))
        with pytest.warns(RuntimeWarning, match="of observational") as heard:
            assert_same(from_frames(one, {"d": two}), self.expected())
        assert len(heard) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_same(from_frames(one, {"d": two}, ignore=["Unnamed: 0"]), self.expected())

    @pytest.mark.parametrize("numbers", [[0, 1, 0, 1, 0], [0.5, 1.5, 2.5, 3.5, 4.5], [*"aabbc"], [0, 1, None, 3, 4]])
    def test_what_does_not_number_rows_needs_a_name(self, numbers: list[Any]) -> None:
        with pytest.raises(ValueError, match="'Unnamed: 3' has no heading, and does not number the rows; name it"):
            from_frame(self.frame.assign(**{"Unnamed: 3": numbers}), "arm", "n")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"ignore": ["note"]}, "ignore: 'note' is no column of frame; the columns are 'A', 'B', 'C', 'arm'"),
            ({"ignore": "A"}, r"ignore: expected names of columns, as in ignore=\['A'\]"),
            ({"ignore": {"A": 1}}, r"ignore: expected names of columns, as in ignore=\['A'\], got the dict"),
            ({"index_column": "id"}, "index_column: 'id' is no column"),
            ({"ignore": ["arm"]}, "regime: expected one column 'arm', the columns are 'A', 'B', 'C'"),
        ],
    )
    def test_unknown_columns(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises((ValueError, TypeError), match=message):
            from_frame(self.frame, "arm", "n", **options)


class TestOneKindForMany:
    frame = pd.DataFrame(
        {
            "A": [0, 5, 2, 1, 0, 3], "B": [1.0, 0.0, 4.0, 2.0, 1.0, 0.0], "C": [0.5, 1.5, 2.5, 0.5, 1.0, 2.0],
            "text": [*"xyxyxy"], "depth": [10, 20, 30, 10, 20, 30], "arm": [*"nnnndd"],
        }
    )  # fmt: skip

    def kinds(self, kinds: Any) -> dict[str, type]:
        data = from_frame(self.frame, "arm", "n", kinds=kinds)
        return dict(zip(data.names, map(type, data.kinds), strict=True))

    @pytest.mark.parametrize("spelling", [Count, Count(), {...: Count}])
    def test_counts(self, spelling: Any) -> None:
        whole = {"A": Count, "B": Count, "depth": Count}
        assert self.kinds(spelling) == whole | {"C": Continuous, "text": Categorical}

    def test_what_is_told_is_kept(self) -> None:
        found = self.kinds({"A": Categorical, ...: Count("depth")})
        assert found == {"A": Categorical, "B": Count, "C": Continuous, "text": Categorical, "depth": Exposure}

    def test_numbers_and_categories(self) -> None:
        numbers = self.kinds(Continuous)
        assert numbers.pop("text") == Categorical and set(numbers.values()) == {Continuous}
        found = self.kinds(Categorical)
        assert found.pop("C") == Continuous and set(found.values()) == {Categorical}  # fractions are no codes

    def test_what_is_wrong_is_told(self) -> None:
        for wrong in ({...: "count"}, Exposure, {...: Exposure}):
            with pytest.raises(TypeError, match=r"kinds: "):
                self.kinds(wrong)
        with pytest.raises(ValueError, match="said for all variables left open, but none of them holds whole numbers"):
            from_frame(self.frame[["C", "text", "arm"]], "arm", "n", kinds=Count)


class TestArrays:
    def test_masked_values_are_missing(self) -> None:
        values = np.array([[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]])
        masked = np.ma.masked_array(values, [[0, 0], [1, 0], [0, 0]])
        gaps = np.array([[0.5, 1.0], [np.nan, 3.0], [4.0, 5.0]])
        data = from_arrays(masked, [np.ma.masked_array(values)])
        assert data.observational.isnan().tolist() == [[False, False], [True, False], [False, False]]
        assert data.kinds == from_arrays(gaps, [values]).kinds
        text = np.ma.masked_array([["a", "b"], ["b", "a"], ["b", "b"]], masked.mask)
        assert from_arrays(text, [text]).observational[:, 0].isnan().tolist() == [False, True, False]
        with pytest.raises(ValueError, match="whole numbers and missing values"):
            from_arrays(np.ma.masked_array([[0, 1], [1, 0]], [[1, 0], [0, 0]]), [np.array([[0, 1], [1, 0]])])
        with pytest.raises(ValueError, match=re.escape("weights: some of the observational rows are masked")):
            from_arrays(values, [values], weights=(np.ma.masked_array([1.0, 1.0, 2.0], [0, 1, 0]), [np.ones(3)]))

    @pytest.mark.parametrize("make", ["csr_matrix", "csc_array", "coo_matrix"])
    def test_sparse_matrices(self, make: str) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        values = np.array([[0, 1], [2, 0], [1, 1]])
        assert_same(
            from_arrays(getattr(sparse, make)(values), {"a": getattr(sparse, make)(values)}),
            from_arrays(values, {"a": values}),
        )


def test_a_code_among_counts_is_named() -> None:
    rows = pd.DataFrame({"hits": [*range(60), -999, -999], "fine": [*range(62)], "arm": ["n"] * 40 + ["drug"] * 22})
    with pytest.raises(ValueError, match=r"it is no count, for 2 of its values are below zero, such as -999: if that"):
        InterventionalData.from_frame(rows, "arm", "n", {...: Count})

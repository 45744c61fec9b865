"""Counts and exposures as kinds of columns: how they are read and encoded, and what is refused, with a reason."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc
from pyrocausal import Count, Exposure, InterventionalData, Knowledge, TargetPrior


def table(**columns) -> pd.DataFrame:
    given = {"A": [0, 3, 5, 2], "B": [1, 0, 7, 7], "depth": [500.0, 1000.0, 2000.0, 1000.0]} | columns
    return pd.DataFrame({name: column for name, column in given.items() if column is not None})


def frames(kinds=None, drug=None, **columns) -> InterventionalData:
    kinds = {"A": Count("depth"), "B": Count} if kinds is None else kinds
    return InterventionalData.from_frames(table(**columns), {"drug": table() if drug is None else drug}, kinds)


class TestEncoding:
    def test_counts_are_their_own_code(self):
        data = frames()
        assert data.observational[:, :2].t().tolist() == [[0, 3, 5, 2], [1, 0, 7, 7]]
        assert data.exposures == ("depth",)
        assert data.kinds[0].place == 2 and data.kinds[0].offset == 2 and data.kinds[1].offset is None
        pd.testing.assert_frame_equal(data.decode(data.observational), table())
        assert repr(data).startswith("InterventionalData(0 categorical, 0 continuous, 2 counts, 1 exposures; 4 obs")

    def test_units_are_those_of_logarithms_per_exposure(self):
        relative, plain, depth = frames().kinds
        logs = np.log1p(np.array([0, 3, 5, 2]) / np.array([0.5, 1, 2, 1]))
        assert relative.units == pytest.approx((logs.mean(), logs.std()))
        assert plain.units == pytest.approx((np.log1p([1, 0, 7, 7]).mean(), np.log1p([1, 0, 7, 7]).std()))
        assert depth.shift == pytest.approx(math.log(1000))
        assert relative.level == pytest.approx(math.log(math.exp(logs.mean()) - 1))

    def test_counts_may_be_missing_and_floats(self):
        data = frames(A=[0.0, np.nan, 5.0, 2.0])
        assert data.kinds[0].missing and data.observational[:, 0].isnan().tolist() == [False, True, False, False]
        assert data.decode(data.observational)["A"].isna().sum() == 1

    def test_units_may_be_given(self):
        assert frames({"A": Count("depth", 2.0, 0.5), "B": Count}).kinds[0].units == (2.0, 0.5)
        assert frames({"A": Count("depth"), "B": Count, "depth": Exposure(7.0)}).kinds[2].shift == 7.0
        for unsettled in (Count(), Count(shift=1.0)):
            with pytest.raises(ValueError, match=r"no shift and scale yet; give both, as in Count\("):
                _ = unsettled.units
        with pytest.raises(ValueError, match="does not know where its exposure is"):
            _ = Count("depth", 1.0, 1.0).offset
        for method in (lambda: Exposure().encode(pd.Series([1.0])), lambda: Exposure().decode(np.ones(1))):
            with pytest.raises(ValueError, match="has no shift yet; give it"):
                method()


class TestRefusals:
    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (
                {"A": [0, -3, 5, 2]},
                "variable 'A' in the observational rows holds -3, which is no count.*say Continuous",
            ),
            ({"A": [0, 0.5, 5, 2]}, "variable 'A' in the observational rows holds 0.5, which is no count"),
            ({"B": [2, 2, 2, 2**25]}, "variable 'B' in the observational rows holds .*counts above 16,777,216"),
            ({"B": ["many", 1, 2, 3]}, "variable 'B' in the observational rows is a count but holds 'many'"),
            ({"B": [math.inf, 1, 2, 3]}, "variable 'B' in the observational rows has 1 infinite values"),
            ({"B": [np.nan] * 4}, "variable 'B' in the observational rows has no value at all"),
            ({"depth": [0.0, 1, 2, 3]}, "variable 'depth' in the observational rows holds 0, but an exposure is a pos"),
            ({"depth": [-1.0, 1, 2, 3]}, "variable 'depth' in the observational rows holds -1, but an exposure"),
            ({"depth": [np.nan, 1, 2, 3]}, "variable 'depth' in the obs.* holds missing values, but .*drop the rows"),
            (
                {"depth": ["low", 1, 2, 3]},
                "'depth' in the observational rows is an exposure but holds 'low' in row 0; .*corr.*ue$",
            ),
        ],
    )
    def test_columns(self, columns, message):
        with pytest.raises(ValueError, match=message):
            frames(**columns)
        if "is always" not in message and "no value at all" not in message:
            with pytest.raises(ValueError, match=message.replace("the observational rows", "regime 'drug'").replace(
                "the obs", "regime 'drug'"
            )):  # fmt: skip
                frames(drug=table(**columns))

    @pytest.mark.parametrize(
        ("kinds", "message"),
        [
            (
                {"A": Count("reads")},
                "'reads', the exposure of 'A', is no variable; keep it as a column beside the counts",
            ),
            ({"A": Count("A")}, "'A' is the exposure of 'A' and cannot be Count"),
            ({"A": Count("B"), "B": Count}, "'B' is the exposure of 'A' and cannot be Count.*leave it out of kinds"),
            ({"A": Count("depth"), "depth": pc.Continuous}, "'depth' is the exposure of 'A' and cannot be Continuous"),
            ({"A": Count, "depth": Exposure}, r"'depth' is an Exposure, but of no count; say Count\('depth'\) of a"),
        ],
    )
    def test_kinds(self, kinds, message):
        with pytest.raises(ValueError, match=message):
            frames({"B": Count} | kinds)

    def test_nothing_but_the_exposure(self):
        rows = table(depth=[3.0, 7.0, 11.0, 49.0], A=[3, 7, 11, 49])
        with pytest.raises(ValueError, match="'A' in the observational rows is in every row the same share of its exp"):
            InterventionalData.from_frames(rows, {"drug": table()}, {"A": Count("depth"), "B": Count})

    @pytest.mark.parametrize("make", [lambda: Count(shift=0.0), lambda: Count(scale=-1.0), lambda: Exposure(math.inf)])
    def test_units_out_of_range(self, make):
        with pytest.raises(ValueError, match=r"(Count|Exposure)\.(shift|scale) must be (positive|finite), got"):
            make()

    def test_components(self):
        assert Count("depth", components=np.int64(2)) == Count("depth", components=2) != Count("depth")
        with pytest.raises(ValueError, match=r"Count\.components must be at least 1, got 0"):
            Count(components=0)
        for wrong in (1.5, "2", True):
            with pytest.raises(TypeError, match=r"Count\.components must be a whole number, got"):
                Count(components=wrong)

    @pytest.mark.parametrize("make", [lambda: Count(3), lambda: Count(shift="a"), lambda: Exposure("a")])
    def test_units_of_the_wrong_type(self, make):
        with pytest.raises(TypeError, match=r"exposure: expected|shift must be a number"):
            make()

    def test_encoded_rows(self):
        data = frames()
        rows = data.observational.clone()
        rows[0, 0] = 0.5
        with pytest.raises(ValueError, match="variable 'A' in the observational rows: expected counts, whole numbers"):
            InterventionalData(data.names, data.kinds, rows, data.regimes)

    def test_an_exposure_is_neither_target_nor_cause_nor_effect(self):
        data = frames()
        with pytest.raises(ValueError, match="targets: 'depth' is an exposure, which no regime can act on"):
            InterventionalData.from_frames(table(), {"drug": table()}, {"A": Count("depth")}, {"drug": "depth"})
        for told, message in (
            ({"required": [("depth", "A")]}, "the edge depth -> A cannot be: 'depth' is the exposure of counts"),
            ({"knowledge": Knowledge(probability={("A", "depth"): 0.2})}, "the edge A -> depth cannot be"),
            ({"target_prior": TargetPrior(probability={"drug": {"depth": 0.5}})}, "'drug' names 'depth', an exposure"),
            ({"algorithm": pc.SDI.paper()}, "greatest_drop takes no exposure, such as 'depth'"),
        ):
            with pytest.raises(ValueError, match=message):
                pc.discover(data, chains=1, progress=False, **told)

    def test_exposures_stand_apart_beside_other_knowledge(self):
        known = Knowledge(required=[("A", "B")], probability={("A", "depth"): 0.0}).apart(
            ("depth",), ("A", "B", "depth")
        )
        fixed = known.compile(("A", "B", "depth")).fixed
        assert fixed.nan_to_num(9).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
        assert Knowledge().apart((), ("A",)) == Knowledge()
        odds = TargetPrior().compile(("A", "depth"), {"drug": None}, ("depth",)).log_odds
        assert odds.tolist() == [[0.0, -math.inf]]
        half = TargetPrior(probability={"drug": {"A": 0.5}}).compile(("A", "depth"), {"drug": None}, ("depth",))
        assert half.log_odds[0, 0] == pytest.approx(0.0)  # the other half is that of none

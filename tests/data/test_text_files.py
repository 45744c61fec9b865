"""Delimited text: what separates fields, how text is encoded, decimal commas, and Parquet."""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from example_tables import assert_same, from_frame

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.table_files import format_of, read_parquet
from pyrocausal.data.text_files import read_text_table
from pyrocausal.data.text_form import sniff

TABLE = pd.DataFrame(
    {"arm": [*"ccccdd"], "dose": [0.5, 1.5, -2.25, 1e-3, 3.5, 2.5], "état": ["a", "b, c", "a", "a; d", "b, c", "a"]}
)
from_csv = InterventionalData.from_csv


@pytest.mark.parametrize("sep", [",", "\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("suffix", [".csv", ".txt.gz"])
def test_forms_are_found_out(tmp_path: Path, sep: str, encoding: str, suffix: str) -> None:
    TABLE.to_csv(tmp_path / f"a{suffix}", sep=sep, encoding=encoding, index=False)
    assert_same(from_csv(tmp_path / f"a{suffix}", "arm", "c"), from_frame(TABLE, "arm", "c"))


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_decimal_commas(tmp_path: Path, sep: str) -> None:
    TABLE.to_csv(tmp_path / "a.csv", sep=sep, decimal=",", index=False)
    assert read_text_table(tmp_path / "a.csv").dose.tolist() == TABLE.dose.tolist()


def test_what_is_told_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    TABLE.to_csv(path, sep=" ", encoding="latin-1", index=False)
    assert read_text_table(path, sep=" ", encoding="latin-1").equals(TABLE)
    TABLE.to_csv(path, sep=";", decimal=",", index=False)
    assert read_text_table(path, decimal=".").dose.dtype != float


def test_a_separator_that_yields_the_columns_is_preferred() -> None:
    head = b"a;b,arm;x\n1;2,3;c\n"
    assert sniff(head, "it")["sep"] == ";"
    assert sniff(head, "it", ["b,arm"])["sep"] == ";"
    assert sniff(b"a;b;c,arm\n1;2;3,c\n", "it", ["arm"])["sep"] == ","


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("état,arm\n1,2\n".encode("latin-1"), {}, r'no UTF-8 text .*looks like latin-1, so say encoding="latin-1"'),
        ("état,arm\n1,2\n".encode(), {"encoding": "ascii"}, "no text in the encoding ascii"),
        (b"a,b\n1,2\n", {"encoding": "utf-99"}, "'utf-99' is none that Python knows"),
        ("a,b\n1,2\n".encode("utf-16-le"), {}, r'looks like UTF-16 without a mark.*encoding="utf-16-le"'),
        (b"a b\n1 2\n", {}, "read as one column, 'a b'; say what separates its fields"),
        (b"a,b\n1,2,3\n4,5,6\n", {}, "have more fields than its header"),
        (b"a;b;a\n1;2;3\n", {}, r"a\.csv: 'a' occurs more than once"),
        (b"", {}, "is empty"),
    ],
)
def test_bad_text(tmp_path: Path, content: bytes, options: dict[str, Any], message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_text_table(tmp_path / "a.csv", **options)
    assert "a.csv" in str(caught.value) or "encoding" in options


def test_a_suffix_that_lies(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"cannot be unpacked as its suffix \.gz says"):
        read_text_table(tmp_path / "a.csv.gz")
    with gzip.open(tmp_path / "b.csv.gz", "wb") as stream:
        stream.write(b"a\tb\n1\t2\n")
    assert read_text_table(tmp_path / "b.csv.gz").columns.tolist() == ["a", "b"]


def test_formats_by_suffix() -> None:
    assert [format_of(f"x.{end}") for end in ("tsv", "CSV.gz", "parquet", "h5ad")] == [
        "text",
        "text",
        "parquet",
        "h5ad",
    ]
    with pytest.raises(ValueError, match=r"suffix \.xlsx, which is none of \.csv, "):
        format_of("x.xlsx")


class TestParquet:
    def test_it_is_a_frame(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
        TABLE.to_parquet(tmp_path / "a.parquet")
        read = InterventionalData.from_parquet(tmp_path / "a.parquet", "arm", "c")
        assert_same(read, from_frame(TABLE, "arm", "c"))
        TABLE.set_index("arm").to_parquet(tmp_path / "b.parquet")
        assert_same(InterventionalData.from_parquet(tmp_path / "b.parquet", "arm", "c"), read)
        (tmp_path / "c.parquet").write_text("a,b\n")
        with pytest.raises(ValueError, match=r"c\.parquet is no readable Parquet file"):
            read_parquet(tmp_path / "c.parquet")

    def test_without_the_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.parquet").touch()
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ValueError, match=re.escape("pip install 'pyrocausal[parquet]'")):
            read_parquet(tmp_path / "a.parquet")
        with pytest.raises(FileNotFoundError, match=r"nothing\.parquet"):
            read_parquet(tmp_path / "nothing.parquet")

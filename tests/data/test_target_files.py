"""Files of targets: known in full, in part, none, and what is refused."""

from __future__ import annotations

import re

import pytest

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.target_files import read_targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("regime,target\na,A\nb,B\na,C\nplacebo,\n", {"a": ("A", "C"), "b": ("B",), "placebo": ()}),
        (
            "at_least, regime, target\nyes, a, A\n, b, B\nyes, a, C\nno, placebo,\n",
            {"a": AtLeast("A", "C"), "b": ("B",), "placebo": ()},
        ),
        ("regime,target,at_least\n007,1,yes\n", {"007": AtLeast("1")}),
        ("regime,target\n", {}),
    ],
)
def test_files(tmp_path, text, expected):
    (tmp_path / "told.csv").write_text(text)
    assert read_targets(tmp_path / "told.csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected the columns regime and target"),
        ("a,b\nA,B\n", "has the columns a, b; expected regime, target and perhaps at_least"),
        ("regime,target\na,A\n ,B\n", "has no regime in line 3; name it"),
        ("regime,target,at_least\na,A,often\n", "has 'often' in the column at_least; say yes or no"),
        ("regime,target,at_least\na,A,yes\na,B,no\n", "says yes and no in the column at_least of regime 'a'"),
        ("regime,target\na,A\na,\n", "has a row without a target for regime 'a', which says that it has none, and"),
        ("regime,target,at_least\na,,yes\n", "has a row without a target for regime 'a', which says that it has none"),
    ],
)
def test_bad_files(tmp_path, text, message):
    (tmp_path / "told.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_targets(tmp_path / "told.csv")
    assert "told.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_targets(tmp_path / "nowhere.csv")

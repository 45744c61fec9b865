"""Files of knowledge: edges, probabilities and tiers, and what is refused."""

from __future__ import annotations

import re

import pytest

from pyrocausal.data.knowledge import Knowledge


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cause,effect\nA,B\n", Knowledge(required=[("A", "B")])),
        (
            "effect, cause, probability\nB, A, 0.25\nC, A,\nD, A, 0\n",
            Knowledge(required=[("A", "C")], probability={("A", "B"): 0.25, ("A", "D"): 0}),
        ),
        ("variable,tier\nC,2\nA,10\nB,2\n", Knowledge(tiers=[["C", "B"], ["A"]])),
    ],
)
def test_files(tmp_path, text, expected):
    (tmp_path / "known.csv").write_text(text)
    assert Knowledge.from_file(tmp_path / "known.csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,b,c,d\nA,B,C,D\n",
            "has the columns a, b, c, d; expected cause, effect and perhaps probability, or variable and tier",
        ),
        ("cause,effect\nA,\n", "has an empty name in line 2"),
        ("cause,effect,probability\nA,B,often\n", "has 'often' in the column probability, which is no number"),
        ("variable,tier\nA,first\n", "has 'first' in the column tier, which is no number"),
        ("variable,tier\nA,nan\n", "has 'nan' in the column tier, which is no number"),
        ("variable,tier\nA,2\nB,1\n ,2\n", "has an empty name in line 4"),
        ("cause,effect,probability\nA,B,inf\n", "has 'inf' in the column probability, which is no number"),
        ("cause,effect,probability\nA,B,0.2\nA,B,0.3\n", "has the edge A -> B twice"),
    ],
)
def test_bad_files(tmp_path, text, message):
    (tmp_path / "known.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Knowledge.from_file(tmp_path / "known.csv")
    assert "known.csv" in str(caught.value)

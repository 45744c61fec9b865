"""Fits that are killed, and what is told of them; the fits themselves are those of tests/fit/test_checkpoint.py."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest
from example_chains import UNSETTLED, quick, small

from benchmarks import killing as module
from benchmarks.killing import digest, kills, told_kills
from benchmarks.report_sections import kills_section

SLEEPS = "import sys, time; time.sleep(0.6); print('done')"


@pytest.mark.filterwarnings(UNSETTLED)
def test_a_digest_is_of_everything_but_times():
    one, again, other = (quick(small(), chains=1, seed=seed) for seed in (3, 3, 4))
    assert digest(one) == digest(again) != digest(other)


def test_runs_are_killed_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    monkeypatch.setattr(
        module,
        "begin",
        lambda folder: subprocess.Popen(
            [sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE, text=True, start_new_session=True
        ),
    )
    found = kills([0, 1], tmp_path, after=[0.1])
    assert set(found.how) == {"all", "SIGKILL", "SIGTERM"} and found.same.dropna().all()
    pd.testing.assert_frame_equal(kills([0, 1], tmp_path, after=[0.1]), found)
    first, *others = told_kills(found)
    assert first.startswith("- Killed at 2 random moments of ") and "2 ended with the same bits" in first
    assert others == [
        f"- {how} to the parent after 0.1 s: no process was left 0.3 s later." for how in ("SIGKILL", "SIGTERM")
    ]
    assert first in kills_section(found)[-1]


def test_what_is_left_is_said(monkeypatch):
    rows = pd.DataFrame({"how": ["SIGKILL"] * 2, "number": [0.5, 5.0], "left": [False, True]})
    assert told_kills(rows) == [
        "- SIGKILL to the parent after 0.5, 5 s: some processes were left after 5 s 10 s later."
    ]

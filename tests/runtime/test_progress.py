"""The line of progress: what it says, and when it says how long it takes."""

from __future__ import annotations

import time

import pytest

from pyrocausal.runtime.interruption import best_so_far, checkpoint, interruptible, now_doing
from pyrocausal.runtime.progress import DRAWING, Report, Seen, describe, progress_line, time_to_go


def seen(**reports):
    """Chains by number, as {"0": (report, begun, phase, ended)}."""
    return {int(name[1:]): Seen(*each) for name, each in reports.items()}


def test_what_chains_do_is_counted():
    found = seen(
        c0=(Report(0, "networks, round 2", families=1500, evidence=-20.5, edges=7), 0.0, 0.0),
        c1=(Report(1, "searching in closed form", families=500, evidence=-30.0, edges=9), 0.0, 0.0),
        c2=(Report(2, "searching in closed form", families=1), 0.0, 0.0),
    )
    assert describe(found) == (
        "networks, round 2, searching in closed form (2 chains), 2,001 families, evidence -20.5, edges 7-9"
    )
    alone = seen(c0=(Report(0, "fitting", 3, 10, 0), 0.0, 0.0))
    assert describe(alone) == "fitting 3/10, 0 families"


def test_the_time_to_go_is_told_only_where_something_tells_it():
    searching, ended = Report(0, "searching in closed form"), Report(1, DRAWING, 10, 10, ended=True)
    assert time_to_go(seen(c0=(searching, 0.0, 0.0)), 1, 50.0) is None
    half = Report(0, DRAWING, 50, 100)
    assert time_to_go(seen(c0=(half, 0.0, 40.0)), 1, 50.0) == pytest.approx(10.0)  # 50 in 10 seconds
    assert time_to_go(seen(c0=(half._replace(done=5), 0.0, 40.0)), 1, 50.0) is None
    assert time_to_go(seen(c0=(half, 0.0, 40.0)), 2, 50.0) is None  # nobody knows how long another one takes
    two = seen(c1=(ended, 0.0, 0.0, 30.0), c0=(searching, 30.0, 30.0))
    assert time_to_go(two, 2, 40.0) == pytest.approx(20.0)
    assert time_to_go(two, 4, 40.0) == pytest.approx(20.0 + 2 * 30.0)
    assert time_to_go(two, 2, 70.0) is None  # it takes longer than the other one


def test_the_line_moves_and_counts_chains(capsys, monkeypatch):
    monkeypatch.setattr("pyrocausal.runtime.progress.LOGGED", 0.0)
    with progress_line(2) as show:
        show(Report(0, "searching in closed form", families=12, evidence=-3.0, edges=2))
        show(Report(0, "searching in closed form", families=13, evidence=-3.0, edges=2))
        show(Report(0, DRAWING, 5, 5, 14, -2.0, 3, ended=True))
    written = capsys.readouterr().err
    assert "0 of 2 chains done" in written and "12 families" in written and "13 families" in written
    assert "1 of 2 chains done" in written and "evidence -2.0, edges 3" in written


def test_where_no_screen_shows_it_there_are_few_lines(capsys):
    with progress_line(1) as show:
        for k in range(1000):
            show(Report(0, "fitting", k, 1000))
    assert capsys.readouterr().err.count("fitting") <= 2


def test_work_says_where_it_stands():
    with interruptible(lambda: False) as work:
        now_doing("searching", 1, 2)
        checkpoint(3)
        checkpoint(4)
        best_so_far(-5.0, 6)
        assert (work.doing, work.done, work.of, work.families) == ("searching", 1, 2, 7)
        assert (work.evidence, work.edges) == (-5.0, 6)
    now_doing("nothing")  # outside nobody listens
    best_so_far(0.0, 0)
    assert work.doing == "searching" and work.evidence == -5.0


def test_a_checkpoint_costs_next_to_nothing():
    with interruptible(lambda: False):
        started = time.process_time()
        for _ in range(10_000):
            checkpoint(1)
        assert time.process_time() - started < 0.5  # a gradient step takes a thousand times as long

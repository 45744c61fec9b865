"""A chain in another process is heard and stopped; where nobody listens it goes on."""

from __future__ import annotations

import pickle
import threading
import time

import pytest

from pyrocausal.fit import channel as module
from pyrocausal.fit.channel import open_channel
from pyrocausal.runtime.progress import Report

REPORT = Report(0, "fitting", done=1, of=3, evidence=-5.0, edges=2)


def now():
    return REPORT._replace(doing="searching")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.0)


def elsewhere(channel):
    """As another process finds it."""
    return pickle.loads(pickle.dumps(channel))


def test_here_a_line_is_a_call():
    heard, stop = [], threading.Event()
    with open_channel(heard.append, stop) as channel:
        channel.report(REPORT)
        assert channel.local and heard == [REPORT] and not channel.asked_to_stop(now)
        assert heard == [REPORT, now()]  # it has not been heard for a while
        stop.set()
        assert channel.asked_to_stop(now)


def test_reports_and_the_request_to_stop_cross_processes():
    heard, stop = [], threading.Event()
    with open_channel(heard.append, stop) as channel:
        far = elsewhere(channel)
        far.report(REPORT)
        assert not far.local and heard == [REPORT] and not far.asked_to_stop(now)
        assert heard == [REPORT, now()]
        stop.set()
        assert far.asked_to_stop(now)
        late = elsewhere(channel)
        assert late.asked_to_stop(now)


def test_a_chain_asks_now_and_then(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 60.0)
    stop = threading.Event()
    with open_channel(print, stop) as channel:
        far = elsewhere(channel)
        assert not far.asked_to_stop(now)
        stop.set()
        started = time.perf_counter()
        assert not any(far.asked_to_stop(now) for _ in range(1000))
        assert time.perf_counter() - started < 1.0
        far.report(REPORT._replace(done=2))  # the answer to a report counts as well
        assert far.asked_to_stop(now)


def test_where_nobody_can_be_reached_a_chain_goes_on():
    with open_channel(print, threading.Event()) as channel:
        far = elsewhere(channel)
    far.report(REPORT)
    assert not far.asked_to_stop(now)


def test_a_chain_that_hangs_up_before_it_has_ended_is_lost():
    with open_channel(lambda report: None, threading.Event()) as channel:
        for number, ended in enumerate((True, False)):
            far = elsewhere(channel)
            far.report(REPORT._replace(chain=number, ended=ended))
            far._connection.close()
        deadline = time.monotonic() + 10
        while not channel.lost and time.monotonic() < deadline:
            time.sleep(0.01)
        assert channel.lost == [1]


@pytest.mark.parametrize("pool, stops", [("LokyProcess-1", False), ("ForkPoolWorker-1", True)])
def test_an_orphan_of_a_pool_stops_before_its_first_exchange(pool, stops, monkeypatch):
    with open_channel(print, threading.Event()) as channel:
        far = elsewhere(channel)
    monkeypatch.setattr(module.multiprocessing.current_process(), "name", pool)
    assert far.asked_to_stop(now) == stops  # this process is no child of who began the chains: it is the same one


def test_a_process_of_a_pool_ends_with_its_parent(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(module, "GRACE", 0.0)
    monkeypatch.setattr(module.os, "_exit", lambda status: ended.set())
    with open_channel(print, threading.Event()) as channel:
        channel.leave_with_parent()  # here it does nothing
        far = elsewhere(channel)
        far.leave_with_parent()  # nor in the process of somebody else's pool
        assert not ended.wait(0.2)
        monkeypatch.setattr(module.multiprocessing.current_process(), "name", "ForkPoolWorker-1")
        assert ended.wait(5.0)


def test_a_chain_that_nobody_waits_for_any_more_stops():
    with open_channel(lambda report: None, threading.Event()) as channel:
        far = elsewhere(channel)
        far.report(REPORT)
    assert far.asked_to_stop(now)  # the end of the block has said so, or is gone


def test_a_stranger_is_not_heard():
    heard = []
    with open_channel(heard.append, threading.Event()) as channel:
        stranger = elsewhere(channel)
        stranger.key = b"guess"
        stranger.report(REPORT)
        friend = elsewhere(channel)
        friend.report(REPORT._replace(chain=1))
    assert [report.chain for report in heard] == [1]

"""Work that begins anew is given what its journal holds, and comes to the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from pyrocausal.runtime import journal as module
from pyrocausal.runtime.journal import Entry, Journal, current_journal, journal_kept, recorded


class Kept(Journal):
    """A journal that writes into lists."""

    def __init__(self, past=(), snapshot=None):
        self.written: list[Entry] = []
        self.snapshots: list[object] = []
        super().__init__(past, snapshot, self.put)

    def put(self, start, entries, snapshot):
        assert start == len(self.written) + self.began
        self.written += entries
        self.snapshots += [] if snapshot is None else [snapshot]

    began = 0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.0)
    monkeypatch.setattr(module, "SHARE", 0.0)


def work(done, steps=4):
    """Random numbers, added up; what is computed is told."""
    total = torch.zeros(3)
    for step in range(steps):

        def draw(step=step):
            done.append(step)
            return torch.randn(3)

        total = total + recorded(f"draw {step}", draw) + torch.rand(3)
    return total


def test_without_a_journal_it_is_computed():
    done = []
    work(done)
    assert done == [0, 1, 2, 3] and current_journal() is None


@pytest.mark.parametrize("kept", range(5))
def test_work_that_is_taken_up_comes_to_the_same(kept):
    torch.manual_seed(1)
    first = Kept()
    with journal_kept(first):
        expected = work([])
    assert [entry.what for entry in first.written] == [f"draw {step}" for step in range(4)]
    torch.manual_seed(1)
    again, done = Kept(first.written[:kept]), []
    again.began = kept
    with journal_kept(again):
        assert torch.equal(work(done), expected)
    assert done == [0, 1, 2, 3][kept:]
    assert [entry.what for entry in again.written] == [f"draw {step}" for step in range(kept, 4)]


def test_a_random_state_is_kept_only_where_it_changed():
    kept = Kept()
    with journal_kept(kept):
        recorded("plain", lambda: 1)
        recorded("random", lambda: torch.rand(()))
    assert [entry.random is None for entry in kept.written] == [True, False]


def test_another_journal_is_found_out():
    with journal_kept(Kept([Entry("draw 7", torch.zeros(3), None)])), pytest.raises(ValueError, match="'draw 7' where"):
        work([])


def test_a_closed_journal_takes_nothing_more():
    kept = Kept()
    with journal_kept(kept):
        recorded("before", lambda: 1)
        kept.close()
        assert recorded("after", lambda: 2) == 2
        kept.save(lambda: "late", at_once=True)
    assert [entry.what for entry in kept.written] == ["before"] and not kept.snapshots


def test_what_fails_is_not_kept():
    kept = Kept()
    with pytest.raises(ZeroDivisionError), journal_kept(kept):
        recorded("fails", lambda: 1 / 0)
    assert not kept.written and current_journal() is None


def test_it_is_written_every_few_seconds(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 3600.0)
    kept = Kept()
    with journal_kept(kept):
        recorded("early", lambda: 1)
        assert not kept.written
        kept.save(lambda: "here")
        assert not kept.snapshots
        kept.save(lambda: "here", at_once=True)
        assert kept.snapshots == ["here"] and len(kept.written) == 1
        recorded("late", lambda: 1)
    assert [entry.what for entry in kept.written] == ["early", "late"]  # the rest at the end


def test_steps_that_no_snapshot_knows_are_done_again():
    steps = [Entry("step", k, None) for k in range(5)]
    kept = Kept(steps)
    assert [entry.value for entry in kept.take_up("step", 3)] == [0, 1, 2] and not kept.past
    kept = Kept([*steps, Entry("search", 0, None)])
    assert len(kept.take_up("step", 5)) == 5 and len(kept.past) == 1  # which came after the last step


def test_writing_takes_no_more_than_its_share_of_the_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "EVERY", 5.0)
    monkeypatch.setattr(module, "SHARE", 0.01)
    kept, written = Kept(), []
    for now in (4.0, 6.0, 1000.0, 1006.0, 1011.0):
        kept.add(Entry(f"at {now}", 1, None))
        kept.save()
        written.append(len(kept.written))
    assert written == [0, 2, 3, 3, 5]  # five seconds at first, and ten after a thousand

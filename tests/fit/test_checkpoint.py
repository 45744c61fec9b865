"""A fit that was killed is taken up, and ends with the bits of one that nobody disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from example_chains import ALGORITHM, SETTLING, UNSETTLED, assert_same, quick, settled, small
from filelock import FileLock

from pyrocausal.fit import checkpoint as module
from pyrocausal.fit.discover import discover
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior import files
from pyrocausal.posterior.files import load_objects, save_objects
from pyrocausal.runtime import journal
from pyrocausal.sdi.settings import Stopping
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search import orders
from pyrocausal.search.graph_kernel import Sampling

SAMPLING = Sampling(draws=20, warm_up=5)
pytestmark = pytest.mark.filterwarnings(UNSETTLED)


class Killed(BaseException):
    """As good as kill -9: nothing that runs heeds it."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(journal, "EVERY", 0.0)
    monkeypatch.setattr(journal, "SHARE", 0.0)
    monkeypatch.setattr(module, "WAIT", 0.2)


@pytest.fixture
def data():
    return small()


def kill_at(monkeypatch, write):
    """Let the fit die at a write: half of them before it, half of them after it."""
    done = [0]

    def dying(value, path, what=files.RESULT):
        done[0] += 1
        if done[0] == write and write % 2:
            raise Killed
        save_objects(value, path, what)
        if done[0] == write:
            raise Killed

    monkeypatch.setattr(module, "save_objects", dying)
    return done


# ------------------------------------------------------------------ the same bits
@pytest.mark.parametrize("fit", [settled, quick])
def test_killed_at_every_write_it_ends_with_the_same_bits(data, fit, tmp_path, monkeypatch):
    drawn = {"sampling": SAMPLING} if fit is settled else {}
    expected = fit(data, chains=1, seed=3, **drawn)
    writes = 0
    while True:
        writes += 1
        with monkeypatch.context() as patched:
            done, killed = kill_at(patched, writes), False
            folder = tmp_path / str(writes)
            try:
                fit(data, chains=1, seed=3, checkpoint=folder, **drawn)
            except Killed:
                killed = True
        if not killed:
            break
        found = fit(data, chains=1, checkpoint=folder, resume=True, **drawn)
        assert_same(found, expected)
        if fit is settled:
            assert torch.equal(found.chains[0].graphs, expected.chains[0].graphs)
            assert torch.equal(found.chains[0].graph_targets, expected.chains[0].graph_targets)
    assert done[0] == writes - 1 >= 8


def test_killed_again_and_again(data, tmp_path, monkeypatch):
    expected = settled(data, chains=1, seed=3)
    for _ in range(60):
        with monkeypatch.context() as patched:
            kill_at(patched, 2)
            try:
                found = settled(data, chains=1, seed=3, checkpoint=tmp_path, resume=True)
            except Killed:
                continue
        break
    assert_same(found, expected)


def test_all_that_is_dear_is_kept(data, tmp_path):
    settled(data, chains=1, seed=3, checkpoint=tmp_path, sampling=SAMPLING)
    parts = [load_objects(path, {}, module.WHAT) for path in tmp_path.glob("chain-0/part-*.zip")]
    kept = {what.split(" of ")[0] for _, (_, entries, _) in parts for what, _, _ in entries}
    assert kept == {"step", "plain", "level 0", "networks", "the program's mechanisms"}


def test_a_fit_that_has_ended_is_there_at_once_and_more_chains_go_on(data, tmp_path, monkeypatch):
    first = settled(data, chains=1, seed=3, checkpoint=tmp_path)
    again = settled(data, chains=1, checkpoint=tmp_path, resume=True)
    assert_same(first, again)
    assert again.chains[0].cpu_seconds > first.chains[0].cpu_seconds  # of both
    assert_same(settled(data, chains=2, checkpoint=tmp_path, resume=True), settled(data, chains=2, seed=3))


def test_ctrl_c_leaves_a_checkpoint_that_is_as_good_as_any(data, tmp_path, monkeypatch):
    expected, met = settled(data, chains=1, seed=3), orders._Walk.offer
    calls = [0]

    def offer(self, *arguments, **options):
        calls[0] += 1
        if calls[0] == 2:
            signal.raise_signal(signal.SIGINT)
        return met(self, *arguments, **options)

    with monkeypatch.context() as patched, pytest.warns(RuntimeWarning, match="Ctrl-C"):
        patched.setattr(orders._Walk, "offer", offer)
        assert settled(data, chains=1, seed=3, checkpoint=tmp_path).stopped
    found = settled(data, chains=1, checkpoint=tmp_path, resume=True)
    assert found.stopped is None
    assert_same(found, expected)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from example_chains import ALGORITHM, SETTLING, small
from dataclasses import replace
from pyrocausal import Stopping, discover
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.runtime import journal

def mechanisms(kinds):  # it is called in every process
    journal.EVERY = 0.1
    return NeuralMechanisms(kinds, hidden=4)

long = replace(ALGORITHM, stopping=Stopping(tolerance=1e-9, max_steps=10**6), mechanisms=mechanisms)
result = discover(
    small(), chains=2, cores=2, seed=3, algorithm=long, settling=replace(SETTLING, proposal=60), progress=False,
    checkpoint={folder!r}, resume=True,
)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills processes")
@pytest.mark.parametrize("kill", [os.killpg, os.kill])
def test_kill_9_of_the_whole_run_and_of_its_parent_alone(data, tmp_path, monkeypatch, kill):
    script = SCRIPT.format(tests=str(Path(__file__).parents[1]), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120
        while len([*tmp_path.glob("chain-*/part-*.zip")]) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, process.stderr.read().decode()
        kill(process.pid, signal.SIGKILL)
        process.stderr.close()
    monkeypatch.setattr(module, "WAIT", 10.0)  # by then a worker whose parent is gone has ended

    def mechanisms(kinds):
        return NeuralMechanisms(kinds, hidden=4)

    mechanisms.__qualname__ = "mechanisms"
    long = replace(ALGORITHM, stopping=Stopping(tolerance=1e-9, max_steps=10**6), mechanisms=mechanisms)
    how = {"algorithm": long, "settling": replace(SETTLING, proposal=60), "progress": False, "chains": 2, "cores": 1}
    found = discover(data, checkpoint=tmp_path, resume=True, **how)
    assert_same(found, discover(data, seed=3, **how))


# ------------------------------------------------------------------ whose folder it is
def test_a_fit_is_not_begun_over_another_one(data, tmp_path):
    settled(data, chains=1, seed=3, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"a fit is in .* already; say resume=True"):
        settled(data, chains=1, seed=3, checkpoint=tmp_path)


@pytest.mark.parametrize(
    "what, change",
    [
        ("seed is 3, not 4", {"seed": 4}),
        ("settings are not these", {"sampling": SAMPLING}),
        ("knowledge are not these", {"required": [("A", "B")]}),
        ("target prior are not these", {"target_prior": TargetPrior(several=True)}),
    ],
)
def test_another_fit_is_not_taken_up(data, tmp_path, what, change):
    settled(data, chains=1, seed=3, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=f"another fit is in .*: its {what}"):
        settled(data, chains=1, checkpoint=tmp_path, resume=True, **change)


def test_other_data_and_versions_are_not_taken_up(data, tmp_path):
    settled(data, chains=1, seed=3, checkpoint=tmp_path)
    other = data.observational.clone()
    other[0, 0] = 1 - other[0, 0]
    with pytest.raises(ValueError, match="its data are not these"):
        settled(replace(data, observational=other), chains=1, checkpoint=tmp_path, resume=True)
    head = json.loads((tmp_path / "fit.json").read_text())
    (tmp_path / "fit.json").write_text(json.dumps(head | {"version of torch": "1.0"}))
    with pytest.raises(ValueError, match=r"its version of torch is 1.0, not "):
        settled(data, chains=1, checkpoint=tmp_path, resume=True)


def test_edges_in_another_order_are_the_same_fit(data, tmp_path):
    edges = [("A", "B"), ("C", "B")]
    settled(data, chains=1, seed=3, checkpoint=tmp_path, required=edges)
    settled(data, chains=1, checkpoint=tmp_path, resume=True, required=edges[::-1])


def test_a_folder_and_a_chain_belong_to_one_run(data, tmp_path):
    folder = tmp_path / "fit"
    settled(data, chains=1, seed=3, checkpoint=folder)
    with FileLock(folder / "lock"), pytest.raises(ValueError, match=r"another run is using .*fit; name another folder"):
        settled(data, chains=1, checkpoint=folder, resume=True)
    with FileLock(folder / "chain-0" / "lock"), pytest.raises(ValueError, match=r"still writes .*chain-0"):
        settled(data, chains=1, checkpoint=folder, resume=True)


def test_what_cannot_be_a_checkpoint(data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"checkpoint: .*file is a file; name a folder"):
        settled(data, checkpoint=tmp_path / "file")
    with pytest.raises(TypeError, match="checkpoint must be a str or PathLike or None, got 3"):
        settled(data, checkpoint=3)
    with pytest.raises(ValueError, match="resume is said without a checkpoint"):
        settled(data, resume=True)
    with pytest.raises(TypeError, match="resume must be True or False"):
        settled(data, checkpoint=tmp_path, resume="yes")
    for content in ("nonsense", "[1]"):
        (tmp_path / "fit.json").write_text(content)
        with pytest.raises(ValueError, match=r"checkpoint: .*fit.json is"):
            settled(data, checkpoint=tmp_path, resume=True)


def test_damage_is_named_and_nothing_in_it_is_run(data, tmp_path):
    folder = tmp_path / "fit"
    settled(data, chains=1, seed=3, checkpoint=folder)
    part = folder / "chain-0" / "part-1.zip"
    whole = part.read_bytes()
    for content in (b"", whole[:100], b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR."):
        part.write_bytes(content)
        with pytest.raises(ValueError, match=r"part-1.zip is not a pyrocausal checkpoint, or is damaged"):
            settled(data, chains=1, checkpoint=folder, resume=True)
    with zipfile.ZipFile(part, "w") as archive:
        archive.writestr("result.json", json.dumps({"what": files.RESULT, "format": 1, "result": None}))
    with pytest.raises(ValueError, match=r"part-1.zip is not a pyrocausal checkpoint"):
        settled(data, chains=1, checkpoint=folder, resume=True)


def test_parts_that_hold_other_work_are_found_out(data, tmp_path):
    folder = tmp_path / "fit"
    settled(data, chains=2, seed=3, checkpoint=folder, sampling=SAMPLING)
    part = folder / "chain-0" / "part-5.zip"
    mark, (start, entries, seconds) = load_objects(part, {}, module.WHAT)
    entries = [("level 9 of nothing", value, random) for _, value, random in entries]
    save_objects((mark, (start, entries, seconds)), part, module.WHAT)
    with pytest.raises(ValueError, match="it holds 'level 9 of nothing' where this fit asks for"):
        settled(data, chains=2, checkpoint=folder, resume=True, sampling=SAMPLING)


def test_a_disk_that_is_full_does_not_end_the_fit(data, tmp_path, monkeypatch):
    expected, done = settled(data, chains=1, seed=3), [0]

    def full(value, path, what):
        done[0] += 1
        if done[0] > 4:
            raise OSError(28, "No space left on device", str(path))
        save_objects(value, path, what)

    with monkeypatch.context() as patched, pytest.warns(RuntimeWarning, match="No space left") as said:
        patched.setattr(module, "save_objects", full)
        assert_same(settled(data, chains=1, seed=3, checkpoint=tmp_path), expected)
    assert len([each for each in said if "No space" in str(each.message)]) == 1 and done[0] == 5
    assert_same(settled(data, chains=1, checkpoint=tmp_path, resume=True), expected)
    shutil.rmtree(tmp_path / "chain-0")
    assert_same(settled(data, chains=1, checkpoint=tmp_path, resume=True), expected)


def test_steps_that_were_done_again_take_the_place_of_what_was_lost(tmp_path):
    first = module.ChainJournal(tmp_path, "this")
    for value in range(3):
        first.add(journal.Entry("step", value, None))
    first.save(at_once=True)
    again = module.ChainJournal(tmp_path, "this")
    again.take_up("step", 1)  # as far as a snapshot knows
    again.add(journal.Entry("step", 10, None))
    again.save(at_once=True)
    assert [entry.value for entry in module.ChainJournal(tmp_path, "this").past] == [0, 10]


def test_parts_of_another_fit_or_chain_are_refused_by_name(tmp_path):
    data = small()
    settled(data, chains=2, cores=1, seed=3, checkpoint=tmp_path / "one")
    both = tmp_path / "both"
    shutil.copytree(tmp_path / "one", both)
    for path in (both / "chain-1").glob("*.zip"):
        shutil.copy(path, both / "chain-0" / path.name)
    with pytest.raises(ValueError, match=r"chain-0/\S+ is of another fit or chain; name another folder"):
        settled(data, chains=2, cores=1, checkpoint=both, resume=True)
    (tmp_path / "one" / "fit.json").unlink()
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"has chain-0, but no fit.json that says of which fit; name another"):
            settled(data, chains=2, cores=1, seed=3, checkpoint=tmp_path / "one", resume=resume)


@pytest.mark.parametrize("seed", ["x", -3, 1.5, True, None])
def test_a_head_without_a_seed_is_damaged(tmp_path, seed):
    (tmp_path / "fit.json").write_text(json.dumps({"what": module.WHAT} | ({} if seed is None else {"seed": seed})))
    with pytest.raises(ValueError, match=r"fit.json is damaged \(it has no seed\); name another folder"):
        settled(small(), chains=1, checkpoint=tmp_path, resume=True)
    (tmp_path / "fit.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"fit.json is damaged"):
        settled(small(), chains=1, checkpoint=tmp_path, resume=True)
    with pytest.raises(ValueError, match="checkpoint: its name is empty"):
        settled(small(), chains=1, checkpoint="")

"""Results as files: what is read is what was written; nothing in a file runs, and bad ones end in a line."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrocausal as pc
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior.files import FORMAT, load_objects, save_objects
from pyrocausal.posterior.plain_form import Reader

GOLDEN = Path(__file__).parent / "result_of_format_1.zip"
QUICK = pc.Settling(refitting=None, final_steps=5)


def table(rows: int = 120, seed: int = 0) -> pc.InterventionalData:
    rng = np.random.default_rng(seed)

    def part(shift: float) -> pd.DataFrame:
        a = rng.normal(size=rows) + shift
        b = np.where(rng.random(rows) < 1 / (1 + np.exp(-2 * a)), "high", "low")
        c = rng.poisson(np.exp(1 + 0.5 * (b == "high")))
        depth, day = rng.lognormal(3, 0.2, rows), rng.integers(2, size=rows)
        frame = pd.DataFrame({"A": a, "B": b, "C": c, "depth": depth, "day": day})
        frame.loc[3, "A"] = np.nan
        frame.loc[5, "A"] = 1e9
        return frame

    return pc.InterventionalData.from_frames(
        part(0.0), {"one": part(2.0), "two": part(-2.0)}, targets={"one": pc.AtLeast("A"), "two": ()},
        kinds={"C": Count(exposure="depth"), "B": Categorical(("low", "high"), ordered=True)}, covariates=["day"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def result() -> pc.CausalPosterior:
    known = {"required": [("A", "B")], "forbidden": [("C", "A")]}
    with pytest.warns(pc.TableWarning):
        return pc.discover(
            table(), chains=2, cores=1, seed=3, settling=QUICK, sampling=pc.Sampling(draws=20), progress=False, **known
        )


def same(one: pc.CausalPosterior, other: pc.CausalPosterior) -> None:
    """Two results say the same, and go on saying the same."""
    assert (one.seed, one.stopped, one.settings) == (other.seed, other.stopped, other.settings)
    assert one.data.names == other.data.names and one.data.kinds == other.data.kinds
    assert (one.data.covariates, one.data.slips, one.data.guessed) == (
        other.data.covariates, other.data.slips, other.data.guessed
    )  # fmt: skip
    assert [regime.targets for regime in one.data.regimes] == [regime.targets for regime in other.data.regimes]
    for part, again in zip(one.data.parts, other.data.parts, strict=True):
        torch.testing.assert_close(part.rows, again.rows, rtol=0, atol=0, equal_nan=True)
    for frame in ("edges", "target_table"):
        pd.testing.assert_frame_equal(getattr(one, frame)(None), getattr(other, frame)(None))
    for chain, again in zip(one.chains, other.chains, strict=True):
        pd.testing.assert_frame_equal(chain.trace, again.trace)
        pd.testing.assert_frame_equal(chain.rounds, again.rounds)
        for name in ("dag", "graphs", "graph_targets", "drift", "belief_logits", "edge_strength"):
            torch.testing.assert_close(getattr(chain, name), getattr(again, name), rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(chain.model.beliefs.edge_probability, again.model.beliefs.edge_probability)
    assert str(one) == str(other)


def test_a_result_comes_back_as_it_was(result, tmp_path):
    result.save(tmp_path / "result.zip")
    before = torch.get_rng_state()
    again = pc.CausalPosterior.load(tmp_path / "result.zip")
    assert torch.equal(before, torch.get_rng_state())
    same(result, again)
    again.save(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "result.zip").read_bytes()


def test_the_file_of_an_earlier_release_is_read():
    found = pc.CausalPosterior.load(GOLDEN)
    assert found.targets() == {"first": ("X2",), "second": ("X1",)}
    assert set(found.dag().edges) == {("X0", "X1"), ("X1", "X2")}
    assert "2 edges" in str(found)


# ------------------------------------------------------------------ classes of the user
@dataclass(frozen=True)
class Celsius(Continuous):
    """A number with a name of its own."""

    place: str = "here"


class Scaled(Mechanisms):
    """Networks behind a mechanism of a user's."""

    def __init__(self, kinds, factor: float) -> None:
        super().__init__()
        self.kinds, self.factor, self.inner = tuple(kinds), factor, NeuralMechanisms(kinds, 4)

    def conditional(self, i, values, parents):
        return self.inner.conditional(i, self.factor * values, parents)


class Forgetful(Scaled):
    """Does not keep what it was made with."""

    def __init__(self, kinds, gain: float) -> None:
        super().__init__(kinds, gain)


def test_classes_of_the_user_are_named_by_who_reads(tmp_path):
    path = tmp_path / "mine.zip"
    mine = Scaled((Celsius(1.0, 2.0, place="roof"), Continuous(0.0, 1.0)), 0.5)
    save_objects(mine, path)
    with pytest.raises(ValueError, match="holds a 'Scaled', which is no class of this package; say what it is"):
        load_objects(path, {})
    found = load_objects(path, {"Scaled": Scaled, "Celsius": Celsius})
    assert found.kinds == mine.kinds and found.factor == 0.5
    rows, edges = torch.randn(6, 2), torch.tensor([0.0, 1.0])
    assert torch.equal(found.conditional(0, rows, edges).loc, mine.conditional(0, rows, edges).loc)
    with pytest.raises(ValueError, match=r"Forgetful, .*takes 'gain', and it has no such attribute; keep it in one"):
        save_objects(Forgetful(mine.kinds, 2.0), path)
    assert isinstance(load_objects(path, {"Scaled": Scaled, "Celsius": Celsius}), Scaled)  # the earlier file is whole
    with pytest.raises(TypeError, match="classes: expected classes by their names"):
        load_objects(path, [Scaled])


# ------------------------------------------------------------------ plain values
KEYS = st.text(max_size=3) | st.integers()
FLAT = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
PLAIN = st.deferred(
    lambda: FLAT | st.lists(PLAIN, max_size=3) | st.tuples(PLAIN) | st.dictionaries(KEYS, PLAIN, max_size=3)
)


@settings(deadline=None, max_examples=50)
@given(PLAIN)
def test_plain_values_come_back_as_they_were(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("plain") / "value"
    save_objects(value, path)
    found = load_objects(path, {})
    assert found == value and repr(found) == repr(value)


@pytest.mark.parametrize("value", [pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-02").date(), pd.Timedelta("2h")])
def test_labels_may_be_times(tmp_path, value):
    save_objects(Categorical((value, value + pd.Timedelta("1D"))), tmp_path / "kind")
    assert load_objects(tmp_path / "kind", {}).states[0] == value


def test_what_cannot_be_written_is_named(tmp_path):
    for value, what in ((b"bytes", "bytes"), (np.array([{}]), "array of objects"), (open, "no file can hold|takes")):
        with pytest.raises(ValueError, match=what):
            save_objects({"here": value}, tmp_path / "file")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ files from strangers
class Bomb:
    """Leaves a mark if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def edited(path: Path, to: Path, packed: int = zipfile.ZIP_STORED, **members: bytes | None) -> Path:
    """A copy of a file with some members replaced, or left out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w", packed) as new:
        names = dict.fromkeys([*old.namelist(), *members])
        for name in names:
            content = members.get(name, old.read(name) if name in old.namelist() else b"")
            if content is not None:
                new.writestr(name, content)
    return to


def of_array(array: np.ndarray) -> bytes:
    import io

    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_no_file_runs_anything(result, tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "good.zip"
    result.save(path)
    (tmp_path / "a").write_bytes(pickle.dumps(Bomb(mark)))
    torch.save(Bomb(mark), tmp_path / "b")
    edited(path, tmp_path / "c", **{"0.npy": of_array(np.array([Bomb(mark)], dtype=object))})
    edited(path, tmp_path / "d", **{"0.npy": pickle.dumps(Bomb(mark))})
    head = json.loads(zipfile.ZipFile(path).read("result.json"))
    head["result"] = {"object": ["system", {"command": f"touch {mark}"}, {}]}
    edited(path, tmp_path / "e", **{"result.json": json.dumps(head).encode()})
    for name in "abcde":
        with pytest.raises(ValueError, match=f"^{tmp_path / name} |array '0.npy'|holds a 'system'"):
            pc.CausalPosterior.load(tmp_path / name)
    assert not mark.exists()


def test_bombs_and_damage_end_in_a_line(result, tmp_path):
    path, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    result.save(path)
    head = json.loads(zipfile.ZipFile(path).read("result.json"))
    lies = of_array(np.zeros(3)).replace(b"(3,)", b"(9**9,)"), of_array(np.zeros(3)).replace(b"(3,), ", b"(3333,)")
    wide = json.loads(json.dumps(head).replace('"hidden": 32', '"hidden": 900000000'))
    assert wide != head
    deep = b'{"what": "pyrocausal result", "format": 1, "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    cases = {
        "packed, which save never does": {"packed": zipfile.ZIP_DEFLATED, "big.npy": bytes(10**7)},
        "0.npy": {"0.npy": lies[0]},
        "array '0.npy' is damaged": {"0.npy": lies[1]},
        "do not have the shapes": {"result.json": json.dumps(wide).encode()},
        "not a file written by|damaged|deeper": {"result.json": deep},
        "is not a file written by": {"result.json": b"[]"},
        "format 2 and was written by .*; this version reads format 1": {
            "result.json": json.dumps({**head, "format": 2}).encode()
        },
        "not a file written by CausalPosterior.save, or is damaged": {"result.json": None},
        "cannot be read": {"1.npy": None},
        "'later', which this version": {"result.json": json.dumps({**head, "result": {"later": 1}}).encode()},
    }  # fmt: skip
    for message, change in cases.items():
        with pytest.raises(ValueError, match=message):
            pc.CausalPosterior.load(edited(path, bad, **change))
    with pytest.raises(FileNotFoundError):
        pc.CausalPosterior.load(tmp_path / "none")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_flipped_bytes_end_in_a_line_or_change_numbers_alone(tmp_path_factory, data):
    content = bytearray(GOLDEN.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "file"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        found = pc.CausalPosterior.load(path)
    except ValueError as error:
        assert str(path) in str(error) or "array" in str(error) or "packed" in str(error)
    else:
        assert isinstance(found, pc.CausalPosterior)


# ------------------------------------------------------------------ wholly or not at all
def test_a_file_that_cannot_be_written_leaves_the_earlier_one(result, tmp_path, monkeypatch):
    path = tmp_path / "result.zip"
    path.write_bytes(b"earlier")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left") as caught:
        result.save(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"earlier" and [each.name for each in tmp_path.iterdir()] == ["result.zip"]
    with pytest.raises(ValueError, match="is a folder; name a file"):
        result.save(tmp_path)
    with pytest.raises(FileNotFoundError):
        result.save(tmp_path / "absent" / "result.zip")


def test_the_format_is_the_one_of_the_golden_file():
    assert FORMAT == 1, "write a golden file of the new format, and keep a reader or a clear error for the old one"


def test_a_member_that_is_said_to_be_larger_than_its_file_is_not_read(tmp_path):
    path = tmp_path / "file"
    save_objects(torch.zeros(3), path)
    content = bytearray(path.read_bytes())
    size = content.rindex(b"PK\x01\x02") + 24  # of the last member, unpacked
    content[size : size + 4] = (10**9).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"holds '0\.npy' packed, which save never does"):
        load_objects(path, {})


def test_an_array_stored_by_columns_is_not_read_by_rows(tmp_path):
    save_objects(torch.zeros(2, 3), tmp_path / "file")
    turned = of_array(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    with pytest.raises(ValueError, match=r"array '0\.npy' is damaged"):
        load_objects(edited(tmp_path / "file", tmp_path / "turned", **{"0.npy": turned}), {})


def test_a_column_of_numbers_and_texts_comes_back_as_it_was(tmp_path):
    frame = pd.DataFrame({"mixed": pd.Series([1, "1", None], dtype=object)}, index=pd.Index([3, 4, 5], name="row"))
    save_objects(frame, tmp_path / "frame")
    pd.testing.assert_frame_equal(load_objects(tmp_path / "frame", {}), frame)


def test_an_array_that_is_named_many_times_is_made_once():
    found = Reader({"a": np.zeros(1000)}, {}).value({"tuple": [{"tensor": "a"}] * 300})
    assert len(found) == 300 and len({each.data_ptr() for each in found}) == 1

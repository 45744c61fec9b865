"""Files that are there wholly or not at all, and folders that are known to take them beforehand."""

from __future__ import annotations

import os
import stat

import pytest

from pyrocausal.runtime.whole_files import check_writable, write_bytes, write_text, write_whole


def test_files_are_written_and_replaced(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "first ä")
    write_text(path, "second")
    write_bytes(tmp_path / "b", b"\x00")
    assert path.read_text(encoding="utf-8") == "second" and (tmp_path / "b").read_bytes() == b"\x00"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "b"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), ValueError("bad")])
def test_what_fails_halfway_leaves_the_earlier_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("earlier")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        write_whole(path, write)
    assert path.read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1
    if isinstance(error, OSError):
        assert caught.value.filename == str(path)


def test_folders_that_cannot_be_written_to_are_known_beforehand(tmp_path, monkeypatch):
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError) as caught:
        check_writable(tmp_path / "absent")
    assert caught.value.filename == str(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "absent" / "a", "")
    with pytest.raises(ValueError, match="is a folder; name a file"):
        write_text(tmp_path, "")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        check_writable(tmp_path)
    assert not list(tmp_path.iterdir())

"""The differences of Windows and macOS, at the layer of system calls."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from httpconn.disk import system
from httpconn.disk.lockfile import InUse
from httpconn.disk.partfile import PartFile, Sidecar
from tests.disk.windows import open_files_keep_their_names

NOTE = Sidecar(url="https://example.com/file", key="1" * 16, validator='"v1"', total=7, committed=3)


@pytest.fixture
def windows(monkeypatch):
    with open_files_keep_their_names(monkeypatch) as changed:
        yield changed
        assert changed


def begun(target: Path, *blocks: bytes) -> PartFile:
    part = PartFile(target)
    part.open()
    part.write(list(blocks))
    return part


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("windows")
class TestOpenFilesKeepTheirNames:
    @pytest.mark.parametrize("old", [None, b"old"])
    def test_a_commit(self, tmp_path, old):
        if old is not None:
            (tmp_path / "file").write_bytes(old)
        begun(tmp_path / "file", b"new").commit(1e9)
        assert files(tmp_path) == ["file"]
        assert (tmp_path / "file").read_bytes() == b"new"

    def test_a_commit_to_a_new_name(self, tmp_path):
        begun(tmp_path / "file", b"new").commit(name="other")
        assert files(tmp_path) == ["other"]

    def test_a_discard(self, tmp_path):
        begun(tmp_path / "file", b"new").discard()
        assert files(tmp_path) == []

    def test_checkpoints_a_restart_and_a_return(self, tmp_path):
        part = begun(tmp_path / "file", b"one")
        part.checkpoint(NOTE)
        part.restart(keep=True)
        part.write([b"other"])
        part.close()
        part = begun(tmp_path / "file")
        part.restart(keep=True)
        assert part.go_back() == NOTE
        part.write([b" two"])
        part.commit()
        assert files(tmp_path) == ["file"]
        assert (tmp_path / "file").read_bytes() == b"one two"

    def test_the_file_of_a_killed_owner(self, tmp_path):
        begun(tmp_path / "file", b"one")  # dropped, which releases its lock only
        begun(tmp_path / "file", b"new").commit()
        assert files(tmp_path) == ["file"]

    def test_a_waiter_that_outlives_the_owner(self, tmp_path):
        owner, waiting = begun(tmp_path / "file", b"new"), PartFile(tmp_path / "file")
        with pytest.raises(InUse):
            waiting.open()
        waiting.watch()
        owner.commit()
        waiting.discard()
        assert files(tmp_path) == ["file"]


MSVCRT = """
import fcntl, os, struct, sys, types
import httpconn.disk.lockfile as lockfile
from importlib import reload

# Byte locks of open file descriptions, as Windows has byte locks of handles.
def locking(descriptor, mode, count):
    kind = {1: fcntl.F_WRLCK, 0: fcntl.F_UNLCK}[mode]
    start = os.lseek(descriptor, 0, os.SEEK_CUR)
    assert start + count < 2**31
    fcntl.fcntl(descriptor, 37, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, count, 0))

sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=1, LK_UNLCK=0)
sys.platform = "win32"
reload(lockfile)
sys.platform = "linux"
path = sys.argv[1]
first, second = lockfile.LockFile(), lockfile.LockFile()
first.acquire(path)
assert first.exclusive
first.add_tokens("0" * 16)
try:
    second.acquire(path)
except lockfile.InUse:
    print("in use")
watched = lockfile.WatchedLock(path)
assert watched.tokens == ("0" * 16,)
watched.end()
first.release()
assert not os.path.exists(path)
second.acquire(path)
second.release()
print("free")
"""


def test_windows_has_real_locks(tmp_path):
    command = [sys.executable, "-c", MSVCRT, str(tmp_path / "lock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["in use", "free", ""], "")


class Control:
    """The fcntl module of macOS."""

    F_FULLFSYNC = 51

    def __init__(self, error: int | None) -> None:
        self.calls: list[int] = []
        self._error = error

    def fcntl(self, _descriptor: int, command: int) -> None:
        self.calls.append(command)
        if self._error is not None:
            raise OSError(self._error, os.strerror(self._error))


@pytest.mark.parametrize(("error", "synced"), [(None, 0), (errno.ENOTSUP, 1), (errno.ENOTTY, 1), (errno.EIO, None)])
@pytest.mark.parametrize("flush", [system.flush_file, system.flush_data])
def test_macos_flushes_the_memory_of_the_disk(monkeypatch, flush, error, synced):
    control, calls = Control(error), []
    monkeypatch.setattr(system, "fcntl", control)
    monkeypatch.setattr(system.sys, "platform", "darwin")
    monkeypatch.setattr(os, "fsync", calls.append)
    if synced is None:
        with pytest.raises(OSError, match="Input/output"):
            flush(7)
    else:
        flush(7)
        assert len(calls) == synced
    assert control.calls == [Control.F_FULLFSYNC]

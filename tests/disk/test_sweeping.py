"""A download removes the files of dead owners from its folder, and keeps resumable ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from httpconn.disk import lockfile, sweeping
from httpconn.disk.lockfile import LockFile
from httpconn.disk.partfile import STALE, PartFile, Sidecar

ROOT = Path(__file__).parents[2]
NOTE = Sidecar(url="https://example.com/file", validator='"v1"', total=7, committed=3)
ORPHAN = ".other.0123456789abcdef.httpconn-part"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(sweeping, "_skips", {})


def remove_locks(monkeypatch) -> None:
    """Make all file systems ones without locks."""
    monkeypatch.setattr(lockfile, "lock", lambda _descriptor: False)


def begun(target: Path) -> PartFile:
    part = PartFile(target)
    part.open()
    part.write([b"one"])
    return part


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_without_lock_and_sidecar_are_removed(tmp_path):
    for name in (ORPHAN, ".other.httpconn-draft", ".another.0123456789abcdef.httpconn-part", ".other.httpconn-state"):
        (tmp_path / name).write_bytes(b"x")
    begun(tmp_path / "file").commit()
    # An invalid sidecar names no partial file.
    assert names(tmp_path) == [".other.httpconn-state", "file"]


@pytest.mark.parametrize("resume", [True, False])
def test_a_partial_file_of_the_target_that_no_sidecar_names_is_removed(tmp_path, resume):
    left = begun(tmp_path / "file")
    left.checkpoint(NOTE)
    left.close()
    (tmp_path / ".file.httpconn-state").write_bytes(b"garbage")
    part = PartFile(tmp_path / "file", resume=resume)
    assert part.open() is None
    part.write([b"one"])
    part.checkpoint(NOTE)
    part.restart(keep=True)
    part.commit()
    assert names(tmp_path) == ["file"]


def test_the_lock_file_of_a_dead_owner_is_removed(tmp_path):
    (tmp_path / ".other.httpconn-lock").write_text("0123456789abcdef\n")
    live = LockFile()
    live.acquire(str(tmp_path / ".live.httpconn-lock"))
    begun(tmp_path / "file").commit()
    assert names(tmp_path) == [".live.httpconn-lock", "file"]
    live.release()


def test_resumable_files_stay(tmp_path):
    left = begun(tmp_path / "other")
    left.checkpoint(NOTE)
    left.close()
    (tmp_path / ORPHAN).touch()
    before = set(names(tmp_path)) - {ORPHAN}
    begun(tmp_path / "file").commit()
    assert set(names(tmp_path)) == {*before, "file"}
    again = PartFile(tmp_path / "other")
    assert again.open() == NOTE
    again.discard()


@pytest.mark.parametrize("locks", [True, False])
def test_files_of_a_live_owner_stay(tmp_path, monkeypatch, locks):
    if not locks:
        remove_locks(monkeypatch)
    owner = begun(tmp_path / "other")
    begun(tmp_path / "file").commit()
    owner.write([b" two"])
    assert owner.commit().read_bytes() == b"one two"
    assert names(tmp_path) == ["file", "other"]


def test_without_locks_age_decides(tmp_path, monkeypatch):
    remove_locks(monkeypatch)
    old, young = tmp_path / ORPHAN, tmp_path / ".other.0000000000000000.httpconn-part"
    for each in (old, young):
        each.touch()
    os.utime(old, (old.stat().st_mtime - STALE - 10,) * 2)
    begun(tmp_path / "file").commit()
    assert names(tmp_path) == [young.name, "file"]


@pytest.mark.parametrize("name", ["link", "folder", "other name"])
def test_other_files_stay(tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    if name == "link":
        (tmp_path / ORPHAN).symlink_to(victim)
    elif name == "folder":
        (tmp_path / ORPHAN).mkdir()
    else:
        (tmp_path / ".other.0123456789ABCDEF.httpconn-part").touch()
    before = names(tmp_path)
    begun(tmp_path / "file").commit()
    assert names(tmp_path) == [*before[:1], "file", *before[1:]]
    assert victim.read_bytes() == b"precious"


def test_files_with_long_names_are_found(tmp_path):
    left = begun(tmp_path / ("x" * 255))
    left.checkpoint(NOTE)
    left.close()
    next(tmp_path.glob(".*state")).unlink()
    begun(tmp_path / "file").commit()
    assert names(tmp_path) == ["file"]


def test_a_large_folder_is_read_by_some_downloads_only(tmp_path):
    for number in range(200):
        (tmp_path / f"{number}").touch()
    begun(tmp_path / "file").discard()
    (tmp_path / ORPHAN).touch()
    for _ in range(4):
        assert (tmp_path / ORPHAN).exists()
        begun(tmp_path / "file").discard()
    assert not (tmp_path / ORPHAN).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from httpconn.disk.partfile import PartFile
part = PartFile(Path(sys.argv[1]))
part.open()
part.write([b"one"])
os.unlink(part._names.lock)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_files_of_a_killed_process_without_a_lock_file_are_removed(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "other")], cwd=ROOT, check=False)
    assert names(tmp_path)
    begun(tmp_path / "file").commit()
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("target", ["file", "another"])
def test_a_dropped_partial_file_is_unlocked_and_removed_by_the_next_owner(tmp_path, target):
    before = set(os.listdir("/proc/self/fd"))
    part = begun(tmp_path / "file")
    del part
    assert set(os.listdir("/proc/self/fd")) == before
    begun(tmp_path / target).commit()
    assert names(tmp_path) == [target]


def test_a_partial_file_dropped_after_a_checkpoint_is_resumed(tmp_path):
    part = begun(tmp_path / "file")
    part.checkpoint(NOTE)
    del part
    part = PartFile(tmp_path / "file")
    assert part.open() == NOTE
    part.discard()
    assert names(tmp_path) == []

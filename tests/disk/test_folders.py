"""Folder flushes that several renames share."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from httpconn.disk import folders
from httpconn.disk.folders import Folder, FolderFlush, flush_folder


class Disk:
    """A disk that counts flushes and calls a function within the next one."""

    def __init__(self) -> None:
        self.flushes = 0
        self.within = lambda: None

    def flush(self, folder: Path) -> None:
        self.flushes += 1
        self.within()

    def fail(self) -> None:
        raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk(monkeypatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(folders, "flush_folder", disk.flush)
    return disk


def test_callers_before_a_flush_share_it(tmp_path: Path, disk: Disk) -> None:
    folder = Folder(str(tmp_path))
    for asked in [folder.request() for _ in range(3)]:
        folder.wait(asked)
    assert disk.flushes == 1


def test_a_running_flush_does_not_cover_a_later_rename(tmp_path: Path, disk: Disk) -> None:
    folder = Folder(str(tmp_path))
    asked_within: list[FolderFlush] = []
    disk.within = lambda: asked_within.append(folder.request())
    folder.wait(folder.request())
    folder.wait(asked_within[0])
    assert disk.flushes == 2


def test_a_failed_flush_is_an_error_for_all_its_callers(tmp_path: Path, disk: Disk) -> None:
    folder = Folder(str(tmp_path))
    one, other = folder.request(), folder.request()
    disk.within = disk.fail
    with pytest.raises(OSError, match="Input/output error"):
        folder.wait(one)
    disk.within = lambda: None
    later = folder.request()
    folder.wait(later)  # does not report the earlier failure
    with pytest.raises(OSError, match="Input/output error") as caught:
        folder.wait(other)
    assert caught.value.errno == errno.EIO


def test_a_later_failed_flush_is_no_error_for_earlier_callers(tmp_path: Path, disk: Disk) -> None:
    folder = Folder(str(tmp_path))
    one, other = folder.request(), folder.request()
    folder.wait(one)
    disk.within = disk.fail
    with pytest.raises(OSError, match="Input/output error"):
        folder.wait(folder.request())
    folder.wait(other)


def test_another_caller_runs_an_interrupted_flush(tmp_path: Path, disk: Disk) -> None:
    folder = Folder(str(tmp_path))
    one, other = folder.request(), folder.request()

    def interrupt() -> None:
        raise KeyboardInterrupt

    disk.within = interrupt
    with pytest.raises(KeyboardInterrupt):
        folder.wait(one)
    disk.within = disk.fail
    with pytest.raises(OSError, match="Input/output error"):
        folder.wait(other)
    assert disk.flushes == 2


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    flush_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush_folder(tmp_path / "missing")

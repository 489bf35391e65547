"""Disks that cannot flush, targets that cannot be replaced, and errors that name the target."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from httpconn.disk import system, targets
from httpconn.disk.partfile import PartFile, Sidecar
from httpconn.errors import DiskFull, IntegrityError, StorageError
from httpconn.testing import response

NOTE = Sidecar(url="https://example.com/file", validator='"v1"', total=7, committed=3)


def refuse(number: int):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def irreplaceable(monkeypatch):
    """Make a target behave as a mount point: a rename over it fails."""

    def make(number: int) -> None:
        replace = os.replace
        refused = refuse(number)
        monkeypatch.setattr(
            os, "replace", lambda part, path: refused() if str(path).endswith("file") else replace(part, path)
        )

    return make


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_on_a_disk_that_cannot_flush_is_reported_as_not_flushed(
    face, connect, scripted, tmp_path, monkeypatch, number
):
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, refuse(number))
    server = scripted(response(body=b"content"))
    downloaded = face.call(connect(), "download", f"{server.url}/f", tmp_path / "file")
    assert not downloaded.flushed
    assert (tmp_path / "file").read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_flushed_file_is_reported_as_flushed(face, connect, scripted, tmp_path):
    server = scripted(response(body=b"content"))
    assert face.call(connect(), "download", f"{server.url}/f", tmp_path / "file").flushed


def test_a_checkpoint_on_a_disk_that_cannot_flush_is_resumed(tmp_path, monkeypatch):
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, refuse(errno.EINVAL))
    part = PartFile(tmp_path / "file")
    part.open()
    part.write([b"one"])
    part.checkpoint(NOTE)
    part.close()
    part = PartFile(tmp_path / "file")
    assert part.open() == NOTE
    part.discard()


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM])
@pytest.mark.parametrize("name", ["file", "link"])
def test_a_file_that_cannot_be_replaced_is_written_in_place(
    face, connect, scripted, tmp_path, irreplaceable, number, name
):
    target = tmp_path / "file"
    target.write_bytes(b"old content, which is longer")
    (tmp_path / "link").symlink_to("file")
    before = target.stat().st_ino
    irreplaceable(number)
    server = scripted(response(body=b"new", headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}))
    downloaded = face.call(connect(), "download", f"{server.url}/f", tmp_path / name, refresh=True)
    assert downloaded.flushed
    assert (target.read_bytes(), target.stat().st_ino, target.stat().st_mtime) == (b"new", before, 1704067200)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_file_that_cannot_be_replaced_is_whole_until_the_new_content_is_verified(
    face, connect, scripted, tmp_path, irreplaceable
):
    (tmp_path / "file").write_bytes(b"old")
    irreplaceable(errno.EBUSY)
    server = scripted(response(body=b"new"))
    with pytest.raises(IntegrityError):
        face.call(connect(), "download", f"{server.url}/f", tmp_path / "file", digest=f"sha256:{'0' * 64}")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_file_written_in_place_is_flushed(tmp_path, monkeypatch, irreplaceable):
    (tmp_path / "file").write_bytes(b"old")
    irreplaceable(errno.EBUSY)
    flushed: list[int] = []
    monkeypatch.setattr(system, "flush_file", lambda number: flushed.append(os.fstat(number).st_ino))
    part = PartFile(tmp_path / "file")
    part.open()
    part.write([b"new"])
    part.commit()
    assert flushed[-1] == (tmp_path / "file").stat().st_ino


def test_a_rename_that_fails_for_another_reason_is_an_error(tmp_path, irreplaceable):
    irreplaceable(errno.EBUSY)  # no file exists to write in place
    part = PartFile(tmp_path / "file")
    part.open()
    part.write([b"new"])
    with pytest.raises(StorageError) as caught:
        part.commit()
    assert str(caught.value) == f"Device or resource busy: {tmp_path / 'file'}"
    part.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("user", "owner", "around", "sticky", "expected"),
    [
        (1, 2, 3, True, True),
        (1, 1, 3, True, False),
        (1, 2, 1, True, False),
        (0, 2, 3, True, False),
        (1, 2, 3, False, False),
    ],
    ids=["another user's", "one's own", "in one's own folder", "root", "no sticky folder"],
)
def test_another_users_file_in_a_sticky_folder_cannot_be_replaced(monkeypatch, user, owner, around, sticky, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    status = {"file": (0o100666, owner), "folder": (0o1777 if sticky else 0o777, around)}

    def stat(path: str) -> os.stat_result:
        mode, uid = status[path]
        return os.stat_result((mode, 0, 0, 1, uid, 0, 0, 0, 0, 0))

    file = stat("file")
    monkeypatch.setattr(os, "stat", stat)
    assert targets._is_protected_by_sticky_folder("folder", file) is expected


def test_an_ordinary_file_is_not_a_mount_point(tmp_path):
    (tmp_path / "file").touch()
    assert not targets._is_mount_point(str(tmp_path / "file"))


def test_the_mount_of_a_file_is_read_from_the_system():
    assert targets._mount_id(targets.open_path("/proc")) != targets._mount_id(targets.open_path("/"))


@pytest.mark.parametrize("kind", ["fifo", "null", "socket", "link"])
def test_no_request_is_sent_if_the_target_is_a_device(face, connect, scripted, tmp_path, kind):
    target = tmp_path / "file"
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "null":
        target = Path("/dev/null")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(str(target))
    else:
        target.symlink_to("/dev/null")
    server = scripted(response(body=b"content"))
    with pytest.raises(StorageError, match="not a regular file") as caught:
        face.call(connect(), "download", f"{server.url}/f", target)
    assert caught.value.errno == errno.EINVAL
    assert not server.requests


@pytest.mark.parametrize(
    ("number", "named"),
    [
        (errno.EACCES, "folder"),
        (errno.EROFS, "folder"),
        (errno.EPERM, "folder"),
        (errno.ENOSPC, "target"),
        (errno.EMFILE, "target"),
    ],
)
def test_an_error_names_the_target_and_no_hidden_file(face, connect, scripted, tmp_path, monkeypatch, number, named):
    """The caller does not know the hidden file beside the target."""
    opening = os.open

    def fail(path, *args):
        if ".httpconn-" in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return opening(path, *args)

    monkeypatch.setattr(os, "open", fail)
    server = scripted(response(body=b"content"))
    with pytest.raises(StorageError) as caught:
        face.call(connect(), "download", f"{server.url}/f", tmp_path / "file")
    path = tmp_path if named == "folder" else tmp_path / "file"
    assert caught.value.message == f"{os.strerror(number)}: {path}"
    assert not server.requests


def test_a_full_disk_names_the_target(tmp_path, monkeypatch):
    part = PartFile(tmp_path / "file")
    part.open()
    monkeypatch.setattr("httpconn.disk.system.pwrite", refuse(errno.ENOSPC))
    with pytest.raises(DiskFull) as caught:
        part.write([b"content"])
    assert str(caught.value) == f"No space left on device: {tmp_path / 'file'}"
    part.discard()

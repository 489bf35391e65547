"""The partial file: on a real disk, links, limits and permissions among it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpconn.errors import DiskFull, InvalidRequest, StorageError
from httpconn.partfile import PartFile, check_target


def written(target: Path, *blocks: bytes) -> Path:
    part = PartFile(target)
    part.open()
    part.write(list(blocks))
    return part.commit()


def test_the_target_appears_whole_and_alone(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.open()
    part.write([b"one ", b"two"])
    assert not (tmp_path / "file").exists()
    assert part.commit() == tmp_path / "file"
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_what_is_discarded_leaves_the_old_target(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    part = PartFile(tmp_path / "file")
    part.open()
    part.write([b"new"])
    part.discard()
    part.discard()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_discarding_what_was_never_opened_or_is_committed_does_nothing(tmp_path: Path) -> None:
    PartFile(tmp_path / "file").discard()
    part = PartFile(tmp_path / "file")
    part.open()
    part.commit()
    part.discard()
    assert (tmp_path / "file").exists()


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert written(tmp_path / "link", b"new") == tmp_path / "link"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_the_permissions_of_a_replaced_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    written(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_what_others_may_not_read_they_may_not_read_in_between(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    part = PartFile(tmp_path / "file")
    part.open()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    part.discard()


def test_a_new_file_has_the_permissions_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    written(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_nothing_is_done_after_discarding(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.discard()
    for step in (part.open, lambda: part.write([b"x"]), lambda: part.reserve(1), part.commit):
        with pytest.raises(StorageError):
            step()
    assert list(tmp_path.iterdir()) == []


def test_discarding_waits_for_what_still_runs(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.open()
    discarding = threading.Thread(target=part.discard)

    class Blocks(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            discarding.start()
            discarding.join(0.1)
            yield b"two"

    part.write(Blocks())
    discarding.join()
    with pytest.raises(StorageError):
        part.commit()
    assert list(tmp_path.iterdir()) == []


def test_a_reserved_file_has_the_size_that_was_written(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.open()
    part.reserve(7)
    part.write([b"one two"])
    assert part.commit().read_bytes() == b"one two"


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127, "a" * 240])
def test_a_long_name_is_no_trouble(tmp_path: Path, name: str) -> None:
    assert written(tmp_path / name, b"x").read_bytes() == b"x"


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        check_target(tmp_path / ("a" * 256))
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (".", errno.EISDIR),
        ("missing/file", errno.ENOENT),
        ("file/below", errno.ENOTDIR),
        ("link-to-folder", errno.EISDIR),
        ("link-to-nowhere", errno.ENOENT),
        ("link-to-itself", errno.ELOOP),
        ("pipe", errno.EINVAL),
        ("link-to-pipe", errno.EINVAL),
    ],
)
def test_a_target_that_cannot_be_is_told(tmp_path: Path, path: str, number: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link-to-folder").symlink_to(tmp_path)
    (tmp_path / "link-to-nowhere").symlink_to(tmp_path / "missing" / "file")
    (tmp_path / "link-to-itself").symlink_to("link-to-itself")
    (tmp_path / "link-to-pipe").symlink_to("pipe")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError) as caught:
        check_target(tmp_path / path)
    assert caught.value.errno == number
    assert isinstance(caught.value, OSError)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("path", [None, 3, b"file", "a\0b", Path("a\0b"), "\ud800"])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(InvalidRequest):
        check_target(path)  # type: ignore[arg-type]


def test_a_missing_folder_at_the_end_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    part = PartFile(tmp_path / "folder" / "file")
    part.open()
    (tmp_path / "folder").rename(tmp_path / "moved")
    with pytest.raises(StorageError) as caught:
        part.commit()
    part.discard()
    assert caught.value.errno == errno.ENOENT


# A limit on the size of files stands for a full disk: the kernel says so at the same system calls.
FULL = """
import resource, signal, sys
from pathlib import Path
from httpconn.errors import DiskFull
from httpconn.partfile import PartFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
part = PartFile(Path(sys.argv[1]))
part.open()
try:
    {step}
except DiskFull as error:
    part.discard()
    print(error.errno)
"""


@pytest.mark.parametrize("step", ["part.reserve(8192)", "part.write([bytes(2048)] * 4)"])
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, step: str) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    command = [sys.executable, "-c", FULL.format(step=step), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) in DiskFull.NUMBERS
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]

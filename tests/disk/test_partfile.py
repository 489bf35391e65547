"""The partial file on a real disk, with links, limits and permissions."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from httpconn.core.paths import checked_path
from httpconn.disk import folders, system
from httpconn.disk.folders import sync_folder
from httpconn.disk.partfile import PartFile, Sidecar
from httpconn.disk.sidecar import load
from httpconn.disk.targets import check_folder
from httpconn.errors import DiskFull, InvalidRequest, StorageError
from tests.runtime.test_events import interrupted_at


def begun(target: Path, *blocks: bytes) -> PartFile:
    part = PartFile(target)
    part.open()
    part.write(list(blocks))
    return part


def written(target: Path, *blocks: bytes) -> Path:
    return begun(target, *blocks).commit()


def fail(_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def failure_of_commit(target: Path) -> StorageError:
    """Return the error of a commit, and discard the partial file."""
    part = begun(target, b"new")
    with pytest.raises(StorageError) as caught:
        part.commit()
    part.discard()
    return caught.value


def test_an_interruption_at_any_line_releases_the_lock(tmp_path: Path) -> None:
    """Interrupt methods at every line. The lock must be free afterwards."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    line, interrupted = 0, True
    while interrupted:
        part = begun(tmp_path / "file", b"one")
        with suppress(KeyboardInterrupt):
            interrupted = interrupted_at(line, lambda: part.write([b" two"]), interrupt)  # noqa: B023 - called at once
        given_up = threading.Thread(target=part.discard, daemon=True)
        given_up.start()
        given_up.join(200)
        assert not given_up.is_alive()
        line += 1
    assert line > 5
    assert list(tmp_path.iterdir()) == []


def test_the_target_appears_complete_and_without_hidden_files(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", b"one ", b"two")
    assert not (tmp_path / "file").exists()
    assert part.commit() == tmp_path / "file"
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_file_is_on_disk_before_it_gets_its_name_and_its_name_before_the_commit_returns(tmp_path, monkeypatch):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    steps: list[tuple[object, bytes]] = []

    def flush_file(descriptor: int) -> None:
        steps.append((os.fstat(descriptor).st_size, target.read_bytes()))

    def flush_folder(folder: Path) -> None:
        steps.append((folder, target.read_bytes()))

    monkeypatch.setattr(system, "flush_file", flush_file)
    monkeypatch.setattr(folders, "sync_folder", flush_folder)
    part = begun(target)
    part.reserve(100)
    part.write([b"whole"])
    part.commit()
    assert steps == [(5, b"old"), (str(tmp_path), b"whole")]


def test_a_file_that_cannot_be_flushed_does_not_get_the_name(tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    monkeypatch.setattr(system, "flush_file", fail)
    assert failure_of_commit(target).errno == errno.EIO
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_flush_after_a_failed_flush_fails(tmp_path: Path, monkeypatch) -> None:
    answers = iter([OSError(errno.EIO, "broken"), None, None])

    def flush(_: int) -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    monkeypatch.setattr(system, "flush_file", flush)
    part = begun(tmp_path / "file", b"content")
    for _ in range(2):
        with pytest.raises(StorageError):
            part.commit()
    with pytest.raises(StorageError):
        part.checkpoint(NOTE)
    part.discard()
    assert not (tmp_path / "file").exists()


def test_a_folder_that_fails_to_flush_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(folders, "sync_folder", fail)
    assert failure_of_commit(tmp_path / "file").errno == errno.EIO
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_an_unopened_folder_is_an_error_that_names_the_complete_file(tmp_path: Path, monkeypatch) -> None:
    def starve(folder: Path) -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            sync_folder(folder)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    monkeypatch.setattr(folders, "sync_folder", starve)
    failure = failure_of_commit(tmp_path / "file")
    assert failure.errno == errno.EMFILE
    assert "complete and has its name" in str(failure)
    assert (tmp_path / "file").read_bytes() == b"new"


def test_discard_keeps_the_old_target(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    part = begun(tmp_path / "file", b"new")
    part.discard()
    part.discard()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_discard_before_open_or_after_commit_does_nothing(tmp_path: Path) -> None:
    PartFile(tmp_path / "file").discard()
    part = begun(tmp_path / "file")
    part.commit()
    part.discard()
    assert (tmp_path / "file").exists()


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert written(tmp_path / "link", b"new") == tmp_path / "link"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_the_permissions_of_a_replaced_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    written(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_partial_file_is_as_private_as_its_target(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    part = begun(tmp_path / "file")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    part.discard()


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    written(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


NOTE = Sidecar(url="https://example.com/file", key="1" * 16, validator='"v1"', total=7, committed=3)


def left(target: Path, note: Sidecar = NOTE, data: bytes = b"one") -> None:
    """Leave a partial file, as an owner that was interrupted does."""
    part = begun(target, data)
    part.checkpoint(note)
    part.close()


def test_a_partial_file_is_resumed(tmp_path: Path) -> None:
    left(tmp_path / "file")
    part = PartFile(tmp_path / "file")
    assert part.open() == NOTE
    part.write([b" two"])
    assert part.read(0, 100) == b"one two"
    assert part.commit().read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_without_a_checkpoint_no_file_is_left(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", b"one")
    part.close()
    assert list(tmp_path.iterdir()) == []


def test_bytes_after_the_last_checkpoint_are_not_resumed(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", b"one")
    part.checkpoint(NOTE)
    part.write([b"lost"])
    part.close()
    again = PartFile(tmp_path / "file")
    assert again.open() == NOTE
    assert again.read(0, 100) == b"one"
    again.discard()


def test_a_restart_discards_the_partial_file(tmp_path: Path) -> None:
    left(tmp_path / "file")
    part = begun(tmp_path / "file")
    part.restart()
    assert list(tmp_path.glob(".*state")) == []
    part.write([b"new"])
    assert part.commit().read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_discard_removes_the_partial_file(tmp_path: Path) -> None:
    left(tmp_path / "file")
    begun(tmp_path / "file").discard()
    assert list(tmp_path.iterdir()) == []


def test_parts_can_be_written_in_any_order(tmp_path: Path) -> None:
    note = replace(NOTE, committed=2, parts=((4, 6, 2), (6, 7, 0)))
    part = begun(tmp_path / "file")
    part.write_at(4, [b"t", b"w"])
    part.write_at(0, [b"on"])
    part.checkpoint(note)
    part.close()
    again = PartFile(tmp_path / "file")
    assert again.open() == note
    again.write_at(2, [b"e "])
    again.write([b"o"])
    assert again.commit().read_bytes() == b"one two"


def test_reserved_space_is_freed(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.reserve(1_000_000)
    part.write([b"one"])
    part.checkpoint(NOTE)
    part.close()
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 1000


def test_reserved_space_cannot_be_read(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.reserve(100)
    part.write([b"one"])
    assert part.read(1, 100) == b"ne"
    assert part.read(3, 100) == b""
    part.discard()


def test_commit_sets_the_modification_time(tmp_path: Path) -> None:
    assert begun(tmp_path / "file").commit(946_684_800.0).stat().st_mtime == 946_684_800.0
    begun(tmp_path / "other").commit(1e300)


def test_commit_can_use_another_free_name(tmp_path: Path) -> None:
    part = begun(tmp_path / "key", b"x")
    assert part.commit(name="file") == tmp_path / "file"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_commit_does_not_replace_a_file_of_another_name(tmp_path: Path, kind: str) -> None:
    {
        "file": lambda path: path.write_bytes(b"old"),
        "link": lambda path: path.symlink_to("nowhere"),
        "folder": lambda path: path.mkdir(),
    }[kind](tmp_path / "taken")
    part = begun(tmp_path / "key")
    with pytest.raises(StorageError) as caught:
        part.commit(name="taken")
    part.discard()
    assert caught.value.errno == errno.EEXIST
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
    assert not (tmp_path / "nowhere").exists()


def test_a_removed_partial_file_is_not_committed(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    next(tmp_path.glob(".*part")).unlink()
    with pytest.raises(StorageError):
        part.checkpoint(NOTE)
    with pytest.raises(StorageError):
        part.commit()
    part.close()
    assert list(tmp_path.iterdir()) == []


def plant(path: Path, kind: str) -> None:
    """Create an entry that is not a regular file of the user."""
    outside = path.parent / "outside"
    outside.write_bytes(b"mine")
    path.unlink()
    {
        "link": lambda: path.symlink_to(outside),
        "hard link": lambda: os.link(outside, path),
        "pipe": lambda: os.mkfifo(path),
    }[kind]()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
@pytest.mark.parametrize("which", ["part", "state"])
def test_planted_files_are_neither_read_nor_written(tmp_path: Path, kind: str, which: str) -> None:
    left(tmp_path / "file")
    plant(next(tmp_path.glob(f".*{which}")), kind)
    part = PartFile(tmp_path / "file")
    assert part.open() is None
    part.write([b"new"])
    assert part.commit().read_bytes() == b"new"
    assert (tmp_path / "outside").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_planted_lock_file_is_refused(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / ".file.httpconn-lock"
    lock.touch()
    plant(lock, kind)
    part = PartFile(tmp_path / "file")
    with pytest.raises(StorageError):
        part.open()
    part.discard()
    assert (tmp_path / "outside").read_bytes() == b"mine"


def test_a_read_only_folder_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    # Root may write to every folder except those of the kernel.
    folder = Path("/proc/self") if os.access(tmp_path, os.W_OK) else tmp_path
    with pytest.raises(StorageError) as caught:
        PartFile(folder / "file").open()
    tmp_path.chmod(0o755)
    assert caught.value.errno in (errno.EACCES, errno.ENOENT, errno.EPERM)


def test_methods_fail_after_discard(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.discard()
    steps = (lambda: part.write([b"x"]), lambda: part.reserve(1), part.restart, lambda: part.checkpoint(NOTE))
    for step in (part.open, *steps, part.commit):
        with pytest.raises(StorageError):
            step()
    assert list(tmp_path.iterdir()) == []


def test_discard_waits_for_running_methods(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
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
    part = begun(tmp_path / "file")
    part.reserve(7)
    part.write([b"one two"])
    assert part.commit().read_bytes() == b"one two"


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127, "a" * 240])
def test_a_long_name_works(tmp_path: Path, name: str) -> None:
    assert written(tmp_path / name, b"x").read_bytes() == b"x"


def test_a_name_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        PartFile(tmp_path / ("a" * 256)).open()
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
def test_an_impossible_target_is_an_error(tmp_path: Path, path: str, number: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link-to-folder").symlink_to(tmp_path)
    (tmp_path / "link-to-nowhere").symlink_to(tmp_path / "missing" / "file")
    (tmp_path / "link-to-itself").symlink_to("link-to-itself")
    (tmp_path / "link-to-pipe").symlink_to("pipe")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError) as caught:
        PartFile(tmp_path / path).open()
    assert caught.value.errno == number
    assert isinstance(caught.value, OSError)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("path", [None, 3, b"file", "a\0b", Path("a\0b"), "\ud800"])
def test_a_value_that_is_not_a_path_is_refused(path: object) -> None:
    with pytest.raises(InvalidRequest):
        checked_path(path)  # type: ignore[arg-type]


def test_check_folder_requires_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert check_folder(str(tmp_path)) == tmp_path
    for path, number in (("file", errno.ENOTDIR), ("missing", errno.ENOENT)):
        with pytest.raises(StorageError) as caught:
            check_folder(tmp_path / path)
        assert caught.value.errno == number


def test_long_names_stay_distinct(tmp_path: Path) -> None:
    one, other = begun(tmp_path / ("a" * 254 + "b")), begun(tmp_path / ("a" * 254 + "c"))
    one.discard()
    other.discard()


def test_a_missing_folder_at_commit_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    part = begun(tmp_path / "folder" / "file")
    (tmp_path / "folder").rename(tmp_path / "moved")
    with pytest.raises(StorageError) as caught:
        part.commit()
    part.discard()
    assert caught.value.errno == errno.ENOENT


# A limit on file sizes simulates a full disk: the same system calls fail.
FULL = """
import resource, signal, sys
from pathlib import Path
from httpconn.errors import DiskFull
from httpconn.disk.partfile import PartFile
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
def test_a_full_disk_is_an_error_and_no_file_is_left(tmp_path: Path, step: str) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    command = [sys.executable, "-c", FULL.format(step=step), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) in DiskFull.NUMBERS
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


OTHER = replace(NOTE, validator='"v2"', committed=2)


def both(target: Path) -> PartFile:
    """Return a partial file with bytes of a second version, which keeps those of the first."""
    left(target)
    part = begun(target)
    part.restart(keep=True)
    part.write([b"th"])
    part.checkpoint(OTHER)
    return part


def test_a_restart_can_keep_the_bytes_of_the_last_checkpoint(tmp_path: Path) -> None:
    both(tmp_path / "file").close()
    part = PartFile(tmp_path / "file")
    assert (part.open(), part.kept) == (OTHER, NOTE)
    assert (part.go_back(), part.kept) == (NOTE, OTHER)
    part.write([b" two"])
    assert part.commit().read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("end", [PartFile.commit, PartFile.discard])
def test_the_end_removes_the_kept_bytes(tmp_path: Path, end: Callable[[PartFile], object]) -> None:
    end(both(tmp_path / "file"))
    assert [path.name for path in tmp_path.iterdir() if path.name != "file"] == []


def test_without_a_checkpoint_a_restart_leaves_the_kept_bytes(tmp_path: Path) -> None:
    left(tmp_path / "file")
    part = begun(tmp_path / "file")
    part.restart(keep=True)
    part.write([b"lost"])
    part.close()
    assert PartFile(tmp_path / "file").open() == NOTE


def test_of_three_versions_the_two_last_with_most_bytes_stay(tmp_path: Path) -> None:
    part = both(tmp_path / "file")
    part.restart(keep=True)
    assert part.kept == NOTE
    assert len(list(tmp_path.glob(".*part"))) == 2
    part.write([b"third"])
    part.checkpoint(replace(OTHER, validator='"v3"', committed=5))
    part.restart(keep=True)
    assert part.kept == replace(OTHER, validator='"v3"', committed=5)
    assert len(list(tmp_path.glob(".*part"))) == 2
    part.discard()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_partial_file_leads_to_the_other(tmp_path: Path, lost: int) -> None:
    both(tmp_path / "file").close()
    record = load(str(tmp_path / ".file.httpconn-state"))
    assert record is not None
    assert record.kept is not None
    (tmp_path / f".file.{(record, record.kept)[lost].token}.httpconn-part").unlink()
    part = PartFile(tmp_path / "file")
    assert part.open() == (NOTE, OTHER)[lost]
    part.commit()
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_download_of_another_target_leaves_both_partial_files(tmp_path: Path) -> None:
    both(tmp_path / "file").close()
    written(tmp_path / "other", b"x")
    part = PartFile(tmp_path / "file")
    assert (part.open(), part.kept) == (OTHER, NOTE)
    part.discard()

"""Ownership of a partial file: one owner at a time. Without locks, owners never mix their bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from httpconn.disk import lockfile
from httpconn.disk.partfile import STALE, InUse, PartFile, Sidecar, Transfer
from httpconn.errors import StorageError
from tests.http.children import exit_code_of

ROOT = Path(__file__).parents[2]
TRANSFER = Transfer("key", 7, '"v1"')
NOTE = Sidecar(url="https://example.com/file", validator='"v1"', total=7, committed=3)

OWNER = """
import sys
from pathlib import Path
from httpconn.disk.partfile import Transfer, PartFile, Sidecar
part = PartFile(Path(sys.argv[1]))
part.open()
part.publish(Transfer("key", 7, '"v1"'))
part.write([b"one"])
part.checkpoint(Sidecar(url="https://example.com/file", validator='"v1"', total=7, committed=3))
part.write([b"lost"])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def other(target):
    """Start another process that holds the lock until it is killed."""
    command = [sys.executable, "-c", OWNER, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


@pytest.fixture
def without_locks(monkeypatch):
    """A file system without locks."""
    monkeypatch.setattr(lockfile, "lock", lambda _descriptor: False)


def begun(target: Path) -> PartFile:
    part = PartFile(target)
    part.open()
    return part


def parts(target: Path) -> list[Path]:
    return list(target.parent.glob(".*part"))


@pytest.mark.parametrize("name", ["file", "link"])
def test_a_waiter_learns_what_an_ended_owner_has_downloaded(target, name):
    (target.parent / "link").symlink_to("file")
    owner, waiting = begun(target), PartFile(target.with_name(name))
    waiting.watch()
    owner.publish(Transfer("key", None, None))
    owner.publish(TRANSFER)
    owner.write([b"one"])
    owner.commit()
    assert waiting.open() is None
    assert (waiting.published(), waiting.published()) == (TRANSFER, None)
    waiting.discard()


def test_a_waiter_learns_what_the_last_owner_has_downloaded(target):
    owner, waiting = begun(target), PartFile(target)
    waiting.watch()
    owner.publish(Transfer("another", 1, None))
    owner.discard()
    owner = begun(target)
    waiting.watch()
    owner.publish(TRANSFER)
    owner.discard()
    assert (waiting.open(), waiting.published()) == (None, TRANSFER)
    waiting.discard()


NESTED = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize(
    "text", ["", "[", "[1, 2, 3]", '["key", "7", null]', '["key", 7]', '{"key": 1}', "\xff" * 9, NESTED], ids=range(8)
)
def test_invalid_content_of_a_lock_file_is_ignored(target, text):
    owner, waiting = begun(target), PartFile(target)
    lock = next(target.parent.glob(".*lock"))
    with lock.open("a", encoding="latin-1") as file:
        file.write(f"{text}\n")
    waiting.watch()
    assert waiting.published() is None
    owner.discard()


def test_close_ends_a_watch(target):
    owner, waiting = begun(target), PartFile(target)
    before = waiting.watch()
    owner.write([b"one"])
    assert waiting.watch() != before
    waiting.discard()
    with pytest.raises(StorageError):
        waiting.watch()
    owner.discard()
    PartFile(target).watch()  # no owner: an empty result


def test_a_process_holds_the_lock_until_it_is_killed(target, other):
    part = PartFile(target)
    with pytest.raises(InUse):
        part.open()
    part.watch()
    other.kill()
    other.wait()
    assert (part.open(), part.published()) == (NOTE, TRANSFER)
    part.write([b" two"])
    assert part.commit().read_bytes() == b"one two"
    assert list(target.parent.iterdir()) == [target]


def test_a_thread_holds_the_lock_against_another(target):
    first, second = begun(target), PartFile(target)
    with pytest.raises(InUse):
        second.open()
    second.close()
    second.discard()
    first.write([b"x"])
    assert first.commit().read_bytes() == b"x"


def test_a_closed_partial_file_does_not_affect_the_next_owner(target):
    first = begun(target)
    first.commit()
    second = begun(target)
    second.checkpoint(NOTE)
    draft = target.with_name(".file.httpconn-draft")
    draft.touch()  # as if the second owner were writing it
    first.discard()
    first.close()
    assert draft.exists()
    second.discard()
    assert list(target.parent.iterdir()) == [target]


def test_a_closed_partial_file_cannot_be_opened_again(target):
    first = begun(target)
    first.commit()
    with pytest.raises(StorageError):
        first.open()


def test_a_link_and_its_target_share_a_lock(target):
    target.with_name("link").symlink_to(target)
    first = begun(target.with_name("link"))
    with pytest.raises(InUse):
        PartFile(target).open()
    first.discard()


def test_a_removed_lock_file_does_not_end_the_lock(target, other):
    target.with_name(".file.httpconn-lock").unlink()
    part = PartFile(target)
    for _ in range(2):
        with pytest.raises(InUse):
            part.open()
    assert len(parts(target)) == 1
    other.kill()
    other.wait()
    assert part.open() == NOTE
    part.discard()


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_cannot_use_a_partial_file(target):
    part = begun(target)
    part.write([b"x"])

    def child() -> bool:
        part.discard()
        part.close()
        try:
            part.write([b"y"])
        except StorageError:
            return True
        return False

    assert exit_code_of(child) == 0
    assert part.commit().read_bytes() == b"x"


def test_a_child_does_not_keep_the_lock_of_a_dead_parent(target):
    forking = OWNER.replace("sys.stdin.read()", "import os; os.fork() or (os.close(1), sys.stdin.read())")
    command = [sys.executable, "-c", forking, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.stdout.read()  # the child runs, and the parent has ended
        part = PartFile(target)
        process.wait()
        assert part.open() == NOTE
        part.discard()


def test_without_locks_another_owners_file_is_copied_and_kept(target, without_locks):
    first = begun(target)
    first.write([b"one"])
    first.checkpoint(NOTE)
    second = PartFile(target)
    assert second.open() == NOTE
    first.write([b"XXXX"])
    second.write([b" two"])
    assert len(parts(target)) == 2
    assert second.commit().read_bytes() == b"one two"
    assert first.commit().read_bytes() == b"oneXXXX"


def test_without_locks_a_stale_file_is_removed(target, without_locks):
    first = begun(target)
    first.write([b"one"])
    first.checkpoint(NOTE)
    [old] = parts(target)
    os.utime(old, (old.stat().st_mtime - STALE - 10,) * 2)
    begun(target).commit()
    assert not old.exists()
    with pytest.raises(StorageError):
        first.commit()
    first.close()
    assert list(target.parent.iterdir()) == [target]


def of_another_kernel(target: Path) -> None:
    state = target.with_name(".file.httpconn-state")
    state.write_text(json.dumps({**json.loads(state.read_text()), "kernel": "another"}))


def test_a_file_from_another_kernel_is_copied(target):
    part = begun(target)
    part.write([b"one"])
    part.checkpoint(NOTE)
    part.close()
    of_another_kernel(target)
    [before] = parts(target)
    part = PartFile(target)
    assert part.open() == NOTE
    assert not before.exists()
    part.write([b" two"])
    assert part.commit().read_bytes() == b"one two"
    assert list(target.parent.iterdir()) == [target]


FULL = """
import resource, signal, sys
from pathlib import Path
from httpconn.disk.partfile import PartFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
part = PartFile(Path(sys.argv[1]))
print(part.open())
part.close()
"""


def test_a_copy_without_space_starts_again(target):
    part = begun(target)
    part.write([bytes(1_000_000)])
    part.checkpoint(Sidecar(url="", committed=1_000_000))
    part.close()
    of_another_kernel(target)
    command = [sys.executable, "-c", FULL, str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    assert list(target.parent.iterdir()) == []

"""Stored responses in a folder: limited in size and never partial, also with concurrent writers."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from httpconn.core.caching import Record
from httpconn.core.memorystore import MemoryStore
from httpconn.disk.responsestore import FolderStore, decode, encode

KIB = 1024
RECORD = Record(5.0, {"etag": '"a"'}, b"body")


def key(number: int) -> str:
    return f"{number:064x}"


def sized(size: int) -> Record:
    return RECORD._replace(data=b"x" * size)


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryStore | FolderStore:
    return MemoryStore(100 * KIB) if request.param == "memory" else FolderStore(tmp_path, 100 * KIB)


class TestBothStores:
    """A store in memory, and one in a folder."""

    def test_return_a_stored_record(self, store: MemoryStore | FolderStore) -> None:
        assert store.get(key(1)) is None
        store.put(key(1), RECORD)
        assert store.get(key(1)) == RECORD
        store.put(key(1), sized(9))
        assert store.get(key(1)) == sized(9)
        moved = Record(5.0, {"location": "/jos\xe9"}, b"", 301)
        store.put(key(1), moved)
        assert store.get(key(1)) == moved
        store.drop(key(1))
        store.drop(key(1))
        assert store.get(key(1)) is None

    def test_do_not_exceed_the_size_limit(self, store: MemoryStore | FolderStore) -> None:
        for number in range(200):
            store.put(key(number), sized(4 * KIB))
        held = [record for number in range(200) if (record := store.get(key(number)))]
        assert 10 <= len(held) <= 20

    def test_keep_the_records_used_last(self, store: MemoryStore | FolderStore, tmp_path: Path) -> None:
        for number in range(1, 200):
            for each in tmp_path.iterdir():  # some file systems have a coarse clock
                os.utime(each, ns=(0, each.stat().st_mtime_ns - 10**9))
            store.put(key(number), sized(4 * KIB))
            assert store.get(key(1)) is not None

    def test_reject_a_record_that_would_evict_all_others(self, store: MemoryStore | FolderStore) -> None:
        store.put(key(1), RECORD)
        store.put(key(1), sized(20 * KIB))
        assert store.get(key(1)) is None

    def test_serve_threads(self, store: MemoryStore | FolderStore) -> None:
        def use() -> None:
            for number in range(100):
                store.put(key(number % 7), sized(number % 5))
                record = store.get(key(number % 3))
                assert record is None or len(record.data) < 5
                store.drop(key(number % 2))

        threads = [Thread(target=use) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


WRITTEN = encode(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"\n",
        b"[" * 9000,
        bytes(2000),
        WRITTEN[:-1],
        WRITTEN + b"x",
        b"{" + b" " * 70_000 + WRITTEN[1:],
        WRITTEN.replace(b'"format": 2', b'"format": 1'),
        WRITTEN.replace(b'"\\"a\\""', b"7"),
        WRITTEN.replace(b"etag", b"evil"),
        WRITTEN.replace(b"5.0", b"[]"),
        WRITTEN.replace(b"200", b"null"),
        WRITTEN.replace(b'"\\"a\\""', b'"\\u2603"'),
        WRITTEN.replace(b'{"etag": "\\"a\\""}', b"[]"),
    ],
)
def test_an_invalid_file_is_removed(tmp_path: Path, text: bytes) -> None:
    store = FolderStore(tmp_path, 100 * KIB)
    store.put(key(1), RECORD)
    (file,) = tmp_path.iterdir()
    file.write_bytes(text)
    assert store.get(key(1)) is None
    assert not file.exists()


@pytest.mark.parametrize("cut", range(0, len(WRITTEN), 7))
def test_a_truncated_record_is_ignored(cut: int) -> None:
    assert decode(WRITTEN[:cut]) is None


def test_files_of_others_are_neither_read_nor_removed(tmp_path: Path) -> None:
    folder, other = tmp_path / "folder", tmp_path / "other"
    store = FolderStore(folder, 100 * KIB)
    store.put(key(1), RECORD)
    (file,) = folder.iterdir()
    file.rename(other)
    file.symlink_to(other)
    (folder / "notes.txt").write_text("mine")
    (folder / f"{key(2)}.answer").mkdir()
    os.mkfifo(folder / f"{key(3)}.answer")
    assert [store.get(key(number)) for number in (1, 2, 3)] == [None] * 3
    for number in range(10, 99):
        store.put(key(number), sized(4 * KIB))
    assert (folder / "notes.txt").read_text() == "mine"
    assert decode(other.read_bytes()) == RECORD


def test_drafts_of_a_killed_writer_are_evicted(tmp_path: Path) -> None:
    left = tmp_path / f"{key(1)}.answer-0123456789abcdef"
    left.write_bytes(bytes(50 * KIB))
    os.utime(left, (0, 0))
    store = FolderStore(tmp_path, 100 * KIB)
    for number in range(99):
        store.put(key(number), sized(4 * KIB))
    assert not left.exists()


def test_a_read_only_folder_still_serves(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "file" / "folder", 100 * KIB)
    (tmp_path / "file").touch()
    store.put(key(1), RECORD)
    store.drop(key(1))
    assert store.get(key(1)) is None

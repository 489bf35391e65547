"""Sidecar files: valid ones are read, and any other content is ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.disk.sidecar import MAX_BYTES, Sidecar, SidecarRecord, decode, encode, load, save

TOKEN = "0123456789abcdef"
NOTE = Sidecar(url="https://example.com/", key=TOKEN, total=10, committed=3, parts=((4, 8, 2), (8, 10, 2)))
RECORD = SidecarRecord(token=TOKEN, kernel="kernel", sidecar=NOTE)

sizes = st.integers(0, 1 << 62)
texts = st.none() | st.text()
notes = st.builds(Sidecar, url=st.text(), key=st.text(), digest=texts, validator=texts, committed=sizes)


@given(st.builds(SidecarRecord, token=st.just(TOKEN), kernel=st.text(), sidecar=notes))
def test_encoded_records_are_decoded(record: SidecarRecord) -> None:
    assert decode(encode(record)) == record


def test_parts_are_read_as_they_were_written() -> None:
    assert decode(encode(RECORD)) == RECORD
    assert NOTE.ranges == ((0, 3), (4, 6), (8, 10))
    assert NOTE.end == 10


@given(st.binary() | st.text().map(str.encode))
def test_garbage_is_ignored(text: bytes) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"token": "../../../etc/pass"},
        {"token": 3},
        {"spare": None},
        {"sidecar": None},
        {"kernel": None},
        {"more": 1},
        {"sidecar": 3},
        {"sidecar": {"url": "x"}},
    ],
)
def test_an_invalid_record_is_ignored(change: dict[str, Any]) -> None:
    assert decode(json.dumps({**json.loads(encode(RECORD)), **change}).encode()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"key": 3},
        {"digest": 3},
        {"validator": []},
        {"total": -1},
        {"total": 9},
        {"total": 2, "parts": []},
        {"committed": True},
        {"committed": 1.0},
        {"committed": 5},
        {"committed": 1 << 63},
        {"parts": [[4, 8, 5]]},
        {"parts": [[4, 8]]},
        {"parts": [[8, 10, 2], [4, 8, 2]]},
        {"parts": [4]},
        {"parts": None},
        {"more": 1},
    ],
)
def test_an_invalid_sidecar_is_ignored(change: dict[str, Any]) -> None:
    data = json.loads(encode(RECORD))
    data["sidecar"] |= change
    assert decode(json.dumps(data).encode()) is None


def test_deep_nesting_and_long_numbers_are_ignored() -> None:
    assert decode(b"[" * 100_000) is None
    assert decode(b"9" * 10_000) is None


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(encode(RECORD) + b" " * MAX_BYTES)
    assert load(tmp_path / "file") is None


def test_a_sidecar_is_replaced_atomically_and_private(tmp_path: Path) -> None:
    (tmp_path / "draft").symlink_to("elsewhere")
    for _ in range(2):
        save(tmp_path / "file", tmp_path / "draft", RECORD)
    assert load(tmp_path / "file") == RECORD
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600

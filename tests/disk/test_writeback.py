"""Early writeback of bytes during a transfer."""

from __future__ import annotations

from pathlib import Path

import pytest

from httpconn.disk import system
from httpconn.disk.content import STRETCH, Content
from httpconn.disk.descriptors import open_file
from httpconn.disk.partfile import PartFile

BLOCK = STRETCH // 2


@pytest.mark.parametrize(
    ("writes", "ranges"),
    [
        ([(0, BLOCK)], []),
        ([(0, 2 * BLOCK)], [(0, 2 * BLOCK)]),
        ([(0, BLOCK), (BLOCK, BLOCK)], [(0, 2 * BLOCK)]),
        ([(n * BLOCK, BLOCK) for n in range(4)], [(0, 2 * BLOCK), (2 * BLOCK, 4 * BLOCK)]),
        (
            [(0, BLOCK), (9 * BLOCK, BLOCK), (BLOCK, BLOCK), (10 * BLOCK, BLOCK)],
            [(0, 2 * BLOCK), (9 * BLOCK, 11 * BLOCK)],
        ),
        ([(0, BLOCK), (2 * BLOCK, BLOCK)], []),
    ],
    ids=["too little", "at once", "in a row", "twice", "two in turn", "a gap"],
)
def test_writeback_starts_for_long_stretches(tmp_path: Path, monkeypatch, writes, ranges) -> None:
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(system, "start_writeback", lambda _, start, end: begun.append((start, end)))
    content = Content(open_file(tmp_path / "file", system.CREATE))
    for start, size in writes:
        content.write(start, [bytes(size)])
    content.close()
    assert begun == ranges


def test_bytes_in_writeback_read_as_written(tmp_path: Path) -> None:
    one, other = (bytes([value]) * (3 * BLOCK) for value in (1, 2))
    part = PartFile(tmp_path / "file")
    part.open()
    for offset in range(0, 3 * BLOCK, BLOCK):
        part.write_at(offset, [one[offset : offset + BLOCK]])
        part.write_at(3 * BLOCK + offset, [other[offset : offset + BLOCK]])
    assert part.read(0, 6 * BLOCK) == one + other
    assert part.commit().read_bytes() == one + other

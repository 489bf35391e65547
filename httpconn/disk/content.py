"""The open partial file: its bytes, and how many of them there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from . import system
from .descriptors import Opened
from .lockfile import Claim, drop
from .writeback import Writeback


class Content:
    """The bytes of one partial file.

    Args:
        file: the open file.
        offset: where the next appended byte goes.
        size: where the last byte that counts ends.
        length: bytes of the file, with those that are reserved or not proven.

    Attributes:
        file, offset, size: the same.
    """

    def __init__(self, file: Opened, offset: int = 0, size: int = 0, length: int = 0) -> None:
        self.file = file
        self.offset = offset
        self.size = size
        self._length = length
        self._writeback = Writeback()

    @property
    def number(self) -> int:
        """The descriptor."""
        return self.file.fileno()

    @property
    def is_closed(self) -> bool:
        """Whether the file is closed."""
        return self.file.closed

    def put(self, offset: int, blocks: Iterable[bytes | memoryview]) -> int:
        """Write blocks one after the other; return where the last one ends."""
        for block in blocks:
            end = offset + len(block)
            self._length = max(self._length, end)  # even if not all of it can be written
            system.put(self.number, offset, block)
            self.size = max(self.size, end)
            self._writeback.wrote(self.number, offset, end)
            offset = end
        return offset

    def get(self, offset: int, size: int) -> bytes:
        """Return at most so many bytes; none behind the last one that counts."""
        return system.get(self.number, offset, max(0, min(size, self.size - offset)))

    def reserve(self, size: int) -> None:
        """Take the space of a file of this size."""
        if size > self._length:
            system.reserve(self.number, size)
            self._length = size

    def trim(self) -> None:
        """Give back what was reserved."""
        if self._length != self.size:
            os.ftruncate(self.number, self.size)
            self._length = self.size

    def emptied(self) -> Content:
        """Return the content of the same file without its bytes: a checkpoint of the old content is void."""
        self.size = 0
        self.trim()
        return Content(self.file)

    def dress(self, mode: int | None, mtime: float | None) -> None:
        """Give the file its final length, and permissions and a time of modification if there are some."""
        self.trim()
        if mode is not None:
            system.set_permissions(self.number, mode)
        system.set_times(self.number, mtime)

    def flush(self, by: Callable[[int], None], file: Opened | None = None) -> bool:
        """Bring the bytes to the disk; see :func:`httpconn.disk.system.flush`.

        Args:
            by: brings a descriptor's file there.
            file: a duplicate of the file, so that the file can be closed meanwhile.
        """
        return self._writeback.flush((file or self.file).fileno(), by)

    def close(self) -> None:
        """Unlock and close the file."""
        drop(self.file)


class Mark(NamedTuple):
    """The moment that a checkpoint is about.

    Attributes:
        number: higher than that of every earlier mark.
        content: what was there.
        file: a duplicate of its file.
    """

    number: int
    content: Content
    file: Opened


class Step(system.Told):
    """Work on an open partial file, whose errors name the target.

    Attributes:
        claim: to the target.
        content: the bytes.
    """

    __slots__ = ("claim", "content")

    def __init__(self, claim: Claim, content: Content, target: Path) -> None:
        super().__init__(target)
        self.claim = claim
        self.content = content

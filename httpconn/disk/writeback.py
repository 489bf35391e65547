"""Bytes on their way to the disk while more of them come, so that the flush at the end has little left to wait for."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from .system import flush

STRETCH = 8 * 1024 * 1024
"""Bytes in a row that are worth a word to the system."""


def begin(descriptor: int, start: int, end: int) -> None:
    """Have the system begin to write a range to the disk, and not wait for it; a promise of nothing.

    Linux does so for pages that are said not to be needed, and keeps those in memory that are not written yet.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


class Writeback:
    """Sees the blocks that are written to one file, by several who each go on where they were."""

    def __init__(self, begin: Callable[[int, int, int], None] = begin) -> None:
        self._begin = begin
        self._starts: dict[int, int] = {}  # of the stretches, by their ends
        self._has_failed = False

    def flush(self, descriptor: int, by: Callable[[int], None]) -> bool:
        """Bring all of it to the disk; see :func:`httpconn.disk.system.flush`.

        The system tells once of bytes that could not be brought there; after that, its word proves nothing.
        """
        if self._has_failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            return flush(descriptor, by)
        except OSError:
            self._has_failed = True
            raise

    def wrote(self, descriptor: int, start: int, end: int) -> None:
        """A range was written; it may continue a stretch."""
        start = self._starts.pop(start, start)
        if end - start >= STRETCH:
            self._begin(descriptor, start, end)
        else:
            self._starts[end] = start

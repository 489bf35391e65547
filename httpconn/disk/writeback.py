"""Early writeback: the system starts to write bytes to the disk during a transfer, so that the last flush is short."""

import os
import sys
from contextlib import suppress

STRETCH = 8 * 1024 * 1024  # contiguous bytes that are worth a system call


def start_writeback(descriptor: int, start: int, end: int) -> None:
    """Ask the system to start writing a range to the disk, without waiting and without any guarantee.

    Linux does so for pages that are declared unneeded, and keeps the pages in memory that are not written yet.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


class Writeback:
    """Early writeback of one file, which several writers extend at different offsets."""

    def __init__(self) -> None:
        self._starts: dict[int, int] = {}  # maps the end of each contiguous stretch to its start

    def add(self, descriptor: int, start: int, end: int) -> None:
        """Register a written range, which may extend an earlier range."""
        start = self._starts.pop(start, start)
        if end - start >= STRETCH:
            start_writeback(descriptor, start, end)
        else:
            self._starts[end] = start

"""The open partial file: its bytes and their extent."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable

from ..core.locks import Lock
from . import system
from .descriptors import OpenFile
from .lockfile import unlock

STRETCH = 8 * 1024 * 1024  # contiguous bytes that are worth a system call


class Content:
    """The bytes of one partial file.

    Args:
        size: offset behind the last valid byte.
        length: size of the file in bytes, including reserved and unconfirmed bytes.
    """

    def __init__(self, file: OpenFile, size: int = 0, length: int = 0) -> None:
        self.file: OpenFile = file
        self.size: int = size
        self._length = length
        self._stretches: dict[int, int] = {}  # maps the end of each contiguous stretch to its start
        self._has_failed = False
        self._in_use = Lock()  # held during a flush, for which the file must stay open

    def write(self, offset: int, blocks: Iterable[bytes | memoryview]) -> None:
        descriptor = self.file.fileno()
        for block in blocks:
            end = offset + len(block)
            self._length = max(self._length, end)  # before the write, which can stop halfway
            system.write_at(descriptor, offset, block)
            self.size = max(self.size, end)
            self._add_to_stretch(offset, end)
            offset = end

    def _add_to_stretch(self, start: int, end: int) -> None:
        """Let the system write long stretches to the disk early, so that the last flush is short."""
        start = self._stretches.pop(start, start)
        if end - start >= STRETCH:
            system.start_writeback(self.file.fileno(), start, end)
        else:
            self._stretches[end] = start

    def read(self, offset: int, size: int) -> bytes:
        """Read at most ``size`` valid bytes."""
        return system.read_at(self.file.fileno(), offset, max(0, min(size, self.size - offset)))

    def reserve(self, size: int) -> None:
        if size > self._length:
            system.reserve(self.file.fileno(), size)
            self._length = size

    def trim(self) -> None:
        """Free the space behind the last valid byte."""
        if self._length != self.size:
            os.ftruncate(self.file.fileno(), self.size)
            self._length = self.size

    def cleared(self) -> Content:
        """Truncate the file; return a new object for it. Checkpoints of the old object become invalid."""
        self.size = 0
        self.trim()
        content = Content(self.file)
        content._in_use = self._in_use
        return content

    def finalize(self, mode: int | None, mtime: float | None) -> None:
        """Set the final length and, unless None, permission bits and modification time."""
        self.trim()
        if mode is not None:
            system.set_permissions(self.file.fileno(), mode)
        if mtime is not None:
            system.set_times(self.file.fileno(), mtime)

    def flush(self, flush_with: Callable[[int], None]) -> bool:
        """Flush the bytes to the disk with a function; see :func:`httpconn.disk.system.flush`.

        The system reports lost writes only once. After a failed flush, each later flush also fails, because a success
        would not prove that the earlier bytes are on disk.
        """
        if self._has_failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            return system.flush(self.file.fileno(), flush_with)
        except OSError:
            self._has_failed = True
            raise

    def flush_if_open(self) -> None:
        """Flush the bytes, unless another thread has closed the file. Other threads may write during the flush."""
        with self._in_use:
            if not self.file.closed:
                self.flush(system.flush_data)

    def close(self) -> None:
        """Unlock and close the file, after a running flush."""
        with self._in_use:
            unlock(self.file)

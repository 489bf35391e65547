"""What owners of a partial file have left beside the target."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from . import system
from .descriptors import Opened, open_file
from .hiddennames import Names
from .lockfile import InUse, Lock, drop

STALE = 3600.0
"""Seconds without a write after which a file is nobody's, where no lock tells."""

_COPIED = 16 * 1024 * 1024


class Taken(NamedTuple):
    """A file that was left.

    Attributes:
        certain: nobody else can have it.
        length: its bytes, proven or not.
    """

    file: Opened
    certain: bool
    length: int


class Leftovers:
    """Partial files that are not this owner's.

    Args:
        names: of what stands beside the target.
        locking: locks an open file.
    """

    def __init__(self, names: Names, locking: Lock) -> None:
        self._names = names
        self._locking = locking

    def take(self, token: str, extent: int) -> Taken | None:
        """Open a file that was left, if it can be the one; so many bytes of it are proven.

        Raises:
            InUse: its owner lives.
        """
        try:
            file = open_file(self._names.part(token), system.WRITE)
        except OSError:
            return None
        try:
            certain, status = self._locking(file.fileno()), os.fstat(file.fileno())
        except BaseException:
            drop(file)
            raise
        if system.is_ours(status) and 0 < extent <= status.st_size:
            return Taken(file, certain, status.st_size)
        drop(file)
        return None

    def remove(self, token: str) -> None:
        """The file of an owner who is gone. Where no lock tells, it may be at work: then its age decides."""
        path = self._names.part(token)
        with suppress(OSError, InUse):
            file = open_file(path, system.WRITE)
            try:
                certain = self._locking(file.fileno())
                if system.is_own(os.fstat(file.fileno())) and (certain or system.is_stale(path, STALE)):
                    os.unlink(path)
            finally:
                drop(file)


def bytes_of(file: Opened, start: int, end: int) -> Iterator[bytes]:
    """The bytes of an open file, in blocks.

    Raises:
        OSError: there are not so many.
    """
    while start < end:
        block = system.get(file.fileno(), start, min(_COPIED, end - start))
        if not block:
            raise OSError(errno.EIO, "The partial file became shorter")
        start += len(block)
        yield block

"""Partial files that earlier owners have left beside a target."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from . import lockfile, system
from .descriptors import OpenFile, open_file
from .lockfile import InUse, unlock

STALE = 3600.0
"""Seconds without a write after which a partial file counts as abandoned where the file system has no locks."""

_BLOCK = 16 * 1024 * 1024


class AbandonedFile(NamedTuple):
    """An open partial file that an earlier owner has left."""

    file: OpenFile
    exclusive: bool
    length: int  # size in bytes, including bytes that no sidecar confirms


def open_abandoned(path: str, confirmed: int) -> AbandonedFile | None:
    """Open a partial file that has at least the bytes that its sidecar confirms; None if there is no such file.

    Raises InUse: the owner of the file is alive.
    """
    try:
        file = open_file(path, system.WRITE)
    except OSError:
        return None
    try:
        exclusive, status = lockfile.lock(file.fileno()), os.fstat(file.fileno())
    except BaseException:
        unlock(file)
        raise
    if system.is_trusted(status) and 0 < confirmed <= status.st_size:
        return AbandonedFile(file, exclusive, status.st_size)
    unlock(file)
    return None


def remove_abandoned(path: str) -> None:
    """Remove a partial file unless its owner may be alive. Without locks, only a stale file is removed."""
    with suppress(OSError, InUse):
        file = open_file(path, system.WRITE)
        try:
            exclusive = lockfile.lock(file.fileno())
            if system.is_own(os.fstat(file.fileno())) and (exclusive or system.is_stale(path, STALE)):
                system.close_if_required(partial(os.unlink, path), partial(unlock, file))
        finally:
            unlock(file)


def read_blocks(file: OpenFile, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of an open file from ``start`` to ``end`` in blocks."""
    while start < end:
        block = system.read_at(file.fileno(), start, min(_BLOCK, end - start))
        if not block:
            raise OSError(errno.EIO, "The partial file became shorter")
        start += len(block)
        yield block

"""Partial files that earlier owners have left beside a target."""

import os
from contextlib import suppress
from functools import partial

from . import lockfile, system
from .descriptors import OpenFile, open_file
from .lockfile import InUse, unlock

STALE = 3600.0
"""Seconds without a write after which a partial file counts as abandoned where the file system has no locks."""


def open_abandoned(path: str, confirmed: int) -> tuple[OpenFile, bool] | None:
    """Open a partial file that has at least the bytes that its sidecar confirms; None if there is no such file.

    Return also whether the lock of the file excludes other processes. Raises InUse: the owner of the file is alive.
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
        return file, exclusive
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

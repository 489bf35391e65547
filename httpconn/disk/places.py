"""The place where a finished file appears, and the two ways to bring it there.

A file usually replaces what stands at its path by one rename. Two kinds of targets cannot be replaced, and are written
in place: a file that is a mount point, as ``docker run -v file:file`` makes it, and another user's file in a sticky
folder. That is not atomic: a reader, or a crash, can meet a file that is half old and half new.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from . import system
from .abandoned import bytes_of
from .content import Content
from .descriptors import Opened, close, open_file, open_place

# What a rename says over a mount point, and over another user's file in a sticky folder.
_IRREPLACEABLE = frozenset({errno.EBUSY, errno.EPERM})


class Put(NamedTuple):
    """How a file was brought to its path.

    Attributes:
        moved: the partial file has the path now; else its bytes were copied.
        flushed: what was copied is on disk.
    """

    moved: bool
    flushed: bool


class Place:
    """Where a file is to appear. Where a link stands, that is the file that it leads to.

    Raises:
        OSError: the file there can only be written in place, and that is not allowed.

    Attributes:
        path: of the file, behind links.
        permissions: of what is there; None where nothing is.
    """

    def __init__(self, target: Path) -> None:
        self.path, status = _behind_links(os.fspath(target.absolute()))
        self.permissions: int | None = None if status is None else stat.S_IMODE(status.st_mode)
        self._in_place = status is not None and stat.S_ISREG(status.st_mode) and _is_irreplaceable(self.path, status)
        if self._in_place:
            close(open_file(self.path, system.WRITE))

    def put(self, part: str, content: Content, mtime: float | None, flush: Callable[[int], None]) -> Put:
        """Bring a finished partial file to the path.

        Args:
            part: its name.
            content: its bytes.
            mtime: when they were last modified.
            flush: brings a descriptor's file to the disk.
        """
        if self._can_replace(part):
            return Put(moved=True, flushed=True)
        return Put(moved=False, flushed=self._overwrite(content.file, content.size, mtime, flush))

    def _can_replace(self, part: str) -> bool:
        """Give the path to a partial file; False where the file there can only be written in place."""
        if self._in_place:
            return False
        try:
            os.replace(part, self.path)
        except OSError as error:
            if error.errno not in _IRREPLACEABLE or not os.path.isfile(self.path):
                raise
            return False
        return True

    def _overwrite(self, part: Opened, size: int, mtime: float | None, flush: Callable[[int], None]) -> bool:
        """Write so many bytes of a partial file into the file that is there, and flush them.

        Returns:
            Whether the file system can flush.
        """
        file = open_file(self.path, system.WRITE)
        try:
            number = file.fileno()
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise system.failure(errno.EINVAL, self.path)
            system.reserve(number, size)  # a full disk is noticed while the old content is whole
            offset = 0
            for block in bytes_of(part, 0, size):
                system.put(number, offset, block)
                offset += len(block)
            os.ftruncate(number, size)
            system.set_times(number, mtime)
            return system.flush(number, flush)
        finally:
            close(file)


def _behind_links(path: str) -> tuple[str, os.stat_result | None]:
    try:
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            return path, status
        path = os.path.realpath(path)
        return path, os.stat(path)
    except OSError:
        return path, None


def _is_irreplaceable(path: str, status: os.stat_result) -> bool:
    return _is_sticky(os.path.dirname(path), status) or _is_mount_point(path)


def _is_sticky(folder: str, status: os.stat_result) -> bool:
    """Whether the file is another user's in a sticky folder, such as /tmp: only its owner may replace it."""
    user = getattr(os, "geteuid", lambda: 0)()
    if user in (0, status.st_uid):
        return False
    with suppress(OSError):
        around = os.stat(folder)
        return bool(around.st_mode & stat.S_ISVTX) and user != around.st_uid
    return False


def _is_mount_point(path: str) -> bool:
    """Whether a file is on another mount than its folder. Its device does not tell: both can be of one file system."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return _mount_of(open_place(path)) != _mount_of(open_place(os.path.dirname(path)))
    return False


def _mount_of(number: int) -> list[bytes]:
    """The mount of an open file, as the line of proc(5) that names it."""
    lines = system.read_small(f"/proc/self/fdinfo/{number}").splitlines()
    return [line for line in lines if line.startswith(b"mnt_id:")]

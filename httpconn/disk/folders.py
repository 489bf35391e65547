"""Folders, brought to the disk once for all who renamed a file in them: of many small files, half of the waiting."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import NamedTuple
from weakref import ref

from ..runtime.forking import in_child
from .descriptors import open_folder
from .system import flush_file

# Not every system lets a folder be opened, or flushed.
_UNABLE = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS})

_IN_DOUBT = "The file is complete and has its name, which may be lost in a crash"


def flush(folder: str) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    try:
        os.fsync(open_folder(folder))
    except OSError as error:
        if error.errno not in _UNABLE:
            raise


class Flush:
    """One of a folder, for all who asked for it before it began.

    Attributes:
        errno: why it failed; 0 where it did not.
        ended: whether it is over.
    """

    __slots__ = ("ended", "errno")

    def __init__(self) -> None:
        self.errno: int = 0
        self.ended: bool = False


class Folder:
    """One whose flushes come one after the other.

    A flush is good for every rename that was made before it began; so whoever asks while one is under way shares the
    next one with all who ask meanwhile.
    """

    def __init__(self, path: str, flush: Callable[[str], None] = flush) -> None:
        self._path = path
        self._flush = flush
        self._turn = threading.Lock()
        self._next = Flush()

    def ask(self) -> Flush:
        """The next that begins."""
        return self._next

    def wait(self, flush: Flush) -> None:
        """Until it has ended; where nobody makes it, make it.

        Raises:
            OSError: it failed. The system says so once, and all whose names it was to keep have to know.
        """
        with self._turn:
            if not flush.ended:
                self._make(flush)
        if flush.errno:
            raise OSError(flush.errno, f"{_IN_DOUBT}: {os.strerror(flush.errno)}", self._path)

    def _make(self, flush: Flush) -> None:
        self._next = Flush()
        try:
            self._flush(self._path)
        except OSError as error:
            flush.errno = error.errno or errno.EIO
        flush.ended = True


_guard = threading.Lock()
_folders: dict[str, ref[Folder]] = {}
"""No WeakValueDictionary: it forgets in Python code, in which an exception of a signal handler would be lost."""

_REMEMBERED = 256
"""Folders after which those that nobody flushes any more are forgotten."""


@in_child
def _forget_in_child() -> None:
    """Whoever holds its locks is in the parent."""
    global _guard, _folders
    _guard, _folders = threading.Lock(), {}


def sync_folder(path: str) -> None:
    """Bring to the disk what was renamed in a folder before this call, together with others who ask for it."""
    with _guard:
        folder = _shared(path)
    folder.wait(folder.ask())


def _shared(path: str) -> Folder:
    reference = _folders.get(path)
    folder = None if reference is None else reference()
    if folder is None:
        if len(_folders) >= _REMEMBERED:
            for each in [each for each, known in _folders.items() if known() is None]:
                del _folders[each]
        folder = Folder(path)
        _folders[path] = ref(folder)
    return folder


class Flushing(NamedTuple):
    """How files, and the names in a folder, are brought to the disk."""

    file: Callable[[int], None] = flush_file
    folder: Callable[[str], None] = sync_folder


FLUSHING = Flushing()

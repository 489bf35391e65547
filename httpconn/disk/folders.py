"""Folder flushes that several renames share: one flush makes the renames of all waiting callers durable.

For many small files, flushes of the folder are half of the waiting time.
"""

import errno
import os

from ..core.locks import Lock
from ..runtime.forking import in_child
from .descriptors import open_folder
from .system import CANNOT_FLUSH, flush_file

# Some systems cannot open a folder, or cannot flush it.
_CANNOT_FLUSH = CANNOT_FLUSH | {errno.EACCES, errno.EPERM, errno.EISDIR, errno.EBADF}

_NOT_DURABLE = "The file is complete and has its name, but a crash of the machine can undo the renaming"


def flush_folder(folder: str) -> None:
    """Flush the names in a folder to the disk where the system supports it."""
    try:
        flush_file(open_folder(folder))
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


class FolderFlush:
    """One flush of a folder, shared by all callers that requested it before it started."""

    __slots__ = ("ended", "errno")

    def __init__(self) -> None:
        self.errno: int = 0
        self.ended: bool = False


class Folder:
    """A folder that is flushed by one caller at a time.

    A flush covers every rename that was made before it started. Callers that arrive during a flush share the next one.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._next = FolderFlush()

    def request(self) -> FolderFlush:
        """Return the next flush that starts."""
        return self._next

    def wait(self, flush: FolderFlush) -> None:
        """Wait until a flush has ended; run it if no other caller does.

        The system reports a failed flush only once, so all callers of the flush get the error.
        """
        with self._lock:
            if not flush.ended:
                self._run(flush)
        if flush.errno:
            raise OSError(flush.errno, f"{_NOT_DURABLE}: {os.strerror(flush.errno)}", self._path)

    def _run(self, flush: FolderFlush) -> None:
        self._next = FolderFlush()
        try:
            flush_folder(self._path)
        except OSError as error:
            flush.errno = error.errno or errno.EIO
        flush.ended = True


_folders: dict[str, Folder] = {}  # if two threads use different objects of one folder, the cost is a second flush
_MAX_FOLDERS = 256

in_child(_folders.clear)  # a thread of the parent may hold their locks


def sync_folder(path: str) -> None:
    """Flush the renames in a folder that were made before this call, together with other callers."""
    folder = _folders.get(path)
    if folder is None:
        if len(_folders) >= _MAX_FOLDERS:
            _folders.clear()
        folder = _folders.setdefault(path, Folder(path))
    folder.wait(folder.request())

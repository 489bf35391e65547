"""Operating system calls for one file, with the differences between platforms."""

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import TracebackType

from ..errors import DiskFull, StorageError
from .descriptors import OpenFile, close, open_file

if sys.platform != "win32":
    import fcntl
    from os import pread, pwrite
else:

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)


def _flags(*names: str) -> int:
    return sum(getattr(os, name, 0) for name in names)


# O_NOFOLLOW and O_NONBLOCK: another user may have placed a link or a pipe at the path. O_BINARY exists on Windows only.
READ = os.O_RDONLY | _flags("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NONBLOCK")
WRITE = READ | os.O_RDWR
CREATE = WRITE | os.O_CREAT | os.O_EXCL

StrPath = str | os.PathLike[str]

WRITE_SIZE = 256 * 1024
"""Bytes per write call. For larger writes, Linux allocates larger blocks of page cache. A virtual machine must request
such blocks from its host at first, at ten times the cost."""

_READ_SIZE = 16 * 1024 * 1024

_REPLACE_ATTEMPTS, _REPLACE_PAUSE = 10, 0.01

_FOLDER_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR})
"""Errors of a hidden file that only the permissions, or the absence, of its folder can cause."""

CANNOT_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY})
"""Errors of file systems that cannot flush a file, such as some network and FUSE file systems."""


class TranslatedErrors:
    """A block whose OSErrors are raised as StorageError or DiskFull, with the system's error number and message.

    Args:
        target: the file that the block works on. The message names it if the system names no file, or names a hidden
            file beside the target.
    """

    __slots__ = ("_target",)

    def __init__(self, target: StrPath | None = None) -> None:
        self._target = target

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            wrapper = DiskFull if error.errno in DiskFull.NUMBERS else StorageError
            path = _path_for_user(error, self._target)
            where = "" if path is None else f": {path}"
            raise wrapper(f"{error.strerror or error}{where}", errno=error.errno) from error


def _path_for_user(error: OSError, target: StrPath | None) -> object:
    """Return the path to name in a message: one that the user knows, not a hidden file."""
    path = error.filename2 or error.filename
    if target is None:
        return path
    if not isinstance(path, str) or ".httpconn-" not in path:
        return path or target
    return os.path.dirname(path) if error.errno in _FOLDER_ERRORS else target


def os_error(number: int, path: StrPath) -> OSError:
    return OSError(number, os.strerror(number), os.fspath(path))


def is_own(status: os.stat_result) -> bool:
    """Whether the file is a regular file that belongs to the user of this process."""
    user = getattr(os, "geteuid", lambda: status.st_uid)()
    return stat.S_ISREG(status.st_mode) and status.st_uid == user


def is_trusted(status: os.stat_result) -> bool:
    """Whether no other user can have placed the file: it is the user's own and has no other hard link."""
    return is_own(status) and status.st_nlink == 1


def read_file(path: StrPath, limit: int = 64 * 1024, *, trusted: bool = False) -> bytes:
    """Read at most ``limit`` bytes of a file, without following a link. ``trusted`` requires :func:`is_trusted`."""
    blocks: list[bytes] = []
    size = 0
    file = open_file(path, READ)
    try:
        if trusted and not is_trusted(os.fstat(file.fileno())):
            raise os_error(errno.EPERM, path)
        while size < limit and (block := read_at(file.fileno(), size, limit - size)):
            blocks.append(block)
            size += len(block)
        return b"".join(blocks)
    finally:
        close(file)


def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Read at most ``size`` bytes from an offset on; empty at the end of the file."""
    return pread(descriptor, size, offset)


def read_blocks(file: OpenFile, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of an open file from ``start`` to ``end`` in blocks."""
    while start < end:
        block = read_at(file.fileno(), start, min(_READ_SIZE, end - start))
        if not block:
            raise OSError(errno.EIO, "The partial file became shorter")
        start += len(block)
        yield block


def write_at(descriptor: int, offset: int, block: bytes | memoryview) -> None:
    """Write a whole block at an offset."""
    unwritten = memoryview(block)
    while unwritten:
        count = pwrite(descriptor, unwritten[:WRITE_SIZE], offset)
        unwritten, offset = unwritten[count:], offset + count


def replace(path: StrPath, draft: StrPath, data: bytes, *, durable: bool) -> None:
    """Replace the file at a path atomically by a file that only its owner can read, through a ``draft`` in its folder.

    ``durable`` flushes the content before the file gets its name.
    """
    remove(draft)
    try:
        file = open_file(draft, CREATE)
        try:
            write_at(file.fileno(), 0, data)
            if durable:
                flush(file.fileno(), flush_file)
        finally:
            close(file)
        _replace_when_closed(draft, path)
    except BaseException:
        with suppress(OSError):
            remove(draft)
        raise


def _replace_when_closed(draft: StrPath, path: StrPath) -> None:
    """Rename a draft. On Windows, this fails while another thread or process briefly reads the old file."""
    for _ in range(_REPLACE_ATTEMPTS):
        with suppress(PermissionError):
            os.replace(draft, path)
            return
        threading.Event().wait(_REPLACE_PAUSE)
    os.replace(draft, path)


def remove(path: StrPath) -> None:
    """Remove a file if it exists."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def is_same_file(path: str, status: os.stat_result) -> bool:
    """Whether the file at a path is the one with this status."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return (found.st_ino, found.st_dev) == (status.st_ino, status.st_dev)


def close_if_required(change: Callable[[], None], close: Callable[[], None]) -> None:
    """Rename or remove an open file by ``change``. Call ``close`` first if the system requires it, as Windows does.

    On other systems, the file stays open and locked during the change.
    """
    try:
        change()
    except PermissionError:
        close()
        change()


def rename_to_free(path: str, name: str, close_path: Callable[[], None]) -> None:
    """Rename an open file to a path at which no file exists; ``close_path`` closes it if necessary."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        close(open_file(name, CREATE))
        close_if_required(partial(os.replace, path, name), close_path)
    else:
        close_if_required(partial(os.unlink, path), close_path)


def permissions(path: str) -> int | None:
    """Return the permission bits of a file, or None if there is no file."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


def set_permissions(descriptor: int, mode: int) -> None:
    """Set the permission bits of a file where the system supports them."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.fchmod(descriptor, mode)


def set_times(file: int | str, mtime: float) -> None:
    """Set the modification time in seconds since the epoch. Windows needs a closed file, other systems a descriptor."""
    if isinstance(file, int) == (os.utime in os.supports_fd):
        with suppress(OSError, OverflowError, ValueError):
            os.utime(file, (mtime, mtime))


def modified_ns(path: str) -> int | None:
    """Return the modification time in nanoseconds, or None if there is no file."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def is_stale(path: str, age: float) -> bool:
    """Whether the last write to a file is more than ``age`` seconds older than the last change of its folder.

    The times are compared with each other because the clock of a file server can differ from the clock of this machine.
    """
    return os.stat(os.path.dirname(path)).st_mtime - os.stat(path).st_mtime > age


def reserve(descriptor: int, size: int) -> None:
    """Allocate disk space for a file where the file system supports it. Raises OSError: the disk is full."""
    if sys.platform != "linux":
        return
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    # Where the file system cannot allocate, the C library would write to every block, over a network too. It does not
    # do so for a file in append mode.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DiskFull.NUMBERS:
            raise
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def start_writeback(descriptor: int, start: int, end: int) -> None:
    """Ask the system to start writing a range to the disk, without waiting and without any guarantee.

    On Linux, POSIX_FADV_DONTNEED starts the writing. Pages that are not written yet stay in memory.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def flush_data(descriptor: int) -> None:
    if sys.platform == "darwin":
        flush_file(descriptor)
    else:
        getattr(os, "fdatasync", os.fsync)(descriptor)


def flush_file(descriptor: int) -> None:
    """Flush a file to the disk. On macOS, fsync would leave the data in the disk's own memory."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError as error:  # some file systems lack it
            if error.errno not in CANNOT_FLUSH:
                raise
    os.fsync(descriptor)


def flush(descriptor: int, flush_with: Callable[[int], None]) -> bool:
    """Flush a file with a function. Return False if the file system cannot flush files."""
    try:
        flush_with(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise
        return False
    return True

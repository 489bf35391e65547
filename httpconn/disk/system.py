"""What is asked of the operating system for one file."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from ..errors import DiskFull, StorageError
from .descriptors import Opened, close, open_file

if sys.platform != "win32":
    import fcntl
    from os import pread, pwrite
else:

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        """Read from an offset on."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        """Write from an offset on."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)


def _flags(*names: str) -> int:
    return sum(getattr(os, name, 0) for name in names)


# A link or a pipe that somebody planted at the name is not followed, and not waited for. O_BINARY is Windows'.
READ = os.O_RDONLY | _flags("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NONBLOCK")
WRITE = READ | os.O_RDWR
MAKE = WRITE | os.O_CREAT | os.O_EXCL


StrPath = str | os.PathLike[str]

AT_ONCE = 256 * 1024
"""Bytes of one call to write. For more, Linux takes larger pieces of memory, such as a virtual machine has to get from
its host at first, at ten times the cost."""


_ABOUT_FOLDERS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR})
"""Errors of a hidden file that only the permissions, or the absence, of its folder can have caused."""

UNABLE_TO_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What file systems say that cannot flush a file to the disk, such as some network and FUSE file systems."""


def tell(error: BaseException | None, target: StrPath | None = None) -> None:
    """Raise an operating system's error as ours, with its number and its words.

    Args:
        error: one of any kind; None and errors of ours are left alone.
        target: the file that the work is for. It is named where the system names no file, or a hidden one beside it.
    """
    if isinstance(error, OSError) and not isinstance(error, StorageError):
        kind = DiskFull if error.errno in DiskFull.NUMBERS else StorageError
        path = _meant(error, target)
        where = "" if path is None else f": {path}"
        raise kind(f"{error.strerror or error}{where}", errno=error.errno) from error


def _meant(error: OSError, target: StrPath | None) -> object:
    """The path that the error is about, as far as the caller knows it."""
    named = error.filename2 or error.filename
    if target is None:
        return named
    if not isinstance(named, str) or ".httpconn-" not in named:
        return named or target
    return os.path.dirname(named) if error.errno in _ABOUT_FOLDERS else target


class Told:
    """A block in which the operating system's errors are raised as ours; see :func:`tell`."""

    __slots__ = ("_target",)

    def __init__(self, target: StrPath | None = None) -> None:
        self._target = target

    def __enter__(self) -> Self:
        """Return the block."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        tell(error, self._target)


def is_own(status: os.stat_result) -> bool:
    """Whether this is a regular file of the user that the process runs as."""
    user = getattr(os, "geteuid", lambda: status.st_uid)()
    return stat.S_ISREG(status.st_mode) and status.st_uid == user


def is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have planted a file: it is our own, and has one name."""
    return is_own(status) and status.st_nlink == 1


def read_ours(path: StrPath, most: int) -> bytes:
    """At most so many bytes of a regular file of our own; no link is followed.

    Raises:
        OSError: there is none.
    """
    file = open_file(path, READ)
    try:
        if not is_ours(os.fstat(file.fileno())):
            raise failure(errno.EPERM, path)
        return _all(file, most)
    finally:
        close(file)


def read_small(path: StrPath) -> bytes:
    """The first 64 KiB of a file."""
    file = open_file(path, READ)
    try:
        return _all(file, 64 * 1024)
    finally:
        close(file)


def _all(file: Opened, most: int) -> bytes:
    """At most so many bytes of a file."""
    pieces: list[bytes] = []
    size = 0
    while size < most and (piece := get(file.fileno(), size, most - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def replace(path: StrPath, draft: StrPath, data: bytes, *, durable: bool) -> None:
    """Put a file for its owner alone in place of what stands at the path.

    Args:
        path: its name.
        draft: a name of the caller's own in the same folder, to write at first.
        data: all that it holds.
        durable: it is on disk before it has its name.
    """
    remove(draft)
    try:
        file = open_file(draft, MAKE)
        try:
            put(file.fileno(), 0, data)
            if durable:
                flush(file.fileno(), flush_file)
        finally:
            close(file)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            remove(draft)
        raise


def remove(path: StrPath) -> None:
    """Take a name away, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def names(path: str, status: os.stat_result) -> bool:
    """Whether the name still is that of the file which has this status."""
    try:
        return os.path.samestat(os.lstat(path), status)
    except FileNotFoundError:
        return False


def permissions(path: str) -> int | None:
    """Of what stands at the path; None where nothing does."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


def set_permissions(descriptor: int, mode: int) -> None:
    """Where the system has them."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.fchmod(descriptor, mode)


def set_times(descriptor: int, mtime: float | None) -> None:
    """Set the time of a file's last modification, in seconds since the epoch, where the system can."""
    if mtime is not None:
        with suppress(OSError, OverflowError, ValueError):
            os.utime(descriptor, (mtime, mtime))


def reserve(descriptor: int, size: int) -> None:
    """Take the space of a file, where the file system can.

    Raises:
        OSError: there is none.
    """
    if sys.platform != "linux":
        return
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    # Where the file system cannot, the C library would write to every block, over a network too; but to no file that
    # is open for appending.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DiskFull.NUMBERS:
            raise
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def flush_data(descriptor: int) -> None:
    """Bring the content of a file to the disk."""
    if sys.platform == "darwin":
        flush_file(descriptor)
    else:
        getattr(os, "fdatasync", os.fsync)(descriptor)


def flush_file(descriptor: int) -> None:
    """Bring a file to the disk; on macOS, fsync would leave it in the memory of the disk."""
    if sys.platform == "darwin":
        with suppress(OSError):  # not every file system there has it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def flush(descriptor: int, by: Callable[[int], None]) -> bool:
    """Bring a file to the disk, by a function that does.

    Returns:
        False where the file system cannot flush files.

    Raises:
        OSError: the disk failed.
    """
    try:
        by(descriptor)
    except OSError as error:
        if error.errno not in UNABLE_TO_FLUSH:
            raise
        return False
    return True


def rename_to_free(path: str, name: str) -> None:
    """Rename a file to a name that nothing has.

    Raises:
        FileExistsError: something has it.
    """
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        close(open_file(name, MAKE))
        os.replace(path, name)
    else:
        os.unlink(path)


def failure(number: int, path: StrPath) -> OSError:
    """An error as the operating system would raise it."""
    return OSError(number, os.strerror(number), os.fspath(path))


def put(descriptor: int, offset: int, block: bytes | memoryview) -> None:
    """Write all of a block."""
    unwritten = memoryview(block)
    while unwritten:
        count = pwrite(descriptor, unwritten[:AT_ONCE], offset)
        unwritten, offset = unwritten[count:], offset + count


def get(descriptor: int, offset: int, size: int) -> bytes:
    """At most so many bytes; empty at the end of the file."""
    return pread(descriptor, size, offset)


def last_change(path: str) -> int | None:
    """When a file was written to, in nanoseconds of its file system's clock."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def is_stale(path: str, age: float) -> bool:
    """Whether nothing was written to a file in the last seconds before its folder was changed.

    The folder's time, since the clock of a file server is not this machine's.
    """
    return os.stat(os.path.dirname(path)).st_mtime - os.stat(path).st_mtime > age

"""Locks on open files, and the lock file that keeps two downloads of one target apart.

The lock saves work: two downloads of one target do not both transfer it. No guarantee about a file's content depends on
it, because some network file systems have no locks, and others lock for one machine only.
"""

import errno
import json
import os
import platform
import re
import stat
import sys
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from . import descriptors
from .descriptors import OpenFile, open_file
from .system import READ, WRITE, close_if_required, is_same_file, os_error, read_at, read_file

if sys.platform == "win32":
    import msvcrt

    # On Windows, no other open file can read a locked byte, so the locked byte is far behind the content of a lock
    # file. It is the last byte that the C library can lock.
    _LOCKED_BYTE = 0x7FFFFFFE

    def _change_lock(descriptor: int, mode: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, mode, 1)

    _LOCK, _UNLOCK = msvcrt.LK_NBLCK, msvcrt.LK_UNLCK
else:
    import fcntl

    # flock and not fcntl's record locks, which do not keep two threads of one process apart.
    _change_lock = fcntl.flock
    _LOCK, _UNLOCK = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN

_ATTEMPTS = 20
_TOKEN_LINE = re.compile(rb"^([0-9a-f]{16})$", re.MULTILINE)
_TRANSFER_LINE = re.compile(rb"^\[.*\]$", re.MULTILINE)
_MAX_BYTES = 64 * 1024
_CAN_REFUSE_LINKS = hasattr(os, "O_NOFOLLOW")
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})


class InUse(Exception):
    """Another live owner holds the lock."""


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed. Return False if the file system has no locks."""
    try:
        _change_lock(descriptor, _LOCK)
    except OSError as error:
        if error.errno in _BUSY:
            raise InUse from error
        return False
    return True


def unlock(file: OpenFile) -> None:
    """Unlock and close a file."""
    if file.closed:
        return
    # Closing alone is not enough: a process that is being started shares the open file for a moment.
    try:
        try:
            _change_lock(file.fileno(), _UNLOCK)
        finally:
            descriptors.close(file)
    except OSError:
        pass


def kernel_id() -> str:
    """Return an ID of the running kernel. Processes on the same kernel, in containers too, share all file locks."""
    try:
        return read_file("/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    except (OSError, ValueError):
        return platform.node()


class Transfer(NamedTuple):
    """What the owner of a lock is downloading."""

    key: str
    total: int | None
    validator: str | None


class LockFile:
    """The lock file beside a target, which also names the partial files of its owners.

    The names let the next owner remove the files that a killed owner has left. If the object is dropped without
    ``release``, the lock ends and the file stays.
    """

    def __init__(self) -> None:
        self.exclusive: bool = False  # no other process can hold the lock; False if the file system has no locks
        self.tokens: tuple[str, ...] = ()  # tokens of partial files that earlier owners have left
        self._path = ""
        self._file: OpenFile | None = None
        self._is_acquiring = False

    def acquire(self, path: str, mode: int = 0o600) -> None:
        """Create or open the lock file, and lock it. ``release`` removes the file, also after an interruption.

        Raises InUse: another owner holds the lock. ``mode`` has the permission bits of a new lock file, before the
        umask.
        """
        self._path, self._is_acquiring = path, True
        for _ in range(_ATTEMPTS):
            try:
                if self._try_acquire(mode):
                    return
            except (InUse, OSError):
                self._close()
                raise
            self._close()
        raise InUse

    def _try_acquire(self, mode: int) -> bool:
        """Return False if the last owner has removed the file in the meantime."""
        self._file = file = _open(self._path, mode)
        self.exclusive, status = lock(file.fileno()), os.fstat(file.fileno())
        if not is_same_file(self._path, status):
            return False
        if not stat.S_ISREG(status.st_mode):
            raise os_error(errno.EINVAL, self._path)
        self.tokens = _read_tokens(file) if status.st_size else ()
        self._is_acquiring = False
        return True

    @property
    def is_held(self) -> bool:
        return self._file is not None and not self._file.closed

    def add_tokens(self, *tokens: str) -> None:
        """Name partial files that the next owner removes if this one is killed."""
        self._append("\n".join([*tokens, ""]))

    def publish(self, transfer: Transfer) -> None:
        """Write the owner's transfer into the lock file, for waiting processes."""
        self._append(f"{json.dumps(transfer)}\n")

    def _append(self, text: str) -> None:
        if self._file is not None:
            try:
                descriptor = self._file.fileno()
                os.write(descriptor, text.encode("ascii"))
            except OSError:  # another user's lock file may be read-only
                pass

    def release(self) -> None:
        """Remove the lock file, and then unlock it: a process that arrives in between creates a new lock file."""
        try:
            file = self._file
            if self._is_acquiring:
                self._file = file = file or open_file(self._path, WRITE)
                lock(file.fileno())
            if file is not None and not file.closed and is_same_file(self._path, os.fstat(file.fileno())):
                close_if_required(partial(os.unlink, self._path), self._close)
        except (OSError, InUse):
            pass
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            unlock(self._file)
        self._file, self._is_acquiring = None, False


class WatchedLock:
    """The lock file of another owner. It can be read after the owner has removed it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open_file(path, READ)
        self._status = os.fstat(self._file.fileno())

    @property
    def is_current(self) -> bool:
        """Whether the owner is still the same."""
        return is_same_file(self._path, self._status)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens of the owner's partial files."""
        return _read_tokens(self._file)

    def end(self) -> Transfer | None:
        """Close the file; return the owner's transfer, or None if the owner did not publish one."""
        try:
            with suppress(OSError, ValueError, TypeError, RecursionError):
                *_, line = _TRANSFER_LINE.findall(read_at(self._file.fileno(), 0, _MAX_BYTES))
                key, total, validator = json.loads(line)
                if isinstance(key, str) and isinstance(total, int | None) and isinstance(validator, str | None):
                    return Transfer(key, total, validator)
            return None
        finally:
            unlock(self._file)


def _read_tokens(file: OpenFile) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(each.decode("ascii") for each in _TOKEN_LINE.findall(read_at(file.fileno(), 0, _MAX_BYTES)))
    return ()


def _open(path: str, mode: int) -> OpenFile:
    if not _CAN_REFUSE_LINKS and os.path.islink(path):
        raise os_error(errno.ELOOP, path)
    try:
        return open_file(path, WRITE | os.O_CREAT | os.O_APPEND, mode)
    except PermissionError as error:
        # Another user may have left the lock file. A lock needs no permission to write.
        try:
            return open_file(path, READ)
        except FileNotFoundError:
            raise error from None

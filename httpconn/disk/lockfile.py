"""Locks on open files, and the claim to a target, which one owner of a machine has at a time.

A claim keeps two downloads of one target from doing the work twice. No file's content rests on it: some network file
systems have no locks, and on others they end at the machine.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from . import descriptors
from .descriptors import Opened, open_file
from .system import READ, WRITE, failure, get, names, read_small

if sys.platform != "win32":
    import fcntl

_TRIES = 20
_NOTE = re.compile(rb"^([0-9a-f]{16})$", re.MULTILINE)
_MADE = re.compile(rb"^\[.*\]$", re.MULTILINE)
_MOST_NOTES = 64 * 1024
_REFUSES_LINKS = hasattr(os, "O_NOFOLLOW")
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})


class InUse(Exception):
    """Another live owner has it."""


Lock = Callable[[int], bool]


def lock(descriptor: int) -> bool:
    """Lock an open file, as long as it is open; False where its file system has no locks.

    Raises:
        InUse: another open file has the lock, in this process or another.
    """
    if sys.platform == "win32":
        return False
    try:
        # Not fcntl's own locks, which do not keep two threads of one process apart.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            raise InUse from error
        return False
    return True


def drop(file: Opened) -> None:
    """Unlock and close a file."""
    if file.closed:
        return
    if sys.platform != "win32":
        # Closing is not enough: a process that is being started shares the open file for a moment.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
    with suppress(OSError):
        descriptors.close(file)


def this_kernel() -> str:
    """Names the running kernel: who shares it, in a container too, shares the locks of every file system."""
    try:
        return read_small("/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    except (OSError, ValueError):
        return platform.node()


class Made(NamedTuple):
    """What an owner is making.

    Attributes:
        key: names the resource; see :func:`httpconn.core.identity.resource_key`.
        total: bytes of the whole file, or None where nobody said.
        validator: names the version, strongly; None where nothing does.
    """

    key: str
    total: int | None
    validator: str | None


class Claim:
    """The claim to what a lock file stands for, and a place for notes: an owner that was killed leaves them behind.

    A claim that is dropped gives up the lock. Its lock file stays then, and names what the next owner removes.

    Args:
        path: of the lock file, which is made where there is none, and removed when the claim ends.
        mode: its permissions, from which the process's umask is taken.
        locking: locks it.

    Attributes:
        certain: nobody else can have it; False where the file system has no locks.
        noted: by owners before, who did not give it back.
    """

    def __init__(self, path: str, mode: int, locking: Lock = lock) -> None:
        self.certain: bool = False
        self.noted: tuple[str, ...] = ()
        self._path = path
        self._mode = mode
        self._locking = locking
        self._file: Opened | None = None
        self._is_being_taken = False

    def take(self) -> None:
        """Have it. If an exception interrupts this, ``end`` removes what is left.

        Raises:
            InUse: another has it.
            OSError: it cannot be opened, or is a link or no regular file.
        """
        self._is_being_taken = True
        for _ in range(_TRIES):
            try:
                if self._has_taken():
                    return
            except (InUse, OSError):
                self._let_go()
                raise
            self._let_go()
        raise InUse

    def _has_taken(self) -> bool:
        """False where the last owner has removed the file in the meantime."""
        self._file = file = _open(self._path, self._mode)
        self.certain, status = self._locking(file.fileno()), os.fstat(file.fileno())
        if not names(self._path, status):
            return False
        if not stat.S_ISREG(status.st_mode):
            raise failure(errno.EINVAL, self._path)
        self.noted = _notes(file) if status.st_size else ()
        self._is_being_taken = False
        return True

    @property
    def is_held(self) -> bool:
        """Whether it has not ended."""
        return self._file is not None and not self._file.closed

    def note(self, *tokens: str) -> None:
        """Note the names of what is to be cleared up, if need be, by the next owner."""
        self._write("".join(f"{token}\n" for token in tokens))

    def tell(self, made: Made) -> None:
        """Tell those who wait what is being made."""
        self._write(f"{json.dumps(made)}\n")

    def _write(self, text: str) -> None:
        if self._file is not None:
            with suppress(OSError):  # the lock file may be another user's
                os.write(self._file.fileno(), text.encode("ascii"))

    def end(self) -> None:
        """Give it back. The name goes first: who comes then makes a file, and a lock, of their own."""
        with suppress(OSError, InUse):
            if self._is_being_taken:
                self._file = file = self._file or open_file(self._path, WRITE)
                self._locking(file.fileno())
            if self._file is not None and self.is_held and names(self._path, os.fstat(self._file.fileno())):
                os.unlink(self._path)
        self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            drop(self._file)
        self._file, self._is_being_taken = None, False


class Watched:
    """The lock file of an owner who is waited for; it can be read when its name is gone.

    Raises:
        OSError: there is none any more.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open_file(path, READ)
        self._status = os.fstat(self._file.fileno())

    @property
    def is_owner(self) -> bool:
        """Whether no other owner has come since."""
        return names(self._path, self._status)

    @property
    def noted(self) -> tuple[str, ...]:
        """What its owner has noted."""
        return _notes(self._file)

    def end(self) -> Made | None:
        """What its owner was making, as far as it was told."""
        try:
            with suppress(OSError, ValueError, TypeError, RecursionError):
                *_, line = _MADE.findall(get(self._file.fileno(), 0, _MOST_NOTES))
                return _made(*json.loads(line))
            return None
        finally:
            drop(self._file)


def _made(key: object, total: object, validator: object) -> Made | None:
    """None for all that ``tell`` does not write."""
    if isinstance(key, str) and isinstance(total, int | None) and isinstance(validator, str | None):
        return Made(key, total, validator)
    return None


def _notes(file: Opened) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(each.decode("ascii") for each in _NOTE.findall(get(file.fileno(), 0, _MOST_NOTES)))
    return ()


def _open(path: str, mode: int) -> Opened:
    if not _REFUSES_LINKS and os.path.islink(path):
        raise failure(errno.ELOOP, path)
    try:
        return open_file(path, WRITE | os.O_CREAT | os.O_APPEND, mode)
    except PermissionError as error:
        # A lock file that another user has left: a lock needs no right to write.
        try:
            return open_file(path, READ)
        except FileNotFoundError:
            raise error from None

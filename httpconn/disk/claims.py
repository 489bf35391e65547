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
from pathlib import Path
from typing import NamedTuple

from ..forking import in_child
from .system import READ, WRITE, failure, get, names

if sys.platform != "win32":
    import fcntl

_TRIES = 20
_NOTE = re.compile(rb"^([0-9a-f]{16})$", re.MULTILINE)
_MADE = re.compile(rb"^\[.*\]$", re.MULTILINE)
_MOST_NOTES = 64 * 1024
_REFUSES_LINKS = hasattr(os, "O_NOFOLLOW")
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})

# A lock belongs to an open file, which a forked child shares. It closes what it inherited, so that it cannot keep a
# lock alive that its parent died with.
_held: set[int] = set()


@in_child
def _forget_in_child() -> None:
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


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


def hold(path: str, flags: int, mode: int = 0o600) -> int:
    """Open a file that is closed in forked children."""
    descriptor = os.open(path, flags, mode)
    _held.add(descriptor)
    return descriptor


def drop(descriptor: int) -> None:
    """Close a file that is held."""
    _held.discard(descriptor)
    if sys.platform != "win32":
        # Said, not left to the closing: a process that is just being started still shares the open file.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def this_kernel() -> str:
    """Names the running kernel: who shares it, in a container too, shares the locks of every file system."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return platform.node()


class Made(NamedTuple):
    """What an owner is making.

    Attributes:
        key: names the resource; see :func:`httpconn.core.identity.key_of`.
        total: bytes of the whole file, or None where nobody said.
        validator: names the version, strongly; None where nothing does.
    """

    key: str
    total: int | None
    validator: str | None


class Claim:
    """The claim to what a lock file stands for, and a place for notes: an owner that was killed leaves them behind.

    Args:
        path: of the lock file, which is made where there is none, and removed when the claim ends.
        mode: its permissions, from which the process's umask is taken.
        locking: locks it.

    Raises:
        InUse: another has it.
        OSError: it cannot be opened, or is a link or no regular file.

    Attributes:
        certain: nobody else can have it; False where the file system has no locks.
        noted: by owners before, who did not give it back.
    """

    def __init__(self, path: str, mode: int, locking: Lock = lock) -> None:
        self.certain: bool = False
        self.noted: tuple[str, ...] = ()
        self._path = path
        self._file = -1
        for _ in range(_TRIES):
            file = _open(path, mode)
            try:
                self.certain, status = locking(file), os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise failure(errno.EINVAL, path)
                if names(path, status):  # else its last owner has removed it in the meantime
                    self.noted = _notes(file) if status.st_size else ()
                    self._file, self._status = file, status
                    return
            finally:
                if self._file < 0:
                    drop(file)
        raise InUse

    def note(self, *tokens: str) -> None:
        """Note the names of what is to be cleared up, if need be, by the next owner."""
        self._write("".join(f"{token}\n" for token in tokens))

    def tell(self, made: Made) -> None:
        """Tell those who wait what is being made."""
        self._write(f"{json.dumps(made)}\n")

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the lock file may be another user's
            os.write(self._file, text.encode("ascii"))

    def end(self) -> None:
        """Give it back. The name goes first: who comes then makes a file, and a lock, of their own."""
        if self._file < 0:
            return
        with suppress(OSError):
            if names(self._path, self._status):
                os.unlink(self._path)
        file, self._file = self._file, -1
        with suppress(OSError):
            drop(file)


class Watched:
    """The lock file of an owner who is waited for; it can be read when its name is gone.

    Raises:
        OSError: there is none any more.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = hold(path, READ)
        self._status = os.fstat(self._file)

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
                *_, line = _MADE.findall(get(self._file, 0, _MOST_NOTES))
                return _made(*json.loads(line))
            return None
        finally:
            with suppress(OSError):
                drop(self._file)


def _made(key: object, total: object, validator: object) -> Made | None:
    """None for all that ``tell`` does not write."""
    if isinstance(key, str) and isinstance(total, int | None) and isinstance(validator, str | None):
        return Made(key, total, validator)
    return None


def _notes(descriptor: int) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(each.decode("ascii") for each in _NOTE.findall(get(descriptor, 0, _MOST_NOTES)))
    return ()


def _open(path: str, mode: int) -> int:
    if not _REFUSES_LINKS and os.path.islink(path):
        raise failure(errno.ELOOP, path)
    try:
        return hold(path, WRITE | os.O_CREAT | os.O_APPEND, mode)
    except PermissionError:
        # Another user's, left behind: a lock needs no right to write.
        return hold(path, READ)

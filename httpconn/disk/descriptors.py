"""Open files that close themselves when nothing refers to them any more.

A signal handler may raise an exception between any two instructions of Python code. A descriptor that is a plain number
at that moment stays open for ever. So one call of C code opens the file and hands the number to its owner.
"""

from __future__ import annotations

import io
import os
from functools import partial
from weakref import ref

from ..runtime.forking import in_child

_PLACE = sum(getattr(os, name, 0) for name in ("O_PATH", "O_NOFOLLOW", "O_CLOEXEC"))


class Opened(io.FileIO):
    """An open file that closes without a warning when it is dropped."""

    # C code, which no signal handler interrupts.
    __del__ = io.FileIO.close


class Descriptor(int):
    """A number of an open file or folder, which is closed when the number is dropped."""

    # The inner partial is what the finalizer calls: os.close of this number, again without Python code.
    __del__ = property(partial(partial, os.close))


# A lock belongs to an open file, which a forked child shares. The child closes these files, so that it cannot keep a
# lock alive after its parent has died. References without callbacks, because a callback is Python code, too.
_opened: dict[int, ref[Opened]] = {}


@in_child
def _close_in_child() -> None:
    for reference in list(_opened.values()):
        file = reference()
        if file is not None:
            file.close()
    _opened.clear()


def open_file(path: str | os.PathLike[str], flags: int, mode: int = 0o600) -> Opened:
    """Open a file that is closed in forked children."""
    return _noted(next(map(Opened, map(os.open, (path,), (flags,), (mode,)))))


def duplicate(file: Opened) -> Opened:
    """Open the same file again, so that it can be flushed while its owner closes it."""
    return _noted(next(map(Opened, map(os.dup, (file.fileno(),)))))


def open_folder(path: str | os.PathLike[str]) -> Descriptor:
    """Open a folder for reading."""
    return next(map(Descriptor, map(os.open, (path,), (os.O_RDONLY,))))


def open_place(path: str | os.PathLike[str]) -> Descriptor:
    """Open anything that stands at a path, not its content: no permission to read it is needed (Linux)."""
    return next(map(Descriptor, map(os.open, (path,), (_PLACE,))))


def close(file: Opened) -> None:
    """Close a file now."""
    if not file.closed:
        _opened.pop(file.fileno(), None)
        file.close()


def _noted(file: Opened) -> Opened:
    _opened[file.fileno()] = ref(file)
    return file

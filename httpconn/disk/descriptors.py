"""Open files that close themselves when the last reference to them is dropped.

A signal handler can raise an exception between any two instructions of Python code. A descriptor that is a plain number
at that moment would stay open forever. So one chain of C calls opens the file and passes the number to its owner.
"""

import io
import os
from functools import partial
from typing import Any, ClassVar
from weakref import ref

from ..runtime.forking import in_child

_PATH_ONLY = sum(getattr(os, name, 0) for name in ("O_PATH", "O_NOFOLLOW", "O_CLOEXEC"))


class OpenFile(io.FileIO):
    """An open file that closes without a warning when the last reference to it is dropped."""

    # C code, which no signal handler interrupts.
    __del__: ClassVar[Any] = io.FileIO.close


class Descriptor(int):
    """A descriptor of an open file or folder that closes when the last reference to it is dropped."""

    # The finalizer calls the inner partial, which is os.close of this number: again without Python code.
    __del__: ClassVar[Any] = property(partial(partial, os.close))


# A lock belongs to an open file, and a forked child shares its parent's open files. The child closes them, so that it
# cannot hold a lock after its parent has died. The references have no callbacks because a callback is Python code, too.
_opened: dict[int, ref[OpenFile]] = {}


@in_child
def _close_in_child() -> None:
    for reference in list(_opened.values()):
        file = reference()
        if file is not None:
            file.close()
    _opened.clear()


def open_file(path: str | os.PathLike[str], flags: int, mode: int = 0o600) -> OpenFile:
    """Open a file. Forked children close it."""
    file = next(map(OpenFile, map(os.open, (path,), (flags,), (mode,))))
    _opened[file.fileno()] = ref(file)
    return file


def open_folder(path: str | os.PathLike[str]) -> Descriptor:
    return next(map(Descriptor, map(os.open, (path,), (os.O_RDONLY,))))


def open_path(path: str | os.PathLike[str]) -> Descriptor:
    """Open a path without access to the content of the file, which needs no permission to read (Linux)."""
    return next(map(Descriptor, map(os.open, (path,), (_PATH_ONLY,))))


def close(file: OpenFile) -> None:
    if not file.closed:
        _opened.pop(file.fileno(), None)
        file.close()

"""Where bytes go: standard output, which may be closed, full, or a pipe whose reader has gone; or a file."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from .. import errors

Write = Callable[[bytes], None]

STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def is_standard_output(path: Path | None) -> bool:
    """Whether a path stands for standard output."""
    return str(path) in STANDARD_OUTPUT


def opened(path: Path | None, *, create_folders: bool = False) -> AbstractContextManager[Write]:
    """Return what writes to a path, or to standard output; a file appears when the block ends without an error."""
    if path is None or is_standard_output(path):
        return _standard_output()
    return _file(path, create_folders)


@contextmanager
def _standard_output() -> Iterator[Write]:
    out = standard_output()
    yield lambda block: write(out, block)
    write(out, b"", flush=True)


@contextmanager
def _file(path: Path, create_folders: bool) -> Iterator[Write]:
    from ..disk.partfile import InUse, PartFile
    from ..disk.targets import check_target

    if create_folders:
        create_folder(path.parent)
    part = PartFile(check_target(path))
    try:
        part.open()
        part.restart()
        yield lambda block: part.write([block])
        part.commit()
    except InUse as error:
        raise errors.StorageError(f"Another process is writing this file: {path}", errno=errno.EBUSY) from error
    finally:
        part.discard()


def create_folder(folder: Path) -> None:
    """Create a folder and those that it is in.

    Raises:
        StorageError: the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.StorageError(f"{error.strerror}: {error.filename}", errno=error.errno) from error


def standard_output() -> BinaryIO:
    """Where bytes go."""
    if sys.stdout is None:
        raise errors.StorageError("Standard output is closed", errno=errno.EBADF)
    return sys.stdout.buffer


def write(out: BinaryIO, block: bytes, *, flush: bool = False) -> None:
    """Write a block; whether all of it arrived is only known after a flush."""
    with output_errors():
        out.write(block)
        if flush:
            out.flush()


@contextmanager
def output_errors() -> Iterator[None]:
    """An output that cannot be written is told as any other error; a reader who has gone is none."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read has seen enough, as `| head` does. Nothing may be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        raise errors.StorageError(f"Standard output cannot be written: {error.strerror}", errno=error.errno) from error

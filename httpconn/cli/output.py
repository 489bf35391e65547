"""The output of a command: a file, or standard output, which may be closed, full or a broken pipe."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .. import errors

Write = Callable[[bytes], None]

STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def is_standard_output(path: Path | None) -> bool:
    return str(path) in STANDARD_OUTPUT


@contextmanager
def open_output(path: Path | None, *, create_folders: bool = False) -> Iterator[Write]:
    """Provide a function that writes to standard output, or to a file that appears if the block ends without error."""
    if path is None or is_standard_output(path):
        out = standard_output()
        yield lambda block: write(out, block)
        write(out, b"", flush=True)
        return
    from ..disk.partfile import InUse, PartFile

    if create_folders:
        create_folder(path.parent)
    part = PartFile(path, resume=False)
    try:
        part.open()
        yield lambda block: part.write([block])
        part.commit()
    except InUse as error:
        raise errors.StorageError(f"Another process is writing this file: {path}", errno=errno.EBUSY) from error
    finally:
        part.discard()


def create_folder(folder: Path) -> None:
    """Create a folder and its missing parents. Raises StorageError: the folder cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.StorageError(f"{error.strerror}: {error.filename}", errno=error.errno) from error


def standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise errors.StorageError("Standard output is closed", errno=errno.EBADF)
    return sys.stdout.buffer


def write(out: BinaryIO, block: bytes, *, flush: bool = False) -> None:
    """Write a block. Only a flush shows whether all bytes were written."""
    with output_errors():
        out.write(block)
        if flush:
            out.flush()


@contextmanager
def output_errors() -> Iterator[None]:
    """Raise a StorageError if standard output cannot be written. A broken pipe ends the command successfully."""
    try:
        yield
    except BrokenPipeError:
        # The reader of the pipe has ended, as `| head` does. The flush at exit must not write to the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        raise errors.StorageError(f"Cannot write to standard output: {error.strerror}", errno=error.errno) from error

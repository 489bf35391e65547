"""The output of a command: a file, or standard output, which may be closed, full or a broken pipe."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from .. import errors
from .ending import one_line_errors

Write = Callable[[bytes], object]

STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def is_stream(path: Path) -> bool:
    """Whether a path is standard output, a named pipe or a device such as /dev/null: no file can appear there."""
    if str(path) in STANDARD_OUTPUT:
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # a new file, or an invalid path, whose error message comes later
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@contextmanager
def open_output(path: Path | None, *, create_folders: bool = False) -> Iterator[Write]:
    """Provide a function that writes to a stream, or to a file that appears if the block ends without error."""
    if path is None or is_stream(path):
        with output_errors(path), _open_stream(path) as out:
            yield out.write
            out.flush()
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


def _open_stream(path: Path | None) -> AbstractContextManager[BinaryIO]:
    if path is None or str(path) in STANDARD_OUTPUT:
        return nullcontext(standard_output())
    return open(path, "wb")


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


def print_line(line: str, *, color: bool | None = None) -> None:
    """Print a line of results. A broken pipe does not end the command, which has more to do than to print.

    Raises:
        StorageError: standard output is closed or cannot be written.
    """
    standard_output()
    with output_errors():
        try:
            click.echo(line, color=color)
        except BrokenPipeError:
            _discard_output()


def write(out: BinaryIO, block: bytes, *, flush: bool = False) -> None:
    """Write a block. Only a flush shows whether all bytes were written."""
    with output_errors():
        out.write(block)
        if flush:
            out.flush()


@contextmanager
def output_errors(path: Path | None = None) -> Iterator[None]:
    """Raise a StorageError if an output cannot be written. A broken pipe ends the command successfully."""
    try:
        yield
    except errors.HTTPConnError:
        raise
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except OSError as error:
        name = path or "standard output"
        raise errors.StorageError(f"Cannot write to {name}: {error.strerror}", errno=error.errno) from error


def _discard_output() -> None:
    """Send standard output to nowhere: the reader of the pipe has ended, as ``| head`` does.

    Neither a later line nor the flush at exit must write to the pipe again.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Command(click.Command):
    """A command. If the text of --help or --version cannot be written, the error has one line."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with one_line_errors(), output_errors():
            return super().make_context(*arguments, **options)

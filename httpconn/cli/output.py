"""Standard output, which may be closed, full, or a pipe whose reader has gone."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .. import errors


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

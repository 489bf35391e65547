"""Displays of progress: animated bars on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import TextIO

from ..errors import InvalidRequest, install
from .plainlines import Lines, ProgressDisplay


def rich_progress(stream: TextIO | None = None) -> AbstractContextManager[ProgressDisplay]:
    """Provide a callback that draws a bar for each download on a terminal, and writes plain lines elsewhere.

    One callback serves several downloads at the same time, in any thread. A terminal that cannot move its cursor
    (``TERM=dumb``) also gets lines.

    Args:
        stream: a text stream. The default is stderr.

    Raises:
        InvalidRequest: the extra ``cli`` is not installed.
    """
    return _display(stream, "rich", "cli")


def tqdm_progress(stream: TextIO | None = None) -> AbstractContextManager[ProgressDisplay]:
    """Provide the same callback as :func:`rich_progress`, with the bars of tqdm.

    Args:
        stream: a text stream. The default is stderr.

    Raises:
        InvalidRequest: the extra ``tqdm`` is not installed.
    """
    return _display(stream, "tqdm", "tqdm")


@contextmanager
def _display(stream: TextIO | None, package: str, extra: str) -> Iterator[ProgressDisplay]:
    stream = stream or sys.stderr
    if stream is None:  # stderr is None under some supervisors
        with open(os.devnull, "w") as nothing:
            yield Lines(nothing)
    elif not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines(stream)
    else:
        try:
            display = import_module(f".{package}bars", __package__).Bars(stream)
        except ImportError as error:
            missing = InvalidRequest(f"A progress bar needs {package}: pip install 'httpconn[{extra}]'")
            raise missing.advise(install(extra)) from error
        with display as entered:
            yield entered

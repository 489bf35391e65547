"""Faces of progress: bars that move on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from ..errors import InvalidRequest
from .plainlines import Lines, Nobody, ProgressFace

Bars = Callable[[TextIO], AbstractContextManager[ProgressFace]]


@contextmanager
def rich_progress(stream: TextIO | None = None) -> Iterator[ProgressFace]:
    """A callback that draws a bar for each download on a terminal, and writes plain lines elsewhere.

    One callback serves several downloads at once, from any thread. A terminal that cannot move its cursor
    (``TERM=dumb``) gets lines as well.

    Args:
        stream: where to; by default stderr.

    Raises:
        InvalidRequest: the extra ``cli`` is not installed.
    """
    with _face(stream, _rich, "rich: pip install 'httpconn[cli]'") as face:
        yield face


@contextmanager
def tqdm_progress(stream: TextIO | None = None) -> Iterator[ProgressFace]:
    """The same as :func:`rich_progress`, with the bars of tqdm.

    Raises:
        InvalidRequest: the extra ``tqdm`` is not installed.
    """
    with _face(stream, _tqdm, "tqdm: pip install 'httpconn[tqdm]'") as face:
        yield face


@contextmanager
def _face(stream: TextIO | None, bars: Bars, needed: str) -> Iterator[ProgressFace]:
    stream = stream or sys.stderr
    if stream is None:  # closed, as under some supervisors
        yield Nobody()
    elif not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines(stream)
    else:
        try:
            shown = bars(stream)
        except ImportError as error:
            raise InvalidRequest(f"A progress bar needs {needed}") from error
        with shown as face:
            yield face


def _rich(stream: TextIO) -> AbstractContextManager[ProgressFace]:
    from .richbars import RichBars

    return RichBars(stream)


def _tqdm(stream: TextIO) -> AbstractContextManager[ProgressFace]:
    from .tqdmbars import TqdmBars

    return TqdmBars(stream)

"""How far a download has come: the event, how often it is told, and a face for terminals and logs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .errors import InvalidRequest

if TYPE_CHECKING:
    from rich.progress import TaskID

EVERY = 0.1
"""Seconds between two events."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one download has come.

    Attributes:
        received: bytes of the file so far.
        total: bytes that it will have, or None where the server does not say.
        speed: bytes per second, since the attempt began.
        attempt: the number of the attempt, from 1.
        done: whether the file is complete.
        url: the URL, redacted.
        path: the target.
    """

    received: int
    total: int | None
    speed: float
    attempt: int
    done: bool
    url: str
    path: Path


ProgressCallback = Callable[[Progress], object]


class Meter:
    """Counts one attempt, and tells of it at most about ten times a second; the first and the last are always told."""

    def __init__(
        self, callback: ProgressCallback | None, *, total: int | None, url: str, path: Path, attempt: int, now: float
    ) -> None:
        self._callback = callback
        self._total = total
        self._url = url
        self._path = path
        self._attempt = attempt
        self._received = 0
        self._began = now
        self._due = now

    def advance(self, count: int, now: float) -> None:
        """So many bytes more."""
        self._received += count
        if now >= self._due:
            self._tell(now, done=False)

    def finish(self, now: float) -> None:
        """The file stands under its name."""
        self._tell(now, done=True)

    def _tell(self, now: float, *, done: bool) -> None:
        self._due = now + EVERY
        if self._callback is not None:
            speed = self._received / max(now - self._began, 1e-9)
            total = self._received if done else self._total
            self._callback(Progress(self._received, total, speed, self._attempt, done, self._url, self._path))


@contextmanager
def rich_progress(stream: TextIO | None = None) -> Iterator[ProgressCallback]:
    """A callback that draws a bar for each download on a terminal, and writes plain lines elsewhere.

    One callback serves several downloads at once, from any thread.

    Args:
        stream: where to; by default stderr.

    Raises:
        InvalidRequest: the extra ``cli`` is not installed.
    """
    stream = stream or sys.stderr
    if stream is None:  # closed, as under some supervisors
        yield _unheard
        return
    if not stream.isatty():
        yield _Lines(stream)
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars
    except ImportError as error:
        raise InvalidRequest("A progress bar needs rich: pip install 'httpconn[cli]'") from error
    # A file's name comes from a URL: "[red]" in it is no markup.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, TimeRemainingColumn(), console=Console(file=stream)) as bars:
        tasks: dict[Path, TaskID] = {}
        lock = threading.Lock()

        def draw(event: Progress) -> None:
            with lock:
                if event.path not in tasks:
                    tasks[event.path] = bars.add_task(event.path.name, total=event.total)
            bars.update(tasks[event.path], completed=event.received, total=event.total)

        yield draw


def _unheard(_event: Progress) -> None:
    """Where nobody can read."""


class _Lines:
    """A line for each tenth of a file, or for each further ten MB where its size is not known."""

    STEP = 10_000_000

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[Path, int] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Progress) -> None:
        mark = event.received * 10 // event.total if event.total else event.received // self.STEP
        with self._lock:
            if event.done or mark != self._told.get(event.path):
                self._told[event.path] = mark
                print(self._line(event), file=self._stream, flush=True)

    @staticmethod
    def _line(event: Progress) -> str:
        total = "" if event.total is None else f" of {megabytes(event.total)}"
        end = ", done" if event.done else ""
        return f"{event.path.name}: {megabytes(event.received)}{total}, {megabytes(event.speed)}/s{end}"


def megabytes(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"

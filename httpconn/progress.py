"""How far a download has come: the event, how often it is told, and a face for terminals and logs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

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
    """Counts one attempt, and tells of it at most about ten times a second; the first and the last are always told.

    An attempt that resumes starts with what there is; one that has to restart takes what was told back.
    """

    def __init__(
        self,
        callback: ProgressCallback | None,
        *,
        total: int | None,
        url: str,
        path: Path,
        attempt: int,
        now: float,
        start: int = 0,
    ) -> None:
        self._callback = callback
        self._total = total
        self._url = url
        self._path = path
        self._attempt = attempt
        self._received = self._start = start
        self._began = now
        self._due = now
        self.advance(0, now)

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
            speed = (self._received - self._start) / max(now - self._began, 1e-9)
            total = self._received if done else self._total
            self._callback(Progress(self._received, total, speed, self._attempt, done, self._url, self._path))


class ProgressFace(Protocol):
    """Shows the progress of downloads, from any thread."""

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""

    def say(self, line: str) -> None:
        """Write a line that stays, beside what moves."""


@contextmanager
def rich_progress(stream: TextIO | None = None) -> Iterator[ProgressFace]:
    """A callback that draws a bar for each download on a terminal, and writes plain lines elsewhere.

    One callback serves several downloads at once, from any thread.

    Args:
        stream: where to; by default stderr.

    Raises:
        InvalidRequest: the extra ``cli`` is not installed.
    """
    stream = stream or sys.stderr
    if stream is None:  # closed, as under some supervisors
        yield _Nobody()
    elif not stream.isatty():
        yield _Lines(stream)
    else:
        try:
            bars = _Bars(stream)
        except ImportError as error:
            raise InvalidRequest("A progress bar needs rich: pip install 'httpconn[cli]'") from error
        with bars.shown:
            yield bars


class _Nobody:
    """Where nobody can read."""

    def __call__(self, event: Progress) -> None: ...

    def say(self, line: str) -> None: ...


class _Bars:
    """A bar for each file, below what is said."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.shown = Bars(
            # A file's name comes from a URL: "[red]" in it is no markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[speed]}/s"),
            TimeRemainingColumn(),
            console=Console(file=stream),
            # Standard output is the caller's own, and may lead elsewhere.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[Path, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Progress) -> None:
        speed = megabytes(event.speed)
        with self._lock:
            if event.path not in self._tasks:
                self._tasks[event.path] = self.shown.add_task(event.path.name, total=event.total, speed=speed)
        self.shown.update(self._tasks[event.path], completed=event.received, total=event.total, speed=speed)

    def say(self, line: str) -> None:
        self.shown.console.print(line, markup=False, highlight=False, soft_wrap=True)


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
            complete = event.received == event.total
            if event.done or (not complete and mark > self._told.get(event.path, 0)):
                self._told[event.path] = 0 if event.done else mark
                print(self._line(event), file=self._stream, flush=True)

    def say(self, line: str) -> None:
        with self._lock:
            print(line, file=self._stream, flush=True)

    @staticmethod
    def _line(event: Progress) -> str:
        total = "" if event.total is None else f" of {megabytes(event.total)}"
        end = ", done" if event.done else ""
        return f"{event.path.name}: {megabytes(event.received)}{total}, {megabytes(event.speed)}/s{end}"


def megabytes(count: float) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count:.0f} bytes"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"

"""The face of progress where nothing can move: a line now and then."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

from .meter import Progress
from .text import megabytes, shown


class ProgressFace(Protocol):
    """Shows the progress of downloads, from any thread.

    Attributes:
        moves: it draws again and again on the last rows of a terminal.
    """

    moves: bool

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""

    def say(self, line: str) -> None:
        """Write a line that stays, beside what moves."""

    def drop(self, path: Path) -> None:
        """Show nothing of a download any more."""


class Nobody:
    """Where nobody can read."""

    moves = False

    def __call__(self, event: Progress) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""

    def drop(self, path: Path) -> None:
        """Show nothing."""


class Rewinds:
    """Notices downloads that have to begin anew."""

    def __init__(self) -> None:
        self._received: dict[Path, int] = {}

    def line(self, event: Progress) -> str | None:
        """What to say where this event has less than the one before it."""
        before = self._received.pop(event.path, 0)
        if not (event.done or event.failed):
            self._received[event.path] = event.received
        if event.received >= before:
            return None
        return f"{shown(event.path.name)}: back from {megabytes(before)} to {megabytes(event.received)}"

    def forget(self, path: Path) -> None:
        """The download has ended."""
        self._received.pop(path, None)


class Lines:
    """A line for each tenth of a file, or for each further ten MB where its size is not known."""

    STEP = 10_000_000
    moves = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[Path, int] = {}
        self._rewinds = Rewinds()
        self._lock = threading.Lock()

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""
        if event.failed:
            self.drop(event.path)
            return
        mark = event.received * 10 // event.total if event.total else event.received // self.STEP
        with self._lock:
            if rewind := self._rewinds.line(event):
                self._told[event.path] = mark
                self._write(rewind)
            complete = event.received == event.total
            if event.done or (not complete and mark > self._told.get(event.path, 0)):
                self._told[event.path] = 0 if event.done else mark
                self._write(line_of(event))

    def say(self, line: str) -> None:
        """Write a line that stays."""
        with self._lock:
            self._write(shown(line))

    def drop(self, path: Path) -> None:
        """Begin anew where the same file comes again."""
        with self._lock:
            self._told.pop(path, None)
            self._rewinds.forget(path)

    def _write(self, line: str) -> None:
        # A reader of progress who has gone is no reason to end a download.
        with suppress(OSError):
            print(line, file=self._stream, flush=True)


def line_of(event: Progress) -> str:
    """How far a download has come, as a line."""
    total = "" if event.total is None else f" of {megabytes(event.total)}"
    end = ", done" if event.done else ""
    return f"{shown(event.path.name)}: {megabytes(event.received)}{total}, {megabytes(event.speed)}/s{end}"

"""The display of progress for logs and simple terminals, and the text of its lines."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TextIO

from ..core.locks import Lock
from .meter import Progress

MAX_SECONDS = 99 * 86_400  # the longest time left that is displayed, in seconds


class ProgressDisplay(Protocol):
    """A callback that displays the progress of downloads. Any thread may call it.

    Attributes:
        moves: whether the display redraws the last rows of a terminal.
    """

    moves: bool

    def __call__(self, event: Progress) -> None:
        """Display an event."""

    def say(self, line: str) -> None:
        """Write a permanent line above the bars."""

    def drop(self, path: Path) -> None:
        """Remove the bar of a download."""


class Rewinds:
    """A detector of downloads that restart with fewer bytes."""

    def __init__(self) -> None:
        self._received: dict[Path, tuple[bool, int]] = {}

    def line(self, event: Progress) -> str | None:
        """Return a line if the event has fewer bytes than the last event of the download, or None."""
        verifying, before = self._received.pop(event.path, (False, 0))
        if not (event.done or event.failed):
            self._received[event.path] = event.verifying, event.count
        if event.count >= before or event.verifying != verifying:
            return None
        return f"{printable(event.path.name)}: restarted at {megabytes(event.count)}, after {megabytes(before)}"

    def forget(self, path: Path) -> None:
        """Forget a download that has ended."""
        self._received.pop(path, None)


class Lines:
    """A display that writes a line for each tenth of a file, or for each 10 MB if the size is not known."""

    STEP: int = 10_000_000
    moves: bool = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._marks: dict[tuple[Path, bool], int] = {}
        self._rewinds = Rewinds()
        self._lock = Lock()

    def __call__(self, event: Progress) -> None:
        """Write a line if the download has reached the next tenth."""
        if event.failed:
            self.drop(event.path)
            return
        mark = self._mark(event)
        key = event.path, event.verifying
        with self._lock:
            if rewind := self._rewinds.line(event):
                self._marks[key] = mark
                self._write(rewind)
            complete = event.count == event.total
            if event.done or (not complete and mark > self._marks.get(key, 0)):
                self._marks[key] = 0 if event.done else mark
                self._write(line_of(event))

    def _mark(self, event: Progress) -> int:
        """Return the tenths of the bytes, or of the files if the size is not known, or else the number of steps."""
        count, total = (event.count, event.total) if event.total or event.files is None else event.files
        return count * 10 // total if total else count // self.STEP

    def say(self, line: str) -> None:
        """Write a line."""
        with self._lock:
            self._write(printable(line))

    def drop(self, path: Path) -> None:
        """Forget a download, so that a new one to the same path starts at 0."""
        with self._lock:
            for verifying in (False, True):
                self._marks.pop((path, verifying), None)
            self._rewinds.forget(path)

    def _write(self, line: str) -> None:
        # A closed stream, such as a pipe whose reader has exited, must not end the download.
        with suppress(OSError):
            print(line, file=self._stream, flush=True)


def line_of(event: Progress) -> str:
    """Return the progress of a download as a line."""
    total = "" if event.total is None else f" of {megabytes(event.total)}"
    end = ", done" if event.done else _time_left(event)
    return f"{label(event)}: {megabytes(event.count)}{total}, {megabytes(event.speed)}/s{end}"


def label(event: Progress) -> str:
    """Return the name of a download. A collection also has the number of its ended files."""
    files = "" if event.files is None else " {}/{} files".format(*event.files)
    return f"{printable(event.path.name)}{files}{' (verifying)' if event.verifying else ''}"


def _time_left(event: Progress) -> str:
    """Return the time left of a collection."""
    if event.files is None or event.total is None or event.speed < 1:
        return ""
    seconds = min((event.total - event.count) / event.speed, MAX_SECONDS)
    return f", {timedelta(seconds=round(seconds))} left"


def megabytes(count: float) -> str:
    """Return a number of bytes with a unit, such as "1.5 MB"."""
    if count < 1000:
        return f"{count:.0f} bytes"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def printable(text: str) -> str:
    """Return text with control characters escaped, so that it cannot move the cursor or forge a line."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)

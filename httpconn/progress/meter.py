"""How far a download has come: the event, and how often it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
        failed: whether the download has failed; no event of it follows.
    """

    received: int
    total: int | None
    speed: float
    attempt: int
    done: bool
    url: str
    path: Path
    failed: bool = False


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
            self._tell(now)

    def finish(self, now: float) -> None:
        """The file stands under its name."""
        self._tell(now, done=True)

    def fail(self, now: float) -> None:
        """The download has failed."""
        self._tell(now, failed=True)

    def _tell(self, now: float, *, done: bool = False, failed: bool = False) -> None:
        self._due = now + EVERY
        if self._callback is not None:
            speed = (self._received - self._start) / max(now - self._began, 1e-9)
            total = self._received if done else self._total
            event = Progress(self._received, total, speed, self._attempt, done, self._url, self._path, failed)
            self._callback(event)

"""The progress event of a download or an upload, and the meter that reports it."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

EVENT_INTERVAL = 0.1  # least seconds between two events


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one download, or of the body of one request.

    Attributes:
        received: bytes of the file received so far; 0 for a request body.
        total: size of the file or the body in bytes, or None if it is not known.
        speed: bytes per second since the start of the attempt.
        attempt: number of the attempt, from 1; 0 before the first one. For a request body, redirects that repeat it
            also count.
        done: whether the file is complete, or the whole body was sent.
        url: the URL, redacted.
        path: path of the target. For a request body, the name of the sent file, or the path of the URL.
        failed: whether the call has failed. No event of this call follows.
        files: for a collection, the number of files that have ended and the number of all files. ``path`` is then the
            path of the folder, and the other numbers are sums. None for a single file.
        verifying: ``received`` counts bytes on disk that are being hashed: a large existing file, or the bytes of an
            earlier download.
        sent: bytes of the request body sent so far; 0 for a download.
    """

    received: int
    total: int | None
    speed: float
    attempt: int
    done: bool
    url: str
    path: Path
    failed: bool = False
    files: tuple[int, int] | None = None
    verifying: bool = False
    sent: int = 0

    @property
    def count(self) -> int:
        """Bytes received or sent so far."""
        return self.received or self.sent


ProgressCallback = Callable[[Progress], object]


@dataclass(slots=True, eq=False, repr=False)
class Meter:
    """A meter of one attempt. It reports the start, the end, and at most about ten events per second between them."""

    callback: ProgressCallback | None
    _: KW_ONLY
    total: int | None
    url: str
    path: Path
    attempt: int
    started_at: float
    start: int = 0  # bytes of the file before this attempt; fewer than in the last report if the download restarts
    verifying: bool = False
    is_upload: bool = False
    _count: int = field(init=False)
    _next_event: float = field(init=False)

    def __post_init__(self) -> None:
        self._count = self.start
        self._next_event = self.started_at
        if self.callback is not None:
            self._report(self.callback, self.started_at)

    def advance(self, count: int, now: float) -> None:
        """Add received bytes."""
        self._count += count
        if self.callback is not None and now >= self._next_event:
            self._report(self.callback, now)

    def finish(self, now: float) -> None:
        """Report that the file is complete and has its name."""
        if self.callback is not None:
            self._report(self.callback, now, done=True)

    def fail(self, now: float) -> None:
        """Report that the download has failed."""
        if self.callback is not None:
            self._report(self.callback, now, failed=True)

    def _report(self, callback: ProgressCallback, now: float, *, done: bool = False, failed: bool = False) -> None:
        self._next_event = now + EVENT_INTERVAL
        speed = (self._count - self.start) / max(now - self.started_at, 1e-9)
        total = self._count if done else self.total
        received, sent = (0, self._count) if self.is_upload else (self._count, 0)
        state = self.attempt, done, self.url, self.path, failed
        callback(Progress(received, total, speed, *state, verifying=self.verifying, sent=sent))

"""The progress event of a download or an upload, and the meter that reports it."""

from collections.abc import Callable
from dataclasses import dataclass
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


class Meter:
    """A meter of one attempt. It reports the start, the end, and at most about ten events per second between them.

    Args:
        start: bytes of the file before this attempt. It is smaller than the last report if the download restarts.
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
        verifying: bool = False,
        is_upload: bool = False,
    ) -> None:
        self._callback = callback
        self._total = total
        self._url = url
        self._path = path
        self._attempt = attempt
        self._verifying = verifying
        self._is_upload = is_upload
        self._received = self._start = start
        self._started_at = now
        self._next_event = now
        if callback is not None:
            self._report(now)

    def advance(self, count: int, now: float) -> None:
        """Add received bytes."""
        self._received += count
        if self._callback is not None and now >= self._next_event:
            self._report(now)

    def finish(self, now: float) -> None:
        """Report that the file is complete and has its name."""
        self._report(now, done=True)

    def fail(self, now: float) -> None:
        """Report that the download has failed."""
        self._report(now, failed=True)

    def _report(self, now: float, *, done: bool = False, failed: bool = False) -> None:
        if self._callback is None:
            return
        self._next_event = now + EVENT_INTERVAL
        speed = (self._received - self._start) / max(now - self._started_at, 1e-9)
        total = self._received if done else self._total
        received, sent = (0, self._received) if self._is_upload else (self._received, 0)
        state = self._attempt, done, self._url, self._path, failed
        self._callback(Progress(received, total, speed, *state, verifying=self._verifying, sent=sent))

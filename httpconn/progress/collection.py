"""The progress of a collection of files as one event."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ..core.locks import Lock
from .meter import EVENT_INTERVAL, Progress, ProgressCallback


class CollectionMeter:
    """A progress callback for each file of a collection. It reports the sums of all files.

    Args:
        sizes: expected size of each file by its path, or None.
    """

    def __init__(
        self, callback: ProgressCallback, folder: Path, sizes: Mapping[Path, int | None], clock: Callable[[], float]
    ) -> None:
        self._callback = callback
        self._folder = folder
        self._sizes = dict(sizes)
        self._unknown = sum(size is None for size in sizes.values())
        self._total = sum(size or 0 for size in sizes.values())
        self._held: dict[Path, int] = {}
        self._started: set[Path] = set()
        self._sum = self._fresh = self._files = self._failed = 0
        self._clock = clock
        self._started_at = self._next_event = clock()
        self._lock = Lock()

    def __call__(self, event: Progress) -> None:
        """Count the progress of a file."""
        with self._lock:
            if event.failed:
                return
            self._count(event.path, event.received, event.total, fresh=event.path in self._started)
            if not event.verifying:
                self._started.add(event.path)
            self._report(event.url)

    def end(self, path: Path, size: int | None, url: str) -> None:
        """Count a file that has ended. Its ``size`` is None if it failed."""
        with self._lock:
            held = self._held.get(path, 0) if size is None else size
            self._count(path, held, held, fresh=path in self._started)
            self._files += 1
            self._failed += size is None
            self._report(url)

    def _count(self, path: Path, held: int, total: int | None, *, fresh: bool) -> None:
        """Set the bytes and the size of a file. Only fresh bytes count for the speed: those received by this call."""
        gained = held - self._held.get(path, 0)
        self._held[path] = held
        self._sum += gained
        self._fresh += max(gained, 0) if fresh else 0
        if total is not None and path in self._sizes:
            known = self._sizes[path]
            self._unknown -= known is None
            self._total += total - (known or 0)
            self._sizes[path] = total

    def _report(self, url: str) -> None:
        now, ended = self._clock(), self._files == len(self._sizes)
        if now < self._next_event and not ended:
            return
        self._next_event = now + EVENT_INTERVAL
        speed = self._fresh / max(now - self._started_at, 1e-9)
        total = None if self._unknown else self._total
        done, failed = ended and not self._failed, ended and self._failed > 0
        files = self._files, len(self._sizes)
        self._callback(Progress(self._sum, total, speed, 1, done, url, self._folder, failed, files))

"""Segments of a download: the bytes that each connection receives, and the number of connections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .locks import Lock

MIN_SEGMENT = 1024 * 1024  # the smallest segment that gets its own request, in bytes

MIN_REMAINING = 32 * 1024 * 1024
"""The missing bytes below which one connection is used, unless the caller sets the number of segments."""

STEP, MAX_AUTOMATIC = 4, 16
"""The connections to add in one step, and the maximum, if the caller does not set the number."""

MAX_TOGETHER = 64  # the maximum for all downloads of one call, if the caller does not set the number
MAX_REQUESTED = 64  # the maximum number of segments that a caller can set
MEASURE_SECONDS = 1.0  # seconds between two measurements of several connections; half as long for a single connection
MIN_SECONDS = 2.0  # the remaining seconds below which no connections are added
MIN_SPEEDUP = 1.1  # the factor by which the last added connections must have raised the speed to add more


@dataclass(slots=True, eq=False, repr=False)
class Segment:
    """A part of a file that one connection receives from start to end."""

    start: int
    end: int
    continues: bool = False  # whether the connection also receives the following bytes, up to the end of the file
    position: int = field(init=False)  # the offset of the next byte to write to disk
    reserved: int = field(init=False)  # the end of the bytes that are being received; others can receive later bytes

    def __post_init__(self) -> None:
        self.position = self.reserved = self.start


class SegmentPlan:
    """The segments of one file, shared by the threads or tasks that receive them."""

    def __init__(self, total: int, done: Iterable[tuple[int, int]]) -> None:
        self.total: int = total
        self.used: int = 1  # the maximum number of segments so far that received bytes at the same time
        self._done = merged(done)
        self._taken: list[Segment] = []
        self._lock = Lock()

    def first(self) -> Segment:
        """Return the first missing segment, for the connection that is already open."""
        with self._lock:
            return self._take(Segment(*self._gaps()[0], continues=True))

    def take(self) -> Segment | None:
        """Return the largest missing range, or half of the segment that misses most; None if both are too small."""
        with self._lock:
            gap = max(self._gaps(), key=lambda gap: gap[1] - gap[0], default=None)
            return self._split() if gap is None else self._take(Segment(*gap))

    def _take(self, segment: Segment) -> Segment:
        self._taken.append(segment)
        return segment

    def _split(self) -> Segment | None:
        largest = max(self._taken, key=_missing, default=None)
        if largest is None or _missing(largest) < 2 * MIN_SEGMENT:
            return None
        middle, end = largest.reserved + _missing(largest) // 2, largest.end
        largest.end = middle
        return self._take(Segment(middle, end))

    def reserve(self, segment: Segment, max_bytes: int) -> int:
        """Reserve the next bytes of a segment, at most ``max_bytes``. Return their number; 0 at the segment's end."""
        with self._lock:
            if segment.continues and segment.position == segment.end:
                # The connection that took over the following bytes has released them.
                segment.end = dict(self._gaps()).get(segment.end, segment.end)
            segment.reserved = min(segment.position + max_bytes, segment.end)
            self.used = max(self.used, sum(each.reserved > each.start for each in self._taken))
            return segment.reserved - segment.position

    def advance(self, segment: Segment, count: int) -> None:
        """Count bytes of a segment that were written to disk."""
        with self._lock:
            segment.position += count

    def release(self, segment: Segment) -> None:
        """Release a segment. Other connections can take its missing bytes."""
        with self._lock:
            self._taken.remove(segment)
            self._done = merged([*self._done, (segment.start, segment.position)])

    @property
    def done(self) -> list[tuple[int, int]]:
        """The ranges on disk, sorted and merged."""
        with self._lock:
            return merged([*self._done, *((each.start, each.position) for each in self._taken)])

    @property
    def has_more(self) -> bool:
        """Whether another connection could take a segment."""
        with self._lock:
            return bool(self._gaps()) or any(_missing(each) >= 2 * MIN_SEGMENT for each in self._taken)

    def _gaps(self) -> list[tuple[int, int]]:
        """Return the ranges that are neither on disk nor part of a segment."""
        covered = merged([*self._done, *((each.start, each.end) for each in self._taken)])
        starts = [0, *(end for _, end in covered)]
        ends = [*(start for start, _ in covered), self.total]
        return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


class Parallelism(NamedTuple):
    """The number of connections, if it depends on the speed."""

    connections: int = 1
    speed: float = 0.0  # bytes per second before the last connections were added
    is_final: bool = False  # whether the last connections did not raise the speed, so that no more are added

    @property
    def seconds(self) -> float:
        """Seconds until the next measurement."""
        return MEASURE_SECONDS if self.connections > 1 else MEASURE_SECONDS / 2

    def after(self, speed: float, remaining: int) -> Parallelism:
        """Return the number of connections after a measurement."""
        if (
            self.is_final
            or self.connections >= MAX_AUTOMATIC
            or remaining < MIN_REMAINING
            or remaining < MIN_SECONDS * speed
        ):
            return self
        if speed < MIN_SPEEDUP * self.speed:
            return self._replace(is_final=True)
        return Parallelism(min(MAX_AUTOMATIC, self.connections + STEP) if self.connections > 1 else STEP, speed)


class SpareConnections:
    """The ``count`` connections that the downloads of one call share, in addition to one for each download."""

    def __init__(self, count: int) -> None:
        self._free = [None] * count  # each change by a thread is atomic

    @classmethod
    def beside(cls, downloads: int) -> SpareConnections:
        """Return the spare connections for a number of downloads: at least as many as a single download can use."""
        return cls(max(MAX_TOGETHER - downloads, MAX_AUTOMATIC - 1))

    def take(self) -> bool:
        """Take a connection; return whether one was free."""
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        self._free.append(None)


def merged(ranges: Iterable[tuple[int, int]], gap: int = 0) -> list[tuple[int, int]]:
    """Return sorted ranges. Ranges that overlap or have at most ``gap`` bytes between them are merged."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if start == end:
            continue
        if found and start <= found[-1][1] + gap:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _missing(segment: Segment) -> int:
    return segment.end - segment.reserved

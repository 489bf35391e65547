"""Segments: which bytes of a file come on which connection, and how many connections are worth it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

MIN_SEGMENT = 1024 * 1024
"""Bytes below which a segment is not worth a question of its own."""

MIN_REMAINING = 32 * 1024 * 1024
"""Bytes still to come below which nobody but the caller asks for more than one connection."""

STEP, MAX_AUTOMATIC = 4, 16
"""Connections, once one turns out to be slow, and at most."""

MAX_REQUESTED = 64
"""Connections that a caller may ask for."""

MEASURE_SECONDS = 1.0
"""Seconds after which the speed is looked at, for the first time and again."""

MIN_SECONDS = 2.0
"""Seconds still to come at the present speed that are worth more connections."""

MIN_SPEEDUP = 1.1
"""What more connections must have made of the speed for still more."""


class Segment:
    """A part of a file that one connection brings, from its beginning to its end.

    Attributes:
        start: its first byte.
        position: the next byte to be put on disk.
        reach: where what is being received now will end; a later byte may be taken away from it.
        end: the byte after its last one.
        continues: its connection would bring what follows, too.
    """

    __slots__ = ("continues", "end", "position", "reserved", "start")

    def __init__(self, start: int, end: int, *, continues: bool = False) -> None:
        self.start: int = start
        self.position: int = start
        self.reserved: int = start
        self.end: int = end
        self.continues: bool = continues


class SegmentPlan:
    """The segments of one file, shared by those who fetch them, be they threads or tasks.

    Args:
        total: bytes of the file.
        done: the ranges that are on disk, as (start, end).

    Attributes:
        used: segments that bytes were received for at once, at most so far.
    """

    def __init__(self, total: int, done: Iterable[tuple[int, int]]) -> None:
        self.total: int = total
        self.used: int = 1
        self._done = merged(done)
        self._taken: list[Segment] = []
        self._lock = threading.Lock()

    def first(self) -> Segment:
        """The first bytes that are missing, for the connection that there is already."""
        with self._lock:
            return self._take(Segment(*self._gaps()[0], continues=True))

    def take(self) -> Segment | None:
        """The largest part that nobody fetches, or else the second half of what the slowest has left."""
        with self._lock:
            gap = max(self._gaps(), key=_size, default=None)
            return self._split() if gap is None else self._take(Segment(*gap))

    def _take(self, segment: Segment) -> Segment:
        self._taken.append(segment)
        return segment

    def _split(self) -> Segment | None:
        victim = max(self._taken, key=_left, default=None)
        if victim is None or _left(victim) < 2 * MIN_SEGMENT:
            return None
        middle, end = victim.reserved + _left(victim) // 2, victim.end
        victim.end = middle
        return self._take(Segment(middle, end))

    def reserve(self, segment: Segment, most: int) -> int:
        """Bytes that may be received next, for nobody else will; 0 at the segment's end."""
        with self._lock:
            if segment.continues and segment.position == segment.end:
                # Who took this part over has given it back.
                segment.end = dict(self._gaps()).get(segment.end, segment.end)
            segment.reserved = min(segment.position + most, segment.end)
            self.used = max(self.used, sum(each.reserved > each.start for each in self._taken))
            return segment.reserved - segment.position

    def advance(self, segment: Segment, count: int) -> None:
        """So many bytes more are on disk."""
        with self._lock:
            segment.position += count

    def release(self, segment: Segment) -> None:
        """Nobody fetches it any more; what is missing of it is for others."""
        with self._lock:
            self._taken.remove(segment)
            self._done = merged([*self._done, (segment.start, segment.position)])

    @property
    def done(self) -> list[tuple[int, int]]:
        """The ranges that are on disk, in their order; never two that touch."""
        with self._lock:
            return self._covered()

    @property
    def has_more(self) -> bool:
        """Whether another connection would find something to do."""
        with self._lock:
            return bool(self._gaps()) or any(_left(each) >= 2 * MIN_SEGMENT for each in self._taken)

    def _covered(self) -> list[tuple[int, int]]:
        return merged([*self._done, *((each.start, each.position) for each in self._taken)])

    def _gaps(self) -> list[tuple[int, int]]:
        """What is neither on disk nor being fetched."""
        claimed = merged([*self._done, *((each.start, each.end) for each in self._taken)])
        starts = [0, *(end for _, end in claimed)]
        ends = [*(start for start, _ in claimed), self.total]
        return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


class Parallelism(NamedTuple):
    """How many connections there should be, where the caller leaves that to the speed.

    Attributes:
        connections: now.
        speed: bytes per second before the last of them were added.
        is_final: more did not make it faster.
    """

    connections: int = 1
    speed: float = 0.0
    is_final: bool = False

    def after(self, speed: float, rest: int) -> Parallelism:
        """The pace from now on.

        Args:
            speed: bytes per second that the present connections bring.
            rest: bytes to come.
        """
        if self.is_final or self.connections >= MAX_AUTOMATIC or rest < MIN_REMAINING or rest < MIN_SECONDS * speed:
            return self
        if speed < MIN_SPEEDUP * self.speed:
            return self._replace(is_final=True)
        return Parallelism(min(MAX_AUTOMATIC, self.connections + STEP) if self.connections > 1 else STEP, speed)


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in as few ranges as there can be, in their order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if start == end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _size(gap: tuple[int, int]) -> int:
    return gap[1] - gap[0]


def _left(segment: Segment) -> int:
    return segment.end - segment.reserved

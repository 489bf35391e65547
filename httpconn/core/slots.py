"""The slots of one rate: the times at which requests may start."""

from bisect import bisect_left
from operator import itemgetter

_START, _END = itemgetter(0), itemgetter(1)

TOLERANCE = 0.001  # the part of a slot that rounding may remove


class Slots:
    """The slots of one rate. Each slot is as long as the interval in seconds; 0 means that there is no limit.

    The algorithm is the generic cell rate algorithm, extended by reservations. A request takes the slot of its time or
    a later one, as the burst allows. A request that takes a later slot leaves a gap that other requests can take.
    In any order of taken and freed slots, no period has more requests than the rate allows.
    """

    __slots__ = ("_ahead", "_gaps", "_interval", "_paused_until", "_tolerance", "end", "shift")

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._tolerance = interval * TOLERANCE
        self._ahead = interval * (burst - 1)
        self._gaps: list[tuple[float, float]] = []  # sorted free times; the time between them is reserved
        self._paused_until = 0.0
        self.shift: float = 0.0  # the seconds of all pauses together
        self.end: float = 0.0  # the time after which all slots are free

    def due(self, moment: float) -> float:
        """Return the earliest time, from ``moment`` on, at which a request may start."""
        if moment < self._paused_until:
            moment = self._paused_until
        slot = self._first(moment)
        start = slot - self._ahead
        return start if start > moment else moment

    def take(self, moment: float, now: float) -> float:
        """Take the first free slot from ``moment`` on, return its start, and remove the gaps that are over."""
        slot = self._first(moment)
        if not self._interval:
            return slot
        if self._gaps:
            del self._gaps[: bisect_left(self._gaps, now, key=_END)]
        if slot >= self.end:
            free = max(now, self.end)
            self.end = slot + self._interval  # first: a later interruption loses the gap, but gives no slot twice
            self._add(len(self._gaps), free, slot)
        else:
            self._split(slot, slot + self._interval)
        return slot

    def _first(self, moment: float) -> float:
        if self._gaps:
            index = bisect_left(self._gaps, moment + self._interval - self._tolerance, key=_END)
            if index < len(self._gaps):
                return max(moment, self._gaps[index][0])
        return moment if moment > self.end else self.end

    def _split(self, slot: float, after: float) -> None:
        index = bisect_left(self._gaps, after - self._tolerance, key=_END)
        start, end = self._gaps.pop(index)
        self._add(index, after, end)
        self._add(index, start, slot)

    def free(self, slot: float) -> None:
        """Make a slot available again, given its start."""
        if not self._interval:
            return
        start, end = slot, slot + self._interval
        index = bisect_left(self._gaps, start, key=_START)
        if index < len(self._gaps) and self._gaps[index][0] - end <= self._tolerance:
            end = self._gaps.pop(index)[1]
        if index and start - self._gaps[index - 1][1] <= self._tolerance:
            index -= 1
            start = self._gaps.pop(index)[0]
        if self.end - end <= self._tolerance:
            self.end = start
        else:
            self._gaps.insert(index, (start, end))

    def pause(self, until: float, now: float) -> None:
        """Move all future slots to later times. Their order and the time between them stay the same."""
        seconds = until - max(now, self._paused_until)
        if seconds > 0:
            self.end = max(self.end, now) + seconds
            self._gaps = [(start + seconds, end + seconds) for start, end in self._gaps]
            self._paused_until = until
            self.shift += seconds

    def _add(self, index: int, start: float, end: float) -> None:
        if end - start >= self._interval - self._tolerance:
            self._gaps.insert(index, (start, end))

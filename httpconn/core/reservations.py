"""Slots: which moments of a rate are still free."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter

_START, _END = itemgetter(0), itemgetter(1)

SLIVER = 0.001
"""Of a slot: what rounding may take from it."""


class Slots:
    """The slots of one rate, each as long as the interval; who wants one later leaves a gap for others.

    That is the "generic cell rate algorithm", with reservations: a request takes the slot of its moment or of a later
    one, as late as the burst allows. However slots are taken, and given back, no time sees more requests than it may.

    Args:
        interval: seconds; 0 means that all requests find a slot at once.
        burst: requests that may start at once.

    Attributes:
        end: from here on, all is free.
    """

    __slots__ = ("_ahead", "_gaps", "_interval", "_sliver", "end")

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._sliver = interval * SLIVER
        self._ahead = interval * (burst - 1)
        self._gaps: list[tuple[float, float]] = []  # in order; between them all is taken
        self.end: float = 0.0

    def due(self, moment: float) -> float:
        """When a request may start that is not to start before a moment."""
        slot = self._first(moment)
        start = slot - self._ahead
        return start if start > moment else moment

    def take(self, moment: float, now: float) -> float:
        """Take the first slot for that request; gaps before now are of no more use."""
        slot = self._first(moment)
        if not self._interval:
            return slot
        if self._gaps:
            del self._gaps[: bisect_left(self._gaps, now, key=_END)]
        if slot >= self.end:
            free = max(now, self.end)
            self.end = slot + self._interval  # first: an interruption here loses the gap, and gives no slot twice
            self._add(len(self._gaps), free, slot)
        else:
            self._split(slot, slot + self._interval)
        return slot

    def _first(self, moment: float) -> float:
        if self._gaps:
            index = bisect_left(self._gaps, moment + self._interval - self._sliver, key=_END)
            if index < len(self._gaps):
                return max(moment, self._gaps[index][0])
        return moment if moment > self.end else self.end

    def _split(self, slot: float, after: float) -> None:
        index = bisect_left(self._gaps, after - self._sliver, key=_END)
        start, end = self._gaps.pop(index)
        self._add(index, after, end)
        self._add(index, start, slot)

    def give_back(self, slot: float) -> None:
        """It is free again."""
        if not self._interval:
            return
        start, end = slot, slot + self._interval
        index = bisect_left(self._gaps, start, key=_START)
        if index < len(self._gaps) and self._gaps[index][0] - end <= self._sliver:
            end = self._gaps.pop(index)[1]
        if index and start - self._gaps[index - 1][1] <= self._sliver:
            index -= 1
            start = self._gaps.pop(index)[0]
        if self.end - end <= self._sliver:
            self.end = start
        else:
            self._gaps.insert(index, (start, end))

    def put_off(self, delay: float, now: float) -> None:
        """All that are to come are so much later."""
        self.end = max(self.end, now) + delay
        self._gaps = [(start + delay, end + delay) for start, end in self._gaps]

    def _add(self, index: int, start: float, end: float) -> None:
        if end - start >= self._interval - self._sliver:
            self._gaps.insert(index, (start, end))

"""Timeouts of asyncio futures that share one timer.

Almost no timeout ever fires. A timeout of asyncio's own costs a quarter of a request.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

TICK = 0.01  # Shortest time between two checks of the waits, in seconds. A timeout can fire late by this much.


class LoopTimers:
    """The waits of one event loop, each with its end. One timer of the loop serves the earliest end.

    A finished wait is removed at once: the garbage collector would scan long-lived entries again and again.

    Attributes:
        ends: the ends by future, as of ``loop.time()``.
    """

    __slots__ = ("_first", "_timer", "ends", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.ends: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.Handle | None = None
        self._first = math.inf  # the end that the timer serves; the handle of qasync does not know it

    def limit(self, future: asyncio.Future[Any], seconds: float | None) -> None:
        """Let a future fail with TimeoutError after so many seconds. The caller removes it from ``ends``."""
        if seconds is None:
            return
        self.ends[future] = end = self.loop.time() + seconds
        if end < self._first:
            self._set(end)

    def _set(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(end, self._expire)
        self._first = end

    def _expire(self) -> None:
        self._timer, self._first = None, math.inf
        now = self.loop.time()
        first = math.inf
        for future, end in self.ends.items():
            if end > now:
                first = min(first, end)
            elif not future.done():
                future.set_exception(TimeoutError("timed out"))
        if first < math.inf:
            self._set(max(first, now + TICK))

"""Timeouts by the thousand, of which hardly one comes to pass: asyncio's own cost a quarter of a request each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

TICK = 0.01
"""Seconds between two looks at those who wait: a timeout may come so much later."""


class LoopTimers:
    """The futures that one event loop waits for, and when they are given up. It takes one timer, for the first.

    Nothing is kept of a wait that is over: what is kept for long is looked through again and again by the collector
    of garbage.
    """

    __slots__ = ("_ends", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is their loop."""
        return self._loop is loop

    def future(self) -> asyncio.Future[Any]:
        """A new one of the loop."""
        return self._loop.create_future()

    async def wait(self, future: asyncio.Future[Any], seconds: float | None) -> None:
        """Await a future; TimeoutError when the seconds are over, None being no bound."""
        if seconds is None:
            await future
            return
        self._ends[future] = end = self._loop.time() + seconds
        if self._timer is None or end < self._timer.when():
            self._set(end)
        try:
            await future
        finally:
            del self._ends[future]

    def _set(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(end, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        first = math.inf
        for future, end in self._ends.items():
            if end > now:
                first = min(first, end)
            elif not future.done():
                future.set_exception(TimeoutError("timed out"))
        if first < math.inf:
            self._set(max(first, now + TICK))

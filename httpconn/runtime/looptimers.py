"""Timeouts of waits that share one timer of their event loop.

Almost no timeout ever fires. A timeout of asyncio's own costs a quarter of a request, a cancel scope of trio an eighth.
"""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..options import MAX_SECONDS

if TYPE_CHECKING:
    import asyncio

    from .readiness import TrioDirection

W = TypeVar("W")

TICK = 0.01  # Shortest time between two checks of the waits, in seconds. A timeout can fire late by this much.


class Timers(ABC, Generic[W]):
    """The waits of one event loop, each with its end time. One timer of the loop serves the earliest end time.

    A finished wait is removed at once: the garbage collector would scan long-lived entries again and again.
    """

    __slots__ = ("_first", "ends")

    def __init__(self) -> None:
        self.ends: dict[W, float] = {}  # the end time of each wait, as of ``time.monotonic()``
        self._first = math.inf  # the end time for which the timer is set

    def limit(self, wait: W, end: float) -> None:
        """Let a wait fail with TimeoutError at its end time. The caller removes a finished wait from ``ends``."""
        if end <= time.monotonic():  # a busy loop may find the socket ready before each timeout
            raise TimeoutError("timed out")
        self.ends[wait] = end
        if end < self._first:
            self._set(end)

    def _set(self, end: float) -> None:
        self._arm(min(end - time.monotonic(), MAX_SECONDS))
        self._first = end

    def _expire(self) -> None:
        self._first = math.inf
        now = time.monotonic()
        first = math.inf
        for wait, end in self.ends.items():
            if end > now:
                first = min(first, end)
            else:
                self._end(wait)
        if first < math.inf:
            self._set(max(first, now + TICK))

    @abstractmethod
    def _arm(self, seconds: float) -> None:
        """Set the timer of the loop, which calls ``_expire``."""

    @abstractmethod
    def _end(self, wait: W) -> None:
        """Let a wait fail with TimeoutError, unless it has ended."""


class LoopTimers(Timers["asyncio.Future[Any]"]):
    """The waits of an asyncio loop. Each wait is a future."""

    __slots__ = ("_timer", "calls_back", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop = loop
        self.calls_back: bool | None = None  # whether the loop has ``add_reader``; None before the first socket
        self._timer: asyncio.Handle | None = None

    def _arm(self, seconds: float) -> None:
        before, self._timer = self._timer, self.loop.call_later(seconds, self._fire)
        if before is not None:  # last, because a signal handler can raise before this line
            before.cancel()

    def _fire(self) -> None:
        self._timer = None
        self._expire()

    def _end(self, wait: asyncio.Future[Any]) -> None:
        if not wait.done():
            wait.set_exception(TimeoutError("timed out"))


class TrioTimers(Timers["TrioDirection"]):
    """The waits of a run of trio. A system task is the timer."""

    __slots__ = ("_sleep",)

    def __init__(self) -> None:
        super().__init__()
        self._sleep: Any = None  # the cancel scope of the task

    def _arm(self, seconds: float) -> None:
        trio = sys.modules["trio"]
        end = trio.current_time() + seconds
        if self._sleep is None:
            sleep = trio.CancelScope(deadline=end)
            trio.lowlevel.spawn_system_task(self._serve, sleep)
            self._sleep = sleep  # after the start of the task, because a signal handler can raise before it
        else:
            self._sleep.deadline = end

    async def _serve(self, sleep: Any) -> None:
        trio = sys.modules["trio"]
        try:
            while self.ends:
                with sleep:
                    await trio.sleep_forever()
                self._sleep = sleep = trio.CancelScope()
                self._expire()
        finally:
            self._sleep, self._first = None, math.inf
            for wait in self.ends:  # at the end of the run
                self._end(wait)

    def _end(self, wait: TrioDirection) -> None:
        wait.expire()


def trio_timers() -> TrioTimers:
    timers: TrioTimers | None = _of_run().get()
    if timers is None:
        timers = TrioTimers()
        _of_run().set(timers)
    return timers


@cache
def _of_run() -> Any:
    return sys.modules["trio"].lowlevel.RunVar("httpconn_timers", None)

"""Events, of which each is waited for once: by a thread, by a task of asyncio, or by one of any event loop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import PoolTimedOut
from .looptimers import LoopTimers
from .port import Event
from .timeouts import seconds_left

if TYPE_CHECKING:
    import asyncio

LOOK = 5.0
"""Seconds after which a call that waits checks the pool: an interrupted call may have left a slot to be freed."""

_PORTION = 0.5
"""Seconds that a thread waits at once. A signal that comes just before a wait is only seen when that is over."""


def portions(seconds: float | None) -> Iterator[float]:
    """Return the portions in which a thread waits so many seconds, None being no bound."""
    left = math.inf if seconds is None else seconds
    while left > _PORTION:
        yield _PORTION
        left -= _PORTION
    yield left


async def await_slot(event: Event, end: float, portion: float) -> bool:
    """Wait for a connection at most ``portion`` seconds, and return whether the wait is over.

    Raises:
        PoolTimedOut: the end has come.
    """
    try:
        left = seconds_left(end)
        await event.wait(portion if left is None else min(portion, left))
    except TimeoutError:
        if time.monotonic() >= end:
            raise PoolTimedOut("No connection came free in time") from None
    return event.is_set()


def running_asyncio() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio whose task this is; trio may run as a guest of one."""
    import asyncio  # not before there is a loop: threads alone, as in a command, do without

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if asyncio.current_task(loop) is None else loop


class ThreadEvent:
    """For threads: a plain lock, which whoever sets it never waits for.

    The garbage collector runs finalizers at any moment, also amid the waiting of the very thread that one of them
    wakes; ``threading.Event`` holds a lock there, at which that thread would wait for itself for ever.
    """

    __slots__ = ("_closed", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._closed = threading.Lock()
        self._closed.acquire()

    def set(self) -> None:
        """Wake whoever waits."""
        self._is_set = True
        self._open()

    def _open(self) -> None:
        with suppress(RuntimeError):  # it is open
            self._closed.release()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def block(self, seconds: float | None) -> bool:
        """Wait: whether it was set before the seconds were over."""
        for portion in portions(seconds):
            if self._is_set:
                break
            try:
                self._closed.acquire(timeout=portion)
            finally:
                if self._is_set:
                    self._open()  # for the next one
        return self._is_set

    async def wait(self, seconds: float | None) -> None:
        """See :class:`Event`."""
        if not self.block(seconds):
            raise TimeoutError("timed out")


class AnyioEvent:
    """For any event loop that anyio knows."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        """Wake whoever waits."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._event.is_set()

    async def wait(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds):
            await self._event.wait()


class AsyncioEvent:
    """For asyncio, at a fraction of the cost of those for all event loops."""

    __slots__ = ("_is_set", "_timers", "_waiter")

    def __init__(self, timers: LoopTimers) -> None:
        self._timers = timers
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake it."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, seconds: float | None) -> Coroutine[Any, Any, None]:
        """Let other tasks run meanwhile."""
        self._waiter = self._timers.future()
        if self._is_set:
            self._waiter.set_result(None)
        return self._timers.wait(self._waiter, seconds)

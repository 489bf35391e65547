"""Events for threads and for asyncio."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import HTTPConnError
from .looptimers import LoopTimers
from .port import Event
from .timeouts import seconds_left, until

if TYPE_CHECKING:
    import asyncio

CHECK_INTERVAL = 5.0
"""Seconds between two checks of the pool by a waiting call: an interrupted call may have left a slot in use."""

PORTION = 0.5  # Longest single wait of a thread, in seconds. Python runs a signal handler only between two such waits.


def portions(seconds: float | None) -> Iterator[float]:
    """Split a wait of a thread into portions of at most 0.5 seconds; None means a wait without a limit."""
    left = math.inf if seconds is None else seconds
    while left > PORTION:
        yield PORTION
        left -= PORTION
    yield left


async def await_portion(event: Event, end: float, kind: type[HTTPConnError], message: str) -> bool:
    """Wait for an event for at most 5 seconds, and return whether it was set. Raises ``kind`` after ``end``."""
    try:
        left = seconds_left(end)
        await event.wait(CHECK_INTERVAL if left is None else min(CHECK_INTERVAL, left))
    except TimeoutError:
        if time.monotonic() >= end:
            raise kind(message) from None
    return event.is_set()


def running_asyncio() -> asyncio.AbstractEventLoop | None:
    """Return the asyncio loop of the current task, or None for a task of trio.

    A loop of asyncio can host trio in guest mode, and its tasks can call ``trio.run``, as in a notebook.
    """
    import asyncio  # here, because synchronous programs do not need it and start faster without it

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    # The name of the running library, which trio and trio-asyncio set.
    running = getattr(sys.modules.get("sniffio"), "thread_local", None)
    is_trio = running is not None and running.name == "trio"
    return None if is_trio or asyncio.current_task(loop) is None else loop


class ThreadEvent:
    """An event for threads, on a plain lock. Setting it never blocks.

    The garbage collector can run a finalizer that sets the event in the middle of ``wait``, in the same thread.
    ``threading.Event`` holds a lock at that point, so the thread would wait for itself forever.
    """

    __slots__ = ("_closed", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._closed = threading.Lock()
        self._closed.acquire()

    def set(self) -> None:
        self._is_set = True
        self._open()

    def _open(self) -> None:
        with suppress(RuntimeError):  # the lock is already open
            self._closed.release()

    def is_set(self) -> bool:
        return self._is_set

    def block(self, seconds: float | None) -> bool:
        """Wait at most ``seconds`` (None: without a limit); return whether the event was set."""
        for portion in portions(seconds):
            if self._is_set:
                break
            try:
                self._closed.acquire(timeout=portion)
            finally:
                if self._is_set:
                    self._open()  # for the next waiter
        return self._is_set

    async def wait(self, seconds: float | None) -> None:
        if not self.block(seconds):
            raise TimeoutError("timed out")


class AsyncioEvent:
    """An event for one task of asyncio, at a fraction of the cost of anyio's."""

    __slots__ = ("_is_set", "_timers", "_waiter")

    def __init__(self, timers: LoopTimers) -> None:
        self._timers = timers
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def is_set(self) -> bool:
        return self._is_set

    async def wait(self, seconds: float | None) -> None:
        self._waiter = waiter = self._timers.loop.create_future()
        if self._is_set:
            return
        self._timers.limit(waiter, until(seconds))
        try:
            await waiter
        finally:
            self._timers.ends.pop(waiter, None)

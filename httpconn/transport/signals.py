"""Waiting for another task: what anyio has for all event loops, and asyncio's own at a fraction of the cost."""

from __future__ import annotations

import asyncio

import anyio


def loop_signal() -> AsyncioSignal | anyio.Event:
    """A new signal for the event loop that is running."""
    return anyio.Event() if running_asyncio() is None else AsyncioSignal()


def running_asyncio() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio whose task this is; trio may run as a guest of one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if asyncio.current_task(loop) is None else loop


class AsyncioSignal:
    """An event that one task waits for."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
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

    async def wait(self, seconds: float | None) -> None:
        """Wait; TimeoutError when the seconds are over."""
        if self._is_set:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        alarm = None if seconds is None else loop.call_later(seconds, self._ring)
        try:
            await self._waiter
        finally:
            if alarm is not None:
                alarm.cancel()

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError("timed out"))

"""Waiting for another task by asyncio's own means, at a fraction of the cost of those for all event loops."""

from __future__ import annotations

import asyncio

from .alarms import Alarms


def running_asyncio() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio whose task this is; trio may run as a guest of one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if asyncio.current_task(loop) is None else loop


class AsyncioSignal:
    """An event that one task waits for."""

    __slots__ = ("_alarms", "_is_set", "_waiter")

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
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
        self._waiter = asyncio.get_running_loop().create_future()
        await (self._waiter if seconds is None else self._alarms.wait(self._waiter, seconds))

"""A crew of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from ..errors import InvalidRequest
from ..stepping import run_sync
from ..transport.interruption import Interruption

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds for which a crew that is stopped is waited for: what still dials ends by itself."""


class Stopped(BaseException):
    """The crew was stopped; no error of a flow, so that nothing tries again."""


class ThreadChannel(Generic[T]):
    """See :class:`httpconn.ports.base.Channel`."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._items: SimpleQueue[T | Stopped] = SimpleQueue()
        # Not a method that calls it: items come and go by the million.
        self.send: Callable[[T | Stopped], None] = self._items.put

    async def receive(self) -> T:
        """Block. Whoever is stopped takes nothing more, whatever there is."""
        if self._interruption.is_requested:
            raise Stopped
        item = self._items.get()
        if self._interruption.is_requested or isinstance(item, Stopped):
            raise Stopped
        return item


class ThreadCrew:
    """See :class:`httpconn.ports.base.Crew`.

    Attributes:
        interruption: ends what its members wait for.
    """

    def __init__(self) -> None:
        self.interruption: Interruption = Interruption()
        self._channels: list[ThreadChannel[Any]] = []
        self._threads: list[threading.Thread] = []

    def channel(self) -> ThreadChannel[Any]:
        """See :class:`httpconn.ports.base.Crew`."""
        channel: ThreadChannel[Any] = ThreadChannel(self.interruption)
        self._channels.append(channel)
        return channel

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Where the system has no more threads, those that there are do the work. Raises Stopped once the crew was."""
        if self.interruption.is_requested:
            raise Stopped
        run = copy_context().run
        # Daemons: one that dials when the program ends does not hold it up.
        thread = threading.Thread(target=run, args=(self._run, flow, *args), name="httpconn-crew", daemon=True)
        self._threads.append(thread)  # before it starts: it looks then whether it was stopped, or is told
        try:
            thread.start()
        except RuntimeError as error:
            self._threads.remove(thread)
            if not self._threads:
                raise InvalidRequest("No thread can be started") from error

    def _run(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        if self.interruption.is_requested:
            return
        with suppress(Stopped):
            run_sync(flow(*args))

    def stop(self) -> None:
        """End all waits of its members; safe where nothing may be waited for."""
        self.interruption.request()
        for channel in self._channels:
            for _ in self._threads:
                channel.send(Stopped())

    def join(self) -> None:
        """Wait for them, a moment."""
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread.ident is not None:  # it was stopped before it began
                thread.join(max(0.0, end - time.monotonic()))

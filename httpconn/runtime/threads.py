"""A crew of threads."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from ..errors import InvalidRequest
from .events import ThreadEvent
from .interruption import Interruption
from .stepping import run_sync
from .threadstart import start_thread

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds for which a crew that is stopped is waited for: what still dials ends by itself."""

LOOK = 0.05
"""Seconds after which a thread that waits for others looks whether something else has happened."""

PORTION = 0.5
"""Seconds for which a worker waits at once, until it looks whether somebody still wants its work."""


class Stopped(BaseException):
    """The crew was stopped; no error of a flow, so that nothing tries again."""


class ThreadChannel(Generic[T]):
    """See :class:`httpconn.runtime.port.Channel`."""

    def __init__(self, group: ThreadWorkerGroup) -> None:
        self._group = group
        self._interruption = group.interruption
        self._items: SimpleQueue[T | Stopped] = SimpleQueue()
        # Not a method that calls it: items come and go by the million.
        self.send: Callable[[T | Stopped], None] = self._items.put

    async def receive(self) -> T:
        """Block. Whoever is stopped takes nothing more, whatever there is."""
        # Python acts on a signal that comes just before a wait of the main thread only after it.
        portion = LOOK if threading.current_thread() is threading.main_thread() else PORTION
        while not self._interruption.is_requested:
            try:
                item = self._items.get(timeout=portion)
            except Empty:
                self._group.look_for_owner()
                continue
            if self._interruption.is_requested or isinstance(item, Stopped):
                break
            return item
        raise Stopped


class ThreadWorkerGroup:
    """See :class:`httpconn.runtime.port.WorkerGroup`.

    Attributes:
        interruption: ends what its members wait for.
    """

    def __init__(self) -> None:
        self.interruption: Interruption = Interruption()
        self._channels: list[ThreadChannel[Any]] = []
        self._threads: dict[threading.Thread, ThreadEvent] = {}
        self._owner: weakref.ref[object] | None = None

    def belong_to(self, owner: object) -> None:
        """Stop when the owner is destroyed, even if a signal handler has interrupted what stops the crew."""
        self._owner = weakref.ref(owner)

    def look_for_owner(self) -> None:
        """Stop if the owner was destroyed."""
        if self._owner is not None and self._owner() is None:
            self.stop()

    def channel(self) -> ThreadChannel[Any]:
        """See :class:`httpconn.runtime.port.WorkerGroup`."""
        channel: ThreadChannel[Any] = ThreadChannel(self)
        self._channels.append(channel)
        return channel

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Where the system has no more threads, those that there are do the work. Raises Stopped once the crew was."""
        if self.interruption.is_requested:
            raise Stopped
        run, ended = copy_context().run, ThreadEvent()
        # Daemons: one that dials when the program ends does not hold it up.
        thread = threading.Thread(target=run, args=(self._run, ended, flow, *args), name="httpconn-worker", daemon=True)
        self._threads[thread] = ended  # before it starts: it looks then whether it was stopped, or is told
        try:
            start_thread(thread)
        except RuntimeError as error:
            del self._threads[thread]
            if not self._threads:
                raise InvalidRequest("No thread can be started") from error

    def _run(self, ended: ThreadEvent, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        try:
            if not self.interruption.is_requested:
                with suppress(Stopped):
                    run_sync(flow(*args))
        finally:
            ended.set()

    def stop(self) -> None:
        """End all waits of its members; safe where nothing may be waited for."""
        self.interruption.request()
        for channel in self._channels:
            for _ in range(len(self._threads)):
                channel.send(Stopped())

    def join(self) -> None:
        """Wait for them, a moment."""
        end = time.monotonic() + PATIENCE
        for thread, ended in list(self._threads.items()):
            if ended.block(max(0.0, end - time.monotonic())) and thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))


class CleanUp:
    """A function in a thread of its own, where no signal handler raises an exception and nothing is cancelled.

    If the wait for it is interrupted, it goes on, and the interpreter does not exit before it has returned.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._raised: list[BaseException] = []
        self._ended = ThreadEvent()
        try:
            start_thread(threading.Thread(target=self._run, name="httpconn-clean-up", daemon=False))
        except RuntimeError:  # no more threads, or the interpreter exits
            self._run()

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._raised.append(error)
        finally:
            self._ended.set()

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Wait so many seconds for the function; whether it has returned. Raises what the function raised."""
        ended = self._ended.block(seconds)
        if ended and self._raised:
            raise self._raised.pop()
        return ended

    def wait(self) -> None:
        """Block until the function has returned."""
        while not self.has_ended(LOOK):
            pass

"""A crew of tasks, in a task group of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

T = TypeVar("T")


class TaskChannel(Generic[T]):
    """See :class:`httpconn.runtime.port.Channel`; nothing is waited for where an item is there."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiting: deque[anyio.Event] = deque()

    def send(self, item: T) -> None:
        """See :class:`httpconn.runtime.port.Channel`."""
        self._items.append(item)
        self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()

    async def receive(self) -> T:
        """See :class:`httpconn.runtime.port.Channel`."""
        while not self._items:
            await self._wait()
        return self._items.popleft()

    async def _wait(self) -> None:
        woken = anyio.Event()
        self._waiting.append(woken)
        try:
            await woken.wait()
        except BaseException:
            if woken.is_set():
                self._wake()
            else:
                self._waiting.remove(woken)
            raise


class TaskWorkerGroup:
    """See :class:`httpconn.runtime.port.WorkerGroup`; it works from ``enter`` to ``leave``, which one task calls."""

    def __init__(self) -> None:
        self._group: TaskGroup | None = None

    def channel(self) -> TaskChannel[Any]:
        """See :class:`httpconn.runtime.port.WorkerGroup`."""
        return TaskChannel()

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """See :class:`httpconn.runtime.port.WorkerGroup`."""
        if self._group is None:
            raise RuntimeError("The crew is not at work")
        self._group.start_soon(flow, *args)

    async def enter(self) -> None:
        """Begin."""
        self._group = await anyio.create_task_group().__aenter__()

    async def leave(self) -> None:
        """Cancel the members, and wait until they have ended."""
        group, self._group = self._group, None
        if group is not None:
            group.cancel_scope.cancel()
            # What the caller's block raised is none of the group's business, which would wrap it.
            await group.__aexit__(None, None, None)

    @property
    def is_at_work(self) -> bool:
        """Whether it was entered, and not left."""
        return self._group is not None

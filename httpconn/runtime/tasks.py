"""A worker group of tasks, and events for any event loop."""

import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from ..options import MAX_COUNT

if TYPE_CHECKING:
    from anyio.abc import TaskGroup  # the import takes 3 ms

T = TypeVar("T")


class TaskChannel(Generic[T]):
    """See :class:`httpconn.runtime.port.Channel`. ``receive`` does not suspend if an item is queued."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiting: deque[anyio.Event] = deque()

    def send(self, item: T) -> None:
        self._items.append(item)
        if self._waiting:
            self._waiting.popleft().set()

    async def receive(self, seconds: float | None = None) -> T | None:
        while not self._items:
            if seconds is None:
                await self._wait()
                continue
            with anyio.move_on_after(seconds):
                await self._wait()
            break
        return self._items.popleft() if self._items else None

    async def _wait(self) -> None:
        woken = anyio.Event()
        self._waiting.append(woken)
        try:
            await woken.wait()
        except BaseException:
            if not woken.is_set():
                self._waiting.remove(woken)
            elif self._waiting:
                self._waiting.popleft().set()
            raise


class TaskWorkerGroup:
    """See :class:`httpconn.runtime.port.WorkerGroup`. The same task calls ``enter`` and ``leave``."""

    spare: int = MAX_COUNT

    lock = threading.Lock  # never contended, but faster than nullcontext

    channel = TaskChannel

    def __init__(self) -> None:
        self._group: TaskGroup | None = None
        self.is_running: bool = False

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> bool:
        if self._group is None:
            raise RuntimeError("The worker group is not running")
        self._group.start_soon(flow, *args)
        return True

    async def enter(self) -> None:
        self._group = await anyio.create_task_group().__aenter__()
        self.is_running = True

    async def leave(self) -> None:
        """Cancel the workers and wait for their end."""
        group, self._group, self.is_running = self._group, None, False
        if group is not None:
            group.cancel_scope.cancel()
            # Do not pass the exception of the caller's block: the task group would wrap it in an exception group.
            await group.__aexit__(None, None, None)


class AnyioEvent:
    """An event for any event loop that anyio supports."""

    __slots__ = ("_event", "is_set", "set")

    def __init__(self) -> None:
        self._event = event = anyio.Event()
        self.set: Callable[[], object] = event.set
        self.is_set: Callable[[], bool] = event.is_set

    async def wait(self, seconds: float | None) -> None:
        if seconds is None:  # a cancel scope costs more than the wait
            await self._event.wait()
            return
        with anyio.fail_after(seconds):
            await self._event.wait()

"""What a flow may ask of the world. A flow awaits these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

from ..core.deadlines import Deadline
from ..core.messages import Head, Request
from ..options import Timeouts

T = TypeVar("T")


class Exchange(Protocol):
    """One request on the wire, from its header to its closing."""

    @property
    def head(self) -> Head:
        """The head of the response; the body comes through ``receive`` alone."""

    @property
    def extensions(self) -> dict[str, Any]:
        """What httpx calls the extensions of a response."""

    @property
    def complete(self) -> bool:
        """Whether all of the body was received, and nothing is left to close; where False, ``receive`` may tell."""

    def take(self) -> bytes:
        """What has come of the body already, if that can be had without waiting; to be asked for at its beginning."""

    @property
    def remaining(self) -> int:
        """Bytes of the body that are still to come and that ``receive_into`` can take; 0 where it is not known."""

    async def receive_into(self, buffer: memoryview) -> int:
        """The same as ``receive``, into a buffer, while there is a rest: the number of bytes, at least 1."""

    async def receive(self) -> bytes:
        """The next bytes of the body as the server sent them, transfer coding removed; empty at its end."""

    async def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end. Safe under cancellation."""


class Event(Protocol):
    """An event that threads or tasks wait for."""

    def set(self) -> object:
        """Wake all waiters. A finalizer may call this at any moment."""

    def is_set(self) -> bool:
        """Return whether the event was set."""

    async def wait(self, seconds: float | None) -> None:
        """Wait until the event is set.

        Args:
            seconds: the limit of the wait; None waits without a limit.

        Raises:
            TimeoutError: the limit was reached.
        """


class Repeated(Protocol):
    """A function that is called from time to time."""

    def soon(self) -> None:
        """Have it called at once."""

    def check(self) -> None:
        """Raise what it raised."""


class Channel(Protocol[T]):
    """What the members of a crew hand to each other."""

    def send(self, item: T) -> None:
        """Leave it for whoever receives next; who sends sees to it that these do not become too many."""

    async def receive(self) -> T:
        """Wait for the next one."""


class WorkerGroup(Protocol):
    """Flows that run beside each other: threads, or tasks."""

    def channel(self) -> Channel[Any]:
        """A new one."""

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Run a flow; when the crew is stopped, so is the flow, wherever it waits."""


class Port(Protocol):
    """The world of one call: a client, a clock, a place for blocking work."""

    def now(self) -> float:
        """A monotonic clock, in seconds."""

    def timestamp(self) -> float:
        """Seconds since the epoch."""

    def chance(self) -> float:
        """Drawn evenly from 0 to 1."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def tell(self, hook: Callable[..., Any], event: object) -> None:
        """Call an event hook. What it raises goes out as it is, an error of our tree as :class:`HookRaised`."""

    async def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> Exchange:
        """Send a request and receive the head of its response. Raises errors of our tree only."""

    @property
    def place(self) -> Hashable:
        """Where calls can wait for each other: among the threads of a process, or the tasks of an event loop."""

    def make_event(self) -> Event:
        """A new one, for this place."""

    async def wait(self, event: Any, deadline: Deadline) -> None:
        """Wait for one that this place made. Raises DeadlineExceeded."""

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Run file work where it does not hold up an event loop; it is always run to its end."""

    def repeat(self, function: Callable[[], object], seconds: float) -> AbstractContextManager[Repeated]:
        """Have a function called in another thread every so many seconds while the block lasts, whatever waits."""

    async def clean_up(self, function: Callable[[], object]) -> None:
        """The same for what must be run even when the task is cancelled."""

    def worker_group(self) -> AbstractAsyncContextManager[tuple[WorkerGroup, Port]]:
        """A crew that works as long as the block lasts, and is stopped at its end; and the port of its members."""

    async def release(self) -> None:
        """The call is over: close the client if it was made for this call alone. Safe under cancellation."""

"""The interface between flows and the runtime. A flow awaits only the methods of these protocols."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..core.deadlines import Deadline
from ..core.messages import Head, Request
from ..options import Timeouts

if TYPE_CHECKING:
    from ..core.deadhosts import DeadHosts

T = TypeVar("T")


class Exchange(Protocol):
    """A request on a connection, and its response, whose body still arrives.

    The methods that return bytes raise:
        ReadFailed: the connection broke, or the response was closed.
        ReadTimedOut: no bytes arrived within the read timeout.
        ProtocolError: the body violates HTTP.
        TruncatedBody: the connection ended before the body.
    """

    __slots__ = ()

    @property
    def head(self) -> Head:
        """The head of the response."""

    @property
    def extensions(self) -> dict[str, Any]:
        """The extensions of the response, as in httpx."""

    @property
    def complete(self) -> bool:
        """Whether the body is known to be complete and the connection released. If False, ``receive`` finds out."""

    def take(self) -> bytes:
        """Return the bytes of the body that arrived with the head, without waiting. Call it before ``receive``."""

    @property
    def remaining(self) -> int:
        """Bytes of the body that ``receive_into`` can still receive. 0 if the number is not known."""

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive the next bytes into a buffer, while ``remaining`` is positive. Return their number, at least 1."""

    async def receive(self) -> bytes:
        """Return the next bytes of the body before content decoding, or ``b""`` at its end."""

    async def close(self) -> None:
        """Release the connection, or close it if the body was not read to its end. Cancellation does not stop this."""


class Event(Protocol):
    """An event that threads or tasks wait for."""

    def set(self) -> object:
        """Wake all waiters. A finalizer may call this at any moment."""

    def is_set(self) -> bool:
        """Return whether the event was set."""

    async def wait(self, seconds: float | None) -> None:
        """Wait until the event is set. Raises TimeoutError: the time limit has passed."""


class Repeated(Protocol):
    """A function that a thread calls at intervals."""

    def soon(self) -> None:
        """Call the function as soon as possible."""

    def check(self) -> None:
        """Raise the exception of the function, if any."""


class Channel(Protocol[T]):
    """A queue between the workers of a group."""

    def send(self, item: T) -> None:
        """Queue an item for the next receive. The sender limits how many items can queue."""

    async def receive(self, seconds: float | None = None) -> T | None:
        """Wait for the next item and return it, or None after ``seconds``."""


class WorkerGroup(Protocol):
    """A group of workers, which are threads or tasks."""

    @property
    def spare(self) -> int:
        """The number of workers that may wait in addition to those that work."""

    def lock(self) -> AbstractContextManager[Any]:
        """Return a lock for state that the workers share."""

    def channel(self) -> Channel[Any]:
        """Return a new channel for the group."""

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> bool:
        """Run a flow in a worker. The end of the group stops the flow at any wait. Return False if none could start."""


class AuthSteps(Protocol):
    """The requests of an authentication flow."""

    async def next(self, response: Any) -> Any:
        """Return the next request, given the response to the last one, or None at the end of the flow."""

    async def close(self) -> None:
        """End the flow."""


class Port(Protocol):
    """The runtime of one call: a client, a clock, events, worker threads."""

    def now(self) -> float:
        """Return the time of a monotonic clock in seconds."""

    def timestamp(self) -> float:
        """Return the seconds since the epoch."""

    def chance(self) -> float:
        """Return a random number from 0 to 1."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""

    @property
    def dead_hosts(self) -> DeadHosts | None:
        """The dead hosts of the batch that the call belongs to, or None."""

    def aside(self, waiting: Coroutine[Any, Any, T], *, holds_host: bool = False) -> Coroutine[Any, Any, T]:
        """Await something without a connection. In the meantime, another call of the batch can use the worker.

        ``holds_host`` says whether further calls to the host would wait too.
        """

    async def notify(self, hook: Callable[..., Any], event: object) -> None:
        """Call an event hook. Wrap an HTTPConnError of the hook in :class:`HookRaised`, so that it is not retried."""

    def auth_steps(self, auth: Any, request: Any) -> AuthSteps:
        """Begin the authentication flow of an ``httpx.Auth`` for a request. Raises InvalidRequest: it is not a flow."""

    async def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> Exchange:
        """Send a request and receive the head of its response. Raises HTTPConnError: the request failed."""

    @property
    def place(self) -> Hashable:
        """An identifier of the threads or tasks that can wait for each other: a process or an event loop."""

    def make_event(self) -> Event:
        """Return a new event for ``place``."""

    async def wait(self, event: Any, deadline: Deadline) -> None:
        """Wait for an event of ``place``. Raises DeadlineExceeded: the deadline has passed."""

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Run blocking file work, in a worker thread if there is an event loop. The work always runs to its end."""

    def repeat(self, function: Callable[[], object], seconds: float) -> AbstractContextManager[Repeated]:
        """Return a context manager in which a thread calls a function at an interval of ``seconds``."""

    async def clean_up(self, function: Callable[[], object]) -> None:
        """Run blocking file work to its end even if the task is cancelled."""

    def can_start_workers(self) -> bool:
        """Return whether the system has a thread for another worker, if workers are threads."""

    def worker_group(self) -> AbstractAsyncContextManager[tuple[WorkerGroup, Port]]:
        """Return a context manager that provides a worker group and the port of its workers. Its end stops them."""

    @property
    def owned(self) -> bool:
        """Whether ``release`` has a client to close."""

    async def release(self) -> None:
        """Close a client that was made for this call only. Cancellation does not stop this."""

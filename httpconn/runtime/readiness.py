"""Waits for one socket: threads poll, asyncio calls back, and trio has its own functions."""

import math
import select
import selectors
import socket
import ssl
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import anyio

from .events import PORTION, portions, running_asyncio
from .looptimers import LoopTimers, TrioTimers, trio_timers

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

BLOCKED_READ = (BlockingIOError, ssl.SSLWantReadError)
"""Exceptions of a non-blocking receive while there is nothing to receive."""

_BUSY = "another task is waiting for the socket"
_OTHER_LOOP = "The connection belongs to another event loop; use one transport for each loop"


class Readiness(ABC):
    """Waits for one socket.

    ``end`` is the end of a wait, as of ``time.monotonic()``. A wait that reaches it raises TimeoutError. A wait raises
    OSError if the socket is closed, or if another task waits for the same direction.
    """

    __slots__ = ("_socket",)

    # Whether waits block a thread. Another thread can then close the socket in the middle of an operation.
    blocks: ClassVar[bool] = False

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @abstractmethod
    async def result_of(self, take: Callable[[], T], end: float) -> T:
        """Wait until the socket is readable, and return the result of ``take``. An interruption can lose the result."""

    async def readable(self, end: float) -> None:
        """Wait until the socket is readable."""
        await self.result_of(_nothing, end)

    @abstractmethod
    async def writable(self, end: float) -> None:
        """Wait until the socket is writable."""

    @abstractmethod
    def notify_closing(self) -> None:
        """Wake all waiters before the socket is closed."""


def _nothing() -> None: ...


class BlockingReadiness(Readiness):
    """Waits of threads. One thread at a time can wait until the socket is readable."""

    __slots__ = ("_incoming",)

    blocks = True

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._incoming = poll_of(sock, "in")

    async def result_of(self, take: Callable[[], T], end: float) -> T:
        _block(self._socket, self._incoming, "in", end)
        return take()

    async def writable(self, end: float) -> None:
        _block(self._socket, poll_of(self._socket, "out"), "out", end)

    def notify_closing(self) -> None:
        """Do nothing: the shutdown of the socket wakes a thread that is blocked in a poll."""


def poll_of(sock: socket.socket, direction: str) -> Any:
    """Return a poll object of one direction of a socket, or None on Windows and for a closed socket."""
    if not hasattr(select, "poll") or sock.fileno() < 0:
        return None
    poll = select.poll()
    poll.register(sock, select.POLLIN if direction == "in" else select.POLLOUT)
    return poll


def _block(sock: socket.socket, poll: Any, direction: str, end: float) -> None:
    if sock.fileno() < 0:
        raise OSError("the socket is closed")
    while (left := end - time.monotonic()) > 0:
        portion = min(left, PORTION)
        if poll is not None:
            ready = poll.poll(math.ceil(portion * 1000))
        else:  # Windows
            reading, writing = ([sock], []) if direction == "in" else ([], [sock])
            ready = any(select.select(reading, writing, writing, portion))
        if ready:
            return
    raise TimeoutError("timed out")


_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # Windows has no poll


async def block_for_any(socks: Iterable[socket.socket], seconds: float | None) -> list[Any]:
    """Block until a socket is writable; return all writable sockets, none after ``seconds``."""
    with _Selector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_WRITE)
        for portion in portions(seconds):
            if ready := selector.select(portion):
                return [key.fileobj for key, _ in ready]
    return []


def loop_readiness(sock: socket.socket, timers: LoopTimers | None) -> Readiness:
    """Return the waits of a socket in the running event loop: the asyncio loop of the timers, or trio for None."""
    if timers is None:
        return TrioReadiness(sock)
    if calls_back(timers, sock.fileno()):
        return AsyncioReadiness(sock, timers)
    return TaskReadiness(sock, timers)


def calls_back(timers: LoopTimers, fd: int) -> bool:
    """Return whether a loop has ``add_reader``. Windows' Proactor loop and PySide's QtAsyncio have none."""
    if timers.calls_back is None and fd >= 0:  # otherwise the socket is closed
        try:
            timers.loop.remove_reader(fd)  # changes nothing: the socket has no reader yet
            timers.calls_back = True
        except NotImplementedError:
            timers.calls_back = False
    return timers.calls_back is not False


class TrioReadiness(Readiness):
    """Waits of trio itself, because anyio's layer costs as much as the wait."""

    __slots__ = ("_incoming", "_outgoing")

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        trio: Any = sys.modules["trio"]
        timers = trio_timers()
        self._incoming = TrioDirection(sock, trio.lowlevel.wait_readable, timers)
        self._outgoing = TrioDirection(sock, trio.lowlevel.wait_writable, timers)

    async def writable(self, end: float) -> None:
        await self._outgoing.wait(_nothing, end)

    def result_of(self, take: Callable[[], T], end: float) -> Coroutine[Any, Any, T]:
        return self._incoming.wait(take, end)

    def notify_closing(self) -> None:
        self._incoming.is_closed = self._outgoing.is_closed = True
        self._incoming.wake()


class TrioDirection:
    """One direction of a socket. At most one task waits for it."""

    __slots__ = ("_has_expired", "_is_waiting", "_socket", "_timers", "_until_ready", "is_closed")

    def __init__(
        self, sock: socket.socket, until_ready: Callable[[socket.socket], Awaitable[None]], timers: TrioTimers
    ) -> None:
        self._socket = sock
        self._until_ready = until_ready
        self._timers = timers
        self._is_waiting = self._has_expired = False
        self.is_closed: bool = False

    async def wait(self, take: Callable[[], T], end: float) -> T:
        if self._is_waiting:
            raise OSError(_BUSY)
        trio: Any = sys.modules["trio"]
        try:
            self._timers.limit(self, end)
        except RuntimeError as error:  # after the main task of a run, trio starts no task
            _require_trio(error)
            with trio.move_on_after(end - time.monotonic()):
                return await self.wait(take, math.inf)
            raise TimeoutError("timed out") from None
        self._is_waiting, self._has_expired = True, False
        try:
            while not self.is_closed:
                try:
                    await self._until_ready(self._socket)
                    return take()
                except trio.ClosedResourceError:  # the timer or ``notify_closing`` has woken both directions
                    if self._has_expired:
                        raise TimeoutError("timed out") from None
                except RuntimeError as error:
                    _require_trio(error)
                    raise
            raise OSError("the socket is closed")
        finally:
            self._is_waiting = False
            self._timers.ends.pop(self, None)

    def expire(self) -> None:
        self._has_expired = True
        self.wake()

    def wake(self) -> None:
        if self._socket.fileno() >= 0:
            with suppress(RuntimeError):  # outside trio, where no task waits
                sys.modules["trio"].lowlevel.notify_closing(self._socket)


def _require_trio(error: RuntimeError) -> None:
    """Raise OSError if a task of asyncio has called trio, which has raised an error."""
    if running_asyncio() is not None:
        raise OSError(_OTHER_LOOP) from error


class TaskReadiness(Readiness):
    """Waits of an asyncio loop without ``add_reader``, by anyio's thread for sockets."""

    __slots__ = ("_timers",)

    def __init__(self, sock: socket.socket, timers: LoopTimers) -> None:
        super().__init__(sock)
        self._timers = timers

    async def result_of(self, take: Callable[[], T], end: float) -> T:
        await self._wait_until(anyio.wait_readable, end)
        return take()

    async def writable(self, end: float) -> None:
        await self._wait_until(anyio.wait_writable, end)

    async def _wait_until(self, waiting: Callable[[Any], Awaitable[None]], end: float) -> None:
        if running_asyncio() is not self._timers.loop:
            raise OSError(_OTHER_LOOP)
        await wait_for_first([self._wait(waiting)], self._timers, end)

    async def _wait(self, waiting: Callable[[Any], Awaitable[None]]) -> None:
        try:
            await waiting(self._socket)
        except anyio.ClosedResourceError:
            raise OSError("the socket is closed") from None
        except anyio.BusyResourceError:
            raise OSError(_BUSY) from None

    def notify_closing(self) -> None:
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)


async def wait_for_first(steps: Iterable[Coroutine[Any, Any, None]], timers: LoopTimers, end: float) -> None:
    """Run steps until one ends, and cancel the other steps. Raise its exception, or TimeoutError."""
    # Each step is a task of asyncio itself: the tasks of QtAsyncio lack the attributes that anyio's timeouts need.
    import asyncio

    first: asyncio.Future[asyncio.Task[None]] = timers.loop.create_future()

    def report(task: asyncio.Task[None]) -> None:
        if not first.done():
            first.set_result(task)

    tasks = [asyncio.Task(step, loop=timers.loop) for step in steps]
    for task in tasks:
        task.add_done_callback(report)
    try:
        timers.limit(first, end)
        (await first).result()
    finally:
        timers.ends.pop(first, None)
        for task in tasks:
            task.cancel()


class AsyncioReadiness(Readiness):
    """Waits of asyncio at a fraction of the usual cost: the socket stays registered between two waits."""

    __slots__ = ("_incoming", "_outgoing", "_timers")

    def __init__(self, sock: socket.socket, timers: LoopTimers) -> None:
        super().__init__(sock)
        self._timers = timers
        self._incoming = _Direction(sock.fileno(), timers, timers.loop.add_reader, timers.loop.remove_reader)
        self._outgoing: _Direction | None = None  # few connections ever wait to send

    async def readable(self, end: float) -> None:
        await self._incoming.once(end)

    async def writable(self, end: float) -> None:
        if self._outgoing is None:
            loop = self._timers.loop
            self._outgoing = _Direction(self._socket.fileno(), self._timers, loop.add_writer, loop.remove_writer)
        await self._outgoing.once(end)

    def result_of(self, take: Callable[[], T], end: float) -> Coroutine[Any, Any, T]:
        """Let the callback of the loop call ``take``, so that the loop is not polled a second time."""
        return self._incoming.wait(take, end)

    def notify_closing(self) -> None:
        self._incoming.close()
        if self._outgoing is not None:
            self._outgoing.close()


class _Direction:
    """One direction of a socket. At most one task waits for it."""

    __slots__ = ("_act", "_add", "_closed", "_fd", "_registered", "_remove", "_timers", "_waiter")

    def __init__(
        self, fd: int, timers: LoopTimers, add: Callable[[int, Callable[[], None]], None], remove: Callable[[int], bool]
    ) -> None:
        self._fd = fd
        self._timers = timers
        self._add = add
        self._remove = remove
        self._closed = fd < 0
        self._registered = False
        self._waiter: asyncio.Future[Any] | None = None
        self._act: Callable[[], Any] = _nothing

    async def once(self, end: float) -> None:
        try:
            await self.wait(_nothing, end)
        finally:
            self._unregister()  # otherwise the next wait can end before a cancellation of its task arrives

    async def wait(self, act: Callable[[], Any], end: float) -> Any:
        """Wait until the socket is ready and ``act`` has returned; return its result."""
        if self._closed:
            raise OSError("the socket is closed")
        if self._waiter is not None:
            raise OSError(_BUSY)
        timers = self._timers
        waiter = self._waiter = timers.loop.create_future()
        self._act = act
        try:
            timers.limit(waiter, end)
            if not self._registered:
                self._add(self._fd, self._ready)
                self._registered = True
            return await waiter
        except (RuntimeError, TypeError) as error:
            if waiter.done():  # an error of ``act``
                raise
            raise OSError(_OTHER_LOOP) from error
        finally:
            timers.ends.pop(waiter, None)
            self._waiter, self._act = None, _nothing

    def _ready(self) -> None:
        waiter = self._waiter
        if waiter is None:
            self._unregister()  # otherwise the loop would call again and again
        elif not waiter.done():
            try:
                result = self._act()
            except BLOCKED_READ:
                return
            except (KeyboardInterrupt, SystemExit):  # with these, asyncio ends the run
                raise
            except BaseException as error:  # noqa: BLE001 - also an error of a signal handler, which asyncio would only log
                waiter.set_exception(error)
                waiter = None  # breaks a reference cycle of the error and this frame
            else:
                waiter.set_result(result)

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            self._remove(self._fd)

    def close(self) -> None:
        """Wake the waiter, and release the descriptor: the system may give its number to another socket."""
        self._closed = True
        self._unregister()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(OSError("the socket is closed"))
